"""Which one thing holds a job up, where several do: what stops everything before a part, and in a fixed order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batch_core.conversions import Options
from batch_core.holdups import START_TASK_LONG, Holdup, find
from batch_core.jobs import Run
from batch_core.pools import PoolInfo
from batch_core.snapshot import Counts, NodeRow, Snapshot, TaskRow

NOW = datetime(2026, 11, 22, 13, 10, tzinfo=UTC)
AGO = NOW - timedelta(minutes=2)


def job(**changes: Any) -> Run:
    return replace(Run("j", "j", "active", "", Options(), "p", AGO, None, 5, None, 1, False), **changes)


def pool(nodes: int, **changes: Any) -> PoolInfo:
    return replace(PoolInfo("p", "active", "steady", "v", nodes, 0, nodes, 0, 1, AGO, (), False), **changes)


def node(order: int, state: str, **changes: Any) -> NodeRow:
    return replace(NodeRow(f"n{order}", state, AGO, True, 0, order, "", "", 0), **changes)


def task(id: str, state: str = "active", **changes: Any) -> TaskRow:
    result = {"done": "success", "failed": "failure"}.get(state)
    row = TaskRow(id, id, "completed" if result else state, result, None, None, AGO, None, None, AGO, 0, None)
    return replace(row, **changes)


def picture(
    states: str = "idle idle", tasks: tuple[TaskRow, ...] = (), slots: int = 1, **changes: Any
) -> Snapshot:
    nodes = tuple(node(order, state) for order, state in enumerate(states.split()))
    of = [one.state if not one.result else one.result for one in tasks]
    counts = Counts(of.count("active"), of.count("running"), of.count("success"), of.count("failure"))
    made = Snapshot(1, NOW, pool(len(nodes)), job(), nodes, tasks, (), counts, slots)
    return replace(made, **changes)


def found(snapshot: Snapshot) -> tuple[str, bool]:
    holdup = find(snapshot)
    assert holdup is not None
    return holdup.kind, holdup.whole


NO_QUOTA = {"errors": ("No quota.",), "error_codes": ("AccountCoreQuotaReached",)}
NO_LUCK = {"errors": ("No luck.",), "error_codes": ("AllocationFailed",)}
ORDER = [
    (picture("", job=job(error="Refused."), pool=None), ("cannot start", True)),
    (picture("", pool=None, counts=Counts(1)), ("pool gone", True)),
    (picture("idle", pool=pool(1, state="deleting")), ("pool deleted", True)),
    (picture("", pool=pool(2, **NO_QUOTA)), ("quota", True)),
    (picture("idle", pool=pool(2, **NO_QUOTA)), ("quota", False)),
    (picture("", pool=pool(2, **NO_LUCK)), ("allocation", True)),
    (picture("", pool=pool(0)), ("no nodes wanted", True)),
    (picture("", pool=pool(2)), ("no nodes", True)),
    (picture("starttaskfailed preempted"), ("start task failed", True)),
    (picture("starttaskfailed idle"), ("start task failed", False)),
    (picture("starttaskfailed starting"), ("start task failed", False)),
    (picture("waitingforstarttask starting"), ("start task runs", True)),
    (picture("unusable unusable"), ("unusable", True)),
    (picture("unusable idle"), ("unusable", False)),
    (picture("unknown something-new"), ("silent", True)),
    (picture("preempted preempted"), ("preempted", True)),
    (picture("preempted running"), ("preempted", False)),
]


@pytest.mark.parametrize(
    ("snapshot", "expected"), ORDER, ids=[f"{kind} {whole}" for _, (kind, whole) in ORDER]
)
def test_each_thing_is_found_and_whether_it_stops_everything(
    snapshot: Snapshot, expected: tuple[str, bool]
) -> None:
    assert found(snapshot) == expected


@pytest.mark.parametrize(
    ("snapshot", "first"),
    [
        (picture("unusable idle", job=job(state="disabled")), "disabled"),
        (picture("starttaskfailed idle", pool=pool(5, **NO_QUOTA)), "quota"),
        (picture("starttaskfailed unusable idle preempted"), "start task failed"),
        (picture("starttaskfailed starttaskfailed", job=job(state="disabled")), "start task failed"),
        (picture("preempted unusable", job=job(state="disabled")), "unusable"),
        (picture("preempted idle", (task("a", slots=4),)), "slots too few"),
    ],
)
def test_what_stops_everything_goes_before_what_stops_a_part(snapshot: Snapshot, first: str) -> None:
    assert found(snapshot)[0] == first


@pytest.mark.parametrize(
    "snapshot",
    [
        picture("idle running", (task("a", "running"),)),
        picture("idle running", (task("a"), task("b", "running"))),
        picture("idle", job=None),
        picture("unusable unusable", job=job(state="completed")),
        picture("", pool=pool(2, allocation_state="resizing", **NO_QUOTA)),
        picture("", pool=None, job=job(pool_id=None)),
        picture("", (task("a", "done"),), pool=None),
        picture("starting waitingforstarttask idle"),
    ],
)
def test_nothing_is_said_to_be_wrong_where_nothing_is(snapshot: Snapshot) -> None:
    assert find(snapshot) is None


def test_a_start_task_that_takes_long_on_some_nodes_is_told() -> None:
    snapshot = picture("waitingforstarttask idle")
    slow = replace(snapshot.nodes[0], since=NOW - START_TASK_LONG)
    assert found(replace(snapshot, nodes=(slow, snapshot.nodes[1]))) == ("start task runs", False)


def test_slots_that_others_take_are_told_only_when_nothing_of_the_job_runs() -> None:
    full = tuple(replace(one, slots_used=1) for one in picture("running running").nodes)
    assert found(picture("running running", (task("a"),), nodes=full)) == ("slots taken", True)
    mine = picture("running running", (task("a"), task("b", "running")), nodes=full)
    assert find(mine) is None


def test_nodes_that_take_no_tasks_hold_everything_up_only_together() -> None:
    off = tuple(replace(one, accepts=False) for one in picture("idle offline").nodes)
    assert found(picture("idle offline", nodes=off)) == ("switched off", True)
    assert find(picture("idle offline", nodes=(off[1], node(2, "idle")))) is None


def depends(*on: str | tuple[int, int]) -> dict[str, Any]:
    return {"depends": on}


def waits(*tasks: TaskRow) -> Holdup:
    holdup = find(picture("idle idle", tasks))
    assert holdup is not None
    return holdup


def test_what_waits_for_a_failure_waits_for_good_and_so_does_what_waits_for_that() -> None:
    last = task("c", **depends("b"))
    holdup = waits(last, task("a", "failed"), task("b", **depends("a")), task("d", "done"))
    assert (holdup.kind, holdup.whole, holdup.waiting) == ("parent failed", True, 2)
    assert [one.id for one in holdup.tasks] == ["a"]
    others = waits(task("a", "failed"), task("b", **depends("a")), task("e"))
    assert (others.kind, others.whole) == ("parent failed", False)


def test_ranges_go_by_number_and_leading_zeros_do_not_count() -> None:
    failed = waits(task("007", "failed"), task("x", **depends((5, 8))))
    assert (failed.kind, [one.id for one in failed.tasks]) == ("parent failed", ["007"])
    missing = waits(task("007", "done"), task("x", **depends((8, 9))))
    assert (missing.kind, missing.whole, [one.id for one in missing.tasks]) == ("parent missing", True, ["x"])
    assert find(picture("idle", (task("007", "done"), task("x", **depends((5, 8)))))) is None


def test_what_waits_for_a_task_that_runs_names_it_and_not_the_chain_between() -> None:
    holdup = waits(task("a", "running"), task("b", **depends("a")), task("c", **depends("b", "a")))
    assert (holdup.kind, holdup.whole, holdup.waiting) == ("parent not done", False, 2)
    assert [one.id for one in holdup.tasks] == ["a"]


def test_where_no_slot_is_free_dependencies_are_not_asked_for() -> None:
    full = (replace(node(0, "running"), slots_used=1),)
    tasks = (task("a", "running"), task("b", **depends("nobody")))
    assert find(picture("running", tasks, nodes=full)) is None
