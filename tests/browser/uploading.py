"""What tests of uploads need: files to send, the Files page, requests held back and counted, and what arrived."""

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from azure.core.exceptions import ResourceModifiedError, ServiceRequestError
from playwright.sync_api import Page, Request, Route, expect

from batch_core import files
from batch_core.account import Account
from batch_core.errors import Unreachable
from batch_core.storage import INPUTS
from tests.waiting import until

MIB = 1024 * 1024
LONG = 60_000  # ms; generous, because the tests share the processor with the nodes
STORAGE = re.compile(r"/video-inputs/")


def open_files(page: Page, url: str) -> Page:
    """The Files page, ready for files."""
    page.goto(url)
    expect(page.get_by_role("heading", name="Add your videos")).to_be_visible(timeout=LONG)
    expect(page.get_by_label("Choose files")).to_be_attached()
    return page


def make_noise(folder: Path, mebibytes: int = 17) -> Path:
    """Blocks of bytes that are no video, under a name of their own; 17 MiB are three blocks."""
    path = folder / f"noise-{os.urandom(4).hex()}.bin"
    path.write_bytes(os.urandom(mebibytes * MIB))
    return path


def choose(page: Page, *paths: Path) -> None:
    """Choose files as a person does in the browser's own dialog."""
    page.get_by_label("Choose files").set_input_files([str(path) for path in paths])


def choose_folder(page: Page, path: Path) -> None:
    """Choose a folder as a person does in the browser's own dialog."""
    page.get_by_label("Choose a folder").set_input_files(str(path))


def uploaded(page: Page) -> None:
    """Wait until nothing is left to upload."""
    expect(page.get_by_text("Everything is uploaded").first).to_be_attached(timeout=LONG)


def stored(account: Account, name: str) -> files.VideoFile | None:
    """The file of this name in storage."""
    return next((file for file in files.list_files(account) if file.name == name), None)


def arrived(account: Account, path: Path) -> bool:
    """Whether storage has this file once, with these very bytes, as soon as it can be read."""
    return until(lambda: _read(account, path.name), seconds=60, what=f"{path.name} in storage") == [
        hashlib.md5(path.read_bytes()).hexdigest()
    ]


def _read(account: Account, name: str) -> list[str]:
    """MD5 of the files of this name; empty while storage is away or they are being looked into."""
    try:
        found = [file for file in files.list_files(account) if file.name == name]
        blobs = [account.blobs.get_blob_client(INPUTS, file.blob) for file in found]
        return [hashlib.md5(blob.download_blob().readall()).hexdigest() for blob in blobs]
    except (Unreachable, ResourceModifiedError, ServiceRequestError):
        return []


class Gate:
    """Holds requests to storage back until it is opened; lets the first `let` of them pass."""

    def __init__(self, page: Page, let: int = 0) -> None:
        self.page, self.held, self.seen, self.shut, self.let = page, [], [], True, let
        page.route(STORAGE, self._hold)

    def _hold(self, route: Route) -> None:
        self.seen.append(route.request.url)
        if self.shut and len(self.seen) > self.let:
            self.held.append(route)
        else:
            route.continue_()

    def wait(self, count: int) -> None:
        """Until so many are held; they come in while Playwright talks with the browser."""
        until(
            lambda: self.page.evaluate("true") and len(self.held) >= count,
            seconds=60,
            what="the held requests",
        )

    def open(self) -> None:
        """Let everything pass, from now on too."""
        self.shut = False
        for route in self.held:
            route.continue_()


class Puts:
    """The blobs and blocks that a page has sent, and those of them that were acknowledged."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sent: list[str] = []
        self.acknowledged: list[str] = []
        page.on("request", lambda request: self._note(request, self.sent))
        page.on("requestfinished", self._finished)

    def _finished(self, request: Request) -> None:
        answer = request.response()
        if answer and answer.status == 201:
            self._note(request, self.acknowledged)

    def _note(self, request: Request, where: list[str]) -> None:
        parts = urlsplit(request.url)
        path = parts.path.partition("/video-inputs/")[2] or parts.path.partition("/stream/upload/")[2]
        if request.method == "PUT" and path:
            query = parse_qs(parts.query)
            where.append(" ".join([path, *query.get("comp", ["whole"]), *query.get("blockid", [])]))

    def wait_for(self, count: int) -> None:
        """Until so many have been acknowledged."""
        until(
            lambda: self.page.evaluate("true") and len(self.acknowledged) >= count,
            seconds=60,
            what="the acknowledged requests",
        )
