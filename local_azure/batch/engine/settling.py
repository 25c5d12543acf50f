"""How jobs leave the states that they only pass through."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from local_azure.batch.engine.documents import JOB, Doc, move, ordered

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine

_AT_ONCE = 200
"""Tasks deleted, and nodes cleared of a job's folders, in one step of the event loop."""


class Settling:
    """Brings a job to where its state leads, once nothing of it runs any more."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._agents: dict[str, asyncio.Task[None]] = {}

    def begin(self, job_id: str) -> None:
        """Look after a job that is disabling, terminating or deleting."""
        key = job_id.lower()
        if key not in self._agents:
            self._agents[key] = self._engine.agents.start(
                partial(self._settle, job_id), f"job {job_id} settles"
            )

    async def _settle(self, job_id: str) -> None:
        engine, pace = self._engine, self._engine.pace
        while (doc := engine.store.get("jobs", job_id)) is not None:
            state = doc["state"]
            if runs := engine.tasks.runs(job_id):
                await asyncio.wait([run.agent for run in runs])
            elif state == "deleting":
                await pace.wait(pace.times.job_deleting)
                await self._remove(doc)
            elif state == "terminating":
                await pace.wait(pace.times.job_ending)
                self._finish(job_id, "terminating", "completed")
            elif state == "disabling":
                self._finish(job_id, "disabling", "disabled")
            else:
                break
        self._agents.pop(job_id.lower(), None)

    def _finish(self, job_id: str, before: str, after: str) -> None:
        doc = self._engine.jobs.get(job_id)
        if doc["state"] != before:
            return
        with self._engine.store.transaction():
            now = self._engine.clock.now()
            move(doc, after, now)
            if after == "completed":
                doc["executionInfo"] = ended(doc["executionInfo"], now)
                self._release_pool(doc)
            self._engine.store.update("jobs", ordered(doc, JOB))

    async def _remove(self, doc: Doc) -> None:
        engine = self._engine
        for place, seat in enumerate(engine.nodes.seats()):
            seat.runner.discard(seat.place.root / "workitems" / doc["id"])
            if place % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        for _ in iter(lambda: engine.store.delete_tasks(doc["id"], _AT_ONCE), 0):
            await asyncio.sleep(0)
        with engine.store.transaction():
            engine.store.delete("jobs", doc["id"])
            engine.store.after_commit(partial(engine.dependencies.forget, doc["id"]))
            self._release_pool(doc)

    def _release_pool(self, doc: Doc) -> None:
        automatic = doc["poolInfo"].get("autoPoolSpecification")
        pool_id = doc["executionInfo"].get("poolId")
        if automatic and pool_id and not automatic.get("keepAlive"):
            self._engine.pools.release(pool_id)


def ended(info: Doc, when: str) -> Doc:
    """A job's executionInfo once it has ended."""
    return ordered(
        {**info, "endTime": when}, ["startTime", "endTime", "poolId", "schedulingError", "terminateReason"]
    )
