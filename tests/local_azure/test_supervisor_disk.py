"""The local cloud on a full disk: it says so, goes on serving what it has, and takes more when there is room."""

import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient

from local_azure import status, supervisor
from local_azure.atomic import read_json
from local_azure.logs import set_up
from local_azure.supervisor import Options, Supervisor
from tests.local_azure.conftest import LocalProcess
from tests.waiting import until

Start = Callable[..., LocalProcess]


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor that serves nothing."""
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    handler = set_up(tmp_path)
    yield Supervisor(Options(tmp_path, tmp_path), handler)
    handler.close()
    root.handlers[:] = before


def test_it_tells_when_the_disk_gets_full_and_when_there_is_room(
    one: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one._ready = True
    one._watch_disk()
    assert not (tmp_path / "status.json").exists()
    with monkeypatch.context() as patch:
        patch.setattr(supervisor, "RESERVE_BYTES", 2**60)
        one._watch_disk()
        found = read_json(tmp_path / "status.json")
        assert (found["phase"], found["fraction"]) == ("ready", 1.0)
        assert found["sentence"].startswith("The disk is full: ")
        assert str(tmp_path) in found["sentence"]
    one._watch_disk()
    assert read_json(tmp_path / "status.json")["sentence"] == "The local cloud is running."


def test_a_status_that_can_not_be_written_hinders_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "status.json").mkdir()
    status.StatusFile(tmp_path).write("ready", "All is well.")
    assert "All is well." in caplog.text


if hasattr(os, "geteuid") and os.geteuid() == 0:  # only root may mount

    @pytest.fixture
    def small_disk(tmp_path: Path) -> Iterator[Path]:
        """A disk of 48 MB."""
        folder = tmp_path / "disk"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], check=True)
        yield folder
        subprocess.run(["umount", folder], check=True)

    @pytest.mark.usefixtures("local_installation")
    def test_on_a_full_disk_it_goes_on_and_takes_no_more(small_disk: Path, local_start: Start) -> None:
        cloud = local_start(small_disk)
        storage = cloud.ready()["storage"]
        blobs = BlobServiceClient(storage["url"], credential=storage["key"], retry_total=0)
        videos = blobs.create_container("videos")
        videos.upload_blob("a", b"a")
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(2**20))
        until(lambda: cloud.status()["sentence"].startswith("The disk is full: "), what="the sentence")
        with pytest.raises(HttpResponseError, match="The disk is full"):
            videos.upload_blob("b", b"b")
        assert videos.download_blob("a").readall() == b"a"
        filler.unlink()
        until(lambda: cloud.status()["sentence"] == "The local cloud is running.", what="the sentence's end")
        videos.upload_blob("b", b"b")
        assert cloud.end() == 0

    @pytest.mark.usefixtures("local_installation")
    def test_on_a_disk_without_any_room_it_does_not_start_and_says_why(
        small_disk: Path, local_start: Start
    ) -> None:
        data = small_disk / "data"
        data.mkdir()
        with (small_disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        code, _, err = local_start(data).ended()
        assert code == 1
        assert "The disk is full" in err
        assert "Traceback" not in err
