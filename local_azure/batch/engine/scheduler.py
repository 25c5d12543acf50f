"""Which waiting task runs where, and when: whenever something changed, at once, and never by looking around."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_azure.batch.database import DiskFullError
from local_azure.batch.engine.agents import AGAIN
from local_azure.batch.engine.documents import Doc
from local_azure.batch.engine.seats import Seat

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine

_IDLE_FOR_GOOD = ("starttaskfailed", "leavingpool", "unusable", "offline", "preempted")
"""States of nodes that start no task again by themselves."""

_LONGEST = 0.02
"""Seconds: so long tasks are started in one step of the event loop, then others have their turn."""


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
            groups = engine.store.node_groups(pool["id"])
            works = any(group.state not in _IDLE_FOR_GOOD for group in groups)
            hopeful = pool["allocationState"] != "steady" or works
            if pool["state"] == "active" and hopeful:
                jobs = engine.store.active_jobs(pool["id"])
                if any(engine.store.next_task(job["id"], pool.get("taskSlotsPerNode", 1)) for job in jobs):
                    return True
        return False

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
        engine, until = self._engine, time.monotonic() + _LONGEST
        openings = engine.nodes.openings(pool_id)
        pool = engine.store.get("pools", pool_id) if openings.most() else None
        if pool is None or pool["state"] != "active":
            return
        policy = pool.get("taskSchedulingPolicy", {})
        packs = policy.get("nodeFillType", "spread").lower() == "pack"
        by_age = policy.get("jobDefaultOrder", "none").lower() == "creationtime"
        jobs = [
            _Candidate(job, engine.tasks.under_way.count(job["id"]))
            for job in engine.store.active_jobs(pool_id)
        ]
        with engine.store.transaction():
            while (most := openings.most()) and (jobs := [job for job in jobs if not job.full]):
                job = min(jobs, key=lambda candidate: _rank(candidate, by_age=by_age))
                task = engine.store.next_task(job.doc["id"], most)
                seat = self._choose(pool_id, task, packs=packs) if task is not None else None
                if task is None or seat is None:
                    jobs.remove(job)
                    continue
                engine.tasks.begin(job.doc, task, seat)
                job.running += 1
                if time.monotonic() > until:
                    self.wake(pool_id)
                    break

    def _choose(self, pool_id: str, task: Doc, *, packs: bool) -> Seat | None:
        """The node for a task: the one it likes if there is room, else the emptiest, or when packing the fullest."""
        needed = task.get("requiredSlots", 1)
        liked = (task.get("affinityInfo") or {}).get("affinityId", "").removeprefix("TVM:")
        seat = self._engine.nodes.seat(pool_id, liked) if liked else None
        if seat is not None and seat.open and seat.free >= needed:
            return seat
        return self._engine.nodes.openings(pool_id).best(needed, packs=packs)


def _rank(job: _Candidate, *, by_age: bool) -> tuple[int, int, str]:
    return -job.doc.get("priority", 0), 0 if by_age else job.running, job.doc["creationTime"]
