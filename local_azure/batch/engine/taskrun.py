"""One run of a task on a node."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from local_azure.batch.database import DiskFullError
from local_azure.batch.engine.activity import Activity, Ending, Outcome
from local_azure.batch.engine.clock import seconds
from local_azure.batch.engine.documents import Doc, settings
from local_azure.batch.engine.seats import Seat
from local_azure.batch.failure import Failure
from local_azure.batch.runner import Work
from local_azure.batch.runner.directories import task_path
from local_azure.batch.runner.environment import batch_environment, system_environment
from local_azure.batch.store import RunRow, Store

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine

logger = logging.getLogger(__name__)


class TaskRun(Activity):
    """A task's run: it holds its slots until its program and its transfers are over.

    `forsaken` means that the task's record is no longer this run's to change.
    """

    agent: asyncio.Task[None]

    def __init__(self, engine: Engine, job: Doc, task: Doc, seat: Seat, row: RunRow) -> None:
        work = _work(job, task, seat) if seat.played is None else _play(engine.store, job, task, seat)
        super().__init__(engine.store, seat.runner, engine.agents, work, row)
        self._engine = engine
        self.seat = seat
        self.job_id: str = job["id"]
        self.task_id: str = task["id"]
        self.slots: int = task.get("requiredSlots", 1)
        self.forsaken = False
        self._limit = seconds(task.get("constraints", {}).get("maxWallClockTime"))
        retries = task.get("constraints", {}).get("maxTaskRetryCount", 0)
        self._retries_left = retries < 0 or task["executionInfo"]["retryCount"] < retries

    @property
    def key(self) -> tuple[str, str]:
        """Job and task in lower case, as the engine looks runs up."""
        return self.job_id.lower(), self.task_id.lower()

    @property
    def went_as_dealt(self) -> bool:
        """Whether it was played and came to what chance had dealt it: the next try is another one."""
        return self.work.play is not None and (self.ending is None or self.took_node)

    def start(self, ended_with: int | None = None) -> None:
        """Begin. `ended_with` is the exit code of a program that ended in an earlier life of the service."""
        name = f"task {self.job_id}/{self.task_id}"
        self.agent = self._engine.agents.start(partial(self._run, ended_with), name)

    def forsake(self) -> None:
        """The task's record is no longer this run's to change."""
        self.forsaken = True

    def retries(self, outcome: Outcome) -> bool:
        """Whether this outcome makes the task run again: only a program's failure does, while retries are left."""
        return self.ending is None and bool(outcome.exit_code) and self._retries_left

    async def _run(self, ended_with: int | None) -> None:
        timer = None
        if self._limit is not None:
            timer = asyncio.get_running_loop().call_later(self._limit, self.end, Ending.EXPIRED)
        try:
            outcome = await self._go(ended_with)
        except DiskFullError:  # what runs could not be written down: it starts anew, its files make room
            self.end(Ending.LOST)
            self.seat.runner.discard(self.work.directory)
            outcome = Outcome()
        except Exception as error:  # a slot must come free and a task must end, whatever went wrong
            logger.exception("Task %s of job %s could not be run", self.task_id, self.job_id)
            await self.abort()
            outcome = Outcome(failure=_unknown(error))
        finally:
            if timer is not None:
                timer.cancel()
        if self.ending is Ending.DELETED:
            self.seat.runner.discard(self.work.directory)
        if self.ending is not Ending.STOPPED:
            await self._engine.agents.patiently(partial(self._engine.tasks.ended, self, outcome))

    async def _go(self, ended_with: int | None) -> Outcome:
        outcome = await self.execute() if ended_with is None else Outcome.of(ended_with)
        if self.retries(outcome) or self.ending not in (None, Ending.EXPIRED):
            return outcome
        return await self.deliver(outcome)


def _unknown(error: Exception) -> Failure:
    reason = error.strerror if isinstance(error, OSError) else None
    details = (("Message", reason),) if reason else ()
    return Failure("Unknown", "The node could not run the task", details, "ServerError")


def place(engine: Engine, job: Doc, task: Doc) -> tuple[Seat, Path] | None:
    """A task's node and its directory there; None when it has had none or its node is gone."""
    info = task.get("nodeInfo") or {}
    seat = engine.nodes.seat(info.get("poolId", ""), info.get("nodeId", ""))
    return (seat, seat.place.root.joinpath(*task_path(job["id"], task["id"]))) if seat is not None else None


def _play(store: Store, job: Doc, task: Doc, seat: Seat) -> Work:
    """What a simulation needs of a task."""
    directory = seat.place.root.joinpath(*task_path(job["id"], task["id"]))
    tried: int = store.column("tasks", "tries", job["id"], task["id"])
    return Work(directory, task["commandLine"], {}, play=(job["id"], task["id"], tried))


def _work(job: Doc, task: Doc, seat: Seat) -> Work:
    directory = seat.place.root.joinpath(*task_path(job["id"], task["id"]))
    environment = {
        **system_environment(seat.place, directory),
        **settings(job.get("commonEnvironmentSettings")),
        **settings(task.get("environmentSettings")),
        **batch_environment(seat.place, directory, job_id=job["id"], task_id=task["id"]),
    }
    return Work(
        directory=directory,
        command_line=task["commandLine"],
        environment=environment,
        resource_files=tuple(task.get("resourceFiles") or ()),
        output_files=tuple(task.get("outputFiles") or ()),
    )
