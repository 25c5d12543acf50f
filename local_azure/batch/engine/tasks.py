"""Tasks: their records and how these move from active to completed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_azure.batch.engine import exits
from local_azure.batch.engine.activity import Ending, Outcome
from local_azure.batch.engine.documents import ENDED, EXECUTION, EXPIRED, TASK, Doc, move, ordered, touch
from local_azure.batch.engine.runs import Runs
from local_azure.batch.engine.seats import Seat
from local_azure.batch.engine.taskrun import TaskRun, place
from local_azure.batch.engine.turns import Turns, turn
from local_azure.batch.errors import BatchError
from local_azure.batch.runner.directories import task_path
from local_azure.batch.store import Hold, RunRow, Where

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine

_CLOSED = {"terminating": "JobBeingTerminated", "completed": "JobCompleted", "deleting": "JobBeingDeleted"}
_KEPT = ("retryCount", "lastRetryTime", "requeueCount", "lastRequeueTime")


class Tasks:
    """The tasks of all jobs. Changes are synchronous and durable when a method returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.under_way = Runs()
        self._turns = Turns()

    # What clients ask.

    def create(self, job_id: str, doc: Doc) -> Doc:
        """Add a task; BatchError when the job takes none (JobCompleted, ...) or has it already (TaskExists)."""
        created = self._create_all(job_id, [doc], self._engine.clock.now())[0]
        if isinstance(created, BatchError):
            raise created
        return created

    def create_many(self, job_id: str, docs: Sequence[Doc]) -> list[Doc | BatchError]:
        """Add tasks, all in one transaction: for each its document or why it could not be added."""
        return self._create_all(job_id, docs, self._turns.together(job_id, self._engine.clock.now()))

    def _create_all(self, job_id: str, docs: Sequence[Doc], since: str) -> list[Doc | BatchError]:
        job = self._engine.jobs.get(job_id)
        if job["state"] in _CLOSED:
            raise BatchError(_CLOSED[job["state"]])
        with self._engine.store.transaction():
            created = [self._create(job, doc, turn(since, doc["id"])) for doc in docs]
            self._engine.scheduler.wake(job["executionInfo"].get("poolId"))
        return created

    def _create(self, job: Doc, doc: Doc, in_turn: str) -> Doc | BatchError:
        store, now = self._engine.store, self._engine.clock.now()
        if store.column("tasks", "number", job["id"], doc["id"]) is not None:
            return BatchError("TaskExists")
        doc = {**doc, "state": "active", "stateTransitionTime": now, "creationTime": now}
        doc["executionInfo"] = {"retryCount": 0, "requeueCount": 0}
        touch(doc, now)
        doc = ordered(doc, TASK)
        held = Hold(0) if self.under_way.get(job["id"], doc["id"]) is None else Hold.EARLIER_RUN
        if self._engine.dependencies.waits(job, doc):
            held |= Hold.DEPENDENCIES
        store.insert("tasks", doc, job["id"], held=int(held), turn=in_turn)
        return doc

    def get(self, job_id: str, task_id: str) -> Doc:
        """The task's document; BatchError JobNotFound or TaskNotFound."""
        self._engine.jobs.get(job_id)
        doc = self._engine.store.get("tasks", job_id, task_id)
        if doc is None:
            raise BatchError("TaskNotFound")
        return doc

    def page(
        self, job_id: str, where: Where | None, after: str | None, limit: int
    ) -> tuple[list[Doc], str | None]:
        """A page of the job's tasks, as `Store.page`; BatchError JobNotFound."""
        self._engine.jobs.get(job_id)
        return self._engine.store.page("tasks", (job_id,), where, after, limit)

    def replace(self, job_id: str, task_id: str, changes: Doc) -> Doc:
        """Put new constraints in place; BatchError TaskCompleted when it is too late."""
        doc = self.get(job_id, task_id)
        if doc["state"] == "completed":
            raise BatchError("TaskCompleted")
        doc.update(changes)
        touch(doc, self._engine.clock.now())
        return self._put(job_id, doc)

    def terminate(self, job_id: str, task_id: str) -> Doc:
        """Complete a task at once, ending what runs; BatchError TaskCompleted when it is completed already."""
        doc = self.get(job_id, task_id)
        if doc["state"] == "completed":
            raise BatchError("TaskCompleted")
        store = self._engine.store
        with store.transaction():
            touch(doc, self._engine.clock.now())
            run = self.under_way.get(job_id, task_id)
            if run is not None and not run.forsaken:
                store.after_commit(partial(run.end, Ending.TERMINATED))
            else:
                doc.setdefault("nodeInfo", {})
            doc = self._complete(self._engine.jobs.get(job_id), doc, Outcome(failure=ENDED))
        return doc

    def reactivate(self, job_id: str, task_id: str) -> Doc:
        """Let a failed task run again from the start.

        BatchError TaskNotCompleted, TaskSucceeded, or the job's state when it runs no more tasks.
        """
        doc, job = self.get(job_id, task_id), self._engine.jobs.get(job_id)
        if job["state"] in _CLOSED:
            raise BatchError(_CLOSED[job["state"]])
        if doc["state"] != "completed":
            raise BatchError("TaskNotCompleted")
        if doc["executionInfo"].get("result") == "success":
            raise BatchError("TaskSucceeded")
        now = self._engine.clock.now()
        with self._engine.store.transaction():
            touch(doc, now)
            move(doc, "active", now)
            doc["executionInfo"] = {"retryCount": 0, "requeueCount": 0}
            doc.pop("nodeInfo", None)
            run = self.under_way.get(job_id, task_id)
            if run is not None:
                self._engine.store.after_commit(run.forsake)
            doc = self._put(job_id, doc)
            self._engine.store.hold(job_id, task_id, Hold.EARLIER_RUN, run is not None)
            self._engine.scheduler.wake(job["executionInfo"].get("poolId"))
        return doc

    def delete(self, job_id: str, task_id: str) -> None:
        """Remove a task with its files; what runs is ended, and its files follow it."""
        doc = self.get(job_id, task_id)
        engine = self._engine
        run = self.under_way.get(job_id, task_id)
        with engine.store.transaction():
            engine.store.delete("tasks", job_id, task_id)
            if run is not None:
                engine.store.after_commit(run.forsake)
                engine.store.after_commit(partial(run.end, Ending.DELETED))
            engine.jobs.check_all_complete(job_id)
        found = place(engine, engine.jobs.get(job_id), doc)
        if run is None and found is not None:
            found[0].runner.discard(found[1])

    def directory(self, job_id: str, task_id: str) -> Path:
        """The task's directory on its node; BatchError TaskFilesUnavailable when it has none or its node is gone."""
        doc = self.get(job_id, task_id)
        found = place(self._engine, self._engine.jobs.get(job_id), doc)
        if found is not None:
            self._engine.simulating.show_task(*found, doc)
        if found is None or not found[1].is_dir():
            raise BatchError("TaskFilesUnavailable")
        return found[1]

    # Runs.

    def runs(self, job_id: str | None = None) -> list[TaskRun]:
        """The runs of a job, or all, that still hold their slots."""
        return self.under_way.of(job_id)

    def begin(self, job: Doc, doc: Doc, seat: Seat) -> None:
        """Start a waiting task on a node."""
        engine, node = self._engine, seat.place
        now = engine.clock.now()
        move(doc, "running", now)
        doc["executionInfo"] = ordered({**doc["executionInfo"], "startTime": engine.clock.now()}, EXECUTION)
        url = f"{engine.account_url}/pools/{node.pool_id}/nodes/{node.node_id}"
        path = task_path(job["id"], doc["id"])
        doc["nodeInfo"] = {
            "affinityId": f"TVM:{node.node_id}",
            "nodeUrl": url,
            "poolId": node.pool_id,
            "nodeId": node.node_id,
            "taskRootDirectory": str(Path(*path)),
            "taskRootDirectoryUrl": f"{url}/files/{'/'.join(path)}",
        }
        doc = self._put(job["id"], doc)
        token, folder = secrets.token_hex(8), node.root.name
        row = RunRow(token, seat.pool, node.node_id, job["id"].lower(), doc["id"].lower(), folder)
        engine.store.begin_run(row)
        run = TaskRun(engine, job, doc, seat, row)
        self._add(run, doc)
        engine.store.after_commit(run.start)

    def _add(self, run: TaskRun, doc: Doc) -> None:
        self.under_way.add(run)
        self._engine.store.if_undone(partial(self.under_way.remove, run))
        self._engine.nodes.task_began(run, doc)

    def resume(self, job: Doc, doc: Doc, seat: Seat, row: RunRow) -> None:
        """Go on with a run whose program ended in an earlier life of the service: send its outputs."""
        run = TaskRun(self._engine, job, doc, seat, row)
        self._add(run, doc)
        self._engine.store.after_commit(partial(run.start, row.exit_code))

    def ended(self, run: TaskRun, outcome: Outcome) -> None:
        """A run is over and nothing of it is left: the task completes or waits again, the slots are free."""
        engine = self._engine
        with engine.store.transaction():
            engine.store.end_run(run.row.token)
            if run.went_as_dealt:
                engine.store.count_try(run.job_id, run.task_id)
            self.under_way.remove(run)
            engine.store.if_undone(partial(self.under_way.add, run))
            doc = None if run.forsaken else engine.store.get("tasks", run.job_id, run.task_id)
            succeeded: bool | None = outcome.failure is None and run.ending is None
            if doc is not None:
                doc = self._settle(run, doc, outcome)
                succeeded = None if doc["state"] == "active" else doc["executionInfo"]["result"] == "success"
            else:
                engine.store.hold(run.job_id, run.task_id, Hold.EARLIER_RUN, False)
            engine.nodes.task_ended(run, doc, succeeded)
            engine.scheduler.wake(run.seat.pool)
            engine.scheduler.wake(self._pool_of(run.job_id))

    def _pool_of(self, job_id: str) -> str | None:
        pool: str | None = self._engine.store.column("jobs", "pool", job_id)
        return pool

    def _settle(self, run: TaskRun, doc: Doc, outcome: Outcome) -> Doc:
        """Bring the task's record to where its run's end leads."""
        job = self._engine.jobs.get(run.job_id)
        if doc["state"] == "completed":  # terminated meanwhile: only the exit code was not known yet
            if outcome.exit_code is not None:
                info = {**doc["executionInfo"], "exitCode": outcome.exit_code}
                doc["executionInfo"] = ordered(info, EXECUTION)
            return self._put(run.job_id, doc)
        if run.ending in (Ending.REQUEUED, Ending.LOST):
            return self.requeue(job, doc, counted=run.ending is Ending.REQUEUED)
        if run.ending in (Ending.TERMINATED, Ending.EXPIRED):
            failure = EXPIRED if run.ending is Ending.EXPIRED else ENDED
            return self._complete(job, doc, replace(outcome, failure=failure))
        if run.retries(outcome):
            return self._retry(job, doc)
        return self._complete(job, doc, outcome)

    def requeue(self, job: Doc, doc: Doc, *, counted: bool) -> Doc:
        """Put a running task back in the queue; `counted` when a client's request led to it."""
        now = self._engine.clock.now()
        changes: Doc = {}
        if counted:
            count = doc["executionInfo"]["requeueCount"] + 1
            changes = {"requeueCount": count, "lastRequeueTime": now}
        return self._back(job, doc, now, changes)

    def _retry(self, job: Doc, doc: Doc) -> Doc:
        now = self._engine.clock.now()
        count = doc["executionInfo"]["retryCount"] + 1
        return self._back(job, doc, now, {"retryCount": count, "lastRetryTime": now})

    def _back(self, job: Doc, doc: Doc, now: str, changes: Doc) -> Doc:
        kept = {name: doc["executionInfo"][name] for name in _KEPT if name in doc["executionInfo"]}
        doc["executionInfo"] = ordered({**kept, **changes}, EXECUTION)
        doc.pop("nodeInfo", None)
        move(doc, "active", now)
        return self._put(job["id"], doc)

    def complete_lost(self, job: Doc, doc: Doc) -> None:
        """Complete a task as ended whose run didn't outlive the service, in a job that was being ended."""
        self._complete(job, doc, Outcome(failure=ENDED))

    def _complete(self, job: Doc, doc: Doc, outcome: Outcome) -> Doc:
        now = self._engine.clock.now()
        info: dict[str, Any] = {**doc["executionInfo"], "endTime": now}
        if outcome.exit_code is not None:
            info["exitCode"] = outcome.exit_code
        if outcome.failure is not None:
            info["failureInfo"] = outcome.failure.document()
        info["result"] = "success" if outcome.failure is None else "failure"
        doc["executionInfo"] = ordered(info, EXECUTION)
        move(doc, "completed", now)
        doc = self._put(job["id"], doc)
        self._engine.store.if_undone(partial(self._engine.dependencies.forget, job["id"]))
        for waiting in self._engine.dependencies.satisfied_by(job, doc):
            self._engine.store.hold(job["id"], waiting, Hold.DEPENDENCIES, False)
            self._engine.scheduler.wake(job["executionInfo"]["poolId"])
        action = exits.job_action(job, doc, outcome)
        if action != "none":
            self._engine.jobs.act(job["id"], action)
        self._engine.jobs.check_all_complete(job["id"])
        return doc

    def _put(self, job_id: str, doc: Doc) -> Doc:
        doc = ordered(doc, TASK)
        self._engine.store.update("tasks", doc, job_id)
        return doc
