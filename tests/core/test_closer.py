"""How far a task of ours is: read from its progress file while it runs, told step by step, and kept."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.batch import models

from batch_core import jobs, launching, pools
from batch_core.account import Account
from batch_core.closer import EVERY, MOST, PART, Closer, last_block
from batch_core.errors import DashboardError, Throttled
from batch_core.feed import Part
from batch_core.history import History, Known, Step
from batch_core.monitor import Recorder, Snapshot, history_path
from batch_core.recording import TaskBook
from batch_core.snapshot import Outcome, Span
from batch_core.storage import APP
from tests.core.commands import python
from tests.waiting import until

T0 = datetime(2026, 11, 22, 15, 0, 0, tzinfo=UTC)
FFMPEG = "['ffmpeg', '-y', '-progress', 'progress.txt', '-re', '-f', 'lavfi', '-i', 'testsrc2=size=64x36', '-t', '2', 'a.mp4']"
TAKES = python(f"import subprocess, time; time.sleep(1.5); subprocess.run({FFMPEG}); time.sleep(60)")


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def block(made: float, speed: str, state: str = "continue") -> bytes:
    return f"frame=1\nout_time_us={round(made * 1e6)}\nspeed={speed}\nprogress={state}\n".encode()


@pytest.fixture
def run_id(account: Account) -> Iterator[str]:
    """A job that looks like a run of ours, of a task that waits, converts for two seconds, and goes on."""
    pools.ensure_local_pool(account)
    id = f"ours-{uuid.uuid4().hex[:8]}"
    label = {"app": APP, "settings": json.dumps({"total": 1})}
    metadata = [models.BatchMetadataItem(name=name, value=value) for name, value in label.items()]
    pool = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    account.batch.create_job(models.BatchJobCreateOptions(id=id, pool_info=pool, metadata=metadata))
    launching.add_tasks(account, id, [models.BatchTaskCreateOptions(id="t1", command_line=TAKES)])
    yield id
    jobs.stop(account, id)


def seen(recorder: Recorder, like) -> Snapshot:
    def look() -> Snapshot | None:
        recorder.look_closer(["t1", "never-was"])
        shot = recorder.snapshot()
        return shot if shot and like(shot) else None

    return until(look, seconds=60, what="the picture")


def test_a_task_of_ours_tells_when_it_began_to_convert_and_to_upload_and_so_does_its_history(
    account: Account, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch_core.closer.EVERY", 0.2)
    recorder = Recorder(account, None, run_id, tmp_path, every=0.2)
    recorder.start()
    key = ("t1", 1)
    try:
        early = seen(recorder, lambda s: s.steps.get(key) and s.steps[key].converting)
        late = seen(recorder, lambda s: s.steps[key].uploading)
    finally:
        recorder.stop()
    steps, start = late.steps[key], late.spans[0].start
    assert steps.converting == early.steps[key].converting, "a time once told stays"
    assert steps.converting
    assert steps.uploading
    assert steps.converting - start > timedelta(seconds=0.5)
    assert timedelta(seconds=0.9) < steps.uploading - steps.converting < timedelta(seconds=20)
    assert steps.out_seconds == pytest.approx(2, abs=0.1)
    history = History(history_path(tmp_path, account))
    scope = history.scope("job", run_id, None)
    assert scope
    (kept,) = history.steps(scope)
    assert (kept.converting, kept.uploading) == (steps.converting, steps.uploading)
    later = Recorder(account, None, run_id, tmp_path, every=0.2)
    later.start()
    try:
        again = until(lambda: (shot := later.snapshot()) and shot.steps and shot, what="the steps as kept")
    finally:
        later.stop()
    assert (again.steps[key].converting, again.steps[key].uploading) == (steps.converting, steps.uploading)


def test_of_a_job_that_others_made_no_file_is_read(account: Account, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("batch_core.feed.Feed.part", lambda *_: pytest.fail("a file was asked for"))
    id = f"foreign-{uuid.uuid4().hex[:8]}"
    pool = models.BatchPoolInfo(pool_id="nowhere")
    account.batch.create_job(models.BatchJobCreateOptions(id=id, pool_info=pool))
    account.batch.create_task(id, models.BatchTaskCreateOptions(id="t1", command_line="x"))
    recorder = Recorder(account, None, id, tmp_path, every=0.1)
    recorder.start()
    try:
        first = seen(recorder, lambda s: s.counts.active == 1)
        assert seen(recorder, lambda s: s.taken > first.taken + 0.3).steps == {}
    finally:
        recorder.stop()
        jobs.stop(account, id)


class Files:
    """The wire's end: what a task's file holds, or the error that is answered."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[bytes, datetime]] = {}
        self.asked: list[tuple[str, int]] = []
        self.error: DashboardError | None = None
        self.created: datetime | None = None

    def part(self, path: str, first: int, most: int) -> Part | None:
        task = path.split("/")[4]
        self.asked.append((task, first))
        if self.error:
            raise self.error
        data, modified = self.held.get(task, (b"", T0))
        part = data[first : first + most]
        return Part(part, modified, self.created) if part else None


def closer(*tasks: str, end: float | None = None) -> tuple[Closer, Files, TaskBook]:
    files = Files()
    outcome: Outcome = "running" if end is None else "done"
    ended = None if end is None else at(end)
    spans = [Span("n1", id, id, at(10), ended, outcome, 1) for id in tasks]
    book = TaskBook(Known(spans, dict.fromkeys(tasks, 1)))
    return Closer(files), files, book  # type: ignore[arg-type]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that time.monotonic tells in the module."""
    now = [1000.0]
    monkeypatch.setattr("batch_core.closer.monotonic", lambda: now[0])
    return now


def test_without_a_time_of_creation_the_speed_tells_when_converting_began(clock: list[float]) -> None:
    look, files, book = closer("t1")
    files.held["t1"] = (block(1, "0.5x") + block(6, "0.5x") + b"frame=99\nout_ti", at(30))
    changes = look.look("job", ["t1"], book, at(31))
    steps = look.steps["t1", 1]
    assert (steps.out_seconds, steps.speed, steps.uploading) == (6.0, 0.5, None)
    assert steps.converting == at(18.5), "12 s before the file was written last, in the middle of a second"
    assert changes == [Step("t1", 1, "converting", at(18.5))]
    clock[0] += EVERY
    files.held["t1"] = (files.held["t1"][0] + block(8, "0.4x", "end"), at(40))
    assert look.look("job", ["t1"], book, at(45)) == [Step("t1", 1, "uploading", at(40.5))]
    assert look.steps["t1", 1].converting == at(18.5)
    clock[0] += EVERY
    look.look("job", ["t1"], book, at(50))
    assert len(files.asked) == 2, "what has ended is not read again"


def test_a_time_of_creation_goes_before_and_no_step_lies_outside_of_the_attempt(clock: list[float]) -> None:
    look, files, book = closer("t1", end=20)
    files.created, files.held["t1"] = at(5), (block(9, "1x", "end"), at(40))
    look.look("job", ["t1"], book, at(60))
    assert (look.steps["t1", 1].converting, look.steps["t1", 1].uploading) == (at(10), at(20))


def test_what_the_attempt_before_has_left_is_not_read_as_this_ones(clock: list[float]) -> None:
    look, files, book = closer("t1")
    files.held["t1"] = (block(9, "1x", "end"), at(3))
    assert look.look("job", ["t1"], book, at(12)) == []
    assert look.steps["t1", 1].fetching
    assert look.steps["t1", 1].converting is None


def test_a_task_that_runs_without_a_progress_file_fetches_its_input_until_it_has_one(
    clock: list[float],
) -> None:
    look, files, book = closer("t1")
    assert look.look("job", ["t1"], book, at(11)) == []
    assert look.steps["t1", 1].fetching
    clock[0] += EVERY
    files.held["t1"] = (block(1, "0.5x"), at(30))
    look.look("job", ["t1"], book, at(31))
    assert not look.steps["t1", 1].fetching
    over, _, book = closer("t1", end=20)
    over.look("job", ["t1"], book, at(31))
    assert over.steps == {}, "it is over, and nothing is known of it"


def test_each_file_is_asked_for_every_two_seconds_at_most_and_25_in_a_poll(clock: list[float]) -> None:
    tasks = [f"t{number}" for number in range(40)]
    look, files, book = closer(*tasks)
    look.look("job", tasks, book, at(20))
    assert len(files.asked) == MOST
    look.look("job", tasks, book, at(20))
    assert {task for task, _ in files.asked} == set(tasks)
    look.look("job", tasks, book, at(20))
    assert len(files.asked) == 40, "all were looked at within two seconds"
    clock[0] += EVERY
    look.look("job", tasks, book, at(22))
    assert len(files.asked) == 40 + MOST


def test_a_long_file_is_read_part_by_part_and_then_at_its_end_only(clock: list[float]) -> None:
    look, files, book = closer("t1")
    files.held["t1"] = (block(1, "1x") * 2000 + block(77, "1x"), at(90))
    size = len(files.held["t1"][0])
    for _ in range(size // PART + 2):
        look.look("job", ["t1"], book, at(90))
        clock[0] += EVERY
    assert look.steps["t1", 1].out_seconds == 77
    assert files.asked[-1][1] > size - 2000


def test_a_refusal_is_survived_and_waited_out(clock: list[float]) -> None:
    look, files, book = closer("t1")
    files.error = Throttled("The service has too much to do.")
    assert look.look("job", ["t1"], book, at(20)) == []
    clock[0] += EVERY
    look.look("job", ["t1"], book, at(22))
    assert len(files.asked) == 1
    files.error, clock[0] = None, clock[0] + 20
    files.held["t1"] = (block(1, "1x"), at(22))
    assert look.look("job", ["t1"], book, at(40))


@pytest.mark.parametrize("data", [b"", b"progress=cont", b"frame=1\nspeed=1x\n", b"\xff\xfe"])
def test_a_file_without_a_whole_block_tells_nothing(data: bytes) -> None:
    assert last_block(data) == {}


def test_what_ffmpeg_does_not_know_yet_is_unknown(clock: list[float]) -> None:
    look, files, book = closer("t1")
    files.held["t1"] = (b"out_time_us=N/A\nspeed=N/A\nprogress=continue\n", at(12))
    look.look("job", ["t1"], book, at(12))
    steps = look.steps["t1", 1]
    assert (steps.converting, steps.out_seconds, steps.speed) == (None, None, None)
