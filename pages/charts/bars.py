"""What lies in the lanes of the timeline: bars of tasks, phases of nodes, marks at ends, what waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pages.charts.axis import Axis
from pages.charts.labels import duration, plain
from pages.charts.lanes import Lanes, attempts
from pages.charts.palette import (
    ERROR,
    IDLE,
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

if TYPE_CHECKING:
    from batch_core.snapshot import NodePhase, Span

LABELLED_AT_MOST = 300
ROOMY = 10  # px of a lane from which bars have outlines and textures

Figure = dict[str, Any]


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


def task_bars(spans: Sequence[Span], rows: Lanes, axis: Axis, look: Look) -> list[Figure]:
    """A bar an attempt, a trace a family of outcomes."""
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


def node_phases(phases: Sequence[NodePhase], rows: Lanes, axis: Axis, look: Look) -> list[Figure]:
    """When nodes were starting or at work, and thinner when they were offline, preempted or broken."""
    traces = []
    for family in SEVERITY:
        chosen = [
            phase for phase in phases if node_family(phase.state) is family and phase.node_id in rows.first
        ]
        if not chosen:
            continue
        trace = _bar_trace(family, look)
        starts = [max(phase.start, axis.start) for phase in chosen]
        trace["width"] = 0.78 if family in (STARTING, RUNNING) else 0.3
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


def end_marks(spans: Sequence[Span], rows: Lanes, axis: Axis, look: Look) -> list[Figure]:
    """A mark at the end of what failed or was preempted, and a line from an attempt to the next."""
    traces: list[Figure] = []
    links = attempts(spans)
    if links:
        x: list[str | None] = []
        y: list[int | None] = []
        for earlier, later in links:
            x += [axis.at(spans[earlier].end or spans[later].start), axis.at(spans[later].start), None]
            y += [rows.placed[earlier], rows.placed[later], None]
        line = {"color": "var(--st-text-color)", "width": 1, "dash": "dot"}
        traces.append({**silent("scatter"), "mode": "lines", "x": x, "y": y, "line": line})
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
            trace = {**silent("scatter"), "mode": "markers", "marker": marker}
            trace["x"] = [axis.at(spans[index].end or axis.now) for index in chosen]
            trace["y"] = [rows.placed[index] for index in chosen]
            traces.append(trace)
    return traces


def queue(waiting: Waiting, lane: int, axis: Axis, look: Look) -> Figure:
    """One hatched bar in a lane of its own for all that waits."""
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


def silent(kind: str) -> Figure:
    """A trace that does not answer the pointer."""
    return {"type": kind, "hoverinfo": "skip", "cliponaxis": True}
