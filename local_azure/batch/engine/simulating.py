"""What the engine does for nodes that are only played: casts them, lets the cloud take them back, shows files."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from local_azure.batch.engine.clock import moment
from local_azure.batch.engine.documents import Doc
from local_azure.batch.errors import BatchError
from local_azure.batch.runner.directories import make_node
from local_azure.batch.runner.scenery import show, start_task_words, task_words
from local_azure.batch.runner.simulated import SimulatedNode
from local_azure.batch.simulation import Simulation

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine
    from local_azure.batch.engine.seats import Seat

_LOG = logging.getLogger(__name__)


class Simulating:
    """The simulated nodes of all pools."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def cast(self, pool: Doc, seat: Seat, number: int) -> None:
        """Let a node be played if its pool's metadata asks for it; `number` is what is drawn by."""
        try:
            simulation = Simulation.of(pool)
        except ValueError as error:  # stored by a version that let it pass
            _LOG.warning("The nodes of pool %s are real: %s", pool["id"], error)
            return
        if simulation is not None:
            spot, take_back = not seat.place.dedicated, partial(self._taken_back, seat)
            timers = self._engine.timers
            seat.played = SimulatedNode(simulation, number, spot, timers, seat.local, take_back)

    def _taken_back(self, seat: Seat) -> None:
        self._engine.agents.start(partial(self._preempt, seat), f"node {seat.node} is taken back")

    async def _preempt(self, seat: Seat) -> None:
        doc = self._current(seat)
        if doc is not None and doc["state"] == "leavingpool":
            self._engine.nodes.end_runs(seat, "lost")
        elif doc is not None and doc["state"] not in ("preempted", "unusable"):
            self._engine.mishaps.preempt(seat.pool, seat.node)

    def preempted(self, seat: Seat) -> None:
        """A node was taken back, by chance or on request: where chance preempts, it also brings the node back."""
        if seat.played is None:
            return
        seat.played.cleared = self._engine.clock.now()
        if seat.played.simulation.preemptions > 0:
            self._engine.timers.after(seat.played.away(), partial(self._due, seat))

    def _due(self, seat: Seat) -> None:
        self._engine.agents.start(partial(self._restore, seat), f"node {seat.node} is given again")

    async def _restore(self, seat: Seat) -> None:
        doc = self._current(seat)
        if doc is not None and doc["state"] == "preempted":
            self._engine.mishaps.restore(seat.pool, seat.node)

    def _current(self, seat: Seat) -> Doc | None:
        """The record of a node that is still in its pool."""
        if self._engine.nodes.seat(seat.pool, seat.node) is not seat:
            return None
        return self._engine.store.get("nodes", seat.pool, seat.node)

    # Files, made when somebody looks.

    def show_task(self, seat: Seat, directory: Path, doc: Doc) -> None:
        """Make up what a task that ran on a simulated node has written so far; BatchError IOError when that fails."""
        info = doc["executionInfo"]
        if seat.played is None or info.get("startTime", "") <= seat.played.cleared:
            return
        elapsed = moment(info.get("endTime") or self._engine.clock.now()) - moment(info["startTime"])
        self._show(directory, task_words(doc["id"], elapsed, info.get("exitCode")))

    def show_node(self, seat: Seat, doc: Doc) -> None:
        """Make up a simulated node's folders and what its start task wrote; BatchError IOError when that fails."""
        if seat.played is None or doc["state"] == "preempted":
            return
        try:
            make_node(seat.place.root)
        except OSError as error:
            raise BatchError("IOError", ("Reason", error.strerror or "The folders can't be made")) from error
        if (info := doc.get("startTaskInfo")) is not None:
            self._show(seat.place.root / "startup", start_task_words(info.get("exitCode")))

    def _show(self, directory: Path, words: tuple[str, str]) -> None:
        try:
            show(directory, *words)
        except OSError as error:
            raise BatchError("IOError", ("Reason", error.strerror or "The files can't be made")) from error
