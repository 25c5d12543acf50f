"""What the history is told: a state that was seen, a try that began or ended, a step of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from batch_core.snapshot import Outcome, Span

Kind = Literal["pool", "job"]
GONE = "gone"  # our word for a node or task that is no longer listed; Batch has none
ALLOCATED = "allocated"  # our word, too: a pool has the node since then, before any state of it was seen
AWAY = (GONE, "preempted")  # while a pool does not have a node, and nothing is paid for it
QUIET = (
    "idle",
    "running",
    ALLOCATED,
    GONE,
)  # node states that are no phase of their own beside a job's tasks
QUIET_ALONE = ("idle", ALLOCATED, GONE)  # the same for a pool without a job


@dataclass(frozen=True, slots=True)
class State:
    """A node or task was in this state since then."""

    id: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a task. The start is None for a try that was over before anybody looked; its node is then that of
    the next one (None in older histories, which drew none of these).

    `retries` is the task's retryCount while it ran.
    """

    task_id: str
    name: str
    number: int
    node_id: str | None
    start: datetime | None
    end: datetime | None
    outcome: Outcome
    retries: int
    slots: int = 1

    def span(self) -> Span | None:
        """What the timeline draws for it; None when nothing is known of where and when it ran."""
        start = self.start or self.end
        if self.node_id is None or start is None:
            return None
        return Span(
            self.node_id,
            self.task_id,
            self.name,
            start,
            self.end,
            self.outcome,
            self.number,
            self.slots,
            missed=self.start is None,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """An attempt of a task of ours was at this since then: "converting" or "uploading"."""

    task_id: str
    number: int
    name: str
    since: datetime


Change = State | Attempt | Step


@dataclass(frozen=True)
class Known:
    """The attempts of a job's tasks: all that can be drawn, how many each task had, and those that had no end."""

    spans: Sequence[Span] = ()
    tries: Mapping[str, int] = field(default_factory=dict)
    running: Sequence[Attempt] = ()
