"""The recorder beside simulated fleets that fail, are taken back and are meddled with: nothing it could see is lost.

Each run has a seed. The history is compared with all that recorders were told, and with the service's last word.
"""

import random
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from batch_core import feed
from batch_core.account import Account
from batch_core.feed import Doc, Feed
from batch_core.history import GONE, Attempt, History
from batch_core.monitor import Recorder, Snapshot, history_path
from batch_core.pacing import Backoff
from batch_core.recording import LATEST
from batch_core.times import moment
from tests.core.proxy import Call, Fault, door_to
from tests.fleet import add_tasks, simulated_job, simulated_pool
from tests.waiting import until

EVERY = 0.1
NODES, SPOT, TASKS = 24, 16, 160

Known = set[tuple[str, str, datetime]]


@pytest.fixture
def fleet(account: Account) -> Iterator[tuple[str, str]]:
    """A pool of simulated nodes, of which some are Spot, and a job on it; both are deleted at the end."""
    name = f"played-{uuid.uuid4().hex[:8]}"
    yield name, name
    account.batch.begin_delete_job(name, polling_interval=1)
    account.batch.begin_delete_pool(name, polling_interval=1)


@contextmanager
def watching(account: Account, job_id: str, home: Path) -> Iterator[Recorder]:
    recorder = Recorder(account, None, job_id, home, every=EVERY)
    recorder.start()
    try:
        yield recorder
    finally:
        recorder.stop()


class Heard:
    """All documents of tasks and nodes that recorders were given: what must be in the history then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.docs: list[Doc] = []
        self.nodes: set[tuple[str, str, datetime | None]] = set()
        listed = Feed.many

        def listening(one: Feed, path: str, **query: str) -> Iterator[list[Doc]]:
            for page in listed(one, path, **query):
                if path.endswith("/tasks"):
                    self.docs += page
                elif path.endswith("/nodes"):
                    self.nodes |= {
                        (doc["id"], doc["state"], moment(doc["stateTransitionTime"])) for doc in page
                    }
                yield page

        monkeypatch.setattr(Feed, "many", listening)

    def states(self) -> set[tuple[str, str, datetime | None]]:
        return {(doc["id"], doc["state"], moment(doc["stateTransitionTime"])) for doc in self.docs}

    def starts(self) -> set[tuple[str, datetime | None]]:
        ran = [doc for doc in self.docs if doc["state"] in ("running", "completed")]
        return {(doc["id"], moment(doc["executionInfo"].get("startTime"))) for doc in ran}


def whole(recorder: Recorder, tasks: int) -> Snapshot:
    """The picture in which so many tasks are there and have ended."""

    def ended() -> Snapshot | None:
        shot = recorder.snapshot()
        done = shot and _ended(shot) == shot.counts.total == tasks
        return shot if done else None

    found = until(ended, seconds=60, what="the end of all tasks")
    assert found
    return found


def told(home: Path, account: Account, pool_id: str, job_id: str) -> tuple[list[Attempt], Known, Known]:
    """The history's attempts, and the states of its tasks and of its nodes."""
    with closing(History(history_path(home, account))) as history:
        scopes = history.scope("job", job_id, None), history.scope("pool", pool_id, None)
        assert all(scopes)
        tasks, nodes = (
            {(one.id, one.state, one.since) for one in history.states(scope or 0)} for scope in scopes
        )
        return history.attempts(scopes[0] or 0), tasks, nodes


@pytest.mark.parametrize("seed", [1, 2])
def test_every_state_at_a_poll_and_every_attempt_is_kept_whatever_happens_meanwhile(
    account: Account,
    cloud: dict,
    fleet: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    monkeypatch.setattr(feed, "Backoff", lambda _, most: Backoff(0.2, most))
    pool_id, job_id = fleet
    dice, heard = random.Random(seed), Heard(monkeypatch)
    simulate = {"seed": seed, "seconds": [0.2, 1.0], "failures": 0.15, "preemptions": 0.1}
    simulated_pool(account, pool_id, NODES, spot=SPOT, **simulate)
    simulated_job(account, job_id, pool_id, retries=2)
    deleted = set(dice.sample(add_tasks(account, job_id, TASKS), 3))
    with door_to(cloud) as (through, door):
        door.judge = _throttling(dice)
        with watching(through, job_id, tmp_path) as first:
            until(lambda: (shot := first.snapshot()) and shot.counts.total == TASKS, what="all tasks")
            for id in deleted:
                account.batch.delete_task(job_id, id)
            until(lambda: (shot := first.snapshot()) and _ended(shot) >= 40, what="some tasks' end")
        counted = lambda: account.batch.get_job_task_counts(job_id).task_counts.completed  # noqa: E731
        until(lambda: counted() >= 90, seconds=60, what="the end of others while nobody watches")
        with watching(through, job_id, tmp_path) as second:
            shot = whole(second, TASKS - len(deleted))
        attempts, states, of_nodes = told(tmp_path, through, pool_id, job_id)
    assert door.faults, "the service has refused now and then"
    assert heard.states() <= states
    assert heard.starts() <= {(one.task_id, one.start) for one in attempts}
    for id in deleted:
        assert GONE in {state for one, state, _ in states if one == id}
    _compare([task.as_dict() for task in account.batch.list_tasks(job_id)], attempts)
    assert all(one.outcome != "running" for one in attempts)
    assert {(span.task_id, span.attempt) for span in shot.spans} == {
        (one.task_id, one.number) for one in attempts if one.node_id
    }
    outcomes = {span.outcome for span in shot.spans}
    assert outcomes >= {"done", "failed"}
    assert heard.nodes <= of_nodes
    taken = [phase for phase in shot.phases if phase.state == "preempted"]
    interrupted = [
        span for span in shot.spans if span.outcome in ("preempted", "lost", "requeued") and not span.missed
    ]
    assert interrupted
    for span in interrupted:
        told_why = any(
            phase.node_id == span.node_id and span.start <= phase.start <= span.end + LATEST
            for phase in taken
        )
        assert (span.outcome == "preempted") == told_why


def _throttling(dice: random.Random):
    def judge(call: Call) -> Fault | None:
        wish = Fault("status", dice.choice([429, 503]), "0") if dice.random() < 0.05 else None
        return wish if call.method == "GET" else None

    return judge


def _ended(shot: Snapshot) -> int:
    return shot.counts.succeeded + shot.counts.failed


def _compare(tasks: list[dict], attempts: list[Attempt]) -> None:
    """The service's last word of each task is what the history tells of its last attempt."""
    of: dict[str, list[Attempt]] = defaultdict(list)
    for one in attempts:
        of[one.task_id].append(one)
    for task in tasks:
        info, mine = task["executionInfo"], of[task["id"]]
        assert [one.number for one in mine] == list(range(1, len(mine) + 1))
        assert (mine[-1].start, mine[-1].end) == (moment(info["startTime"]), moment(info["endTime"]))
        assert mine[-1].outcome == ("done" if info["result"].lower() == "success" else "failed")
        assert len(mine) > info["retryCount"] + info["requeueCount"]
