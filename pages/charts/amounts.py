"""How many tasks were in which state over time: as an area above the density, and as the queue under the lanes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pages.charts.axis import Axis
from pages.charts.columns import Attempts, Numbers, Tasks, milliseconds
from pages.charts.palette import DONE, ERROR, FAMILIES, IDLE, RUNNING

STEPS = 200

Figure = dict[str, Any]
STACKED = (DONE, ERROR, RUNNING, IDLE)  # from the bottom: what is over does not move any more
WORDS = {DONE: "done", ERROR: "failed or stopped", RUNNING: "running", IDLE: "waiting"}


def moments(axis: Axis, window: tuple[int, int] | None = None) -> Numbers:
    """Milliseconds since 1970 at which amounts are told, over the axis or a window of it."""
    first, last = window or (milliseconds(axis.start), milliseconds(axis.now))
    return np.linspace(first, max(last, first + 1), STEPS).astype(np.int64)


def amounts(work: Attempts, tasks: Tasks, at: Numbers) -> dict[str, Numbers]:
    """How many were done, had failed, ran or waited at each of these moments, by family id."""
    running = _until(work.start, at) - _until(work.end, at)
    over = {
        family.id: _until(tasks.ended[tasks.family == FAMILIES.index(family)], at) for family in (DONE, ERROR)
    }
    waiting = _until(tasks.created, at) - running - sum(over.values())
    return {**over, RUNNING.id: running, IDLE.id: np.maximum(waiting, 0)}


def _until(times: Numbers, at: Numbers) -> Numbers:
    return np.searchsorted(np.sort(times), at, side="right")


def area(work: Attempts, tasks: Tasks, axis: Axis, window: tuple[int, int] | None) -> list[Figure]:
    """Stacked areas of a second plot above the lanes."""
    at = moments(axis, window)
    told = amounts(work, tasks, at)
    x = [axis.at_milliseconds(moment) for moment in at.tolist()]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "stackgroup": "tasks",
            "x": x,
            "y": told[family.id].tolist(),
            "yaxis": "y2",
            "line": {"width": 0.5, "color": family.edge, "shape": "hv"},
            "fillcolor": family.colour,
            "hovertemplate": f"%{{y:,}} {WORDS[family]}<extra></extra>",
            "meta": {},
        }
        for family in STACKED
    ]
