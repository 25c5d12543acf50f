"""The timeline: a lane a node, a bar a task; a figure out of columns, nothing else.

Idle time stays white. Bars are drawn up to BARS_AT_MOST; above that nodes by minute, where the worst state of a
minute wins, so that a short failure never disappears, with the amounts of tasks by state above; bars again of a
window of time or of one node. Lanes that do not fit are shown by pages. What is past stays as it was: nodes that are
gone keep their lanes and names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from pages.charts.amounts import amounts, area, moments
from pages.charts.axis import Axis, time_axis
from pages.charts.bars import Scale, node_phases, task_bars
from pages.charts.columns import NEVER, Attempts, Tasks
from pages.charts.density import by_minute, step_of
from pages.charts.lanes import Order, lanes
from pages.charts.legend import Entry, legend
from pages.charts.palette import DONE, FAMILIES, IDLE, RUNNING, Family, node_family, outcome_family

if TYPE_CHECKING:
    from batch_core.snapshot import NodePhase, Steps

BARS_AT_MOST = 10_000
LANES = 60  # with bars on a page, a few more when a node has several
ROWS = 140  # of the density on a page
LANES_WITH_NAMES = 22  # as many as stand under each other in the highest chart
HEIGHT_AT_MOST = 420
LANE_HEIGHT = 30
AREA_HEIGHT = 90
SHORTEST = timedelta(seconds=10)
AXIS_HEIGHT = 40
TOOLS_HEIGHT = 28  # above the lanes, so that what zooms and leads back lies on nothing

# What became of attempts, as the chart's text counts them; a stop is not a failure, nor a preemption a loss.
WORDS = {
    "running": "running",
    "done": "done",
    "failed": "failed",
    "stopped": "stopped",
    "requeued": "sent back to waiting",
    "preempted": "preempted",
    "lost": "lost with their node",
}

PALE: Entry = {
    "id": "",
    "colour": "#99C7E0",
    "edge": RUNNING.edge,
    "text": "Pale: fetching the input, storing the result",
}
MADE: Entry = {
    "id": "",
    "colour": DONE.colour,
    "edge": RUNNING.edge,
    "text": "Foot of a running bar: how much is made",
}

Figure = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """What is looked at: nodes from the `first` on, in a `window` of milliseconds since 1970 (None: all)."""

    first: int = 0
    window: tuple[int, int] | None = None


@dataclass(frozen=True)
class Facts:
    """What is drawn besides the attempts themselves."""

    tasks: Tasks
    phases: Sequence[NodePhase] = ()
    steps: Mapping[tuple[str, int], Steps] | None = None
    limit: datetime | None = None  # when what still runs is ended
    expected: Mapping[str, float] = field(default_factory=dict)  # seconds of each task's result


def page_size(work: Attempts, slots: int) -> int:
    """How many nodes are shown at once."""
    if len(work) > BARS_AT_MOST:
        return max(10, ROWS // max(1, slots))  # so that their slots have room when bars are shown of a window
    return max(1, LANES // max(1, slots))


def timeline(
    order: Order, work: Attempts, facts: Facts, *, slots: int, axis: Axis, view: str, part: Part | None = None
) -> Figure:
    """The figure of what ran where and when; `shown` in it counts what of all that there is.

    While `view` stays the same, a zoom is kept; a zoomed chart offers a way back to the newest.
    """
    part = part or Part()
    scale = Scale.of(axis)
    size = page_size(work, slots)
    shown, mine = _on_page(order, work, part, size)
    dense = (len(work) if part.window is None else len(mine)) > BARS_AT_MOST
    rows = lanes(shown, _none(mine) if dense else mine, slots)
    phases = [_clipped(phase, axis) for phase in facts.phases if _seen(phase, axis)]
    drawn = (
        by_minute(rows, mine, axis, scale, part.window)
        if dense
        else task_bars(mine, rows, scale, facts.steps or {}, facts.expected)
    )
    queue = None if dense else _queue(work, facts.tasks, axis, scale, rows.count)
    labels = rows.labels if queue is None else (*rows.labels, f"{queue['count']:,} waiting")
    return {
        "data": [_extent(axis), *(area(work, facts.tasks, axis, part.window) if dense else ())],
        "layout": _layout(labels, axis, view, dense, work),
        "legend": [
            *_legend(work, phases, facts.tasks, dense),
            *([PALE] if facts.steps and not dense else []),
            *([MADE] if any(made is not None for made, *_ in drawn.get("far", {}).values()) else []),
        ],
        "bars": {
            "base": axis.at(axis.start),
            "clock": axis.clock(axis.start),
            "relative": axis.relative,
            "unit": scale.unit,
            "now": scale.at(axis.now),
            "limit": facts.limit and scale.at(facts.limit),
            "sets": [node_phases(phases, rows, axis, scale), drawn],
            "queue": queue,
        },
        "shown": _shown(order, shown, part, size, work, mine, step_of(axis, part.window) if dense else None),
    }


def _on_page(order: Order, work: Attempts, part: Part, size: int) -> tuple[Order, Attempts]:
    """The nodes of a page, and what ran on them in the window."""
    page = order.page(part.first, size)
    chosen = work.on(page.node_ids)
    if part.window:
        chosen &= (work.start < part.window[1]) & (work.end > part.window[0])
    return page, work.some(np.flatnonzero(chosen))


def _none(work: Attempts) -> Attempts:
    return work.some(np.zeros(0, np.int64))


def _shown(
    order: Order, page: Order, part: Part, size: int, work: Attempts, mine: Attempts, step: int | None
) -> Figure:
    return {
        "first": part.first,
        "nodes": len(page.node_ids),
        "of_nodes": len(order.node_ids),
        "size": size,
        "tasks": len(mine),
        "of_tasks": len(work),
        "step": step,
        "running": [] if step else [mine.spans[at].task_id for at in np.flatnonzero(mine.end == NEVER)[:100]],
    }


def _seen(phase: NodePhase, axis: Axis) -> bool:
    return phase.start < axis.now and (phase.end is None or phase.end > axis.start)


def _clipped(phase: NodePhase, axis: Axis) -> NodePhase:
    """What is not over when the axis ends goes on beyond it."""
    return replace(phase, end=None) if phase.end and phase.end > axis.now else phase


def _queue(work: Attempts, tasks: Tasks, axis: Axis, scale: Scale, lane: int) -> Figure | None:
    """How many waited over time, for a hatched lane under the others; None when none waits."""
    count = _waiting(tasks)
    if not count:
        return None
    at = moments(axis)
    waiting = amounts(work, tasks, at)[IDLE.id]
    waiting[-1] = count
    return {
        "count": count,
        "lane": lane,
        "at": np.diff((at - scale.base) // scale.unit, prepend=0).tolist(),
        "waiting": waiting.tolist(),
        "edge": IDLE.edge,
    }


def _waiting(tasks: Tasks) -> int:
    return int(np.count_nonzero(tasks.family == FAMILIES.index(IDLE)))


def _legend(work: Attempts, phases: Sequence[NodePhase], tasks: Tasks, dense: bool) -> list[Entry]:
    """An entry for each colour that is there: what became of tasks in it, and its family's word for nodes."""
    words: dict[Family, dict[str, None]] = {family: {} for family in FAMILIES}
    if (waiting := _waiting(tasks)) or dense:
        words[IDLE][f"Waiting {waiting:,}"] = None
    for outcome, word in WORDS.items():
        if count := work.count(outcome):
            words[outcome_family(outcome)][f"{word.capitalize()} {count:,}"] = None
    for family in {node_family(phase.state) for phase in phases}:
        if not words[family]:
            words[family][family.word] = None
    return legend((family, ", ".join(said)) for family, said in words.items() if said)


def alt_text(work: Attempts, phases: Sequence[NodePhase] = ()) -> str:
    """The timeline for someone who does not see it; `phases` of a pool without a job."""
    if not len(work) and any(phase.state == "running" for phase in phases):
        busy = len({phase.node_id for phase in phases if phase.state == "running"})
        return f"Timeline of the nodes: {busy} have been at work."
    if not len(work):
        return "Timeline of the nodes: nothing has run yet."
    states = ", ".join(
        f"{count:,} {word}" for outcome, word in WORDS.items() if (count := work.count(outcome))
    )
    on = len(np.unique(work.node))
    return f"Timeline of what ran, a row a node ({on:,}): {states}."


def _extent(axis: Axis) -> Figure:
    """Draws nothing, and makes the axis reach from the start to now, or to where it ends."""
    ends = [axis.at(axis.start), axis.at(max(axis.until or axis.now, axis.start + SHORTEST))]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": ends,
        "y": [0, 0],
        "marker": {"opacity": 0},
        "hoverinfo": "skip",
    }


def _lane_height(count: int) -> float:
    return min(LANE_HEIGHT, (HEIGHT_AT_MOST - AXIS_HEIGHT - TOOLS_HEIGHT) / max(1, count))


def _layout(labels: Sequence[str], axis: Axis, view: str, dense: bool, work: Attempts) -> Figure:
    count = max(1, len(labels))
    lanes_height = math.ceil(count * _lane_height(count))
    every = math.ceil(count / LANES_WITH_NAMES)
    named = [
        (place, label) for place, label in enumerate(labels) if label and (place % every == 0 or every == 1)
    ]
    lanes_part = lanes_height / (lanes_height + AREA_HEIGHT) if dense else 1
    layout = {
        "height": lanes_height + (AREA_HEIGHT if dense else 0) + TOOLS_HEIGHT + AXIS_HEIGHT,
        "margin": {"l": 8, "r": 12, "t": TOOLS_HEIGHT, "b": AXIS_HEIGHT},
        "hovermode": "closest",
        "dragmode": "zoom",
        "uirevision": view,
        "meta": {
            "follow": True,
            "tools": True,
            "live": axis.live,
            "events": work.events,
            "window": len(work) > BARS_AT_MOST,
        },
        "showlegend": False,
        "xaxis": {**time_axis(axis), "showgrid": False},  # the lines lie under the bars, on their canvas
        "yaxis": {
            "range": [count - 0.5, -0.5],
            "domain": [0, lanes_part * 0.97 if dense else 1],
            "fixedrange": True,
            "tickmode": "array",
            "tickvals": [place for place, _ in named],
            "ticktext": [label for _, label in named],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
            "ticks": "",
        },
    }
    if dense:
        layout["yaxis2"] = {
            "domain": [lanes_part, 1],
            "anchor": "x",
            "fixedrange": True,
            "nticks": 3,
            "rangemode": "tozero",
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        }
    return layout
