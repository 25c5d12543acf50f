"""Which waiting task runs where, and when: whenever something changed, at once, and never by looking around."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_azure.batch.database import DiskFullError
from local_azure.batch.engine.agents import AGAIN
from local_azure.batch.engine.documents import Doc
from local_azure.batch.engine.seats import Seat

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine


@dataclass
class _Candidate:
    """A job that may start tasks, and how many of its tasks run."""

    doc: Doc
    running: int

    @property
    def full(self) -> bool:
        limit = self.doc.get("maxParallelTasks", -1)
        return 0 <= limit <= self.running


class Scheduler:
    """Fills free slots: higher priority first, jobs of the same priority by turns or by age, tasks as they came."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._changed: set[str] = set()
        self._soon: asyncio.Handle | None = None

    def wake(self, pool_id: str | None) -> None:
        """Look at a pool as soon as what happens now is done."""
        if pool_id is None:
            return
        self._changed.add(pool_id.lower())
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._run)

    def stop(self) -> None:
        """Start nothing more: `_soon` stays, so that nothing is planned any more."""
        if self._soon is not None:
            self._soon.cancel()
        self._soon = asyncio.get_running_loop().call_soon(lambda: None)

    def busy(self) -> bool:
        """Whether a task waits that will start sooner or later as things stand."""
        engine = self._engine
        for pool in engine.store.all("pools"):
            hopeful = pool["allocationState"] != "steady" or any(map(_may_work, self._nodes(pool["id"])))
            if pool["state"] == "active" and hopeful:
                jobs = engine.store.active_jobs(pool["id"])
                if any(engine.store.next_task(job["id"], pool.get("taskSlotsPerNode", 1)) for job in jobs):
                    return True
        return False

    def _nodes(self, pool_id: str) -> list[Doc]:
        return self._engine.store.all("nodes", pool_id)

    def _run(self) -> None:
        self._soon = None
        changed, self._changed = self._changed, set()
        for pool in sorted(changed):
            try:
                full = self._engine.reserve.disk_full()
                if not full:
                    self._fill(pool)
            except DiskFullError:
                full = True
            if full:
                asyncio.get_running_loop().call_later(AGAIN, self.wake, pool)

    def _fill(self, pool_id: str) -> None:
        engine = self._engine
        seats = [seat for seat in engine.nodes.seats(pool_id) if seat.open and seat.free > 0]
        pool = engine.store.get("pools", pool_id) if seats else None
        if pool is None or pool["state"] != "active":
            return
        policy = pool.get("taskSchedulingPolicy", {})
        packs = policy.get("nodeFillType", "spread").lower() == "pack"
        by_age = policy.get("jobDefaultOrder", "none").lower() == "creationtime"
        jobs = [
            _Candidate(job, len(engine.tasks.runs(job["id"]))) for job in engine.store.active_jobs(pool_id)
        ]
        with engine.store.transaction():
            while seats and (jobs := [job for job in jobs if not job.full]):
                job = min(jobs, key=lambda candidate: _rank(candidate, by_age=by_age))
                task = engine.store.next_task(job.doc["id"], max(seat.free for seat in seats))
                if task is None:
                    jobs.remove(job)
                    continue
                engine.tasks.begin(job.doc, task, _choose(seats, task, packs=packs))
                job.running += 1
                seats = [seat for seat in seats if seat.free > 0]


def _may_work(node: Doc) -> bool:
    return node["state"] not in ("starttaskfailed", "leavingpool", "unusable", "offline", "preempted")


def _rank(job: _Candidate, *, by_age: bool) -> tuple[int, int, str]:
    return -job.doc.get("priority", 0), 0 if by_age else job.running, job.doc["creationTime"]


def _choose(seats: list[Seat], task: Doc, *, packs: bool) -> Seat:
    """The node for a task: the one it likes if there is room, else the emptiest, or when packing the fullest."""
    needed = task.get("requiredSlots", 1)
    fitting = [seat for seat in seats if seat.free >= needed]
    liked = (task.get("affinityInfo") or {}).get("affinityId", "").removeprefix("TVM:").lower()
    for seat in fitting:
        if liked and seat.node.lower() == liked:
            return seat
    return (min if packs else max)(fitting, key=lambda seat: seat.free)
