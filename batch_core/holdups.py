"""Why nothing runs, or not all that could: the one thing to do something about, decided from a picture.

Nothing is asked of the service here. What stops everything goes before what stops a part; within each of the two
in this order: quota, allocation, start task, nodes out of order, the job, slots, dependencies, nodes taken back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from batch_core.blocking import Blocking, blocking
from batch_core.holding import HELD
from batch_core.pools import PoolInfo
from batch_core.snapshot import NodeRow, Snapshot, TaskRow

START_TASK_LONG = timedelta(minutes=5)
ON_THE_WAY = frozenset(
    ("creating", "starting", "waitingforstarttask", "rebooting", "reimaging", "upgradingos", "leavingpool")
)
SWITCHED_OFF = frozenset(("offline", "deallocated", "deallocating"))

Kind = Literal[
    "cannot start",
    "pool gone",
    "pool deleted",
    "quota",
    "allocation",
    "no nodes wanted",
    "no nodes",
    "start task failed",
    "start task runs",
    "unusable",
    "silent",
    "disabled",
    "switched off",
    "slots too few",
    "slots taken",
    "parent failed",
    "parent missing",
    "parent not done",
    "preempted",
]


@dataclass(frozen=True)
class Holdup:
    """What holds a job or a pool up.

    `whole`: nothing can run because of it. `nodes` and `tasks`: the ones to do something about (of tasks that wait
    for others these others, where there are any). `waiting`: how many tasks it keeps from running, where that is known.
    `reasons`: sentences of the service's. `since`: since when, where that is known.
    """

    kind: Kind
    whole: bool
    nodes: tuple[NodeRow, ...] = ()
    tasks: tuple[TaskRow, ...] = ()
    waiting: int = 0
    reasons: tuple[str, ...] = ()
    since: datetime | None = None


def find(snapshot: Snapshot) -> Holdup | None:
    """What holds the job (or the pool, when it is watched alone) up; None when nothing does, or the job is over."""
    if snapshot.job is not None and snapshot.job.over:
        return None
    case = _Case(snapshot)
    part: Holdup | None = None
    for look in _LOOKS:
        found = look(case)
        if found and found.whole:
            return found
        part = part or found
    return part


class _Case:
    """A picture, counted once for all who look at it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot, self.pool, self.nodes = snapshot, snapshot.pool, snapshot.nodes
        self.ready = [node for node in self.nodes if node.accepts and node.state in ("idle", "running")]
        self.coming = any(node.state in ON_THE_WAY for node in self.nodes)
        self.stuck = bool(self.nodes) and not self.ready and not self.coming

    def of(self, *states: str) -> tuple[NodeRow, ...]:
        """The nodes in one of these states."""
        return tuple(node for node in self.nodes if node.state in states)

    @property
    def free(self) -> int:
        """Slots in which something could start now."""
        slots = self.snapshot.slots
        return sum(max(0, slots - node.slots_used) for node in self.ready)

    @cached_property
    def waiting(self) -> list[TaskRow]:
        """The tasks that wait, where there is room for one of them; else none needs a reason."""
        if not self.snapshot.counts.active or not self.free:
            return []
        return [task for task in self.snapshot.tasks if task.state == "active"]

    @cached_property
    def blocking(self) -> Blocking:
        """What the waiting tasks wait for."""
        return blocking(self.waiting, self.snapshot.tasks)


def _cannot_start(case: _Case) -> Holdup | None:
    job = case.snapshot.job
    return Holdup("cannot start", True, reasons=(job.error,)) if job and job.error else None


def _no_pool(case: _Case) -> Holdup | None:
    job, counts = case.snapshot.job, case.snapshot.counts
    if case.pool is not None:
        return Holdup("pool deleted", True) if case.pool.state == "deleting" else None
    if job is None or job.pool_id is None or (counts.total and not counts.active + counts.running):
        return None
    return Holdup("pool gone", True, waiting=counts.active)


def _short_of_nodes(case: _Case) -> PoolInfo | None:
    """The pool, when its last resize did not bring all nodes."""
    pool = case.pool
    short = pool is not None and pool.allocation_state == "steady" and len(case.nodes) < wanted(pool)
    return pool if short else None


def wanted(pool: PoolInfo) -> int:
    """How many nodes a pool is to have."""
    return pool.target_dedicated + pool.target_spot


def _quota(case: _Case) -> Holdup | None:
    pool = _short_of_nodes(case)
    if pool is None or not any("Quota" in code for code in pool.error_codes):
        return None
    return Holdup("quota", not case.nodes, reasons=tuple(dict.fromkeys(pool.errors)))


def _allocation(case: _Case) -> Holdup | None:
    short = _short_of_nodes(case)
    if short and short.errors:
        return Holdup("allocation", not case.nodes, reasons=tuple(dict.fromkeys(short.errors)))
    if case.pool is None or case.nodes or case.pool.allocation_state != "steady":
        return None
    if not wanted(case.pool):
        return Holdup("no nodes wanted", True)
    return Holdup("no nodes", True, since=case.pool.allocation_since)


def _start_task(case: _Case) -> Holdup | None:
    failed, runs = case.of("starttaskfailed"), case.of("waitingforstarttask")
    if failed:
        return Holdup("start task failed", case.stuck, failed, since=min(node.since for node in failed))
    if not runs:
        return None
    since = min(node.since for node in runs)
    if not case.ready:
        return Holdup("start task runs", True, runs, since=since)
    long = tuple(node for node in runs if case.snapshot.taken_at - node.since >= START_TASK_LONG)
    return Holdup("start task runs", False, long, since=since) if long else None


def _unusable(case: _Case) -> Holdup | None:
    broken = case.of("unusable")
    if broken:
        why = tuple(dict.fromkeys(node.error for node in broken if node.error))
        return Holdup("unusable", case.stuck, broken, reasons=why, since=min(node.since for node in broken))
    known = ON_THE_WAY | SWITCHED_OFF | {"idle", "running", "preempted", "starttaskfailed"}
    silent = tuple(node for node in case.nodes if node.state not in known)
    if not silent:
        return None
    return Holdup("silent", case.stuck, silent, since=min(node.since for node in silent))


def _disabled(case: _Case) -> Holdup | None:
    job = case.snapshot.job
    if job is None or job.state not in HELD:
        return None
    return Holdup("disabled", True, waiting=case.snapshot.counts.active)


def _slots(case: _Case) -> Holdup | None:
    counts, slots = case.snapshot.counts, case.snapshot.slots
    off = tuple(node for node in case.nodes if not node.accepts or node.state in SWITCHED_OFF)
    if off and case.stuck and not any(node.accepts and node.state not in SWITCHED_OFF for node in case.nodes):
        return Holdup("switched off", True, off)
    large = tuple(task for task in case.waiting if task.slots > slots)
    if large:
        none_else = len(large) == len(case.waiting) and not counts.running
        return Holdup("slots too few", none_else, tasks=large, waiting=len(large))
    if case.ready and counts.active and not counts.running and not case.free:
        return Holdup("slots taken", True, tuple(case.ready), waiting=counts.active)
    return None


def _dependencies(case: _Case) -> Holdup | None:
    if not any(task.depends for task in case.waiting):
        return None
    found, alone = case.blocking, not case.snapshot.counts.running
    kinds: tuple[tuple[Kind, Sequence[TaskRow], int, bool], ...] = (
        ("parent failed", found.failed, found.after_failed, alone),
        ("parent missing", found.lacking, len(found.lacking), alone),
        ("parent not done", found.undone, found.after_undone, False),
    )
    for kind, parents, waiting, whole in kinds:
        if waiting:
            all_of_them = whole and found.together == len(case.waiting)
            return Holdup(kind, all_of_them, tasks=tuple(parents), waiting=waiting)
    return None


def _preempted(case: _Case) -> Holdup | None:
    taken = case.of("preempted")
    if not taken:
        return None
    return Holdup("preempted", case.stuck, taken, since=min(node.since for node in taken))


_LOOKS: tuple[Callable[[_Case], Holdup | None], ...] = (
    _cannot_start,
    _no_pool,
    _quota,
    _allocation,
    _start_task,
    _unusable,
    _disabled,
    _slots,
    _dependencies,
    _preempted,
)
