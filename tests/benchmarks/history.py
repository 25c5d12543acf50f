"""The history of a run of 100,000 tasks: its size on disk, and the time until a recorder can go on from it."""

import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from batch_core.facts import Attempt, Change, State
from batch_core.history import History
from batch_core.monitor import Recorder, history_path
from batch_core.recording import TaskBook
from batch_core.remembering import remembered
from tests.benchmarks.rig import running_cloud
from tests.fleet import add_tasks, simulated_job
from tests.waiting import until

TASKS = 100_000
NODES = 1_000
PAGE = 1_000
ROUNDS = 5
BORN = datetime(2026, 11, 22, 15, tzinfo=UTC)
T = TypeVar("T")


def run() -> list[tuple[str, ...]]:
    """Opens the history as a recorder does, and reads the same file by bare SQLite; then starts a whole recorder."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history" / "run.db"
        job = _write(path)
        size = path.stat().st_size
        first = min(_timed(lambda: _remember(path, job)) for _ in range(ROUNDS))
        opened = min(_timed(lambda: _open(path, job)) for _ in range(ROUNDS))
        bare = min(_timed(lambda: _bare(path)) for _ in range(ROUNDS))
    kept = f"History of {TASKS:,} tasks (three states, one attempt each)"
    return [
        (f"{kept}: size on disk", f"{size / 1e6:.1f} MB, {size / TASKS:.0f} bytes a task", "-", "-", "-"),
        (
            f"{kept}: opened, every attempt ready to be drawn",
            f"{opened:.2f} s",
            f"its rows by bare SQLite: {bare:.2f} s",
            f"{opened / bare:.1f}",
            "under 1 s",
        ),
        (f"{kept}: opened, with a row of each task as last seen", f"{first:.2f} s", "-", "-", "-"),
        _restart(),
    ]


def _write(path: Path) -> int:
    history = History(path)
    job = history.scope("job", "run", BORN)
    assert job
    for first in range(0, TASKS, PAGE):
        changes = [change for number in range(first, first + PAGE) for change in _life(number)]
        history.append(job, changes, BORN)
    history.close()
    return job


def _life(number: int) -> list[Change]:
    """What a recorder notes of a task that it watches all the way."""
    id, node = f"task-{number:06}", f"tvmps_{number % NODES:064x}_d"
    start = BORN + timedelta(seconds=number / 30)
    end = start + timedelta(seconds=20 + number % 40)
    return [
        State(id, "active", BORN),
        State(id, "running", start),
        Attempt(id, id, 1, node, start, None, "running", 0),
        State(id, "completed", end),
        Attempt(id, id, 1, node, start, end, "done", 0),
    ]


def _open(path: Path, job: int) -> None:
    history = History(path)
    spans = TaskBook(history.known(job)).spans.picture()
    history.close()
    assert len(spans) == TASKS


def _remember(path: Path, job: int) -> None:
    """All that is shown until the service has listed the tasks."""
    history = History(path)
    known = history.known(job)
    book = TaskBook(known)
    book.remember(remembered(history, job, known))
    spans, rows = book.spans.picture(), book.rows.picture()
    history.close()
    assert len(spans) == len(rows) == TASKS


def _bare(path: Path) -> None:
    """The rows alone: what no reader can do without."""
    db = sqlite3.connect(path)
    found = [db.execute(f"SELECT * FROM {table}").fetchall() for table in ("thing", "attempt")]
    db.close()
    assert len(found[1]) == 2 * TASKS


def _restart() -> tuple[str, ...]:
    """A recorder's first picture of a job of TASKS tasks without a history, and once more with it."""
    with running_cloud() as (account, _), tempfile.TemporaryDirectory() as folder:
        job_id, home = f"again-{uuid4().hex[:8]}", Path(folder)
        simulated_job(account, job_id, "nowhere")
        add_tasks(account, job_id, TASKS)

        def first_picture() -> float:
            """Seconds until there is one. The recorder ends when it has listed all, so that the next has it, too."""
            recorder = Recorder(account, None, job_id, home)
            begun = time.perf_counter()
            recorder.start()
            try:
                until(lambda: recorder.snapshot(), seconds=300, what="the first picture")
                took = time.perf_counter() - begun
                until(
                    lambda: (shot := recorder.snapshot()) and not shot.asking and shot.counts.total == TASKS,
                    seconds=300,
                    what="all tasks",
                )
            finally:
                recorder.stop()
            return took

        new, again = first_picture(), first_picture()
        size = history_path(home, account).stat().st_size
    return (
        f"A recorder's first picture of {TASKS:,} waiting tasks ({size / 1e6:.0f} MB kept)",
        f"{again:.1f} s from their history",
        f"{new:.1f} s without, which lists them all",
        f"{again / new:.2f}",
        "-",
    )


def _timed(work: Callable[[], T]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
