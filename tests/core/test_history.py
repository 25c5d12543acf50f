"""The history: what is appended once, read in order, and known again after a restart."""

import os
import sqlite3
import stat
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch_core.history import ALLOCATED, GONE, QUIET_ALONE, Attempt, History, State
from batch_core.snapshot import Stay
from batch_core.stay_book import StayBook

BORN = datetime(2026, 11, 22, 15, 0, 0, 123456, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BORN + timedelta(seconds=seconds)


def attempt(number: int = 1, end: float | None = None, outcome: str = "running", task: str = "t1") -> Attempt:
    closed = None if end is None else at(end)
    return Attempt(task, "holiday.mov", number, "node-1", at(number), closed, outcome, 0)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history" / "abc.db"


def test_an_attempt_is_kept_as_it_began_and_as_it_ended_and_read_as_last_known(path: Path) -> None:
    history = History(path)
    job = history.scope("job", "run-1", BORN)
    assert job
    history.append(job, [attempt()], at(1))
    history.append(job, [attempt(end=9, outcome="done")], at(9))
    history.close()
    rows = sqlite3.connect(path).execute("SELECT outcome FROM attempt ORDER BY id").fetchall()
    assert rows == [("running",), ("done",)]
    story = History(path).read(None, "run-1")
    assert [(span.task_id, span.name, span.node_id, span.outcome) for span in story.spans] == [
        ("t1", "holiday.mov", "node-1", "done")
    ]
    assert (story.spans[0].start, story.spans[0].end) == (at(1), at(9))
    assert story.last_seen == at(9)


def test_a_history_from_before_slots_were_kept_is_read_and_goes_on(path: Path) -> None:
    history = History(path)
    job = history.scope("job", "j", BORN)
    assert job
    history.append(job, [replace(attempt(), slots=4)], at(1))
    assert [one.slots for one in history.known(job).spans] == [4]
    history.close()
    with closing(sqlite3.connect(path)) as older:
        older.execute("ALTER TABLE attempt DROP COLUMN slots")
    again = History(path)
    again.append(job, [replace(attempt(task="t2"), slots=2)], at(2))
    assert [(one.task_id, one.slots) for one in again.attempts(job)] == [("t1", 1), ("t2", 2)]
    assert [one.slots for one in again.known(job).running] == [1, 2]


def test_a_task_that_was_first_seen_waiting_keeps_its_name(path: Path) -> None:
    history = History(path)
    job = history.scope("job", "run-1", BORN)
    assert job
    history.append(job, [State("t1", "active", at(0))], at(0))
    history.append(job, [State("t1", "running", at(1)), attempt()], at(1))
    history.append(job, [State("t1", "completed", at(9))], at(9))
    assert [one.name for one in history.attempts(job)] == ["holiday.mov"]


def test_what_a_recorder_goes_on_from_are_the_same_attempts(path: Path) -> None:
    history = History(path)
    job = history.scope("job", "run-1", BORN)
    assert job
    unseen = Attempt("t2", "holiday.mov", 1, None, None, None, "failed", 0)
    done, open_one = attempt(end=9, outcome="done"), attempt(2, task="t2")
    history.append(job, [attempt(), unseen, open_one, done], at(9))
    known = history.known(job)
    assert list(known.spans) == [done.span(), open_one.span()]
    assert (known.tries, list(known.running)) == ({"t1": 1, "t2": 2}, [open_one])
    assert history.attempts(job) == [done, unseen, open_one]


def test_the_same_thing_seen_twice_is_kept_once(path: Path) -> None:
    history = History(path)
    pool = history.scope("pool", "p", BORN)
    assert pool
    for _ in range(3):
        history.append(pool, [State("n1", "idle", at(1)), State("n1", "running", at(2))], at(2))
    assert history.states(pool) == [State("n1", "idle", at(1)), State("n1", "running", at(2))]


def test_a_later_pool_of_the_same_name_has_a_history_of_its_own(path: Path) -> None:
    history = History(path)
    old, new = history.scope("pool", "p", BORN), history.scope("pool", "p", at(3600))
    assert old != new
    assert history.scope("pool", "P", BORN) == old, "Batch compares ids without case"
    assert history.scope("pool", "p", None) == new, "without a time of birth it is the last one"
    assert history.scope("pool", "p", None, before=at(60)) == old, "or the last one that was there by then"
    assert history.scope("pool", "p", None, before=at(-60)) is None
    assert history.scope("pool", "never", None) is None


def test_a_node_keeps_its_place_over_a_restart_and_a_new_one_gets_a_new_place(path: Path) -> None:
    history = History(path)
    pool = history.scope("pool", "p", BORN)
    assert pool
    history.append(pool, [State(f"n{i}", "idle", at(i)) for i in (3, 1, 2)], at(3))
    history.append(pool, [State("n1", GONE, at(4))], at(4))
    history.close()
    again = History(path)
    again.append(pool, [State("n9", "idle", at(5))], at(5))
    assert again.places(pool) == {"n3": 0, "n1": 1, "n2": 2, "n9": 3}


def test_phases_are_the_times_in_which_a_node_was_neither_idle_nor_running(path: Path) -> None:
    history = History(path)
    pool = history.scope("pool", "p", BORN)
    assert pool
    states = ["creating", "starting", "waitingforstarttask", "idle", "running", "preempted"]
    history.append(pool, [State("n1", state, at(10 * i)) for i, state in enumerate(states)], at(60))
    found = [(phase.state, phase.start, phase.end) for phase in history.phases(pool)]
    assert found == [
        ("creating", at(0), at(10)),
        ("starting", at(10), at(20)),
        ("waitingforstarttask", at(20), at(30)),
        ("preempted", at(50), None),
    ]
    assert [phase.state for phase in history.phases(pool, after=at(25))] == [
        "waitingforstarttask",
        "preempted",
    ]
    assert [phase.state for phase in history.phases(pool, at(45), QUIET_ALONE)] == ["running", "preempted"]


def test_what_begins_and_ends_a_nodes_stay_is_read_without_all_the_states_between(path: Path) -> None:
    history = History(path)
    pool = history.scope("pool", "p", BORN)
    assert pool
    seen = ["idle", "running", "idle", "running", "preempted", "starting", "idle", GONE]
    states = [State("n1", state, at(10 * i)) for i, state in enumerate(seen, 1)]
    history.append(pool, [State("n1", ALLOCATED, at(1)), *states], at(90))
    kept = list(history.comings_and_goings(pool))
    assert [(one.state, one.since) for one in kept] == [
        (ALLOCATED, at(1)),
        ("preempted", at(50)),
        ("starting", at(60)),
        (GONE, at(80)),
    ]
    assert StayBook(kept).picture() == (Stay("n1", at(1), at(50)), Stay("n1", at(60), at(80)))
    assert not StayBook(kept, after=at(80)).picture(), "of no interest to a job that was made later"


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    home = tmp_path / "share" / "app"
    History(home / "history" / "abc.db").close()
    for folder in (home, home / "history"):
        if os.name == "posix":  # Windows keeps a user's folders private by itself
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_try_that_nobody_saw_is_known_again_as_what_it_is(path: Path) -> None:
    history = History(path)
    job = history.scope("job", "j", BORN)
    assert job
    missed = Attempt("t1", "a.mp4", 1, "n1", None, at(7), "failed", 0, 2)
    history.append(job, [missed], at(9))
    known = history.known(job)
    assert known.spans == [missed.span()]
    assert (known.spans[0].start, known.spans[0].missed, known.running) == (at(7), True, [])


def test_an_attempt_of_which_only_the_number_is_known_is_kept_but_not_drawn(path: Path) -> None:
    history = History(path)
    job = history.scope("job", "j", BORN)
    assert job
    unseen = Attempt("t1", "a.mp4", 1, None, None, None, "failed", 0)
    history.append(job, [unseen, attempt(2)], at(2))
    assert history.attempts(job)[0] == unseen
    assert [span.attempt for span in history.read(None, "j").spans] == [2]


def test_several_writers_at_once_lose_nothing(path: Path) -> None:
    def write(writer: int) -> None:
        own = History(path)
        job = own.scope("job", "j", BORN)
        assert job
        for i in range(20):
            own.append(job, [attempt(task=f"t{writer}-{i}")], at(i))
        own.close()

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(History(path).read(None, "j").spans) == 80


def test_many_tasks_open_in_a_moment_and_take_little_room(path: Path) -> None:
    history = History(path)
    job = history.scope("job", "j", BORN)
    assert job
    history.append(job, [attempt(task=f"t{i}", end=9, outcome="done") for i in range(20_000)], at(9))
    before = datetime.now(UTC)
    assert len(history.attempts(job)) == 20_000
    assert datetime.now(UTC) - before < timedelta(seconds=2)
    assert path.stat().st_size < 20_000 * 200
