"""The engine of the local Batch service: pools, nodes, jobs and tasks that really do what their records say.

All changes happen on the event loop's thread, in transactions of the store; a method that has returned is
durable. Long work (boots, runs, resizes) is done by agents beside.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from local_azure.batch.engine.actions import Actions
from local_azure.batch.engine.activity import Ending
from local_azure.batch.engine.agents import Agents
from local_azure.batch.engine.allocation import Allocation
from local_azure.batch.engine.boot import Boot
from local_azure.batch.engine.clock import Clock
from local_azure.batch.engine.dependencies import Dependencies
from local_azure.batch.engine.jobs import Jobs
from local_azure.batch.engine.mishaps import Mishaps
from local_azure.batch.engine.nodes import Nodes
from local_azure.batch.engine.pools import Pools
from local_azure.batch.engine.recovery import recover
from local_azure.batch.engine.scheduler import Scheduler
from local_azure.batch.engine.settling import Settling
from local_azure.batch.engine.simulating import Simulating
from local_azure.batch.engine.tasks import Tasks
from local_azure.batch.pace import Pace
from local_azure.batch.quota import Quota
from local_azure.batch.reserve import Reserve
from local_azure.batch.runner import Runner
from local_azure.batch.runner.local import LocalRunner
from local_azure.batch.runner.timers import Timers
from local_azure.batch.store import Store

__all__ = ["Engine"]


class Engine:
    """The whole of it. Make it, `await start()`, use its parts on the same loop, `await stop()`.

    `data_dir` holds the database and the nodes' folders; `tool_dir` comes first on every node's PATH;
    `account_url` is the service's own address, without a slash at the end.
    """

    def __init__(
        self,
        data_dir: Path,
        account_name: str,
        account_url: str,
        tool_dir: Path,
        pace: Pace,
        runner: Runner | None = None,
        quota: Quota | None = None,
    ) -> None:
        self.account_name = account_name
        self.account_url = account_url.rstrip("/")
        self.tool_dir = tool_dir.absolute()
        self.pace = pace
        self.quota = quota or Quota()
        data_dir.mkdir(parents=True, exist_ok=True)
        self.nodes_dir = data_dir.resolve() / "nodes"
        self.nodes_dir.mkdir(exist_ok=True)
        self.runner: Runner = runner or LocalRunner(data_dir.resolve() / "trash")
        self.store = Store.open(data_dir / "batch.db")
        self.clock = Clock()
        self.reserve = Reserve(data_dir / "reserve")
        self.agents = Agents(self.reserve.give_up)
        self.timers = Timers()
        self.scheduler = Scheduler(self)
        self.simulating = Simulating(self)
        self.dependencies = Dependencies(self.store)
        self.pools = Pools(self)
        self.nodes = Nodes(self)
        self.actions = Actions(self)
        self.mishaps = Mishaps(self)
        self.settling = Settling(self)
        self.jobs = Jobs(self)
        self.tasks = Tasks(self)
        self.boot = Boot(self)
        self.allocation = Allocation(self)

    async def start(self) -> None:
        """Take up where an earlier life ended: orphans are ended, their tasks wait again, half-done moves go on."""
        self.reserve.hold()
        await recover(self)

    async def stop(self) -> None:
        """End every process and agent and close the database; what ran runs again after the next start."""
        self.agents.close()
        self.scheduler.stop()
        self.jobs.stop()
        self.timers.close()
        agents = self.boot.stop()
        for run in self.tasks.runs():
            run.end(Ending.STOPPED)
            agents.append(run.agent)
        if agents:
            await asyncio.wait(agents)
        await self.agents.stop()
        if any(seat.used for seat in self.nodes.seats()):
            await self.runner.end_orphans((), self.nodes_dir)
        await self.runner.close()
        self.store.close()

    def busy(self) -> bool:
        """Whether a task or a start task runs, or a task waits that can be run."""
        return bool(self.tasks.under_way) or self.boot.busy() or self.scheduler.busy()
