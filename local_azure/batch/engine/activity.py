"""One go of a program on a node, from its first download to its last upload."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from local_azure.batch.database import DiskFullError
from local_azure.batch.engine.agents import Agents
from local_azure.batch.engine.documents import EXIT_CODE
from local_azure.batch.failure import Failure
from local_azure.batch.runner import Launcher, Process, Work, WorkFailedError
from local_azure.batch.store import RunRow, Store


class Ending(Enum):
    """Why a program is ended before it ended by itself."""

    TERMINATED = "a client asked for it"
    EXPIRED = "its time is over"
    REQUEUED = "it is to run again elsewhere"
    LOST = "its node is lost"
    DELETED = "its task is deleted"
    STOPPED = "the service stops"


@dataclass(frozen=True)
class Outcome:
    """How it went. `exit_code` is None when no program ran to an end; `failure` None means success."""

    exit_code: int | None = None
    failure: Failure | None = None

    @classmethod
    def of(cls, exit_code: int) -> Outcome:
        """The outcome of a program that ended."""
        return cls(exit_code, EXIT_CODE if exit_code else None)


class Activity:
    """Prepares, starts and watches one program; everything that must survive the service is written down."""

    def __init__(self, store: Store, runner: Launcher, agents: Agents, work: Work, row: RunRow) -> None:
        self._store = store
        self._runner = runner
        self._agents = agents
        self.work = work
        self.row = row
        self.ending: Ending | None = None
        self.took_node = False
        self._stage: asyncio.Task[None] | None = None
        self._process: Process | None = None

    def end(self, why: Ending) -> None:
        """End it, whatever it is doing; `execute` and `deliver` then return soon. The first reason stays."""
        if self.ending is None or why is Ending.DELETED:
            self.ending = why
        if self._process is not None:
            self._process.end()
        elif self._stage is not None:
            self._stage.cancel()

    async def execute(self) -> Outcome:
        """Bring the files, start the program, wait for its end. DiskFullError when it can't be written down."""
        try:
            await self._do(self._runner.prepare(self.work))
            if self.ending is not None:
                return Outcome()
            process = self._runner.launch(self.work)
        except WorkFailedError as error:
            return Outcome(failure=error.failure)
        self._process = process
        identity = process.identity
        if identity is not None:
            try:
                self._store.run_started(self.row.token, identity.pid, identity.create_time)
            except DiskFullError:
                await self.abort()
                raise
        exit_code = await process.wait()
        self.took_node = process.took_node
        self._process = None
        if self.ending is None and identity is not None:
            await self._agents.patiently(partial(self._store.run_exited, self.row.token, exit_code))
        return Outcome.of(exit_code)

    async def abort(self) -> None:
        """End the program, if one runs, and wait until it has ended."""
        if (process := self._process) is not None:
            process.end()
            await process.wait()
            self._process = None

    async def deliver(self, outcome: Outcome) -> Outcome:
        """Upload what is due after `outcome`; a failed upload makes a success a failure."""
        if outcome.exit_code is None:
            return outcome
        try:
            await self._do(self._runner.deliver(self.work, outcome.exit_code))
        except WorkFailedError as error:
            return Outcome(outcome.exit_code, outcome.failure or error.failure)
        return outcome

    async def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do a stage that `end` can cut short."""
        self._stage = asyncio.ensure_future(work)
        try:
            await self._stage
        except asyncio.CancelledError:
            if self.ending is None or not self._stage.cancelled():
                raise
        finally:
            self._stage = None
