"""What is kept in mind of a node: where it lies, what runs on it, whether more may."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from local_azure.batch.engine.activity import Ending
from local_azure.batch.runner.environment import Place


class Run(Protocol):
    """What a node must know of a run that holds slots of it."""

    slots: int
    agent: asyncio.Task[None]

    def end(self, why: Ending) -> None:
        """End it, whatever it is doing."""


@dataclass(eq=False)
class Seat:
    """What the scheduler keeps in mind of a node. `open`: tasks may be started on it; `used`: something ran."""

    place: Place
    pool: str
    slots: int
    open: bool = False
    used: bool = False
    runs: set[Run] = field(default_factory=set)

    @property
    def free(self) -> int:
        """Slots that nothing uses."""
        return self.slots - sum(run.slots for run in self.runs)

    @property
    def node(self) -> str:
        """The node's id."""
        return self.place.node_id
