"""The runner that only plays: a node and its tasks that take time, end, fail and are taken back, and do nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from local_azure.batch.runner import STDERR, Process, Runner, Work
from local_azure.batch.runner.timers import Timers
from local_azure.batch.simulation import Simulation, Start
from local_azure.processes import ProcessIdentity

_KILLED = 137
_START_TASK_SHARE = 0.4
"""Of the time that a node takes to start, when it has a start task."""


class PlayedProcess:
    """Ends by itself after some time, with an exit code that is known before."""

    identity = None

    def __init__(self, timers: Timers, seconds: float, exit_code: int) -> None:
        self.took_node = False
        self._timers = timers
        self._exit_code = exit_code
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._timer = timers.after(seconds, self._play_out)

    def _play_out(self) -> None:
        self._set(self._exit_code)

    async def wait(self) -> int:
        """The exit code, once it has ended."""
        return await asyncio.shield(self._exit)

    def end(self) -> None:
        """End it: its exit code is that of a killed program."""
        self._timers.cancel(self._timer)
        self._set(_KILLED)

    def _set(self, exit_code: int) -> None:
        if not self._exit.done():
            self._exit.set_result(exit_code)


class SimulatedNode:
    """One simulated node's runner. `take_back` is called when chance lets the cloud take its Spot node back.

    Nothing is on the disk but what was asked for: `local` takes that away. `cleared` is when all was lost last.
    """

    def __init__(
        self,
        simulation: Simulation,
        number: int,
        spot: bool,
        timers: Timers,
        local: Runner,
        take_back: Callable[[], None],
    ) -> None:
        self.simulation = simulation
        self._number = number
        self._spot = spot
        self._timers = timers
        self._local = local
        self._take_back = take_back
        self.cleared = ""
        self._starts = self._times_away = 0
        self._start = Start(0.0, fails=False)

    async def turn(self) -> None:
        """Wait until it's this node's turn among the many that have something to do now."""
        await self._timers.wait(0)

    def begin_start(self) -> None:
        """The node starts: what comes of it is drawn."""
        self._start = self.simulation.start(self._number, self._starts)
        self._starts += 1

    async def start_stage(self, *, with_start_task: bool) -> None:
        """Let one of the two stages of a start pass, `creating` (or `rebooting`) and `starting`."""
        share = 1 - _START_TASK_SHARE if with_start_task else 1
        await self._timers.wait(self._start.seconds * share / 2)

    def away(self) -> float:
        """Seconds that the node now stays away, having been taken back."""
        self._times_away += 1
        return self.simulation.away(self._number, self._times_away)

    # What the engine asks of any runner.

    async def prepare(self, work: Work) -> None:
        """Nothing is to be prepared."""

    def launch(self, work: Work) -> Process:
        """Begin to play a task, or the start task."""
        if work.play is None:
            seconds, exit_code = self._start.seconds * _START_TASK_SHARE, int(self._start.fails)
            return PlayedProcess(self._timers, seconds, exit_code)
        play = self.simulation.play(*work.play)
        if self._spot and play.taken_at is not None:
            return _Interrupted(self._timers, play.seconds, play.taken_at, self._take_back)
        return PlayedProcess(self._timers, play.seconds, play.exit_code)

    async def deliver(self, work: Work, exit_code: int) -> None:
        """Nothing is to be sent."""

    async def furnish(self, root: Path) -> None:
        """No folders are made before somebody looks into them."""

    def discard(self, directory: Path) -> None:
        """Take away what was made because somebody looked."""
        self._local.discard(directory)

    async def end_orphans(self, known: Iterable[ProcessIdentity], root: Path) -> None:
        """Nothing has been started."""

    def tidy(self) -> None:
        """Nothing is left."""

    async def close(self) -> None:
        """Nothing is held."""


class _Interrupted(PlayedProcess):
    """A try in whose midst the node is taken back; that ends it."""

    def __init__(
        self, timers: Timers, seconds: float, taken_at: float, take_back: Callable[[], None]
    ) -> None:
        super().__init__(timers, seconds * taken_at, 0)
        self._take_back = take_back

    def _play_out(self) -> None:
        self.took_node = True
        self._take_back()


class Doomed:
    """A node's own runner, but what it launches fails: for a start task that is to fail on request."""

    def __init__(self, runner: Runner, timers: Timers) -> None:
        self._runner = runner
        self._timers = timers

    def launch(self, work: Work) -> Process:
        """Play a program that says why and fails at once."""
        if work.directory.is_dir():
            (work.directory / STDERR).write_text("The start task was made to fail on request.\n", "utf-8")
        return PlayedProcess(self._timers, 0, 1)

    async def prepare(self, work: Work) -> None:
        """As the node does it."""
        await self._runner.prepare(work)

    async def deliver(self, work: Work, exit_code: int) -> None:
        """As the node does it."""
        await self._runner.deliver(work, exit_code)
