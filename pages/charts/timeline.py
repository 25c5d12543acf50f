"""The timeline: a lane a node, a bar a task; a figure out of a snapshot, nothing else.

Idle time stays white. Bars are drawn up to BARS_AT_MOST; above that nodes by minute, where the worst state of a
minute wins, so that a short failure never disappears. Everything is on a date axis: either wall clock in the
viewer's zone, or time since the start as if that had been the first midnight of 2000.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from pages.charts.labels import duration, plain
from pages.charts.lanes import Lanes, attempts, lanes
from pages.charts.legend import legend
from pages.charts.palette import (
    ERROR,
    FAMILIES,
    IDLE,
    PREEMPTED,
    SEVERITY,
    STARTING,
    Family,
    node_family,
    node_words,
    outcome_family,
    outcome_words,
    stepped_scale,
)

if TYPE_CHECKING:
    from batch_core.snapshot import NodePhase, NodeRow, Span

BARS_AT_MOST = 10_000
LABELLED_AT_MOST = 300
LANES_WITH_NAMES = 40
LANES_WITHOUT_ZOOM = 60
MINUTES_AT_MOST = 600
HEIGHT_AT_MOST = 420
LANE_HEIGHT = 30
ROOMY = 10  # px of a lane from which bars have outlines and textures
SHORTEST = timedelta(seconds=10)
AXIS_HEIGHT = 44

MIDNIGHT = 946_684_800_000  # 2000-01-01 in ms; a small number on a date axis would be read as a year

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


@dataclass(frozen=True)
class Axis:
    """Where a moment lies on the axis, in milliseconds: since `start`, or by the clock of `zone`."""

    start: datetime
    now: datetime
    zone: tzinfo
    relative: bool

    def at(self, moment: datetime) -> int:
        if self.relative:
            return MIDNIGHT + round((moment - self.start).total_seconds() * 1000)
        offset = moment.astimezone(self.zone).utcoffset() or timedelta(0)
        return round((moment.timestamp() + offset.total_seconds()) * 1000)

    def length(self, start: datetime, end: datetime | None) -> float:
        """Milliseconds, never a whole number: plotly.js takes 12 and 2000 on a date axis for years."""
        return max(0, round(((end or self.now) - start).total_seconds() * 1000)) + 0.5

    def clock(self, moment: datetime) -> str:
        return moment.astimezone(self.zone).strftime("%H:%M:%S")


@dataclass(frozen=True)
class Waiting:
    """Tasks that no node has taken yet: how many, and since when the oldest waits."""

    count: int
    since: datetime


@dataclass(frozen=True)
class Look:
    """What bars of lanes this many pixels high can carry."""

    lane: float

    def outline(self, family: Family) -> Figure:
        if self.lane >= ROOMY:
            return {"color": family.edge, "width": 1}
        return {"color": family.colour, "width": 0.5}

    def pattern(self, family: Family) -> Figure:
        shape = family.pattern if self.lane >= ROOMY else ""
        return {"shape": shape, "fgcolor": family.edge, "fillmode": "overlay", "size": 7, "solidity": 0.15}

    @property
    def mark(self) -> float:
        return max(3.0, min(8.0, self.lane))


def by_minute(spans: Sequence[Span]) -> bool:
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
) -> Figure:
    """The figure of what ran where and when; a bar's customdata is its task's id, a phase's its node's id.

    `phases` are the times in which nodes were not at work. While `view` stays the same, a zoom is kept; a zoomed
    chart offers a way back to the newest.
    """
    shown = [
        phase for phase in phases if phase.start < axis.now and (phase.end is None or phase.end > axis.start)
    ]
    if by_minute(spans):
        traces, labels = _minutes(nodes, spans, axis)
    else:
        rows = lanes(nodes, spans, slots, axis.now)
        look = Look(_lane_height(rows.count + bool(waiting)))
        traces = [
            *_phases(shown, rows, axis, look),
            *_bars(spans, rows, axis, look),
            *_marks(spans, rows, axis, look),
        ]
        labels = rows.labels
        if waiting:
            traces.append(_queue(waiting, rows.count, axis, look))
            labels = (*labels, f"{waiting.count:,} waiting")
    families = {outcome_family(span.outcome).id for span in spans} | {
        node_family(phase.state).id for phase in shown
    }
    entries = legend((family, family.word) for family in FAMILIES if family.id in families)
    return {"data": [_extent(axis), *traces], "layout": _layout(labels, axis, view), "legend": entries}


def alt_text(spans: Sequence[Span]) -> str:
    """The timeline for someone who does not see it."""
    if not spans:
        return "Timeline of the nodes: nothing has run yet."
    counts = Counter(span.outcome for span in spans)
    states = ", ".join(f"{counts[outcome]} {word}" for outcome, word in OUTCOMES.items() if counts[outcome])
    on = len({span.node_id for span in spans})
    return f"Timeline of what ran, a row a node ({on:,}): {states}."


def _bars(spans: Sequence[Span], rows: Lanes, axis: Axis, look: Look) -> list[Figure]:
    traces = []
    labelled = len(spans) <= LABELLED_AT_MOST
    for family in SEVERITY:
        chosen = [index for index, span in enumerate(spans) if outcome_family(span.outcome) is family]
        if not chosen:
            continue
        trace = _bar_trace(family, look)
        trace["base"] = [axis.at(spans[index].start) for index in chosen]
        trace["x"] = [axis.length(spans[index].start, spans[index].end) for index in chosen]
        trace["y"] = [rows.placed[index] for index in chosen]
        trace["customdata"] = [spans[index].task_id for index in chosen]
        trace["hovertext"] = [_hover(spans[index], family, axis) for index in chosen]
        if labelled:
            trace["text"] = [plain(spans[index].name, 40) for index in chosen]
        traces.append(trace)
    return traces


def _bar_trace(family: Family, look: Look) -> Figure:
    trace = {
        "type": "bar",
        "orientation": "h",
        "width": 0.78,
        # the outline keeps the shortest bar visible
        "marker": {"color": family.colour, "line": look.outline(family), "pattern": look.pattern(family)},
        "textposition": "inside",
        "insidetextanchor": "start",
        "textangle": 0,
        "constraintext": "both",
        "insidetextfont": {"color": family.text, "size": 11},
        "cliponaxis": True,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "meta": {"kind": "task"},
    }
    return trace


def _hover(span: Span, family: Family, axis: Axis) -> str:
    attempt = f", attempt {span.attempt}" if span.attempt > 1 else ""
    when = _when(span.start, span.end, axis)
    return f"<b>{plain(span.name)}</b><br>{family.glyph} {outcome_words(span.outcome)}{attempt}<br>{when}"


def _when(start: datetime, end: datetime | None, axis: Axis) -> str:
    if end is None:
        return f"since {axis.clock(start)}"
    return f"{axis.clock(start)} – {axis.clock(end)}, {duration(end - start)}"


def _phases(phases: Sequence[NodePhase], rows: Lanes, axis: Axis, look: Look) -> list[Figure]:
    """When nodes were starting, and thinner when they were offline, preempted or broken."""
    traces = []
    for family in SEVERITY:
        chosen = [
            phase for phase in phases if node_family(phase.state) is family and phase.node_id in rows.first
        ]
        if not chosen:
            continue
        trace = _bar_trace(family, look)
        starts = [max(phase.start, axis.start) for phase in chosen]
        trace["width"] = 0.78 if family is STARTING else 0.3
        trace["base"] = [axis.at(start) for start in starts]
        trace["x"] = [axis.length(start, phase.end) for start, phase in zip(starts, chosen, strict=True)]
        trace["y"] = [rows.first[phase.node_id] for phase in chosen]
        trace["customdata"] = [phase.node_id for phase in chosen]
        trace["hovertext"] = [
            f"{family.glyph} {node_words(phase.state)}<br>{_when(phase.start, phase.end, axis)}"
            for phase in chosen
        ]
        trace["meta"] = {"kind": "node"}
        traces.append(trace)
    return traces


def _marks(spans: Sequence[Span], rows: Lanes, axis: Axis, look: Look) -> list[Figure]:
    """A mark at the end of what failed or was preempted, and a line from an attempt to the next."""
    traces: list[Figure] = []
    links = attempts(spans)
    if links:
        x: list[int | None] = []
        y: list[int | None] = []
        for earlier, later in links:
            x += [axis.at(spans[earlier].end or spans[later].start), axis.at(spans[later].start), None]
            y += [rows.placed[earlier], rows.placed[later], None]
        line = {"color": "var(--st-text-color)", "width": 1, "dash": "dot"}
        traces.append({**_silent("scatter"), "mode": "lines", "x": x, "y": y, "line": line})
    for family, symbol in ((PREEMPTED, "diamond"), (ERROR, "x")):
        chosen = [
            index for index, span in enumerate(spans) if span.end and outcome_family(span.outcome) is family
        ]
        if chosen:
            marker = {
                "symbol": symbol,
                "size": look.mark,
                "color": family.colour,
                "line": look.outline(family),
            }
            trace = {**_silent("scatter"), "mode": "markers", "marker": marker}
            trace["x"] = [axis.at(spans[index].end or axis.now) for index in chosen]
            trace["y"] = [rows.placed[index] for index in chosen]
            traces.append(trace)
    return traces


def _extent(axis: Axis) -> Figure:
    """Draws nothing, and makes the axis reach from the start to now."""
    ends = [axis.at(axis.start), axis.at(max(axis.now, axis.start + SHORTEST))]
    return {**_silent("scatter"), "mode": "markers", "x": ends, "y": [0, 0], "marker": {"opacity": 0}}


def _silent(kind: str) -> Figure:
    return {"type": kind, "hoverinfo": "skip", "cliponaxis": True}


def _queue(waiting: Waiting, lane: int, axis: Axis, look: Look) -> Figure:
    trace = _bar_trace(IDLE, look)
    since = max(waiting.since, axis.start)
    trace["marker"] = {
        "color": "rgba(0,0,0,0)",
        "line": {"color": IDLE.edge, "width": 1},
        "pattern": {"shape": "/", "fgcolor": IDLE.edge, "fillmode": "overlay", "size": 8, "solidity": 0.2},
    }
    trace["base"], trace["x"], trace["y"] = [axis.at(since)], [axis.length(since, None)], [lane]
    trace["hovertext"] = [f"{waiting.count:,} waiting for a node"]
    trace["meta"] = {}
    return trace


def _minutes(
    nodes: Sequence[NodeRow], spans: Sequence[Span], axis: Axis
) -> tuple[list[Figure], tuple[str, ...]]:
    """Nodes by minute: the colour of the worst that happened on the node in that minute."""
    rows = lanes(nodes, [], 1, axis.now)
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
        "x0": axis.at(start) + step * 500,
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


def _lane_height(count: int) -> float:
    return min(LANE_HEIGHT, (HEIGHT_AT_MOST - AXIS_HEIGHT) / max(1, count))


def _layout(labels: Sequence[str], axis: Axis, view: str) -> Figure:
    count = max(1, len(labels))
    lane = _lane_height(count)
    every = math.ceil(count / LANES_WITH_NAMES)
    named = [
        (place, label) for place, label in enumerate(labels) if label and (place % every == 0 or every == 1)
    ]
    return {
        "height": math.ceil(count * lane) + AXIS_HEIGHT,
        "margin": {"l": 8, "r": 12, "t": 4, "b": AXIS_HEIGHT - 4},
        "barmode": "overlay",
        "hovermode": "closest",
        "dragmode": "zoom",
        "uirevision": view,
        "meta": {"follow": True},
        "uniformtext": {"mode": "hide", "minsize": 10},
        "showlegend": False,
        "xaxis": _time_axis(axis),
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


def _time_axis(axis: Axis) -> Figure:
    day = 86_400_000
    long_run = axis.relative and axis.now - axis.start >= timedelta(days=1)
    if axis.relative and axis.now - axis.start < timedelta(hours=1):
        title, stops = "minutes:seconds since the start", [{"dtickrange": [None, None], "value": "%-M:%S"}]
    else:
        title = "hours since the start" if axis.relative else f"time ({_zone_name(axis)})"
        stops = [
            {"dtickrange": [None, 60_000], "value": "%-H:%M:%S"},
            {"dtickrange": [60_000, day], "value": "day %-j, %-H:%M" if long_run else "%-H:%M"},
            {"dtickrange": [day, None], "value": "day %-j" if axis.relative else "%-d %b"},
        ]
    return {
        "type": "date",
        "title": {"text": title, "font": {"size": 11}, "standoff": 4},
        "tickformatstops": stops,
        "autorange": True,
        "autorangeoptions": {"minallowed": axis.at(axis.start)},
        "showgrid": True,
        "zeroline": False,
        "nticks": 8,
    }


def _zone_name(axis: Axis) -> str:
    return plain(axis.now.astimezone(axis.zone).strftime("%Z") or "UTC", 12)


def run_axis(started: datetime | None, now: datetime, zone: tzinfo = UTC, *, relative: bool = True) -> Axis:
    """The axis of a run that started then (or has not yet)."""
    return Axis(min(started or now, now), now, zone, relative)
