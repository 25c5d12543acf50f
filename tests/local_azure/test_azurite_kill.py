"""Azurite killed at any moment, or on a full disk: what it acknowledged stays, what it can't keep it refuses."""

import base64
import http
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import BlobBlock, BlobServiceClient, ContainerClient

from local_azure.azurite import process as azurite_module
from local_azure.azurite.installation import Installation
from local_azure.azurite.process import Azurite
from local_azure.settings import Endpoints, make
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("local_no_process_left")


class Killable(Azurite):
    """An Azurite that can be killed and started again, with a client on it."""

    def __init__(self, folder: Path, endpoints: Endpoints, installation: Installation) -> None:
        super().__init__(folder, endpoints.storage)
        self.installation = installation
        service = BlobServiceClient(
            endpoints.storage_url, credential=endpoints.storage.key, retry_total=0, read_timeout=20
        )
        self.videos: ContainerClient = service.get_container_client("videos")

    def kill(self) -> None:
        """kill -9, and start it again."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.start(self.installation)

    def read(self, name: str) -> bytes:
        """A blob's content."""
        return self.videos.download_blob(name).readall()

    def journals(self) -> list[str]:
        """The names of the journals there are."""
        return sorted(path.name for path in self.folder.glob("*.journal-*"))


@pytest.fixture
def killable(tmp_path: Path, local_installation: Installation) -> Iterator[Killable]:
    one = Killable(tmp_path / "storage", make(None, None, None), local_installation)
    one.start(local_installation)
    yield one
    one.stop()


def _block(number: int) -> str:
    return base64.b64encode(f"{number:05}".encode()).decode()


def test_killed_right_after_an_answer_it_has_all_that_was_acknowledged(killable: Killable) -> None:
    videos = killable.videos
    videos.create_container()
    videos.upload_blob("old", b"old")
    videos.upload_blob("gone", b"gone")
    blob = videos.get_blob_client("blocks")
    for number in range(3):
        blob.stage_block(_block(number), f"{number}".encode() * 1000)
    blob.commit_block_list([BlobBlock(_block(number)) for number in range(3)], metadata={"name": "a"})
    killable.kill()
    assert killable.read("blocks") == b"0" * 1000 + b"1" * 1000 + b"2" * 1000
    assert blob.get_blob_properties().metadata == {"name": "a"}
    assert blob.get_block_list("all")[1] == []
    blob.set_blob_metadata({"name": "b"})
    videos.upload_blob("old", b"new", overwrite=True)
    videos.delete_blob("gone")
    killable.kill()
    assert blob.get_blob_properties().metadata == {"name": "b"}
    assert killable.read("old") == b"new"
    assert [one.name for one in videos.list_blobs()] == ["blocks", "old"]
    with pytest.raises(ResourceNotFoundError):
        killable.read("gone")


def test_killed_again_and_again_under_many_uploads_it_loses_none(killable: Killable) -> None:
    videos = killable.videos
    videos.create_container()
    kept: list[str] = []

    def upload(name: str) -> None:
        with suppress(ServiceRequestError, ServiceResponseError):  # cut off: not acknowledged
            videos.upload_blob(name, name.encode())
            kept.append(name)

    for life in range(2):
        with ThreadPoolExecutor(4) as threads:
            work = [threads.submit(upload, f"{life}-{number}") for number in range(40)]
            until(lambda least=20 * (life + 1): len(kept) >= least, what="some uploads")
            killable.kill()
        for one in work:
            one.result()
    names = {one.name for one in videos.list_blobs()}
    assert set(kept) <= names
    assert all(killable.read(name) == name.encode() for name in kept)


def test_a_torn_line_in_a_journal_costs_nothing_that_was_acknowledged(killable: Killable) -> None:
    killable.videos.create_container()
    killable.videos.upload_blob("a", b"a")
    journal = killable.folder / "__azurite_db_blob__.json.journal-1"
    with journal.open("ab") as file:
        file.write(b'[["$BLOBS_COLLECTION$", 9, {"na')
    killable.kill()
    assert killable.read("a") == b"a"
    assert killable.journals() == []


def test_a_journal_that_can_not_be_written_is_an_error_and_later_it_goes_on(killable: Killable) -> None:
    killable.videos.create_container()
    killable.kill()  # so that the next journal is a new one
    place = killable.folder / "__azurite_db_blob__.json.journal-2"
    place.mkdir()
    with pytest.raises(HttpResponseError) as refused:
        killable.videos.upload_blob("a", b"a")
    assert refused.value.status_code == http.HTTPStatus.INTERNAL_SERVER_ERROR
    place.rmdir()
    killable.videos.upload_blob("b", b"b")
    killable.kill()
    assert killable.read("b") == b"b"


def test_without_room_on_the_disk_it_says_so_and_takes_more_when_there_is_room(
    killable: Killable, monkeypatch: pytest.MonkeyPatch
) -> None:
    killable.videos.create_container()
    killable.videos.upload_blob("before", b"before")
    killable.stop()
    with monkeypatch.context() as patch:
        patch.setattr(azurite_module, "_RESERVE_BYTES", 2**60)
        killable.start(killable.installation)
        for name in ("a", "b"):
            with pytest.raises(HttpResponseError, match="The disk is full") as refused:
                killable.videos.upload_blob(name, b"x" * 100_000)
            assert refused.value.status_code == http.HTTPStatus.INSUFFICIENT_STORAGE
        assert killable.read("before") == b"before"
        killable.videos.delete_blob("before")
    killable.kill()
    killable.videos.upload_blob("after", b"after")
    assert [one.name for one in killable.videos.list_blobs()] == ["after"]


if hasattr(os, "geteuid") and os.geteuid() == 0:  # only root may mount

    @pytest.fixture
    def small_disk(tmp_path: Path) -> Iterator[Path]:
        """A disk of 48 MB."""
        folder = tmp_path / "disk"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], check=True)
        yield folder
        subprocess.run(["umount", folder], check=True)

    def test_a_disk_that_fills_up_is_an_error_at_once_and_costs_nothing_acknowledged(
        small_disk: Path, local_installation: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(azurite_module, "_RESERVE_BYTES", -(2**60))  # so that writes fail for real
        one = Killable(small_disk / "storage", make(None, None, None), local_installation)
        one.start(local_installation)
        try:
            one.videos.create_container()
            one.videos.upload_blob("before", b"before")
            filler = small_disk / "filler"
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(2**20))
            for name in ("a", "b", "c"):
                with pytest.raises(HttpResponseError) as refused:
                    one.videos.upload_blob(name, os.urandom(2**21))
                assert refused.value.status_code == http.HTTPStatus.INTERNAL_SERVER_ERROR
            filler.unlink()
            one.videos.upload_blob("after", b"after")
            one.kill()
            assert (one.read("before"), one.read("after")) == (b"before", b"after")
        finally:
            one.stop()
