"""Results of real runs on this computer: the list, the check, the ZIP, parts of files."""

import io
import tracemalloc
import uuid
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from batch_core import archives, cleanup, files, jobs, manifests, pictures, pools, reading, results
from batch_core.account import Account
from batch_core.conversions import Options
from batch_core.errors import Conflict, InvalidInput, NotFound, ServiceFailure
from batch_core.feed import Feed
from batch_core.files import VideoFile
from batch_core.jobs import Plan, Run
from batch_core.manifests import Manifest
from batch_core.report import make_report
from batch_core.results import Result
from batch_core.storage import INPUTS, RESULTS, ensure_containers
from tests.core.media import clip
from tests.waiting import until


def put(account: Account, path: Path, name: str) -> VideoFile:
    """A video in the input container, looked into."""
    ensure_containers(account)
    blob = f"{uuid.uuid4().hex}/{files.safe_name(name)}"
    client = account.blobs.get_blob_client(INPUTS, blob)
    client.upload_blob(path.read_bytes(), metadata={"name": files.encode_name(name)})
    return files.probe_file(account, next(f for f in files.list_files(account) if f.blob == blob))


def finished(account: Account, run: Run) -> Run:
    return until(
        lambda: (now := jobs.get_run(account, run.id)).over and now, seconds=60, what="the run's end"
    )


@pytest.fixture(scope="module")
def run(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of three files: two of one name, and one whose input was lost before its task began."""
    folder = tmp_path_factory.mktemp("films")
    pools.ensure_local_pool(account)
    videos = [
        put(account, clip(folder / "a.mp4", 2), "Ünser Film.mp4"),
        put(account, clip(folder / "b.mp4", 1), "ünser film.mov"),
        put(account, clip(folder / "c.mp4", 1), "Lost.mp4"),
    ]
    files.delete_files(account, [videos[2]])
    plan = Plan(tuple(videos), "mp3", Options(), pools.LOCAL_POOL, None, "My: films", uuid.uuid4().hex)
    return finished(account, jobs.launch(account, plan))


def test_every_file_is_listed_in_its_order(account: Account, run: Run) -> None:
    listed = results.list_results(account, run.id)
    assert [row.source_name for row in listed] == ["Ünser Film.mp4", "ünser film.mov", "Lost.mp4"]
    assert [row.name for row in listed] == ["Ünser Film.mp3", "ünser film (2).mp3", "Lost.mp3"]
    assert [row.state for row in listed] == ["done", "done", "failed"]
    assert all(row.size and row.size > 1000 for row in listed[:2])
    assert all(row.content_type == "audio/mpeg" for row in listed)
    assert listed[0].expected.seconds == pytest.approx(2, abs=0.1)
    assert listed[2].size is None
    assert listed[2].reason.endswith(".")
    assert "input" in listed[2].reason


def test_a_result_is_checked_to_its_end_and_the_verdict_is_kept(account: Account, run: Run) -> None:
    first = results.list_results(account, run.id)[0]
    checked = results.check(account, first)
    assert (checked.checked, checked.reason) == (True, "")
    assert checked.duration == pytest.approx(2, abs=0.1)
    again = results.list_results(account, run.id)[0]
    assert again.checked is True
    assert again.duration == pytest.approx(checked.duration, abs=0.001)
    properties = account.blobs.get_blob_client(RESULTS, first.blob).get_blob_properties()
    assert properties.content_settings.content_type == "audio/mpeg"
    assert "name" in properties.metadata, "what the task wrote stays"


def test_pictures_are_kept_with_the_result_are_no_result_and_go_with_it(
    account: Account, run: Run, tmp_path: Path
) -> None:
    film = put(account, clip(tmp_path / "a.mp4", 1), "Film.mp4")
    source = manifests.read(account, run.id)
    row = replace(source.files[0], blob=film.blob, size=film.size, result_name="a.mp4", duration=1.0)
    made = manifests.keep(account, replace(source, run_id=f"run-{uuid.uuid4().hex[:20]}", files=(row,)))
    blob = f"{made.run_id}/{row.task_id}/a.mp4"
    account.blobs.get_blob_client(RESULTS, blob).upload_blob((tmp_path / "a.mp4").read_bytes())
    assert first_result(account, made).pictures == frozenset()
    checked = results.check(account, first_result(account, made))
    assert checked.pictures == {"before", "after"}
    files.delete_files(account, [film])
    assert first_result(account, made).pictures == {"before", "after"}, "a proof, also without its input"
    names = [pictures.path(made.run_id, row.task_id, side) for side in pictures.SIDES]
    assert all(pictures.read(account, names, 100_000).values())
    assert not any(file.blob.endswith(".jpg") for file in files.list_files(account))
    with zipfile.ZipFile(io.BytesIO(b"".join(archives.zip_stream(account, made.run_id).pieces))) as archive:
        assert archive.namelist() == ["a.mp4"]
    (left,) = [item for item in cleanup.inventory(account) if item.id == made.run_id]
    assert left.detail == "1 result with their logs"
    account.blobs.get_blob_client(RESULTS, blob).upload_blob(b"another", overwrite=True)
    assert first_result(account, made).pictures == frozenset(), "they are of what was there before"
    cleanup.delete(account, [left])
    assert pictures.read(account, names, 100_000) == {}


def made_up(account: Account, run: Run, contents: list[bytes], seconds: float = 2.0) -> Manifest:
    """A run of our own making, without a job, whose results are these."""
    source = manifests.read(account, run.id)
    names = [f"film {number}.mp3" for number in range(len(contents))]
    rows = tuple(
        replace(
            source.files[0], task_id=f"file-{n:04}", result_name=name, name=f"film {n}.mp4", duration=seconds
        )
        for n, name in enumerate(names)
    )
    made = manifests.keep(account, replace(source, run_id=f"run-{uuid.uuid4().hex[:20]}", files=rows))
    for row, data in zip(rows, contents, strict=True):
        blob = account.blobs.get_blob_client(RESULTS, f"{made.run_id}/{row.task_id}/{row.result_name}")
        blob.upload_blob(data)
    return made


def first_result(account: Account, made: Manifest) -> Result:
    return results.list_results(account, made.run_id)[0]


def test_a_short_result_is_not_good(account: Account, run: Run, tmp_path: Path) -> None:
    data = clip(tmp_path / "a.mp3", 2, picture=False).read_bytes()
    checked = results.check(account, first_result(account, made_up(account, run, [data], seconds=30)))
    assert checked.checked is False
    assert "28.0 s shorter than it should be" in checked.reason
    assert first_result(account, made_up(account, run, [data], seconds=2.9)).checked is None
    assert results.check(account, first_result(account, made_up(account, run, [data], seconds=2.9))).checked


def test_what_failed_its_check_shares_a_cause_without_numbers(
    account: Account, run: Run, tmp_path: Path
) -> None:
    data = [clip(tmp_path / "a.mp3", seconds, picture=False).read_bytes() for seconds in (2, 3)]
    made = made_up(account, run, [*data, b"this is no music"], seconds=30)
    checked = [results.check(account, row) for row in results.list_results(account, made.run_id)]
    assert len({row.reason for row in checked}) == 3, "each tells its own numbers"
    told = ["Its result is shorter than it should be."] * 2 + ["Its result does not play to its end."]
    assert [row.shared for row in checked] == told
    assert all(row.cause and row.cause.way_out for row in checked)
    assert [row.cause for row in results.list_results(account, made.run_id)] == [row.cause for row in checked]
    log = f"{made.run_id}/{checked[0].task_id}/logs/stderr.txt"
    account.blobs.get_blob_client(RESULTS, log).upload_blob(b"[matroska @ 0x1] File ended prematurely\n")
    again = results.check(account, checked[0])
    assert again.shared == "It is damaged, or only a part of a file."
    assert again.cause
    assert again.cause.line.endswith("File ended prematurely")
    html = make_report(account, made.run_id).html.decode()
    assert "Its result is shorter than it should be." in html


def test_a_result_that_does_not_play_is_not_good(account: Account, run: Run) -> None:
    made = made_up(account, run, [b"this is no music", b""])
    for row in results.list_results(account, made.run_id):
        checked = results.check(account, row)
        assert checked.checked is False
        assert checked.reason
    kept = results.list_results(account, made.run_id)
    assert [(row.checked, row.state) for row in kept] == [(False, "failed")] * 2
    assert all(row.reason for row in kept)
    with pytest.raises(NotFound, match="no results yet"):
        archives.zip_stream(account, made.run_id)


def test_looking_only_checks_without_writing(account: Account, run: Run, tmp_path: Path) -> None:
    made = made_up(account, run, [clip(tmp_path / "a.mp3", 2, picture=False).read_bytes()])
    row = first_result(account, made)
    assert results.check(replace(account, look_only=True), row).checked
    assert first_result(account, made).checked is None


def test_a_result_that_is_gone(account: Account, run: Run) -> None:
    made = made_up(account, run, [b"x"])
    row = first_result(account, made)
    account.blobs.get_blob_client(RESULTS, row.blob).delete_blob()
    with pytest.raises(NotFound):
        results.check(account, row)
    gone = first_result(account, made)
    assert (gone.state, gone.reason) == ("failed", "The run was deleted before this file was done.")


def test_a_verdict_of_nonsense_counts_as_none(account: Account, run: Run) -> None:
    made = made_up(account, run, [b"x"])
    row = first_result(account, made)
    results.check(account, row)
    assert first_result(account, made).checked is False
    note = account.blobs.get_blob_client(RESULTS, f"{made.run_id}/{row.task_id}/logs/verdict")
    for nonsense in ("x", "e30=", "eyJnb29kIjoxfQ=="):
        note.set_blob_metadata({"verdict": nonsense})
        assert first_result(account, made).checked is None


def test_a_verdict_counts_only_for_what_was_checked(account: Account, run: Run) -> None:
    made = made_up(account, run, [b"x"])
    results.check(account, first_result(account, made))
    account.blobs.get_blob_client(RESULTS, first_result(account, made).blob).upload_blob(b"y", overwrite=True)
    assert first_result(account, made).checked is None


def test_a_download_goes_on_while_its_result_is_checked(account: Account, run: Run) -> None:
    made = made_up(account, run, [bytes(2 * reading.PIECE)])
    row = first_result(account, made)
    pieces = reading.read_blob(account, RESULTS, row.blob, 0, row.size or 0)
    next(pieces)
    results.check(account, row)
    assert sum(map(len, pieces)) == reading.PIECE


def test_a_run_that_is_not_there(account: Account) -> None:
    with pytest.raises(NotFound):
        results.list_results(account, "run-00000000000000000000")


def test_of_a_run_that_is_over_only_failed_tasks_are_asked_for(
    account: Account, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, str]] = []
    many = Feed.many
    monkeypatch.setattr(
        Feed, "many", lambda feed, path, **query: asked.append(query) or many(feed, path, **query)
    )
    lost = results.list_results(account, run.id)[2]
    assert [query.get("$filter") for query in asked] == [None]
    account.blobs.get_blob_client(RESULTS, lost.blob).upload_blob(b"x")
    try:
        assert results.list_results(account, run.id)[2].state == "failed", "its task failed all the same"
        assert asked[-1]["$filter"] == "executionInfo/result eq 'failure'"
    finally:
        account.blobs.get_blob_client(RESULTS, lost.blob).delete_blob()


def test_the_zip_holds_every_result(account: Account, run: Run) -> None:
    made = archives.zip_stream(account, run.id)
    assert made.name == "My_ films.zip"
    data = b"".join(made.pieces)
    assert len(data) == made.size, "known before the first byte is sent"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["Ünser Film.mp3", "ünser film (2).mp3", "Left out.txt"]
        note = archive.read("Left out.txt").decode("utf-8-sig")
        assert note.startswith("These files are not in this archive:\r\n")
        assert "Lost.mp4: The input file was no longer in storage when the task started." in note
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        listed = results.list_results(account, run.id)
        assert [entry.file_size for entry in archive.infolist()[:2]] == [row.size for row in listed[:2]]


def test_the_zip_takes_no_memory_for_its_files(account: Account, run: Run) -> None:
    made = made_up(account, run, [bytes(40_000_000)] * 2)
    pieces = archives.zip_stream(account, made.run_id).pieces
    next(pieces)
    tracemalloc.start()
    total = sum(len(piece) for piece in pieces)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 79_000_000
    assert peak < 24_000_000


def test_several_pictures_are_one_result_in_a_folder(account: Account, run: Run, tmp_path: Path) -> None:
    film = put(account, clip(tmp_path / "a.mp4", 2), "Ünser Film.mp4")
    plan = Plan((film,), "frames", Options(every=0.5), pools.LOCAL_POOL, None, "Pictures", uuid.uuid4().hex)
    made = finished(account, jobs.launch(account, plan))
    (row,) = results.list_results(account, made.id)
    assert (row.state, row.name, len(row.parts)) == ("done", "Ünser Film", 4)
    assert row.size == sum(size for _, size in row.parts)
    assert row.content_type == "image/jpeg"
    checked = results.check(account, row)
    assert (checked.checked, checked.duration) == (True, None)
    assert results.list_results(account, made.id)[0].checked is True
    archive = archives.zip_stream(account, made.id, row.task_id)
    assert archive.name == "Ünser Film.zip"
    with zipfile.ZipFile(io.BytesIO(b"".join(archive.pieces))) as opened:
        assert opened.namelist() == [f"Ünser Film/{number:04}.jpg" for number in range(1, 5)]
        assert all(opened.read(name).startswith(b"\xff\xd8\xff") for name in opened.namelist())
    account.blobs.get_blob_client(RESULTS, row.parts[2][0]).upload_blob(b"x", overwrite=True)
    (row,) = results.list_results(account, made.id)
    assert "can be shown" in results.check(account, row).reason
    for name, _ in row.parts[1:]:
        account.blobs.get_blob_client(RESULTS, name).delete_blob()
    (row,) = results.list_results(account, made.id)
    assert row.checked is None, "it is not what was checked any more"
    assert "1 of 4 pictures are there" in results.check(account, row).reason


def test_the_zip_needs_a_result(account: Account, run: Run) -> None:
    with pytest.raises(NotFound, match="no results yet"):
        archives.zip_stream(account, made_up(account, run, []).run_id)


def test_names_in_the_zip_do_not_collide() -> None:
    assert archives._unique(["a.mp3", "A.mp3", "a (2).mp3", "a", ".x", ".x"]) == [
        "a.mp3", "A (2).mp3", "a (2) (2).mp3", "a", ".x", "x (2).",
    ]  # fmt: skip


def test_parts_of_a_file(account: Account, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PIECE", 1000)
    monkeypatch.setattr(reading, "STRETCH", 1000)
    data = bytes(range(256)) * 40
    blob = first_result(account, made_up(account, run, [data])).blob
    for start, end in ((0, len(data)), (0, 1), (999, 2001), (5000, 5000), (len(data) - 1, len(data))):
        assert b"".join(reading.read_blob(account, RESULTS, blob, start, end)) == data[start:end]
    pieces = reading.read_blob(account, RESULTS, blob, 0, len(data))
    assert len(next(pieces)) == 1000
    account.blobs.get_blob_client(RESULTS, blob).upload_blob(data, overwrite=True)
    with pytest.raises(Conflict):
        next(pieces)
    with pytest.raises(InvalidInput):
        next(reading.read_blob(account, RESULTS, blob, 5, 4))
    with pytest.raises(NotFound):
        next(reading.read_blob(account, RESULTS, "none", 0, 4))
    with pytest.raises((ServiceFailure, InvalidInput)):
        list(reading.read_blob(account, RESULTS, blob, 0, len(data) + 10))
