"""A picture's attempts and tasks in columns, made once for all who look, out of the last picture's."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from batch_core.monitor import Snapshot
from batch_core.rows import Rows
from batch_core.snapshot import NodeRow, Outcome, TaskRow
from pages.charts.columns import OUTCOMES, Attempts, Tasks, attempts_of, tasks_of
from pages.charts.lanes import troubled
from pages.parts.drawn import slot_of
from pages.parts.monitor_choice import Watched

T = TypeVar("T")
Row = TypeVar("Row", NodeRow, TaskRow)
INTERRUPTED = ("preempted", "lost", "requeued")


@dataclass(frozen=True)
class Work:
    """A picture in columns. `key` names the account and what of it is watched."""

    key: tuple[str, Watched]
    snapshot: Snapshot
    attempts: Attempts
    tasks: Tasks

    @cached_property
    def troubled(self) -> frozenset[str]:
        """The nodes that are broken or on which something failed."""
        return troubled(self.snapshot.nodes, self.attempts)

    @cached_property
    def interrupted(self) -> dict[str, Outcome]:
        """What became of the last attempt at each task that was ever interrupted, by its id."""
        codes = [OUTCOMES.index(outcome) for outcome in INTERRUPTED]
        found: dict[str, tuple[int, Outcome]] = {}
        for at in np.flatnonzero(np.isin(self.attempts.outcome, codes)).tolist():
            span = self.attempts.spans[at]
            found[span.task_id] = max(
                found.get(span.task_id, (0, span.outcome)), (span.attempt, span.outcome)
            )
        return {task_id: outcome for task_id, (_, outcome) in found.items()}


def work_of(fingerprint: str, watched: Watched, snapshot: Snapshot) -> Work:
    """A picture in columns; the same for all who look at it."""
    key = (fingerprint, watched)
    slot = slot_of(("work", *key))
    with slot.lock:
        before: Work | None = slot.made
        if before is not None and before.snapshot is snapshot:
            return before
        attempts = attempts_of(snapshot.spans, before and before.attempts)
        made = slot.made = Work(key, snapshot, attempts, tasks_of(snapshot.tasks, before and before.tasks))
        return made


def once(key: tuple[Any, ...], work: Work, make: Callable[[], T]) -> T:
    """What was made of the same picture before, else a new one; the picture itself is not kept for it."""
    slot = slot_of((*work.key, *key))
    with slot.lock:
        if slot.made_of is None or slot.made_of() is not work:
            slot.made, slot.made_of = make(), weakref.ref(work)
        made: T = slot.made
        return made


def found(rows: Sequence[Row], id: str) -> Row | None:
    """The row of a node or task, or None when it is gone."""
    if isinstance(rows, Rows):
        return rows.get(id)
    return next((row for row in rows if row.id == id), None)
