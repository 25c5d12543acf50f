"""A tile a group of nodes, where a fleet has more nodes than tiles can be told apart.

A group is filled from its foot by the share of its slots in use; from its top come the nodes that can't work, each
family with its share; a mark tells the worst state in it and how many nodes are in that.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages.charts.palette import (
    ERROR,
    FAMILIES,
    IDLE,
    OFFLINE,
    PREEMPTED,
    RUNNING,
    SEVERITY,
    STARTING,
    Family,
    node_family,
)
from pages.charts.places import Grid
from pages.charts.tiles import Figure, mark, text_trace

if TYPE_CHECKING:
    from batch_core.snapshot import NodeRow

FROM_TOP = (ERROR, PREEMPTED, OFFLINE, STARTING)  # what keeps nodes from work, the worst first
SEEN_FROM = 9  # percent of a group's height that even one node of a hundred gets
MARK_LETTER, MARK_HEIGHT = 21, 36  # percent of a group's width and height that a mark's letter takes
COUNTED_TO = 99


@dataclass(frozen=True)
class Group:
    """Neighbours: their number, how many are in each family, the slots that they use and have, and the first's error."""

    first: int
    last: int
    families: Counter[str]
    used: int
    slots: int
    error: str

    @property
    def nodes(self) -> int:
        return self.families.total()

    @property
    def worst(self) -> Family:
        return max((family for family in SEVERITY if self.families[family.id]), key=SEVERITY.index)


def groups(nodes: Sequence[NodeRow], at: Mapping[str, int], size: int, slots: int) -> dict[int, Group]:
    """The groups that have nodes, by their place: `size` places each."""
    members: dict[int, list[NodeRow]] = defaultdict(list)
    for node in nodes:
        members[at[node.id] // size].append(node)
    return {place: _group(place, size, some, slots) for place, some in sorted(members.items())}


def _group(place: int, size: int, nodes: Sequence[NodeRow], slots: int) -> Group:
    at_work = [node for node in nodes if node_family(node.state) is RUNNING]
    return Group(
        first=place * size + 1,
        last=(place + 1) * size,
        families=Counter(node_family(node.state).id for node in nodes),
        used=sum(min(slots, node.slots_used or slots) for node in at_work),
        slots=slots * len(nodes),
        error=next((node.error for node in nodes if node.error), ""),
    )


def group_marks(found: Mapping[int, Group]) -> list[Figure]:
    """Rectangles as of tiles: a group as a whole, what is in use, what can't work, and the mark of the worst."""
    marks = {family.id: mark(family) for family in FAMILIES}
    corners = {family.id: mark(family) for family in FROM_TOP}
    for place, group in found.items():
        marks[IDLE.id]["whole"].append(place)
        if group.used:
            top = round(100 * (1 - group.used / group.slots))
            marks[RUNNING.id]["parts"] += [place, 0, min(top, 100 - SEEN_FROM), 100, 100]
        top = 0
        for family in FROM_TOP:
            if count := group.families[family.id]:
                high = max(SEEN_FROM, round(100 * count / group.nodes))
                marks[family.id]["parts"] += [place, 0, min(top, 100), 100, min(top + high, 100)]
                top += high
        if group.worst in FROM_TOP:
            width = MARK_LETTER * len(marked(group)) + 6
            corners[group.worst.id]["parts"] += [place, 100 - width, 0, 100, MARK_HEIGHT]
    return [drawn for drawn in [*marks.values(), *corners.values()] if drawn["whole"] or drawn["parts"]]


def marked(group: Group) -> str:
    """The text of a group's mark."""
    count = group.families[group.worst.id]
    return f"{group.worst.glyph}{count}" if count <= COUNTED_TO else f"{group.worst.glyph}{COUNTED_TO}+"


def group_texts(found: Mapping[int, Group], grid: Grid, gap: float) -> list[Figure]:
    """The texts of the marks."""
    texts: dict[str, Figure] = {}
    for place, group in found.items():
        family = group.worst
        if family not in FROM_TOP:
            continue
        trace = texts.setdefault(family.id, text_trace(family, named=True))
        half = (MARK_LETTER * len(marked(group)) + 6) / 200
        trace["x"].append(round(place % grid.columns + (1 - gap) * (1 - half), 3))
        trace["y"].append(round(place // grid.columns + (1 - gap) * MARK_HEIGHT / 200, 3))
        trace["text"].append(marked(group))
        trace["textfont"]["size"] = 10
        trace["textfont"]["color"].append(family.text)
    return list(texts.values())


def told_of_group(group: Group) -> list[str]:
    """What is told of a group: which nodes, how many in which state, slots in use, the first error in it."""
    lines = [f"Nodes {group.first:,}–{group.last:,} · {group.nodes:,} there"]
    lines += [
        f"{family.glyph} {group.families[family.id]:,} {family.word.lower()}"
        for family in FAMILIES
        if group.families[family.id]
    ]
    lines.append(f"{group.used:,} of {group.slots:,} slots in use")
    if group.error:
        lines.append(group.error)
    return lines
