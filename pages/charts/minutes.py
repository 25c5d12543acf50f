"""Nodes by minute, for more work than bars can be drawn of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pages.charts.axis import Axis
from pages.charts.labels import plain
from pages.charts.lanes import Lanes
from pages.charts.palette import SEVERITY, outcome_family, stepped_scale

if TYPE_CHECKING:
    from batch_core.snapshot import Span

MINUTES_AT_MOST = 600

Figure = dict[str, Any]


def by_minute(rows: Lanes, spans: Sequence[Span], axis: Axis) -> tuple[list[Figure], tuple[str, ...]]:
    """A trace and its labels, a row a node: the colour of the worst that happened on the node in that minute."""
    unknown = dict.fromkeys(span.node_id for span in spans if span.node_id not in rows.first)
    first = {**rows.first, **{node_id: rows.count + place for place, node_id in enumerate(unknown)}}
    start = min(span.start for span in spans)
    minutes = math.ceil((max(span.end or axis.now for span in spans) - start).total_seconds() / 60) or 1
    step = math.ceil(minutes / MINUTES_AT_MOST) * 60
    bins = math.ceil(minutes * 60 / step)
    z: list[list[int | None]] = [[None] * bins for _ in first]
    for span in spans:
        worst = SEVERITY.index(outcome_family(span.outcome))
        row = z[first[span.node_id]]
        begin = min(int((span.start - start).total_seconds() // step), bins - 1)
        end = math.ceil(((span.end or axis.now) - start).total_seconds() / step)
        for place in range(begin, max(begin + 1, min(end, bins))):
            seen = row[place]
            row[place] = worst if seen is None else max(seen, worst)
    trace = {
        "type": "heatmap",
        "z": z,
        "x0": axis.at(start + timedelta(seconds=step / 2)),
        "dx": step * 1000,
        "y0": 0,
        "dy": 1,
        "zmin": -0.5,
        "zmax": len(SEVERITY) - 0.5,
        "colorscale": stepped_scale(SEVERITY),
        "showscale": False,
        "hovertemplate": "%{x}<extra></extra>",
        "hoverongaps": False,
        "meta": {},
    }
    return [trace], (*rows.labels, *(plain(node_id, 14) for node_id in unknown))
