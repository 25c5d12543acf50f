"""How a node comes up: creating or rebooting, starting, its start task, idle (offline if it takes no tasks)."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from local_azure.batch.engine.activity import Activity, Ending, Outcome
from local_azure.batch.engine.documents import START_TASK_INFO, Doc, ordered, settings
from local_azure.batch.engine.nodes import AGENT_VERSION, resting
from local_azure.batch.engine.seats import Seat
from local_azure.batch.runner import Work
from local_azure.batch.runner.environment import batch_environment, system_environment
from local_azure.batch.runner.simulated import Doomed
from local_azure.batch.store import RunRow

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine

COMING = ("creating", "rebooting", "starting", "waitingforstarttask")
"""The states of a node that is coming up."""


class Boot:
    """Brings nodes up. Start tasks of a pool run one at a time: many would fight for one package lock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._agents: dict[Seat, asyncio.Task[None]] = {}
        self._activities: dict[asyncio.Task[Any] | None, Activity] = {}

    def begin(self, seat: Seat) -> None:
        """Bring a node up from whatever state it is in, once all is written down."""
        self._engine.store.after_commit(partial(self._begin, seat))

    def _begin(self, seat: Seat) -> None:
        work = partial(self._boot, seat, self._agents.get(seat))
        self._agents[seat] = self._engine.agents.start(work, f"node {seat.node} boots")
        self._agents[seat].add_done_callback(partial(self._done, seat))

    def _done(self, seat: Seat, agent: asyncio.Task[None]) -> None:
        if self._agents.get(seat) is agent:
            del self._agents[seat]

    def abandon(self, seat: Seat) -> None:
        """The node is leaving or starts anew: stop bringing it up, end its start task."""
        self._stop(seat, Ending.TERMINATED)

    async def ended(self, seat: Seat) -> None:
        """Wait until nothing brings the node up any more."""
        if (agent := self._agents.get(seat)) is not None:
            await asyncio.wait([agent])

    def busy(self) -> bool:
        """Whether a start task runs."""
        return bool(self._activities)

    def stop(self) -> list[asyncio.Task[None]]:
        """The service stops: end everything. What returns is to be waited for."""
        agents = list(self._agents.values())
        for seat in list(self._agents):
            self._stop(seat, Ending.STOPPED)
        return agents

    def _stop(self, seat: Seat, why: Ending) -> None:
        agent = self._agents.get(seat)
        if (activity := self._activities.get(agent)) is not None:
            activity.end(why)
        elif agent is not None:
            agent.cancel()

    async def _boot(self, seat: Seat, before: asyncio.Task[None] | None) -> None:
        """Bring a node up, once what did so before has ended."""
        engine = self._engine
        if before is not None:
            await asyncio.wait([before])
        if seat.played is not None:
            await seat.played.turn()
            seat.played.begin_start()
        doc = engine.nodes.get(seat.pool, seat.node)
        await self._start(seat, doc)
        try:
            await seat.runner.furnish(seat.place.root)
        except OSError as problem:
            message = f"The node's folders could not be made: {problem.strerror}"
            engine.nodes.set(seat, "unusable", errors=[{"code": "DiskFull", "message": message}])
            return
        start_task = doc.get("startTask")
        if start_task is None:
            self._ready(seat)
        elif start_task.get("waitForSuccess", True):
            self._booted(seat, "waitingforstarttask")
            outcome = await self._start_task(seat, start_task)
            if outcome is not None:
                self._after_start_task(seat, outcome)
        else:
            if doc["state"] in COMING:
                self._ready(seat)
            await self._start_task(seat, start_task)

    async def _start(self, seat: Seat, doc: Doc) -> None:
        """Take a node from the state it is in to where its agent answers."""
        engine, times = self._engine, self._engine.pace.times
        state = doc["state"]
        if state == "creating":
            await self._stage(seat, doc, times.creating, 0.2)
            engine.nodes.set(seat, "starting")
        if state == "rebooting":
            await engine.nodes.emptied(seat)
            if seat.used:
                await seat.runner.end_orphans((), seat.place.root)
            await self._stage(seat, doc, times.rebooting, 0.3)
            engine.nodes.set(seat, "starting")
        if state in ("creating", "rebooting", "starting"):
            await self._stage(seat, doc, times.starting, 0.3)

    async def _stage(self, seat: Seat, doc: Doc, seconds: float, spread: float) -> None:
        await self._engine.pace.wait(seconds, spread=spread)
        if seat.played is not None:
            await seat.played.start_stage(with_start_task=doc.get("startTask") is not None)

    def _after_start_task(self, seat: Seat, outcome: Outcome) -> None:
        if outcome.failure is None:
            self._ready(seat)
            return
        details = [{"name": name, "value": value} for name, value in outcome.failure.details]
        error = {"code": outcome.failure.code, "message": outcome.failure.message, "errorDetails": details}
        self._engine.nodes.set(seat, "starttaskfailed", errors=[error])

    def _booted(self, seat: Seat, state: str) -> None:
        """The agent answers for the first time since the boot."""
        doc = self._engine.nodes.get(seat.pool, seat.node)
        now = self._engine.clock.now()
        fields = {"lastBootTime": now, "nodeAgentInfo": {"lastUpdateTime": now, "version": AGENT_VERSION}}
        self._engine.nodes.set(seat, state, **({} if doc["state"] == "waitingforstarttask" else fields))

    def _ready(self, seat: Seat) -> None:
        self._booted(seat, resting(self._engine.nodes.get(seat.pool, seat.node)))
        self._engine.scheduler.wake(seat.pool)

    async def _start_task(self, seat: Seat, start_task: Doc) -> Outcome | None:
        """Run the start task, again if it fails and may; None when the node leaves or the service stops."""
        retries, done = start_task.get("maxTaskRetryCount", 0), 0
        last_retry: str | None = None
        turn = self._turns.setdefault(seat.pool, asyncio.Lock()) if seat.played is None else nullcontext()
        async with turn:
            while True:
                now = self._engine.clock.now()
                last_retry = now if done else None
                info: Doc = {
                    "state": "running",
                    "startTime": now,
                    "retryCount": done,
                    "lastRetryTime": last_retry,
                }
                self._tell(seat, info)
                outcome = await self._once(seat, start_task)
                if outcome is None:
                    return None
                info |= {"state": "completed", "endTime": self._engine.clock.now()}
                info["exitCode"] = outcome.exit_code
                info["failureInfo"] = outcome.failure.document() if outcome.failure else None
                info["result"] = "failure" if outcome.failure else "success"
                self._tell(seat, info)
                if not outcome.exit_code or 0 <= retries <= done:
                    return outcome
                done += 1

    def _tell(self, seat: Seat, info: Doc) -> None:
        self._engine.nodes.set(seat, startTaskInfo=ordered(info, START_TASK_INFO))

    async def _once(self, seat: Seat, start_task: Doc) -> Outcome | None:
        engine = self._engine
        row = RunRow(secrets.token_hex(8), seat.pool, seat.node, None, None, seat.place.root.name)
        engine.store.begin_run(row)
        runner = Doomed(seat.runner, engine.timers) if seat.doomed else seat.runner
        activity = Activity(engine.store, runner, engine.agents, _work(seat, start_task), row)
        agent = asyncio.current_task()
        self._activities[agent] = activity
        seat.used = True
        try:
            outcome = await activity.execute()
        finally:
            del self._activities[agent]
        if activity.ending is not Ending.STOPPED:
            engine.store.end_run(row.token)
        return outcome if activity.ending is None else None


def _work(seat: Seat, start_task: Doc) -> Work:
    directory = seat.place.root / "startup"
    environment = {
        **system_environment(seat.place, directory),
        **settings(start_task.get("environmentSettings")),
        **batch_environment(seat.place, directory),
    }
    return Work(
        directory=directory,
        command_line=start_task["commandLine"],
        environment=environment,
        resource_files=tuple(start_task.get("resourceFiles") or ()),
    )
