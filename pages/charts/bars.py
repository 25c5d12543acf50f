"""What the browser draws in the lanes of the timeline, as columns: bars of tasks, phases of nodes, minutes, the queue.

Plotly draws the axes; the bars are drawn on a canvas under them (10,000 bars of Plotly's take a second). Times are
whole numbers of `unit` milliseconds since `base`, starts as the distance from the one before: short, once compressed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pages.charts.axis import Axis
from pages.charts.columns import NEVER, OUTCOMES, Attempts, Numbers, milliseconds
from pages.charts.labels import short
from pages.charts.lanes import Lanes
from pages.charts.palette import (
    DONE,
    ERROR,
    PREEMPTED,
    RUNNING,
    SEVERITY,
    STARTING,
    Family,
    node_family,
    node_words,
    outcome_family,
    outcome_words,
)
from pages.charts.progress import in_short, percent, told

if TYPE_CHECKING:
    from batch_core.snapshot import NodePhase, Steps

FINENESS = 200_000  # units on an axis: what a screen shows is far less, and short numbers are sent faster
GOES_ON = -1  # instead of a length
TALL, THIN = 0.78, 0.3  # of a lane
NAME = 60  # characters of a name

Columns = dict[str, Any]


@dataclass(frozen=True)
class Scale:
    """Moments as numbers that the browser gets."""

    base: int
    unit: int

    @classmethod
    def of(cls, axis: Axis) -> Scale:
        base = milliseconds(axis.start)
        return cls(base, max(1, (milliseconds(axis.now) - base) // FINENESS))

    def at(self, moment: datetime) -> int:
        return (milliseconds(moment) - self.base) // self.unit

    def columns(self, start: Numbers, end: Numbers) -> Columns:
        """Starts as distances, and lengths; both in the order given, which is by start."""
        begins = (start - self.base) // self.unit
        ends = np.where(end == NEVER, 0, (end - self.base) // self.unit)
        lengths = np.where(end == NEVER, GOES_ON, np.maximum(ends - begins, 0))
        return {"start": np.diff(begins, prepend=0).tolist(), "length": lengths.tolist()}


def look(family: Family, words: str, height: float = TALL) -> Columns:
    """How bars of a kind look, and what they are called. The worst are drawn last, over the others."""
    return {
        "family": family.id,
        "colour": family.colour,
        "edge": family.edge,
        "text": family.text,
        "pattern": family.pattern,
        "glyph": family.glyph,
        "rank": SEVERITY.index(family),
        "mark": family.glyph if family in (ERROR, PREEMPTED) else "",
        "height": height,
        "words": words,
    }


def task_bars(
    work: Attempts,
    rows: Lanes,
    scale: Scale,
    steps: Mapping[tuple[str, int], Steps],
    expected: Mapping[str, float],
) -> Columns:
    """A bar an attempt, in its result's colour; a line leads from an attempt to the next.

    `expected`: the seconds of each task's result, for how `far` those are that run.
    """
    by_start = np.argsort(work.start, kind="stable")
    spans = [work.spans[at] for at in by_start.tolist()]
    ids = [span.task_id for span in spans]
    names = [short(span.name, NAME) for span in spans]
    return {
        "kind": "task",
        **scale.columns(work.start[by_start], work.end[by_start]),
        "lane": rows.placed[by_start].tolist(),
        "look": [
            outcome + len(OUTCOMES) * span.missed
            for outcome, span in zip(work.outcome[by_start].tolist(), spans, strict=True)
        ],
        "looks": [
            look(outcome_family(outcome), outcome_words(outcome, missed))
            for missed in sorted({False, *(span.missed for span in spans)})
            for outcome in OUTCOMES
        ],
        "id": ids,
        "name": names if names != ids else None,
        "attempt": {str(at): span.attempt for at, span in enumerate(spans) if span.attempt > 1},
        "links": _links(ids),
        "steps": {
            str(at): [
                None if moment is None else scale.at(moment) for moment in (known.converting, known.uploading)
            ]
            for at, span in enumerate(spans)
            if steps and (known := steps.get((span.task_id, span.attempt)))
        },
        "far": {
            str(at): [percent(known, length), in_short(known, length), told(known, length)]
            for at, span in enumerate(spans)
            if steps and span.end is None and (known := steps.get((span.task_id, span.attempt)))
            for length in [expected.get(span.task_id)]
        },
        "made": {"colour": DONE.colour, "edge": RUNNING.edge},
    }


def _links(ids: Sequence[str]) -> list[int]:
    """Pairs, one after the other: an attempt at a task, and the attempt that followed it."""
    if len(set(ids)) == len(ids):
        return []
    by_task: dict[str, list[int]] = {}
    for at, id in enumerate(ids):
        by_task.setdefault(id, []).append(at)
    return [at for places in by_task.values() for pair in pairwise(places) for at in pair]


def node_phases(phases: Sequence[NodePhase], rows: Lanes, axis: Axis, scale: Scale) -> Columns:
    """When nodes were starting or at work, and thinner when they were offline, preempted or broken."""
    shown = sorted((phase for phase in phases if phase.node_id in rows.first), key=lambda phase: phase.start)
    states = sorted({phase.state for phase in shown})
    start = np.array([milliseconds(max(phase.start, axis.start)) for phase in shown], np.int64)
    end = np.array([NEVER if phase.end is None else milliseconds(phase.end) for phase in shown], np.int64)
    return {
        "kind": "node",
        **scale.columns(start, end),
        "lane": [rows.first[phase.node_id] for phase in shown],
        "look": [states.index(phase.state) for phase in shown],
        "looks": [
            look(family, node_words(state), TALL if family in (STARTING, RUNNING) else THIN)
            for state in states
            for family in [node_family(state)]
        ],
        "id": [phase.node_id for phase in shown],
        "name": [rows.labels[rows.first[phase.node_id]] for phase in shown],
    }
