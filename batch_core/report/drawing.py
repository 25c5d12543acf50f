"""The report's timeline: where each attempt lies in a drawing of a fixed width."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from batch_core.sizes import lasted_text, length_text
from batch_core.snapshot import Outcome, Span

WIDTH, LANE, NAMES = 1000.0, 20.0, 90.0
SHORTEST = 2.0  # of the drawing's units: a short failure never vanishes
MARKS = 6


@dataclass(frozen=True)
class Bar:
    """An attempt as a rectangle; `title` tells of it under the pointer."""

    x: float
    y: float
    width: float
    outcome: Outcome
    title: str


@dataclass(frozen=True)
class Drawing:
    """Bars, the lanes' names with their middles, and marks of elapsed time with their places."""

    bars: tuple[Bar, ...]
    lanes: tuple[tuple[str, float], ...]
    marks: tuple[tuple[str, float], ...]
    height: float


def node_names(spans: Sequence[Span]) -> dict[str, str]:
    """A short name for each node, by the order of first use."""
    return {
        node: f"node {number}" for number, node in enumerate(dict.fromkeys(span.node_id for span in spans), 1)
    }


def draw(spans: Sequence[Span], ended: datetime | None) -> Drawing | None:
    """The attempts in lanes, a lane for each slot of a node that was ever used; None when nothing ever ran.

    What still runs ends at the last moment that is known.
    """
    if not spans:
        return None
    start = min(span.start for span in spans)
    known = [*(span.end for span in spans if span.end), *(span.start for span in spans)]
    end = max([*known, *([ended] if ended else [])])
    scale = (WIDTH - NAMES) / max((end - start).total_seconds(), 1.0)
    places, names = _lanes(spans, end)
    bars = tuple(
        Bar(
            x=NAMES + (span.start - start).total_seconds() * scale,
            y=place * LANE,
            width=max(SHORTEST, ((span.end or end) - span.start).total_seconds() * scale),
            outcome=span.outcome,
            title=f"{span.name}: {span.outcome}, {lasted_text(((span.end or end) - span.start).total_seconds())}",
        )
        for span, place in zip(spans, places, strict=True)
    )
    step = _step((end - start).total_seconds())
    count = int((end - start).total_seconds() / step) + 1
    marks = tuple((_mark(number * step, step), NAMES + number * step * scale) for number in range(count))
    lanes = tuple((name, (place + 0.5) * LANE) for place, name in enumerate(names))
    return Drawing(bars, lanes, marks, len(names) * LANE)


def _lanes(spans: Sequence[Span], end: datetime) -> tuple[list[int], list[str]]:
    """A lane for each attempt, and the lanes' names: a node's stand together, in the order of first use."""
    free: dict[str, list[datetime]] = {}
    slots = []
    for span in spans:
        mine = free.setdefault(span.node_id, [])
        slot = next((slot for slot, until in enumerate(mine) if until <= span.start), len(mine))
        mine[slot : slot + 1] = [span.end or end]
        slots.append(slot)
    first: dict[str, int] = {}
    names: list[str] = []
    for node, name in node_names(spans).items():
        first[node] = len(names)
        names += [name, *[""] * (len(free[node]) - 1)]
    return [first[span.node_id] + slot for span, slot in zip(spans, slots, strict=True)], names


def _mark(seconds: float, step: float) -> str:
    return f"{seconds:g} s" if step < 60 else length_text(seconds)


def _step(seconds: float) -> float:
    """A round number of seconds between two marks."""
    wanted = max(seconds, 1.0) / MARKS
    for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200):
        if step >= wanted:
            return step
    return 86400.0
