"""A pool too large to list at each poll: deltas, counts and the tasks' own nodes tell what a list would tell."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from batch_core import nodes, watching_nodes
from batch_core.account import Account
from batch_core.facts import State
from batch_core.monitor import NodePhase, Recorder, Snapshot
from batch_core.node_book import NodeBook
from batch_core.phase_book import PhaseBook
from tests.core.proxy import Door, door_to
from tests.core.test_recording import at, node
from tests.fleet import add_tasks, simulated_job, simulated_pool
from tests.waiting import until

NODES, SLOTS = 30, 2


@pytest.fixture
def fleet(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A simulated pool that is large for the recorder, and a job on it, both of this name."""
    monkeypatch.setattr(watching_nodes, "SMALL_POOL", 10)
    monkeypatch.setattr(watching_nodes, "OVERLAP", timedelta(0))
    name = f"large-{uuid.uuid4().hex[:8]}"
    simulated_pool(account, name, NODES, slots=SLOTS, seconds=[600, 600])
    simulated_job(account, name, name)
    yield name
    account.batch.begin_delete_job(name, polling_interval=1)
    account.batch.begin_delete_pool(name, polling_interval=1)


@pytest.fixture
def watched(cloud: dict, fleet: str, tmp_path: Path) -> Iterator[tuple[Recorder, Door]]:
    with door_to(cloud) as (through, door):
        recorder = Recorder(through, None, fleet, tmp_path, every=0.1)
        recorder.start()
        yield recorder, door
        recorder.stop()


def seen(recorder: Recorder, like, what: str) -> Snapshot:
    def look() -> Snapshot | None:
        shot = recorder.snapshot()
        return shot if shot and like(shot) else None

    return until(look, seconds=30, what=what)


def _slots(account: Account, pool_id: str) -> dict[str, tuple[str, int]]:
    return {
        one.id: (str(one.state.value), one.running_task_slots_count or 0)
        for one in account.batch.list_nodes(pool_id)
    }


def test_states_slots_and_removals_are_told_without_listing_all_nodes_again(
    account: Account, fleet: str, watched: tuple[Recorder, Door]
) -> None:
    recorder, door = watched
    seen(recorder, lambda s: {n.state for n in s.nodes} == {"idle"} and len(s.nodes) == NODES, "idle nodes")

    def whole() -> int:
        return sum("/nodes?" in one and "$filter" not in one for one in list(door.asked))

    lists = whole()
    ids = add_tasks(account, fleet, NODES)
    seen(recorder, lambda s: [n.slots_used for n in s.nodes] == [1] * NODES, "a task on each node")
    late = lambda s: s.taken_at - max(n.since for n in s.nodes) > timedelta(seconds=1.5)  # noqa: E731
    seen(recorder, late, "a time from which on no delta tells of these nodes")
    add_tasks(account, fleet, 7, first=NODES)
    seen(recorder, lambda s: sum(n.slots_used for n in s.nodes) == NODES + 7, "the slots in use")
    for id in ids[:9]:
        account.batch.terminate_task(fleet, id)
    shot = seen(
        recorder, lambda s: sum(n.slots_used for n in s.nodes) == NODES - 2, "slots that are free again"
    )
    assert {n.id: (n.state, n.slots_used) for n in shot.nodes} == _slots(account, fleet)
    assert whole() == lists, "deltas and the tasks have told all this"
    gone = shot.nodes[3].id
    nodes.remove(account, fleet, gone)
    less = seen(recorder, lambda s: len(s.nodes) == NODES - 1, "the node's removal")
    assert gone not in {n.id for n in less.nodes}
    assert less.places == shot.places, "a place is kept"
    assert whole() - lists <= 2, "the counts have told that it is time"


def test_of_a_large_pool_alone_the_slots_in_use_are_told_without_listing_all_nodes_again(
    account: Account, cloud: dict, fleet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_nodes, "SLOTS_EVERY", 0.3)
    with door_to(cloud) as (through, door):
        recorder = Recorder(through, fleet, None, tmp_path, every=0.1)
        recorder.start()
        try:
            seen(recorder, lambda s: [n.state for n in s.nodes] == ["idle"] * NODES, "idle nodes")
            add_tasks(account, fleet, NODES)
            seen(recorder, lambda s: [n.slots_used for n in s.nodes] == [1] * NODES, "a task on each node")
            late = lambda s: s.taken_at - max(n.since for n in s.nodes) > timedelta(seconds=1.5)  # noqa: E731
            seen(recorder, late, "a time from which on no delta tells of these nodes")
            lists = sum("/nodes?" in one and "$filter" not in one for one in list(door.asked))
            add_tasks(account, fleet, 7, first=NODES)
            shot = seen(recorder, lambda s: sum(n.slots_used for n in s.nodes) == NODES + 7, "the slots")
        finally:
            recorder.stop()
        assert {n.id: (n.state, n.slots_used) for n in shot.nodes} == _slots(account, fleet)
        assert sum("/nodes?" in one and "$filter" not in one for one in door.asked) == lists
        asked = [one for one in door.asked if "$filter=state eq 'running'" in one]
        assert asked
        assert all("$select=id,runningTaskSlotsCount&" in one for one in asked), (
            "short, for thousands of nodes"
        )


def test_what_other_jobs_take_of_a_node_is_counted_with_it() -> None:
    book = NodeBook({})
    book.update(
        [node("a", "running", runningTaskSlotsCount=3), node("b", "running", runningTaskSlotsCount=1)], at(1)
    )
    book.settle({"a": 2}, ["a"], 4)
    assert [row.slots_used for row in book.in_order()] == [3, 1]
    assert book.settle({"a": 3}, ["a"], 4), "one more of our own, beside the other job's"
    assert not book.settle({"a": 5}, ["a"], 4), "a node has no more than its slots"
    assert [row.slots_used for row in book.in_order()] == [4, 1]
    book.merge([node("a", "idle")], at(2))
    book.settle({}, ["a"], 4)
    assert [(row.state, row.slots_used) for row in book.in_order()] == [("idle", 0), ("running", 1)]
    assert book.states() == {"idle": 1, "running": 1}


def test_phases_go_on_from_what_the_history_knows_and_take_nothing_twice() -> None:
    old, open_one = NodePhase("a", "creating", at(0), at(5)), NodePhase("a", "starting", at(5), None)
    book = PhaseBook([old, open_one], ("idle", "running"))
    book.update([State("a", "starting", at(5)), State("a", "creating", at(0))])
    assert book.picture() == (old, open_one)
    book.update([State("a", "idle", at(9)), State("a", "preempted", at(12)), State("a", "preempted", at(12))])
    assert book.picture() == (
        old,
        NodePhase("a", "starting", at(5), at(9)),
        NodePhase("a", "preempted", at(12), None),
    )
    assert list(book.taken_back("a")) == [at(12)]
