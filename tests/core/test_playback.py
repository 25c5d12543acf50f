"""Playback: a run's picture at any moment of its past is what the recorder told then, and leads to what went wrong."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch_core import past_rows
from batch_core.account import Account
from batch_core.facts import GONE, State
from batch_core.jobs import run_from
from batch_core.monitor import Recorder, Snapshot, history_path
from batch_core.playback import Playback, Trouble, prepare
from batch_core.snapshot import Counts, NodePhase, NodeRow, Span, Stay, Steps, TaskRow
from tests.fleet import add_tasks, simulated_job, simulated_pool
from tests.waiting import until

BORN = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
EVERY = 0.1
NODES, SPOT, TASKS = 3, 2, 14
PLAYED = {"seed": 5, "seconds": [1.0, 3.0], "failures": 0.3, "preemptions": 0.2, "boot": [0.2, 0.9]}


def at(seconds: float) -> datetime:
    return BORN + timedelta(seconds=seconds)


# A run by hand: two tasks on two nodes, of which one is taken back; another task is deleted


def task(id: str, state: str, since: float, **more: object) -> TaskRow:
    row = TaskRow(id, f"{id}.mov", state, None, None, None, at(1), None, None, at(since), 0, None)
    return replace(row, **more)  # type: ignore[arg-type]


def by_hand() -> Playback:
    """t1 runs 2-6 on n1; t2 runs 3-5 on n2, which is taken back, and 7-9 on n1, where it fails; t3 goes at 8."""
    job = run_from(
        {
            "id": "job",
            "state": "completed",
            "creationTime": at(0).isoformat(),
            "poolInfo": {"poolId": "pool"},
            "executionInfo": {"endTime": at(10).isoformat(), "terminateReason": "AllTasksComplete"},
        }
    )
    tasks = (
        task("t1", "completed", 6, result="success", exit_code=0, node_id="n1", started=at(2), ended=at(6)),
        task(
            "t2",
            "completed",
            9,
            result="failure",
            exit_code=3,
            node_id="n1",
            started=at(7),
            ended=at(9),
            retries=1,
            failure="FailureExitCode",
        ),
    )
    spans = (
        Span("n1", "t1", "t1.mov", at(2), at(6), "done", 1),
        Span("n2", "t2", "t2.mov", at(3), at(5), "preempted", 1),
        Span("n1", "t2", "t2.mov", at(7), at(9), "failed", 2),
    )
    phases = (
        NodePhase("n1", "starting", at(-5), at(1.5)),
        NodePhase("n2", "starting", at(-5), at(2.5)),
        NodePhase("n2", "preempted", at(4.9), at(9.5)),
    )
    steps = {("t1", 1): Steps("t1", 1, at(3), at(5), 60.0, 2.0, at(5))}
    latest = Snapshot(
        9, at(60), None, job, (), tasks, spans, Counts(succeeded=1, failed=1), 1, phases=phases,
        places={"n1": 0, "n2": 1}, steps=steps,
    )  # fmt: skip
    nodes = [
        State("n1", "starting", at(-5)), State("n2", "starting", at(-5)), State("n1", "idle", at(1.5)),
        State("n1", "running", at(2)), State("n2", "idle", at(2.5)), State("n2", "running", at(3)),
        State("n2", "preempted", at(4.9)), State("n1", "idle", at(6)), State("n1", "running", at(7)),
        State("n1", "idle", at(9)), State("n1", GONE, at(9.5)), State("n2", GONE, at(9.5)),
    ]  # fmt: skip
    of_tasks = [
        State("t1", "active", at(1)),
        State("t2", "active", at(1)),
        State("t3", "active", at(1)),
        State("t1", "preparing", at(1.8)),
        State("t1", "running", at(2)),
        State("t2", "running", at(3)),
        State("t2", "active", at(5)),
        State("t1", "completed", at(6)),
        State("t3", GONE, at(8)),
        State("t2", "completed", at(9)),
    ]  # fmt: skip  (that t2 ran again is known from its attempt alone)
    return Playback(latest, nodes, of_tasks)


def node_states(shot: Snapshot) -> dict[str, tuple[str, int]]:
    return {node.id: (node.state, node.slots_used) for node in shot.nodes}


def test_each_moment_has_the_nodes_tasks_and_attempts_that_it_had() -> None:
    played = by_hand()
    assert (played.start, played.end) == (at(0), at(10))
    assert played.at(at(0.5)).counts == Counts()
    assert node_states(played.at(at(0.5))) == {"n1": ("starting", 0), "n2": ("starting", 0)}
    shot = played.at(at(4))
    assert (shot.counts, shot.taken_at, shot.past) == (Counts(active=1, running=2), at(4), at(10))
    assert node_states(shot) == {"n1": ("running", 1), "n2": ("running", 1)}
    assert [(span.task_id, span.end, span.outcome) for span in shot.spans] == [
        ("t1", None, "running"),
        ("t2", None, "running"),
    ]
    assert [(phase.state, phase.end) for phase in shot.phases] == [
        ("starting", at(1.5)),
        ("starting", at(2.5)),
    ]
    shot = played.at(at(5.5))
    assert shot.counts == Counts(active=2, running=1)
    assert node_states(shot) == {"n1": ("running", 1), "n2": ("preempted", 0)}
    assert [(row.state, row.lost, row.retries) for row in shot.tasks if row.id == "t2"] == [
        ("active", True, 1)
    ]
    assert shot.spans[1].outcome == "preempted"
    assert shot.phases[-1] == NodePhase("n2", "preempted", at(4.9), None)
    again = played.at(at(7.5))
    assert again.counts == Counts(active=1, running=1, succeeded=1)
    assert [(row.node_id, row.started) for row in again.tasks if row.state == "running"] == [("n1", at(7))]
    assert played.at(at(8.5)).counts == Counts(running=1, succeeded=1), "a task that was deleted is gone"
    assert node_states(played.at(at(9.7))) == {}


def test_the_picture_has_no_future_in_it() -> None:
    played = by_hand()
    job = played.at(at(9)).job
    assert job
    assert (job.state, job.over, job.ended, job.reason) == ("active", False, None, "")
    job = played.at(at(10)).job
    assert job
    assert (job.over, job.ended) == (True, at(10))
    assert played.at(at(2.5)).steps == {}
    assert played.at(at(4)).steps[("t1", 1)] == Steps("t1", 1, at(3), None, None, None, at(3))
    (waiting,) = (row for row in played.at(at(2)).tasks if row.id == "t2")
    assert (waiting.result, waiting.exit_code, waiting.ended, waiting.failure) == (None, None, None, None)


def test_a_moment_outside_of_the_run_is_its_start_or_its_end_and_the_same_picture_is_made_once() -> None:
    played = by_hand()
    assert played.at(at(-100)).taken_at == at(0)
    shot = played.at(at(100))
    assert shot.taken_at == at(10)
    assert played.at(at(11)) is shot


def test_a_moment_is_the_same_from_a_mark_as_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    unmarked = by_hand()
    monkeypatch.setattr(past_rows, "MARK_EVERY", 3)
    marked = by_hand()
    for tenths in range(101):
        shot, same = unmarked.at(at(tenths / 10)), marked.at(at(tenths / 10))
        assert (shot.nodes, list(shot.tasks), shot.counts) == (same.nodes, list(same.tasks), same.counts)


def test_a_pool_that_is_gone_is_told_by_its_nodes() -> None:
    played = by_hand()
    pool = played.at(at(4)).pool
    assert pool
    assert (pool.id, pool.dedicated, pool.spot, pool.allocation_state) == ("pool", 1, 1, "steady")
    assert played.at(at(9.7)).pool is None


def test_leads_from_one_trouble_to_the_next_and_back() -> None:
    played = by_hand()
    taken, failed = played.troubles
    assert taken == Trouble(at(4.9), "preempted", "n2")
    assert failed == Trouble(at(9), "failed", "n1", "t2", "t2.mov")
    assert played.next_trouble(played.start) is taken
    assert played.next_trouble(taken.at) is failed
    assert played.next_trouble(failed.at) is None
    assert played.previous_trouble(played.end) is failed
    assert played.previous_trouble(failed.at) is taken
    assert played.previous_trouble(taken.at) is None
    assert node_states(played.at(taken.at))["n2"][0] == "preempted", "the picture of a trouble has it in it"


def test_what_was_over_between_two_looks_is_drawn_and_never_at_work() -> None:
    job = run_from({"id": "job", "creationTime": at(0).isoformat(), "poolInfo": {"poolId": "pool"}})
    spans = (
        Span("n9", "t1", "t1", at(3), at(3), "failed", 1, missed=True),
        Span("n9", "t1", "t1", at(4), at(6), "done", 2),
    )
    row = task("t1", "completed", 6, started=at(4), ended=at(6), node_id="n9", result="success", retries=1)
    stays = (Stay("n9", at(1), at(8)),)
    latest = Snapshot(
        1, at(9), None, job, (), (row,), spans, Counts(succeeded=1), 1, places={"n8": 0, "n9": 1}, stays=stays
    )
    nodes = [State("n8", GONE, at(-50)), State("n9", "idle", at(2)), State("n9", GONE, at(8))]
    played = Playback(latest, nodes, [State("t1", "active", at(1)), State("t1", "active", at(3))])
    assert played.at(at(3.5)).counts == Counts(active=1)
    assert [span.outcome for span in played.at(at(3.5)).spans] == ["failed"]
    assert played.at(at(5)).counts == Counts(running=1)
    assert [(node.order, node.place) for node in played.at(at(5)).nodes] == [(1, 0)], (
        "no hole of one long gone"
    )
    assert (played.at(at(5)).reach, played.at(at(5)).stays) == (1, (Stay("n9", at(1), None),))


# A run that was recorded


@pytest.fixture
def fleet(account: Account) -> Iterator[str]:
    """The name of a pool of simulated nodes, and of the job on it."""
    name = f"back-{uuid.uuid4().hex[:8]}"
    yield name
    account.batch.begin_delete_job(name, polling_interval=1)


def recorded(account: Account, job_id: str, home: Path) -> tuple[Snapshot, list[Snapshot]]:
    """The last picture of a job, and pictures on its way that nothing changed after until the next poll."""
    recorder = Recorder(account, None, job_id, home, every=EVERY)
    recorder.start()
    shots: list[Snapshot] = []
    quiet: list[Snapshot] = []

    def over() -> bool:
        shot = recorder.snapshot()
        if shot is None or (shots and shot is shots[-1]):
            return False
        if shots and shots[-1].version == shot.version and shot.version not in {one.version for one in quiet}:
            quiet.append(shot)
        shots.append(shot)
        return shot.counts.succeeded + shot.counts.failed == TASKS

    until(over, seconds=60, what="the end of all tasks")
    recorder.stop()
    return shots[-1], quiet


def newest(shot: Snapshot) -> datetime:
    """When the last thing in a picture happened."""
    ends = [at for span in shot.spans for at in (span.start, span.end) if at]
    return max([row.since for row in shot.tasks] + [node.since for node in shot.nodes] + ends)


def test_a_recorded_run_is_played_as_it_was_told_then_also_when_its_pool_is_gone(
    account: Account, fleet: str, tmp_path: Path
) -> None:
    simulated_pool(account, fleet, NODES, spot=SPOT, wait=False, **PLAYED)
    simulated_job(account, fleet, fleet, retries=1)
    add_tasks(account, fleet, TASKS)
    last, quiet = recorded(account, fleet, tmp_path)
    while_there = prepare(history_path(tmp_path, account), last)
    account.batch.begin_delete_pool(fleet, polling_interval=0.2).wait(30)
    again = Recorder(account, None, fleet, tmp_path, every=EVERY)
    again.start()
    gone = until(
        lambda: (shot := again.snapshot()) and shot.pool is None and shot, what="a picture without a pool"
    )
    again.stop()
    assert len(quiet) >= 3
    assert {"running", "idle"} <= {node.state for shot in quiet for node in shot.nodes}
    for played in (while_there, prepare(history_path(tmp_path, account), gone)):
        for shot in quiet:
            assert told(played.at(newest(shot))) == told(shot), newest(shot)
    kinds = {trouble.kind for trouble in while_there.troubles}
    failed = [span for span in last.spans if span.outcome == "failed"]
    assert "failed" in kinds
    assert sum(trouble.kind == "failed" for trouble in while_there.troubles) == len(failed)


def told(shot: Snapshot) -> dict[str, object]:
    """What a picture says of nodes, tasks and attempts."""
    return {
        "counts": shot.counts,
        "nodes": {(node.id, node.state, node.since, node.slots_used, node.order) for node in shot.nodes},
        "tasks": {(row.id, row.state, row.result, row.node_id, row.started, row.since) for row in shot.tasks},
        "spans": {(one.task_id, one.attempt, one.node_id, one.start, one.end) for one in shot.spans},
    }


def test_what_no_poll_met_is_told_by_the_attempts() -> None:
    """A node that was first seen at rest after its work, and one of which nothing but its work is known."""
    job = run_from({"id": "job", "creationTime": at(0).isoformat(), "poolInfo": {"poolId": "pool"}})
    node = NodeRow("n1", "idle", at(6), True, 0, 0, "", "", 1, at(-60))
    spans = (
        Span("n1", "t1", "t1", at(2), at(6), "done", 1),
        Span("n2", "t2", "t2", at(3), at(5), "done", 1),
    )
    done = {"result": "success", "exit_code": 0}
    rows = [
        task("t1", "completed", 6, started=at(2), ended=at(6), node_id="n1", **done),
        task("t2", "completed", 5, started=at(3), ended=at(5), node_id="n2", **done),
    ]
    latest = Snapshot(1, at(9), None, job, (node,), rows, spans, Counts(succeeded=2), 1, places={"n1": 0})
    played = Playback(latest, [State("n1", "idle", at(6))], [])
    assert node_states(played.at(at(1))) == {"n1": ("idle", 0)}
    assert node_states(played.at(at(4))) == {"n1": ("running", 1), "n2": ("running", 1)}
    assert [node.since for node in played.at(at(4)).nodes] == [at(2), at(3)]
    assert node_states(played.at(at(5.5))) == {"n1": ("running", 1)}
    assert played.at(at(4)).counts == Counts(running=2)
    assert played.at(at(1.5)).counts == Counts(active=2)
    assert (played.end, played.at(at(9)).nodes) == (at(6), (node,))
