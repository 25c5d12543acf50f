"""Attempts and tasks in columns of numbers, so that pictures of 100,000 cost what has changed since the last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from pages.charts.palette import FAMILIES, Family, outcome_family, task_family

if TYPE_CHECKING:
    from batch_core.snapshot import Span, TaskRow

OUTCOMES = ("done", "running", "stopped", "requeued", "lost", "preempted", "failed")
NEVER = np.iinfo(np.int64).max  # the end of what goes on
FAMILY_OF = np.array([FAMILIES.index(outcome_family(outcome)) for outcome in OUTCOMES])

Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Attempts:
    """Attempts at tasks: `start` and `end` in milliseconds since 1970, `node` an index into `node_ids`,
    `outcome` one into OUTCOMES."""

    spans: Sequence[Span]
    start: Numbers
    end: Numbers
    node: Numbers
    outcome: Numbers
    node_ids: dict[str, int]

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def events(self) -> int:
        """How many have begun and ended."""
        return len(self) + int(np.count_nonzero(self.end != NEVER))

    def on(self, node_ids: Iterable[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which attempts ran on one of these nodes."""
        wanted = np.zeros(len(self.node_ids) + 1, bool)
        wanted[[self.node_ids[id] for id in node_ids if id in self.node_ids]] = True
        return wanted[self.node]

    def some(self, chosen: Numbers) -> Attempts:
        """Those at these places."""
        return replace(
            self,
            spans=[self.spans[at] for at in chosen.tolist()],
            start=self.start[chosen],
            end=self.end[chosen],
            node=self.node[chosen],
            outcome=self.outcome[chosen],
        )

    def count(self, outcome: str) -> int:
        """How many came to this."""
        return int(np.count_nonzero(self.outcome == OUTCOMES.index(outcome)))

    @property
    def ran_on(self) -> frozenset[str]:
        """The nodes that attempts ran on."""
        used = set(np.unique(self.node).tolist())
        return frozenset(id for id, place in self.node_ids.items() if place in used)

    @property
    def failing(self) -> frozenset[str]:
        """The nodes on which an attempt failed."""
        bad = set(np.unique(self.node[self.outcome == OUTCOMES.index("failed")]).tolist())
        return frozenset(id for id, place in self.node_ids.items() if place in bad)


@dataclass(frozen=True)
class Tasks:
    """Tasks: `created`, `ended` and `since` in milliseconds since 1970, `family` an index into FAMILIES.

    `stopped` is 1 for those that a person or a time limit has ended.
    """

    rows: Sequence[TaskRow]
    created: Numbers
    ended: Numbers
    family: Numbers
    since: Numbers
    stopped: Numbers

    def in_family(self, *families: Family, stopped: bool = False) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which tasks are of these families; those that were stopped only when they are asked for."""
        wanted = [FAMILIES.index(family) for family in families]
        return np.isin(self.family, wanted) & (self.stopped == int(stopped))

    def newest(
        self, first: int, last: int, chosen: np.ndarray[Any, np.dtype[np.bool_]] | None = None
    ) -> list[TaskRow]:
        """Of the chosen tasks, those from `first` to before `last`, the newest change first."""
        at = np.arange(len(self.rows)) if chosen is None else np.flatnonzero(chosen)
        ordered = at[np.argsort(-self.since[at], kind="stable")]
        return [self.rows[place] for place in ordered[first:last].tolist()]


def attempts_of(spans: Iterable[Span], before: Attempts | None = None) -> Attempts:
    """The columns of attempts; `before` are those of the last picture, which unchanged ones are taken from."""
    now = list(spans)
    nodes = before.node_ids if before else {}
    kept = before.spans if before else ()
    changed = [at for at, (old, span) in enumerate(zip(kept, now, strict=False)) if old is not span]
    changed += range(len(kept), len(now))
    new = {now[at].node_id for at in changed} - nodes.keys()
    nodes = {**nodes, **{id: len(nodes) + place for place, id in enumerate(sorted(new))}}
    old = (before.start, before.end, before.node, before.outcome) if before else ()
    row = _span_numbers(nodes)
    start, end, node, outcome = _columns(old, len(now), changed, lambda at: row(now[at]), 4)
    return Attempts(now, start, end, node, outcome, nodes)


def tasks_of(rows: Iterable[TaskRow], before: Tasks | None = None) -> Tasks:
    """The columns of tasks; `before` as for attempts."""
    now = list(rows)
    kept = before.rows if before else ()
    changed = [at for at, (old, row) in enumerate(zip(kept, now, strict=False)) if old is not row]
    changed += range(len(kept), len(now))
    old = (before.created, before.ended, before.family, before.since, before.stopped) if before else ()
    return Tasks(now, *_columns(old, len(now), changed, lambda at: _task_numbers(now[at]), 5))


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return round(moment.timestamp() * 1000)


def _columns(
    old: tuple[Numbers, ...],
    length: int,
    changed: Sequence[int],
    numbers: Callable[[int], tuple[int, ...]],
    width: int,
) -> list[Numbers]:
    result = [np.zeros(length, np.int64) for _ in range(width)]
    for column, kept in zip(result, old, strict=False):
        column[: len(kept)] = kept[:length]
    if changed:
        values = np.array([numbers(at) for at in changed], np.int64).reshape(len(changed), width)
        for place, column in enumerate(result):
            column[changed] = values[:, place]
    return result


def _span_numbers(nodes: dict[str, int]) -> Callable[[Span], tuple[int, ...]]:
    places = {outcome: place for place, outcome in enumerate(OUTCOMES)}

    def numbers(span: Span) -> tuple[int, ...]:
        start = milliseconds(span.start)
        end = NEVER if span.end is None else max(start, milliseconds(span.end))
        return start, end, nodes[span.node_id], places[span.outcome]

    return numbers


def _task_numbers(task: TaskRow) -> tuple[int, ...]:
    family = FAMILIES.index(task_family(task.state, task.result))
    ended = milliseconds(task.ended or task.since) if task.state == "completed" else NEVER
    created = milliseconds(task.created or task.since)
    return created, ended, family, milliseconds(task.since), int(task.stopped)
