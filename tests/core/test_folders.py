"""Folders of uploads: what a stranger may call them, and where they lie in names, archive, report and a next try."""

import io
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from batch_core import archives, files, jobs, manifests, relay, results, retrying
from batch_core.account import Account
from batch_core.conversions import conversion, folder_path, result_names
from batch_core.files import VideoFile, distinct_names
from batch_core.jobs import Plan
from batch_core.manifests import Manifest
from batch_core.pools import LOCAL_POOL
from batch_core.probe import Probe, Stream
from batch_core.report import make_report
from batch_core.storage import INPUTS, RESULTS, ensure_containers
from batch_core.texts import FOLDER_BYTES, encode_name, folder_of, kept_folder

MP3 = conversion("mp3")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = (
    "..", ".", "", "/", "/etc", "a/", "a//b", "../up", "a/../../b", "a/./b", "a/ .. /b", "a\\..\\b", "C:/x", "a/\u200b/b",
    "a/.\u202e./b", "a/\x00/b", " ", "x" * (FOLDER_BYTES + 1), "日" * 201,
)  # fmt: skip
HARMLESS = (
    "trip",
    "trip/day 1",
    "Über/日本/🎬",
    "a/b/c/d",
    ".config",
    "...",
    "x" * FOLDER_BYTES,
    "con/a\\b:*?",
)


def placed(*places: tuple[str, str]) -> tuple[VideoFile, ...]:
    """Files that can be converted, uploaded one after another, from these folders under these names."""
    sound = Probe(True, "", "mov", "mp4", 1.0, (Stream("audio", "aac", channels=1),))
    return tuple(
        VideoFile(f"{n:032x}", f"{n:032x}/x", name, 1, NOW + timedelta(seconds=n), sound, folder=folder)
        for n, (folder, name) in enumerate(places)
    )


@pytest.fixture
def trips(account: Account) -> Iterator[tuple[Manifest, tuple[VideoFile, ...]]]:
    """A run of which one file failed, without a job; two of its three inputs are in storage."""
    ensure_containers(account)
    videos = placed(("trip/day 1", "a.mp4"), ("trip/day 2", "a.mp4"), ("trip/day 2", "lost.mp4"))
    videos = tuple(replace(video, blob=f"{uuid.uuid4().hex}/a.mp4") for video in videos)
    for video in videos[:2]:
        inputs = account.blobs.get_blob_client(INPUTS, video.blob)
        inputs.upload_blob(b"x", metadata=files.metadata_of(video))
    left_out = (("trip/notes.txt", "It is no video."),)
    plan = Plan(videos, "mp3", pool_id=LOCAL_POOL, name="Trip", nonce=uuid.uuid4().hex, left_out=left_out)
    kept = manifests.keep(account, jobs.manifest_of(plan))
    for row in kept.files[:2]:
        result = account.blobs.get_blob_client(RESULTS, f"{kept.run_id}/{row.task_id}/{row.result_name}")
        result.upload_blob(row.folder.encode())
    yield kept, videos
    files.delete_files(account, videos[:2])


@pytest.mark.parametrize("folder", HOSTILE)
def test_a_folder_that_leads_elsewhere_than_down_is_none(folder: str) -> None:
    assert folder_of(folder) == ""
    assert kept_folder(encode_name(folder)) == ""


@pytest.mark.parametrize("folder", HARMLESS)
def test_a_folder_is_kept_as_it_is(folder: str) -> None:
    assert folder_of(folder) == folder
    assert kept_folder(encode_name(folder)) == folder


@pytest.mark.parametrize("encoded", ["%%%", "gICA", "x", "ü", "_" * 9999])
def test_what_is_no_encoded_folder_is_none(encoded: str) -> None:
    assert kept_folder(encoded) == ""


@pytest.mark.parametrize("folder", ["trip/day 1", "../../etc"])
def test_storage_and_the_apps_own_way_keep_a_folder_alike(account: Account, folder: str) -> None:
    ensure_containers(account)
    straight, through = (f"{uuid.uuid4().hex}/a.mp4" for _ in range(2))
    name, encoded = encode_name("a.mp4"), encode_name(folder)
    account.blobs.get_blob_client(INPUTS, straight).upload_blob(
        b"x", metadata={"name": name, "folder": encoded}
    )
    for _ in range(2):  # its first answer was lost
        relay.receive_blob(account, through, b"x", name, "video/mp4", encoded)
    found = [file for file in files.list_files(account) if file.blob in (straight, through)]
    files.delete_files(account, found)
    assert {file.folder for file in found} == {folder_of(folder)}
    assert {file.path for file in found} == {"trip/day 1/a.mp4" if folder_of(folder) else "a.mp4"}


def test_a_name_is_taken_once_in_its_folder_and_again_in_another() -> None:
    found = placed(
        ("a", "x.mp4"), ("b", "x.mp4"), ("", "x.mp4"), ("A", "X.mov"), ("a", "x.mov"), ("v.1", "x")
    )
    names = result_names(found, MP3)
    assert [names[file.id] for file in found] == [
        "x.mp3",
        "x.mp3",
        "x.mp3",
        "X (2).mp3",
        "x (3).mp3",
        "x.mp3",
    ]
    again = (*found, *(replace(file, id=f"{file.id}2") for file in (found[0], found[5])))
    shown = distinct_names(again)
    assert [shown[file.id] for file in again] == [
        "a/x.mp4", "b/x.mp4", "x.mp4", "A/X.mov", "a/x.mov", "v.1/x", "a/x (2).mp4", "v.1/x (2)",
    ]  # fmt: skip


@pytest.mark.parametrize("folder", [*HOSTILE, *HARMLESS])
def test_no_folder_leads_out_of_where_an_archive_is_opened(folder: str, tmp_path: Path) -> None:
    inside = folder_path(folder)
    assert (tmp_path / inside / "a.mp3").resolve().is_relative_to(tmp_path.resolve())
    for part in inside.split("/") if inside else ():
        assert part.strip(" .") == part != ""
        assert not set(part) & set('\\:*?"<>|\0')
        assert part.lower() not in ("con", "nul")
        assert len(part.encode()) <= 255


def test_an_archive_has_the_tree(account: Account, trips: tuple[Manifest, tuple[VideoFile, ...]]) -> None:
    kept, _ = trips
    with zipfile.ZipFile(io.BytesIO(b"".join(archives.zip_stream(account, kept.run_id).pieces))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["trip/day 1/a.mp3", "trip/day 2/a.mp3", "Left out.txt"]
        assert archive.read("trip/day 2/a.mp3") == b"trip/day 2"
        note = archive.read("Left out.txt").decode("utf-8-sig")
    assert "\r\ntrip/day 2/lost.mp4: " in note
    assert "\r\ntrip/notes.txt: It is no video." in note


def test_a_manifest_that_a_stranger_wrote_leads_nowhere(
    account: Account, trips: tuple[Manifest, tuple[VideoFile, ...]], tmp_path: Path
) -> None:
    kept, _ = trips
    rows = tuple(replace(row, folder="../../../up/C:") for row in kept.files)
    blob = account.blobs.get_blob_client(RESULTS, manifests.blob_name(kept.run_id))
    blob.upload_blob(
        orjson.dumps(orjson.loads(manifests._to_json(replace(kept, files=rows)))), overwrite=True
    )
    with zipfile.ZipFile(io.BytesIO(b"".join(archives.zip_stream(account, kept.run_id).pieces))) as archive:
        assert archive.namelist()[:2] == [
            "folder/folder/folder/up/C_/a.mp3", "folder/folder/folder/up/C_/a (2).mp3",
        ]  # fmt: skip


def test_files_and_folders_of_one_name_do_not_fall_onto_each_other() -> None:
    assert archives._unique(["a.mp3/b.mp3", "A.MP3", "c.d/x", "c.d/X", "c.d/x (2)"]) == [
        "a.mp3/b.mp3", "A (2).MP3", "c.d/x", "c.d/X (2)", "c.d/x (2) (2)",
    ]  # fmt: skip


def test_lists_and_the_report_name_the_folder(
    account: Account, trips: tuple[Manifest, tuple[VideoFile, ...]]
) -> None:
    kept, _ = trips
    rows = results.list_results(account, kept.run_id)
    assert [(row.source_name, row.name) for row in rows] == [
        ("trip/day 1/a.mp4", "a.mp3"), ("trip/day 2/a.mp4", "a.mp3"), ("trip/day 2/lost.mp4", "lost.mp3"),
    ]  # fmt: skip
    assert rows[1].blob == f"{kept.run_id}/file-0002/a.mp3"
    html = make_report(account, kept.run_id).html.decode()
    for path in ("trip/day 1/a.mp4", "trip/day 2/a.mp4", "trip/day 2/lost.mp4", "trip/notes.txt"):
        assert f"<td>{path}</td>" in html


def test_a_next_try_keeps_the_folder(account: Account, trips: tuple[Manifest, tuple[VideoFile, ...]]) -> None:
    kept, videos = trips
    found = retrying.inputs(account, kept.run_id, [row.task_id for row in kept.files])
    assert [video.folder for video in found.videos] == ["trip/day 1", "trip/day 2"]
    assert found.gone == ("trip/day 2/lost.mp4",)
    plan = retrying.plan_again(account, kept.run_id, videos)
    assert [row.path for row in jobs.manifest_of(plan).files] == [row.path for row in kept.files]


def test_a_run_from_before_there_were_folders_is_read(
    account: Account, trips: tuple[Manifest, tuple[VideoFile, ...]]
) -> None:
    kept, _ = trips
    old = orjson.loads(manifests._to_json(kept))
    for row in old["files"]:
        del row["folder"]
    blob = account.blobs.get_blob_client(RESULTS, manifests.blob_name(kept.run_id))
    blob.upload_blob(orjson.dumps(old), overwrite=True)
    assert [row.path for row in manifests.read(account, kept.run_id).files] == ["a.mp4", "a.mp4", "lost.mp4"]
