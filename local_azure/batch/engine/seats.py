"""What is kept in mind of a node: where it lies, what runs on it, whether more may."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from local_azure.batch.engine.activity import Ending
from local_azure.batch.engine.openings import Openings
from local_azure.batch.runner import Runner
from local_azure.batch.runner.environment import Place
from local_azure.batch.runner.simulated import SimulatedNode


class Run(Protocol):
    """What a node must know of a run that holds slots of it."""

    slots: int
    agent: asyncio.Task[None]

    def end(self, why: Ending) -> None:
        """End it, whatever it is doing."""


@dataclass(eq=False)
class Seat:
    """What the scheduler keeps in mind of a node. `open`: tasks may be started on it; `used`: something ran.

    `local` runs what runs on it unless it is `played`; `doomed`: its start task is to fail.
    """

    place: Place
    pool: str
    slots: int
    local: Runner
    openings: Openings[Seat]
    played: SimulatedNode | None = None
    doomed: bool = False
    open: bool = False
    used: bool = False
    runs: set[Run] = field(default_factory=set)

    @property
    def runner(self) -> Runner:
        """What runs or plays its tasks."""
        return self.played or self.local

    @property
    def free(self) -> int:
        """Slots that nothing uses."""
        return self.slots - sum(run.slots for run in self.runs)

    def set_open(self, is_open: bool) -> None:
        """Tasks may be started on it from now on, or may not."""
        self.open = is_open
        self._note()

    def take(self, run: Run) -> None:
        """A run takes its slots."""
        self.runs.add(run)
        self._note()

    def give(self, run: Run) -> None:
        """A run gives its slots back."""
        self.runs.discard(run)
        self._note()

    def _note(self) -> None:
        self.openings.note(self, self.free if self.open else 0)

    @property
    def node(self) -> str:
        """The node's id."""
        return self.place.node_id
