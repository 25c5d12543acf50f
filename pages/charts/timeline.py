"""The timeline: a lane a node, a bar a task; a figure out of a snapshot, nothing else.

Idle time stays white. Bars are drawn up to BARS_AT_MOST; above that nodes by minute, where the worst state of a
minute wins, so that a short failure never disappears. What is past stays as it was: nodes that are gone keep their
lanes and names.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pages.charts.axis import Axis, time_axis
from pages.charts.bars import Look, Waiting, end_marks, node_phases, queue, silent, task_bars
from pages.charts.lanes import lanes
from pages.charts.legend import Entry, legend
from pages.charts.minutes import by_minute
from pages.charts.palette import (
    FAMILIES,
    Family,
    node_family,
    outcome_family,
)

if TYPE_CHECKING:
    from batch_core.snapshot import NodePhase, NodeRow, Span

BARS_AT_MOST = 10_000
LANES_WITH_NAMES = 22  # as many as stand under each other in the highest chart
LANES_WITHOUT_ZOOM = 60
HEIGHT_AT_MOST = 420
LANE_HEIGHT = 30
SHORTEST = timedelta(seconds=10)
AXIS_HEIGHT = 40
TOOLS_HEIGHT = 28  # above the lanes, so that what zooms and leads back lies on nothing

# What became of attempts, as the chart's text counts them; a stop is not a failure, nor a preemption a loss.
OUTCOMES = {
    "running": "running",
    "done": "done",
    "failed": "failed",
    "stopped": "stopped",
    "requeued": "sent back to waiting",
    "preempted": "preempted",
    "lost": "lost with their node",
}

Figure = dict[str, Any]


def too_many(spans: Sequence[Span]) -> bool:
    """Whether there is too much for a bar each."""
    return len(spans) > BARS_AT_MOST


def timeline(
    nodes: Sequence[NodeRow],
    spans: Sequence[Span],
    phases: Sequence[NodePhase] = (),
    *,
    slots: int,
    axis: Axis,
    view: str,
    waiting: Waiting | None = None,
    places: Mapping[str, int] | None = None,
) -> Figure:
    """The figure of what ran where and when; a bar's customdata is its task's id, a phase's its node's id.

    `phases` are the times in which nodes were not at work, `places` those of nodes that may be gone. While `view`
    stays the same, a zoom is kept; a zoomed chart offers a way back to the newest.
    """
    shown = [_clipped(phase, axis) for phase in phases if _seen(phase, axis)]
    drawn = {span.node_id for span in spans} | {phase.node_id for phase in shown}
    gone = {node_id: place for node_id, place in (places or {}).items() if node_id in drawn}
    if too_many(spans):
        traces, labels = by_minute(lanes(nodes, [], 1, axis.now, gone), spans, axis)
    else:
        rows = lanes(nodes, spans, slots, axis.now, gone)
        look = Look(_lane_height(rows.count + bool(waiting)))
        traces = [
            *node_phases(shown, rows, axis, look),
            *task_bars(spans, rows, axis, look),
            *end_marks(spans, rows, axis, look),
        ]
        labels = rows.labels
        if waiting:
            traces.append(queue(waiting, rows.count, axis, look))
            labels = (*labels, f"{waiting.count:,} waiting")
    return {
        "data": [_extent(axis), *traces],
        "layout": _layout(labels, axis, view),
        "legend": _legend(spans, shown),
    }


def _seen(phase: NodePhase, axis: Axis) -> bool:
    return phase.start < axis.now and (phase.end is None or phase.end > axis.start)


def _clipped(phase: NodePhase, axis: Axis) -> NodePhase:
    """What is not over when the axis ends goes on beyond it."""
    return replace(phase, end=None) if phase.end and phase.end > axis.now else phase


def _legend(spans: Sequence[Span], phases: Sequence[NodePhase]) -> list[Entry]:
    """An entry for each colour that is there: what became of tasks in it, and its family's word for nodes."""
    words: dict[Family, dict[str, None]] = {family: {} for family in FAMILIES}
    for outcome in sorted({span.outcome for span in spans}, key=list(OUTCOMES).index):
        words[outcome_family(outcome)][OUTCOMES[outcome].capitalize()] = None
    for state in sorted({phase.state for phase in phases}):
        family = node_family(state)
        words[family][family.word] = None
    return legend((family, ", ".join(said)) for family, said in words.items() if said)


def alt_text(spans: Sequence[Span], phases: Sequence[NodePhase] = ()) -> str:
    """The timeline for someone who does not see it; `phases` of a pool without a job."""
    if not spans and any(phase.state == "running" for phase in phases):
        busy = len({phase.node_id for phase in phases if phase.state == "running"})
        return f"Timeline of the nodes: {busy} have been at work."
    if not spans:
        return "Timeline of the nodes: nothing has run yet."
    counts = Counter(span.outcome for span in spans)
    states = ", ".join(f"{counts[outcome]} {word}" for outcome, word in OUTCOMES.items() if counts[outcome])
    on = len({span.node_id for span in spans})
    return f"Timeline of what ran, a row a node ({on:,}): {states}."


def _extent(axis: Axis) -> Figure:
    """Draws nothing, and makes the axis reach from the start to now."""
    ends = [axis.at(axis.start), axis.at(max(axis.now, axis.start + SHORTEST))]
    return {**silent("scatter"), "mode": "markers", "x": ends, "y": [0, 0], "marker": {"opacity": 0}}


def _lane_height(count: int) -> float:
    return min(LANE_HEIGHT, (HEIGHT_AT_MOST - AXIS_HEIGHT - TOOLS_HEIGHT) / max(1, count))


def _layout(labels: Sequence[str], axis: Axis, view: str) -> Figure:
    count = max(1, len(labels))
    lane = _lane_height(count)
    every = math.ceil(count / LANES_WITH_NAMES)
    named = [
        (place, label) for place, label in enumerate(labels) if label and (place % every == 0 or every == 1)
    ]
    return {
        "height": math.ceil(count * lane) + TOOLS_HEIGHT + AXIS_HEIGHT,
        "margin": {"l": 8, "r": 12, "t": TOOLS_HEIGHT, "b": AXIS_HEIGHT},
        "barmode": "overlay",
        "hovermode": "closest",
        "dragmode": "zoom",
        "uirevision": view,
        "meta": {"follow": True, "tools": True},
        "uniformtext": {"mode": "hide", "minsize": 10},
        "showlegend": False,
        "xaxis": time_axis(axis),
        "yaxis": {
            "range": [count - 0.5, -0.5],
            "fixedrange": count <= LANES_WITHOUT_ZOOM,
            "tickmode": "array",
            "tickvals": [place for place, _ in named],
            "ticktext": [label for _, label in named],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
            "ticks": "",
        },
    }
