"""Nodes by minute (or what fits), for more work than bars can be drawn of: the worst of each minute wins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from pages.charts.axis import Axis
from pages.charts.bars import Scale, look
from pages.charts.columns import FAMILY_OF, NEVER, Attempts, Numbers, milliseconds
from pages.charts.labels import duration
from pages.charts.lanes import Lanes
from pages.charts.palette import FAMILIES, SEVERITY

CELLS = 300  # in a row, at most: two pixels each where the chart is narrow
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400)  # seconds
WORST = np.array([SEVERITY.index(FAMILIES[family]) for family in FAMILY_OF])


def step_of(axis: Axis, window: tuple[int, int] | None) -> int:
    """How many seconds a cell stands for."""
    first, last = window or (milliseconds(axis.start), milliseconds(axis.now))
    return next((step for step in STEPS if (last - first) / 1000 <= step * CELLS), STEPS[-1])


def by_minute(
    rows: Lanes, work: Attempts, axis: Axis, scale: Scale, window: tuple[int, int] | None
) -> dict[str, Any]:
    """A row a node: the colour of the worst that happened on it in each cell, equal neighbours in one."""
    step = step_of(axis, window)
    last = milliseconds(axis.now)
    begin = np.maximum(work.start, scale.base if window is None else window[0])
    finish = np.where(work.end == NEVER, last, work.end)
    finish = np.minimum(finish, last if window is None else window[1])
    first = (begin - scale.base) // (step * 1000)
    cells = np.maximum((np.maximum(finish, begin + 1) - scale.base - 1) // (step * 1000) - first + 1, 1)
    grid = _grid(_lane_of(rows, work), first, cells, WORST[work.outcome])
    lane, start, length, worst = _runs(grid)
    in_order = np.argsort(start, kind="stable")
    offset = int(first.min()) if len(first) else 0
    starts = scale.base + (start[in_order] + offset) * step * 1000
    nodes = _ids(rows)
    return {
        "kind": "node",
        **scale.columns(starts, np.minimum(starts + length[in_order] * step * 1000, last)),
        "lane": lane[in_order].tolist(),
        "look": worst[in_order].tolist(),
        "looks": [
            look(family, f"the worst in {duration(timedelta(seconds=step))}: {family.word.lower()}")
            for family in SEVERITY
        ],
        "id": [nodes[place] for place in lane[in_order].tolist()],
        "name": [rows.labels[place] for place in lane[in_order].tolist()],
    }


def _lane_of(rows: Lanes, work: Attempts) -> Numbers:
    lane_of = np.zeros(len(work.node_ids) + 1, np.int64)
    for node_id, lane in rows.first.items():
        if node_id in work.node_ids:
            lane_of[work.node_ids[node_id]] = lane
    return lane_of[work.node]


def _ids(rows: Lanes) -> Sequence[str]:
    by_lane = {lane: node_id for node_id, lane in rows.first.items()}
    return [by_lane[lane] for lane in range(rows.count)]


def _grid(lane: Numbers, first: Numbers, cells: Numbers, worst: Numbers) -> Numbers:
    """A row a lane, a column a step: the worst, or -1 where nothing was."""
    if not len(lane):
        return np.full((1, 1), -1, np.int64)
    first = first - first.min()
    grid = np.full((int(lane.max()) + 1, int((first + cells).max())), -1, np.int64)
    for rank in np.unique(worst):  # a later rank is worse, and lies over the ones before
        mine = worst == rank
        count = cells[mine]
        within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        grid[np.repeat(lane[mine], count), np.repeat(first[mine], count) + within] = rank
    return grid


def _runs(grid: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Equal neighbours in one: lane, first column, number of columns and value of each run that is not empty."""
    edge = np.ones(grid.shape, bool)
    edge[:, 1:] = grid[:, 1:] != grid[:, :-1]
    at = np.flatnonzero(edge)
    length = np.diff(np.append(at, grid.size))
    value = grid.ravel()[at]
    there = value >= 0
    return at[there] // grid.shape[1], at[there] % grid.shape[1], length[there], value[there]
