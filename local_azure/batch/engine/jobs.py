"""Jobs: their records, how they end, what they do when their tasks have ended."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from local_azure.batch.database import DiskFullError
from local_azure.batch.engine.activity import Ending
from local_azure.batch.engine.agents import AGAIN
from local_azure.batch.engine.clock import moment, seconds
from local_azure.batch.engine.documents import JOB, Doc, move, ordered, touch
from local_azure.batch.engine.settling import ended
from local_azure.batch.errors import BatchError
from local_azure.batch.failure import Failure
from local_azure.batch.store import Where

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine

_NOT_ENDED = ("active", "disabling", "disabled", "enabling", "terminating")
_COUNTED = ("active", "running", "completed", "succeeded", "failed")


class Jobs:
    """The account's jobs. Changes are synchronous and durable when a method returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # What clients ask.

    def create(self, doc: Doc) -> None:
        """Add a job, with its auto pool if it asks for one. A job whose auto pool can't be made is completed at once.

        BatchError JobExists, JobBeingDeleted or ActiveJobAndScheduleQuotaReached.
        """
        engine = self._engine
        existing = engine.store.get("jobs", doc["id"])
        if existing is not None:
            raise BatchError("JobBeingDeleted" if existing["state"] == "deleting" else "JobExists")
        limit = engine.quota.limits.jobs
        if limit is not None and len(engine.store.jobs_in(*_NOT_ENDED)) >= limit:
            raise BatchError("ActiveJobAndScheduleQuotaReached")
        with engine.store.transaction():
            created, now = engine.clock.now(), engine.clock.now()
            doc = {**doc, "state": "active", "stateTransitionTime": now, "creationTime": created}
            doc["executionInfo"] = {"startTime": now}
            self._give_pool(doc)
            touch(doc, now)
            engine.store.insert("jobs", ordered(doc, JOB))
        if doc["state"] == "active":
            self.watch_time(doc)

    def _give_pool(self, doc: Doc) -> None:
        automatic = doc["poolInfo"].get("autoPoolSpecification")
        try:
            pool_id = (
                self._engine.pools.create_automatic(automatic) if automatic else doc["poolInfo"]["poolId"]
            )
        except BatchError as error:
            now = self._engine.clock.now()
            move(doc, "completed", now)
            failure = Failure("AutoPoolCreationFailedWithQuotaReached", error.message)
            doc["executionInfo"] = ended({**doc["executionInfo"], "schedulingError": failure.document()}, now)
        else:
            doc["executionInfo"]["poolId"] = pool_id

    def get(self, job_id: str) -> Doc:
        """The job's document; BatchError JobNotFound."""
        doc = self._engine.store.get("jobs", job_id)
        if doc is None:
            raise BatchError("JobNotFound")
        return doc

    def page(self, where: Where | None, after: str | None, limit: int) -> tuple[list[Doc], str | None]:
        """A page of jobs, as `Store.page`."""
        return self._engine.store.page("jobs", (), where, after, limit)

    def patch(self, job_id: str, changes: Doc) -> Doc:
        """Replace the named properties (None takes one away); BatchError for a job that is ending or has ended."""
        doc = self._changeable(job_id)
        doc.update(changes)
        if "poolId" in doc["poolInfo"]:
            doc["executionInfo"]["poolId"] = doc["poolInfo"]["poolId"]
        touch(doc, self._engine.clock.now())
        with self._engine.store.transaction():
            doc = self._put(doc)
            self._engine.scheduler.wake(doc["executionInfo"]["poolId"])
            self._engine.store.after_commit(partial(self.watch_time, doc))
            self.check_all_complete(job_id)
        return self.get(job_id)

    def terminate(self, job_id: str, reason: str | None) -> Doc:
        """End a job: what runs is ended, what waits stays active and never runs. `reason`: UserTerminate if None.

        BatchError JobCompleted, JobBeingTerminated or JobBeingDeleted.
        """
        doc = self._changeable(job_id)
        touch(doc, self._engine.clock.now())
        return self._end(doc, reason or "UserTerminate")

    def delete(self, job_id: str) -> None:
        """Remove a job with its tasks and their files; BatchError JobBeingDeleted on the second call."""
        doc = self.get(job_id)
        if doc["state"] == "deleting":
            raise BatchError("JobBeingDeleted")
        with self._engine.store.transaction():
            move(doc, "deleting", self._engine.clock.now())
            self._put(doc)
            self._end_runs(job_id, Ending.TERMINATED)
        self.settle(job_id)

    def disable(self, job_id: str, option: str) -> Doc:
        """Let no more tasks start; `option` (requeue, terminate, wait) says what becomes of running ones."""
        doc = self._changeable(job_id)
        with self._engine.store.transaction():
            now = self._engine.clock.now()
            touch(doc, now)
            if doc["state"] != "disabled":
                move(doc, "disabling", now)
            doc = self._put(doc)
            ending = {"requeue": Ending.REQUEUED, "terminate": Ending.TERMINATED}.get(option)
            if ending is not None:
                self._end_runs(job_id, ending)
        self.settle(job_id)
        return doc

    def enable(self, job_id: str) -> Doc:
        """Let a disabled job's tasks start again; BatchError OperationInvalidForCurrentState for any other job."""
        doc = self._changeable(job_id)
        if doc["state"] != "disabled":
            raise BatchError("OperationInvalidForCurrentState")
        now = self._engine.clock.now()
        touch(doc, now)
        move(doc, "active", now)
        with self._engine.store.transaction():
            doc = self._put(doc)
            self._engine.scheduler.wake(doc["executionInfo"]["poolId"])
            self.check_all_complete(job_id)
        return doc

    def task_counts(self, job_id: str) -> Doc:
        """Tasks and slots by state, as of now: `{"taskCounts": {...}, "taskSlotCounts": {...}}`."""
        self.get(job_id)
        tasks, slots = dict.fromkeys(_COUNTED, 0), dict.fromkeys(_COUNTED, 0)
        for state, result, count, total in self._engine.store.task_groups(job_id):
            names = [{"preparing": "running"}.get(state, state)]
            if state == "completed":
                names.append("succeeded" if result == "success" else "failed")
            for name in names:
                tasks[name] += count
                slots[name] += total
        return {"taskCounts": tasks, "taskSlotCounts": slots}

    def _changeable(self, job_id: str) -> Doc:
        doc = self.get(job_id)
        refused = {
            "completed": "JobCompleted",
            "terminating": "JobBeingTerminated",
            "deleting": "JobBeingDeleted",
        }
        if doc["state"] in refused:
            raise BatchError(refused[doc["state"]])
        return doc

    def _put(self, doc: Doc) -> Doc:
        doc = ordered(doc, JOB)
        self._engine.store.update("jobs", doc)
        return doc

    # Ends.

    def check_all_complete(self, job_id: str) -> None:
        """End a job that wants to end with its last task, when that has completed. An empty job stays."""
        doc = self._engine.store.get("jobs", job_id)
        if doc is None or doc["state"] != "active":
            return
        if doc.get("onAllTasksComplete", "noaction").lower() != "terminatejob":
            return
        if self._engine.store.has_tasks(job_id) and not self._engine.store.unfinished(job_id):
            self._end(doc, "AllTasksComplete")

    def act(self, job_id: str, action: str) -> None:
        """Do to an active job what one of its tasks' exit conditions says: `terminate` or `disable`."""
        doc = self._engine.store.get("jobs", job_id)
        if doc is None or doc["state"] != "active":
            return
        if action == "terminate":
            touch(doc, self._engine.clock.now())
            self._end(doc, "TaskFailed")
        elif action == "disable":
            self.disable(job_id, "requeue")

    def watch_time(self, doc: Doc) -> None:
        """End the job when its wall-clock limit, counted from its creation, has passed."""
        key = doc["id"].lower()
        if key in self._timers:
            self._timers.pop(key).cancel()
        limit = seconds(doc.get("constraints", {}).get("maxWallClockTime"))
        if limit is None:
            return
        left = moment(doc["creationTime"]) + limit - moment(self._engine.clock.now())
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(max(0.0, left), self._expire, doc["id"])

    def stop(self) -> None:
        """Watch no more times."""
        for timer in self._timers.values():
            timer.cancel()

    def _expire(self, job_id: str) -> None:
        doc = self._engine.store.get("jobs", job_id)
        if doc is not None and doc["state"] in ("active", "disabling", "disabled", "enabling"):
            try:
                self._end(doc, "MaxWallClockTimeExpiry")
            except DiskFullError:
                loop = asyncio.get_running_loop()
                self._timers[job_id.lower()] = loop.call_later(AGAIN, self._expire, job_id)

    def _end(self, doc: Doc, reason: str) -> Doc:
        with self._engine.store.transaction():
            move(doc, "terminating", self._engine.clock.now())
            doc["executionInfo"]["terminateReason"] = reason
            doc = self._put(doc)
            self._end_runs(doc["id"], Ending.TERMINATED)
            self._engine.store.after_commit(partial(self.settle, doc["id"]))
        return doc

    def _end_runs(self, job_id: str, why: Ending) -> None:
        for run in self._engine.tasks.runs(job_id):
            self._engine.store.after_commit(partial(run.end, why))

    def settle(self, job_id: str) -> None:
        """Bring a job that is passing through a state to where it leads, once nothing of it runs any more."""
        key = job_id.lower()
        if key in self._timers and self.get(job_id)["state"] != "disabling":
            self._timers.pop(key).cancel()
        self._engine.settling.begin(job_id)
