"""One tile a node: its colour and fill, Spot stripes, what stands in it and what is told of it.

`marks` are rectangles in a family's colour: `whole` are places whose tile is filled, `parts` are place, left, top,
right and bottom (percent of a tile), one after another; `stripes` are places of tiles with stripes.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from pages.charts.labels import duration, node_name, plain, short
from pages.charts.palette import (
    ERROR,
    IDLE,
    OFFLINE,
    PREEMPTED,
    RUNNING,
    Family,
    node_family,
    node_words,
)
from pages.charts.places import Grid

if TYPE_CHECKING:
    from batch_core.snapshot import NodeRow
    from pages.charts.progress import OnNode

GAP = 0.12  # of a tile
NAMED_FROM = 56  # px of a tile that has room for words
GLYPHED_FROM = 16
GLYPHS_AT_MOST = 400
LETTER, LINES = 6.6, 4  # px of a letter in a tile, and lines that it has room for
TOLD, TOLD_OF_AN_ERROR = 60, 240  # characters of a line that tells of a tile
NAMES_AT_MOST = 4
LIGHT = "#FFFFFF"
LIGHT_STRIPE, DARK_STRIPE = "rgba(255,255,255,0.45)", "rgba(0,0,0,0.3)"

Figure = dict[str, Any]


@dataclass(frozen=True)
class Fleet:
    """What is drawn: nodes, the slots of each, the names of what runs on a node by its id, and the moment.

    `progress` is how far that is, of nodes of which it is known. `reach` is how many places the nodes were laid in, so
    that all stay where they are when the last one leaves.
    """

    nodes: Sequence[NodeRow]
    slots: int
    working_on: Mapping[str, Sequence[str]]
    zone: tzinfo
    now: datetime
    progress: Mapping[str, OnNode] = field(default_factory=dict)
    reach: int = 0


def share_in_use(node: NodeRow, slots: int) -> float:
    """How much of a tile is filled: slots in use of a running node; 0 for every other state."""
    if node_family(node.state) is not RUNNING:
        return 0.0
    return min(1.0, node.slots_used / slots) if node.slots_used else 1.0


def mark(family: Family, colour: Family | None = None) -> Figure:
    """No rectangles yet, of a family; in its colour or in that of another."""
    shown = colour or family
    return {"family": family.id, "colour": shown.colour, "edge": shown.edge, "whole": [], "parts": []}


def tile_marks(fleet: Fleet, at: Mapping[str, int]) -> list[Figure]:
    """Every tile in its family's colour; one at work is filled from its foot by the share of its slots in use."""
    marks: dict[tuple[str, bool], Figure] = {}
    striped: dict[str, list[int]] = defaultdict(list)
    for node in fleet.nodes:
        family, place = node_family(node.state), at[node.id]
        share = share_in_use(node, fleet.slots) if family is RUNNING else 1.0
        if share < 1:
            marks.setdefault((family.id, True), mark(family, IDLE))["whole"].append(place)
            top = round(100 * (1 - share))
            marks.setdefault((family.id, False), mark(family))["parts"] += [place, 0, top, 100, 100]
        else:
            marks.setdefault((family.id, False), mark(family))["whole"].append(place)
        if not node.dedicated:
            striped[family.id].append(place)
    for (name, under), drawn in marks.items():
        if not under and striped[name]:
            drawn["stripes"] = striped[name]
            drawn["stripe"] = LIGHT_STRIPE if _dark(name) else DARK_STRIPE
    return [drawn for _, drawn in sorted(marks.items(), key=lambda item: not item[0][1])]


def _dark(name: str) -> bool:
    return any(family.id == name and family.text == LIGHT for family in (RUNNING, OFFLINE, ERROR))


def tile_texts(fleet: Fleet, at: Mapping[str, int], grid: Grid) -> list[Figure]:
    """Names, glyphs and reasons where tiles have room for them; trouble keeps its glyph at every size."""
    nodes: Sequence[NodeRow] = fleet.nodes
    if grid.tile < GLYPHED_FROM:
        nodes = [node for node in nodes if node_family(node.state) in (ERROR, PREEMPTED)][:GLYPHS_AT_MOST]
    named = grid.tile >= NAMED_FROM
    texts: dict[str, Figure] = {}
    for node in nodes:
        family = node_family(node.state)
        trace = texts.setdefault(family.id, text_trace(family, named, shadow=named and fleet.slots > 1))
        trace["x"].append(at[node.id] % grid.columns + (1 - GAP) / 2)
        trace["y"].append(at[node.id] // grid.columns + (1 - GAP) / 2)
        trace["text"].append(_words_in(node, fleet, grid.tile) if named else _glyph(node))
        trace["textfont"]["color"].append(_text_colour(node, fleet.slots))
    return list(texts.values())


def text_trace(family: Family, named: bool, shadow: bool = False) -> Figure:
    """Text in tiles of a family; the browser sets the size of lone glyphs by that of the tiles."""
    return {
        "type": "scatter",
        "mode": "text",
        "x": [],
        "y": [],
        "text": [],
        "textfont": {"size": 11, "color": [], "shadow": "auto" if shadow else "none"},
        "hoverinfo": "skip",
        "meta": {"family": family.id, "named": named},
    }


def _words_in(node: NodeRow, fleet: Fleet, tile: float) -> str:
    """The node's name, what it does or why it does not, and how far or since when, in lines that fit."""
    letters = int(tile * (1 - GAP) / LETTER)
    family = node_family(node.state)
    head = [_glyph(node), node_name(node.id, node.order)]
    lines = [" ".join(head)] if len(" ".join(head)) <= letters else head
    room = LINES - len(lines)
    doing, far = fleet.working_on.get(node.id, ()), fleet.progress.get(node.id)
    if family is RUNNING and doing:
        more = f" +{len(doing) - 1}" if len(doing) > 1 else ""
        lines.append(short(doing[0], letters - len(more)) + more)
    elif family not in (RUNNING, IDLE):
        lines += _reason(node, letters, room)
    if far is not None and far.percent is not None:
        lines.append(f"{far.percent} %")
    elif len(lines) < LINES:
        lines.append(_for_how_long(node, fleet.now))
    return "<br>".join(plain(line, letters) for line in lines)


def _reason(node: NodeRow, letters: int, room: int) -> list[str]:
    """Why a node is out of order when that fits, else the words for its state."""
    told = node.error.removeprefix("The start task failed.").strip().rstrip(".")
    for words in (told, node_words(node.state, node.accepts)):
        lines = textwrap.wrap(words, letters)
        if lines and len(lines) <= room and max(map(len, lines)) <= letters:
            return lines
    return []


def _for_how_long(node: NodeRow, now: datetime) -> str:
    """In whole minutes: it is drawn again once a minute."""
    length = now - node.since
    return "< 1 min" if length.total_seconds() < 60 else duration(length - length % timedelta(minutes=1))


def _glyph(node: NodeRow) -> str:
    """The glyph of its family, and beside it that of "offline" when it takes no more tasks."""
    family = node_family(node.state)
    return family.glyph if node.accepts or family is OFFLINE else f"{family.glyph} {OFFLINE.glyph}"


def _text_colour(node: NodeRow, slots: int) -> str:
    """Readable on what is in the middle of the tile: its fill, or the empty part above that."""
    family = node_family(node.state)
    return IDLE.text if family is RUNNING and share_in_use(node, slots) <= 0.5 else family.text


def told_of(node: NodeRow, fleet: Fleet) -> list[str]:
    """What is told of a tile: what, its state, since when, doing which files, what is wrong, and what comes next."""
    family = node_family(node.state)
    lines = [
        f"{short(node_name(node.id, node.order), TOLD)} · {'dedicated' if node.dedicated else 'Spot'}",
        f"{family.glyph} {node_words(node.state, node.accepts)}",
        f"since {node.since.astimezone(fleet.zone):%H:%M:%S}",
    ]
    if family is RUNNING and fleet.slots > 1:
        lines.append(f"{node.slots_used} of {fleet.slots} slots in use")
    doing = fleet.working_on.get(node.id, ())
    far = fleet.progress.get(node.id)
    if far is not None and far.percent is not None and len(doing) > 1:
        lines.append(f"{far.percent} % made, on average")
    each = far.told if far is not None else [""] * len(doing)
    for name, told in list(zip(doing, each, strict=True))[:NAMES_AT_MOST]:
        lines.append(f"{short(name, TOLD)} · {told}" if told else short(name, TOLD))
    if len(doing) > NAMES_AT_MOST:
        lines.append(f"and {len(doing) - NAMES_AT_MOST} more")
    if node.error:
        lines.append(short(node.error, TOLD_OF_AN_ERROR))
    return lines
