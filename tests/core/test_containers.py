"""Files that lie in other containers: what is seen of them, and their copies among the input files."""

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from azure.storage.blob import BlobClient, BlobServiceClient, BlobType

from batch_core import containers, files
from batch_core.account import Account
from batch_core.errors import InvalidInput, NotFound, ServiceFailure
from batch_core.storage import INPUTS, RESULTS, ensure_containers
from tests.core.clips import clip
from tests.core.stub_server import stub_server

NAMES = ("trip/day 1/Ünser Film.mp4", "trip/day 2/b.mp4", "100% odd?#.mp4")


@pytest.fixture
def container(account: Account, tmp_path: Path) -> Iterator[str]:
    """One with three films, an empty blob and a machine's disk; afterwards without it and its copies."""
    ensure_containers(account)
    before = {file.id for file in files.list_files(account)}
    name = f"holiday-{uuid.uuid4().hex[:8]}"
    made = account.blobs.create_container(name)
    film = clip(tmp_path / "film.mp4", 0.3).read_bytes()
    for blob in NAMES:
        made.upload_blob(blob, film, metadata={"theirs": "kept"})
    made.upload_blob("empty", b"")
    made.upload_blob("disk.vhd", bytes(512), blob_type=BlobType.PAGEBLOB)
    yield name
    account.blobs.delete_container(name)
    files.delete_files(account, [file for file in files.list_files(account) if file.id not in before])


def state(account: Account, container: str) -> dict[str, tuple]:
    listed = account.blobs.get_container_client(container).list_blobs(include=["metadata"])
    return {blob.name: (blob.etag, blob.metadata, blob.last_modified) for blob in listed}


def test_the_account_s_other_containers_and_what_is_in_them(account: Account, container: str) -> None:
    found = containers.others(account)
    assert container in found
    assert not {INPUTS, RESULTS} & set(found)
    everything = containers.look(account, container)
    assert [file.blob for file in everything.files] == sorted(NAMES)
    assert all(file.size > 1000 for file in everything.files)
    assert not everything.more
    assert [file.blob for file in containers.look(account, container, "trip/day 2").files] == [NAMES[1]]
    with pytest.raises(NotFound):
        containers.look(account, f"{container}-gone")


def test_a_container_with_more_than_is_listed_says_so(
    account: Account, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most, told in ((2, 2), (3, 3)):
        monkeypatch.setattr(containers, "COUNTED", most)
        found = containers.look(account, container)
        assert (len(found.files), found.more) == (told, most < len(NAMES))


def test_files_are_copied_with_their_names_and_folders_and_nothing_changes_where_they_lie(
    account: Account, container: str
) -> None:
    before, known = state(account, container), {file.id for file in files.list_files(account)}
    told: list[tuple[int, int]] = []
    containers.copy(account, container, NAMES, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert state(account, container) == before
    made = [file for file in files.list_files(account) if file.id not in known]
    assert {(file.folder, file.name) for file in made} == {
        ("trip/day 1", "Ünser Film.mp4"), ("trip/day 2", "b.mp4"), ("", "100% odd?#.mp4"),
    }  # fmt: skip
    assert all(files.is_ours(file.blob) for file in made)
    looked = files.probe_file(account, made[0])
    assert looked.probe is not None
    assert looked.probe.ok, "it is whole"


def test_one_that_is_gone_is_told_and_the_others_are_copied(account: Account, container: str) -> None:
    known = {file.id for file in files.list_files(account)}
    with pytest.raises(NotFound) as caught:
        containers.copy(account, container, ["gone.mp4", NAMES[0]])
    assert caught.value.user_message.startswith("1 of 2 files could not be copied: ")
    assert "gone.mp4" in caught.value.user_message + caught.value.hint
    assert "sig=" not in f"{caught.value.user_message}{caught.value.hint}{caught.value!r}"
    assert len({file.id for file in files.list_files(account)} - known) == 1


def test_an_account_to_look_at_copies_nothing(account: Account, container: str) -> None:
    known = len(files.list_files(account))
    with pytest.raises(InvalidInput):
        containers.copy(replace(account, look_only=True), container, NAMES)
    assert len(files.list_files(account)) == known


@pytest.mark.parametrize(
    ("states", "asked"),
    [
        (["pending", "success"], ["HEAD", "HEAD"]),
        (["pending", "failed"], ["HEAD", "HEAD", "DELETE"]),
        (["pending"], ["HEAD", "PUT", "DELETE"]),
    ],
)
def test_a_copy_that_takes_long_is_waited_for_and_nothing_is_left_of_one_that_fails(
    states: list[str], asked: list[str]
) -> None:
    """As Azure copies what is large, which Azurite never does: pending first, then as told."""
    done: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            done.append(self.command)
            self.send_response({"HEAD": 200, "PUT": 204, "DELETE": 202}[self.command])
            self.send_header("x-ms-copy-id", "1")
            self.send_header("x-ms-copy-status", states[min(len(done), len(states)) - 1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_PUT = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            """Nothing to the tests' output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        copied = BlobClient.from_blob_url(f"http://127.0.0.1:{server.server_port}/account/container/blob")
        deadline = time.monotonic() + (30 if len(states) > 1 else 0)
        if states[-1] == "success":
            containers.see_through(copied, "film.mp4", deadline)
        else:
            with pytest.raises(ServiceFailure, match=r"film\.mp4"):
                containers.see_through(copied, "film.mp4", deadline)
        server.shutdown()
    assert done == asked


def test_what_storage_still_copies_is_no_file_yet(account: Account) -> None:
    """Its length is that of the whole already, but it can't be read: looked into now, it would count as broken."""
    blobs = "".join(
        f"<Blob><Name>{number:032x}/a.mp4</Name><Properties><Content-Length>9</Content-Length>"
        f"<BlobType>BlockBlob</BlobType>{copied}</Properties></Blob>"
        for number, copied in enumerate(
            ("", "<CopyStatus>pending</CopyStatus>", "<CopyStatus>success</CopyStatus>")
        )
    )
    listed = (
        f"<?xml version='1.0'?><EnumerationResults><Blobs>{blobs}</Blobs><NextMarker/></EnumerationResults>"
    )
    with stub_server(200, listed.encode(), {"Content-Type": "application/xml"}) as stub:
        found = files.list_files(replace(account, blobs=BlobServiceClient(f"{stub.url}/account")))
    assert sorted(int(file.id, 16) for file in found) == [0, 2]
