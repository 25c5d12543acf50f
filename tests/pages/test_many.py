"""Hundreds of files on every page: each says how many there are, draws few of them, and reads a long list once."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from batch_core import cleanup, files, jobs, storage
from batch_core.account import Account
from batch_core.files import VideoFile, metadata_of
from batch_core.jobs import Plan, Run
from batch_core.probe import Probe, Stream
from pages.parts import result_list
from pages.shell import video_work
from tests.waiting import until

Open = Callable[..., AppTest]
MANY = 600
SOUND = Probe(True, "", "mp3", "mp3", 1.0, (Stream("audio", "mp3", channels=1),))
EMPTY = VideoFile("", "", "", 20, datetime.now(UTC), SOUND)
MOST_ELEMENTS = 400  # a page that has more takes browsers long to draw


@pytest.fixture(scope="module")
def many(account: Account) -> Iterator[list[VideoFile]]:
    """Hundreds of small files in storage that have been looked into."""
    storage.ensure_containers(account)
    before = files.list_files(account)
    container = account.blobs.get_container_client(storage.INPUTS)

    def put(number: int) -> None:
        metadata = metadata_of(replace(EMPTY, name=f"bird {number:03}.mp3"))
        container.upload_blob(f"{uuid.uuid4().hex}/bird.mp3", b"0" * 20, metadata=metadata)

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(put, range(MANY)))
    known = {file.id for file in before}
    made = [file for file in files.list_files(account) if file.id not in known]
    yield made
    files.delete_files(account, made)
    video_work.work(account).forget()


@pytest.fixture(scope="module")
def waiting(account: Account, many: list[VideoFile]) -> Iterator[Run]:
    """A run of all of them that waits for a pool that is not there."""
    told: list[tuple[int, int]] = []
    plan = Plan(
        tuple(many),
        "mp3",
        pool_id="nowhere",
        name="Many",
        nonce=uuid.uuid4().hex,
        left_out=(("notes.mp4", "It is not a video that we can read (it is a text)."),),
    )
    run = jobs.launch(account, plan, lambda done, total: told.append((done, total)))
    assert told[0] == (100, MANY)
    assert told[-1] == (MANY, MANY)
    yield run
    jobs.stop(account, run.id)


def words_of(opened: AppTest) -> str:
    return "\n".join(element.value for element in [*opened.markdown, *opened.caption])


def elements(opened: AppTest) -> int:
    return sum(1 for _ in opened.main)


def test_files_shows_all_in_one_table_and_reads_their_list_once(
    app: Open, account: Account, many: list[VideoFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    app("pages/files.py")
    until(lambda: not video_work.work(account).busy, seconds=60, what="an end to what others have begun")
    video_work.work(account).forget()
    listings = []
    listed = files.list_files
    monkeypatch.setattr(files, "list_files", lambda account: listings.append(1) or listed(account))
    opened = app("pages/files.py")
    opened.run()
    opened.switch_page("pages/convert.py").run()
    opened.switch_page("pages/files.py").run()
    assert not opened.exception
    assert len(opened.dataframe[0].value) >= MANY
    assert elements(opened) < MOST_ELEMENTS
    assert len(listings) == 1


def test_results_shows_a_page_of_rows_and_finds_a_file(app: Open, waiting: Run) -> None:
    opened = app("pages/results.py", run=waiting.id)
    assert not opened.exception
    assert f"showing 1–25 of {MANY}" in words_of(opened)
    assert len([button for button in opened.button if button.label == "Stop"]) == 25
    assert elements(opened) < MOST_ELEMENTS
    opened.text_input(key="results_find").set_value("BIRD 59").run()
    assert f"10 of {MANY} files found" in words_of(opened)
    assert len([button for button in opened.button if button.label == "Stop"]) == 10


def test_a_long_list_of_results_is_kept_for_longer_than_a_short_one(
    app: Open, waiting: Run, finished_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    for kind in ("_long_list", "_short_list"):
        kept = getattr(result_list, kind)
        monkeypatch.setattr(
            result_list, kind, lambda *of, kind=kind, kept=kept: taken.append(kind) or kept(*of)
        )
    for run, kind in ((waiting, "_long_list"), (finished_run, "_short_list")):
        taken.clear()
        assert not app("pages/results.py", run=run.id).exception
        assert set(taken) == {kind}


def test_results_names_what_was_left_out_before_the_run(app: Open, waiting: Run) -> None:
    opened = app("pages/results.py", run=waiting.id)
    assert "1 file was left out before the run began" in [part.label for part in opened.expander]
    assert "**notes\\.mp4**: It is not a video that we can read" in words_of(opened)


def test_clean_up_shows_a_page_of_boxes(app: Open, account: Account, many: list[VideoFile]) -> None:
    opened = app("pages/cleanup.py")
    assert not opened.exception
    stored = [item for item in cleanup.inventory(account) if item.kind == "files"]
    assert f"Input videos ({len(stored):,})" in [heading.value for heading in opened.subheader]
    assert elements(opened) < MOST_ELEMENTS


def test_what_is_deleted_is_gone_from_a_long_list_at_once(account: Account, many: list[VideoFile]) -> None:
    going_on = video_work.work(account)
    there = going_on.files()
    told: list[tuple[int, int]] = []
    one = next(file for file in there if file.id == many[-1].id)
    going_on.delete([one], lambda done, total: told.append((done, total)))
    assert told == [(1, 1)]
    left = {file.id for file in going_on.files()}
    assert one.id not in left
    assert left == {file.id for file in files.list_files(account)}
