"""A program that is missing: ffmpeg on a node or in the installation, and what looks into videos."""

import shutil
import sys
import sysconfig
import uuid
import venv
from dataclasses import replace
from pathlib import Path

import certifi
import pytest
import urllib3

from batch_core import files, jobs, manifests, plans, pools, probe, results, samples
from batch_core.account import Account
from batch_core.errors import ServiceFailure
from batch_core.files import VideoFile
from batch_core.jobs import Plan
from batch_core.storage import INPUTS, ensure_containers
from tests.core.clips import clip, uploaded
from tests.waiting import until

AGAIN = "python -m pip install -r requirements.txt"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return clip(tmp_path / "clip.mp4", 0.3)


def test_a_node_without_ffmpeg_is_named_as_the_reason_and_the_file_can_be_tried_again(
    account: Account, path: Path
) -> None:
    pools.ensure_local_pool(account)
    video = uploaded(account, path, "holiday.mp4")
    plan = Plan((video,), "mp3", pool_id=pools.LOCAL_POOL, name="run", nonce=uuid.uuid4().hex)
    made = plans.manifest_of(plan)
    command = made.files[0].command.replace("ffmpeg", "ffmpeg-that-is-missing", 1)
    manifests.keep(account, replace(made, files=(replace(made.files[0], command=command),)))
    run = jobs.launch(account, plan)
    until(lambda: jobs.get_run(account, run.id).over, seconds=60, what="the run's end")
    (row,) = results.list_results(account, run.id)
    assert row.state == "failed"
    assert row.lost, "it can be tried again"
    assert row.reason.startswith("The node has no ")
    assert jobs.failure(account, run.id, "file-0001").message == (
        "The node has no program “ffmpeg-that-is-missing”. A pool's start task can install what tasks need."
    )
    assert video.blob in {file.blob for file in files.list_files(account)}


def test_without_ffmpeg_no_sample_is_made_and_nothing_is_stored(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_containers(account)
    before = {file.blob for file in files.list_files(account)}
    one = replace(samples.SAMPLES[-1], name=f"{uuid.uuid4().hex}.mp4")
    monkeypatch.setattr(samples, "SAMPLES", (one,))
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(Path("nowhere") / "ffmpeg"))
    with pytest.raises(ServiceFailure) as caught:
        samples.make_samples(account)
    assert caught.value.user_message == "There is no ffmpeg on this computer to make sample videos with."
    assert AGAIN in caught.value.hint
    assert {file.blob for file in files.list_files(account)} == before


@pytest.fixture
def incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This app run by a Python that has everything but PyAV."""
    home = tmp_path / "venv"
    venv.create(home, symlinks=sys.platform != "win32")
    paths = {name: str(home) for name in ("base", "platbase", "installed_base", "installed_platbase")}
    library = Path(sysconfig.get_path("purelib", vars=paths, scheme="venv"))
    for package in (certifi, urllib3):
        source = Path(package.__file__).parent
        shutil.copytree(source, library / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    scripts = Path(sysconfig.get_path("scripts", vars=paths, scheme="venv"))
    monkeypatch.setattr(sys, "executable", str(scripts / Path(sys.executable).name))


@pytest.mark.usefixtures("incomplete")
def test_without_its_reader_no_video_is_taken_for_a_bad_one(account: Account, path: Path) -> None:
    ensure_containers(account)
    blob = f"{uuid.uuid4().hex}/holiday.mp4"
    stored = account.blobs.get_blob_client(INPUTS, blob)
    stored.upload_blob(path.read_bytes(), metadata={"name": files.encode_name("holiday.mp4")})
    new: list[VideoFile] = [file for file in files.list_files(account) if file.blob == blob]
    with pytest.raises(ServiceFailure) as caught:
        list(files.probe_new(account, new))
    assert (
        caught.value.user_message
        == "The part of this app that looks into videos (PyAV) is missing or broken."
    )
    assert AGAIN in caught.value.hint
    assert [file.probe for file in files.list_files(account) if file.blob == blob] == [None], (
        "it is looked into later"
    )
    with pytest.raises(ServiceFailure, match="PyAV"):
        probe.check_decodes(path, path.stat().st_size)
    stored.delete_blob()
