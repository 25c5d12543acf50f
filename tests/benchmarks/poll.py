"""One poll of a job of 100,000 tasks of which 100 have changed, beside listing them all with the SDK into a DataFrame."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pandas as pd

from batch_core.account import Account
from batch_core.history import History
from batch_core.polling import Poller
from batch_core.watching_tasks import OVERLAP
from tests.benchmarks.rig import running_cloud
from tests.fleet import add_tasks, simulated_job

TASKS = 100_000
CHANGES = 100
POLLS = 5


@dataclass(frozen=True)
class Cost:
    """Seconds of time and of this process's processor."""

    wall: float
    cpu: float


def run() -> list[tuple[str, ...]]:
    """Polls a job without a pool, whose tasks change because some are ended and others added."""
    with running_cloud() as (account, _), tempfile.TemporaryDirectory() as folder:
        job_id = f"poll-{uuid4().hex[:8]}"
        simulated_job(account, job_id, "nowhere")
        add_tasks(account, job_id, TASKS)
        sdk = _cost(lambda: pd.DataFrame([task.as_dict() for task in account.batch.list_tasks(job_id)]))
        poller = Poller(account, None, job_id, History(Path(folder) / "history.db"))
        load = _cost(poller.poll)
        polls = sorted(
            (_changed_poll(account, job_id, poller, n) for n in range(POLLS)), key=lambda c: c.wall
        )
        poller.close()
    poll = polls[POLLS // 2]
    what = f"poll of a job of {TASKS:,} tasks, {CHANGES} of them changed"
    baseline = "list(client.list_tasks()) into a DataFrame"
    return [
        _row(f"First load of {TASKS:,} tasks into rows and history", load, baseline, sdk, "-"),
        _row(f"Median {what}, with its picture and history", poll, baseline, sdk, "at most 1/100"),
    ]


def _changed_poll(account: Account, job_id: str, poller: Poller, number: int) -> Cost:
    """What a poll costs that finds CHANGES tasks in another state, and no others in its overlap."""
    time.sleep(OVERLAP.total_seconds() + 1)  # what was told before is not told once more
    poller.poll()
    for task in range(number * CHANGES, (number + 1) * CHANGES):
        account.batch.terminate_task(job_id, f"task-{task:06}")
    cost = _cost(poller.poll)
    ended = poller.poll().counts.failed
    assert ended == (number + 1) * CHANGES, f"{ended} have ended"
    return cost


def _cost(work: Callable[[], object]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def _row(what: str, cost: Cost, baseline: str, other: Cost, target: str) -> tuple[str, ...]:
    return (
        what,
        f"{cost.wall * 1000:,.0f} ms, {cost.cpu * 1000:,.0f} ms of processor time",
        f"{baseline}: {other.wall:.1f} s, {other.cpu:.1f} s of processor time",
        f"1/{other.wall / cost.wall:,.0f} of the time, 1/{other.cpu / cost.cpu:,.0f} of the processor time",
        target,
    )
