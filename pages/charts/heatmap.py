"""The node heatmap: one tile a node, which keeps its place; a figure out of a snapshot, nothing else.

Colour is the family of the node's state, the fill is how many of its slots are in use, stripes are a Spot node,
the glyph repeats the family. Up to TILES_AT_MOST nodes are tiles with text; above that one image, where only
trouble keeps its glyph.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from pages.charts.labels import node_name, plain
from pages.charts.legend import SPOT, legend
from pages.charts.palette import (
    ERROR,
    FAMILIES,
    IDLE,
    OFFLINE,
    PREEMPTED,
    RUNNING,
    Family,
    node_family,
    node_words,
    stepped_scale,
)

if TYPE_CHECKING:
    from batch_core.snapshot import NodeRow

TILES_AT_MOST = 1000
WIDTH = 400  # px; what the chart is laid out for, it stretches and shrinks from there
TILE_AT_MOST = 84
NAMED_FROM = 60  # px of a tile that has room for its node's name
GLYPHED_FROM = 18
GLYPHS_AT_MOST = 400
LEVELS_AT_MOST = 8
GAP = 0.12  # of a tile
HOVER_WIDTH, HOVER_LINES = 34, 6  # characters of a label that has room beside a tile, and lines of an error
LIGHT = "#FFFFFF"
LIGHT_STRIPE, DARK_STRIPE = "rgba(255,255,255,0.35)", "rgba(0,0,0,0.2)"
NEVER_EMPTY_ENOUGH = 4  # places for each node, before the holes that gone nodes leave are closed

Figure = dict[str, Any]


@dataclass(frozen=True)
class Grid:
    """Where nodes lie: `places` maps a node's id to its place, left to right, top to bottom."""

    places: Mapping[str, int]
    columns: int
    rows: int
    tile: float

    def column(self, node: NodeRow) -> int:
        return self.places[node.id] % self.columns

    def row(self, node: NodeRow) -> int:
        return self.places[node.id] // self.columns


def grid(nodes: Sequence[NodeRow]) -> Grid:
    """A near-square grid in which every node keeps the place its `order` gives it, and gone nodes leave holes."""
    places = {node.id: node.order for node in nodes}
    count = max(places.values(), default=0) + 1
    if count > NEVER_EMPTY_ENOUGH * len(nodes) + 20:
        ranked = sorted(nodes, key=lambda node: node.order)
        places = {node.id: place for place, node in enumerate(ranked)}
        count = len(ranked)
    columns = max(5, math.ceil(math.sqrt(count * 1.25)))
    return Grid(places, columns, math.ceil(count / columns), min(TILE_AT_MOST, WIDTH / columns))


def family_counts(nodes: Iterable[NodeRow]) -> list[tuple[Family, int]]:
    """How many nodes each family has, in the palette's order; families without nodes are left out."""
    counts = Counter(node_family(node.state).id for node in nodes)
    return [(family, counts[family.id]) for family in FAMILIES if counts[family.id]]


def heatmap(
    nodes: Sequence[NodeRow],
    *,
    slots: int,
    working_on: Mapping[str, Sequence[str]],
    zone: tzinfo,
    view: str,
) -> Figure:
    """The figure of a pool's nodes.

    `slots` is the number of task slots a node has, `working_on` the names of the tasks running on a node, `zone`
    the zone for times in hover text; while `view` stays the same, a zoom is kept. A point's customdata is the
    node's `order`.
    """
    at = grid(nodes)
    hover = {node.id: _hover(node, slots, working_on.get(node.id, ()), zone) for node in nodes}
    draw = _tiles if len(nodes) <= TILES_AT_MOST else _image
    traces = [*draw(nodes, at, slots, hover), *_glyphs(nodes, at, slots)]
    entries = legend((family, f"{family.word} {count:,}") for family, count in family_counts(nodes))
    if len(nodes) <= TILES_AT_MOST and not all(node.dedicated for node in nodes):
        entries.append(SPOT)
    return {"data": traces, "layout": _layout(at, view), "legend": entries}


def alt_text(nodes: Sequence[NodeRow], target: int) -> str:
    """The heatmap for someone who does not see it."""
    states = ", ".join(f"{count} {family.word.lower()}" for family, count in family_counts(nodes))
    return f"Nodes, {len(nodes):,} of {max(target, len(nodes)):,}: {states or 'none yet'}."


def share_in_use(node: NodeRow, slots: int) -> float:
    """How much of a tile is filled: slots in use of a running node; 0 for every other state."""
    if node_family(node.state) is not RUNNING:
        return 0.0
    return min(1.0, node.slots_used / slots) if node.slots_used else 1.0


def _hover(node: NodeRow, slots: int, working_on: Sequence[str], zone: tzinfo) -> str:
    family = node_family(node.state)
    kind = "dedicated" if node.dedicated else "Spot"
    since = node.since.astimezone(zone).strftime("%H:%M:%S")
    lines = [
        f"<b>{plain(node_name(node.id, node.order))}</b>  {kind}",
        f"{family.glyph} {node_words(node.state, node.accepts)}",
        f"since {since}",
    ]
    if family is RUNNING and slots > 1:
        lines.append(f"{node.slots_used} of {slots} slots in use")
    lines += [plain(name, HOVER_WIDTH) for name in working_on[:4]]
    if len(working_on) > 4:
        lines.append(f"and {len(working_on) - 4} more")
    if node.error:
        lines += [plain(line, HOVER_WIDTH) for line in textwrap.wrap(node.error, HOVER_WIDTH)[:HOVER_LINES]]
    return "<br>".join(lines)


def _tiles(nodes: Sequence[NodeRow], at: Grid, slots: int, hover: Mapping[str, str]) -> list[Figure]:
    families = [node_family(node.state) for node in nodes]
    size = 1 - GAP
    whole = {
        "type": "bar",
        "x": [at.column(node) for node in nodes],
        "base": [at.row(node) for node in nodes],
        "y": [size] * len(nodes),
        "width": size,
        "marker": {
            "color": [IDLE.colour if family is RUNNING else family.colour for family in families],
            "line": {"color": [family.edge for family in families], "width": 1},
        },
        "customdata": [node.order for node in nodes],
        "hovertext": [hover[node.id] for node in nodes],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "meta": {"kind": "place"},
    }
    used = [(node, share_in_use(node, slots)) for node in nodes]
    full = {
        "type": "bar",
        "x": [at.column(node) for node, share in used if share],
        "base": [at.row(node) + size * (1 - share) for node, share in used if share],
        "y": [size * share for _, share in used if share],
        "width": size,
        "marker": {"color": RUNNING.colour, "line": {"color": RUNNING.edge, "width": 1}},
        "hoverinfo": "skip",
    }
    return [whole, full, _stripes(nodes, at, size)]


def _stripes(nodes: Sequence[NodeRow], at: Grid, size: float) -> Figure:
    """Diagonal stripes over Spot nodes."""
    spot = [node for node in nodes if not node.dedicated]
    return {
        "type": "bar",
        "x": [at.column(node) for node in spot],
        "base": [at.row(node) for node in spot],
        "y": [size] * len(spot),
        "width": size,
        "marker": {
            "color": "rgba(0,0,0,0)",
            "pattern": {
                "shape": "/",
                "fillmode": "overlay",
                "fgcolor": [
                    LIGHT_STRIPE if node_family(node.state).text == LIGHT else DARK_STRIPE for node in spot
                ],
                "size": max(4, round(at.tile / 6)),
                "solidity": 0.3,
            },
        },
        "hoverinfo": "skip",
    }


def _image(nodes: Sequence[NodeRow], at: Grid, slots: int, hover: Mapping[str, str]) -> list[Figure]:
    """One heatmap trace: every tile is `levels` cells high, and a thin empty row keeps tiles apart."""
    levels = min(slots, LEVELS_AT_MOST)
    z: list[list[int | None]] = [[None] * at.columns for _ in range(at.rows * (levels + 1))]
    text = [[""] * at.columns for _ in range(at.rows * (levels + 1))]
    order: list[list[int | None]] = [[None] * at.columns for _ in range(at.rows * (levels + 1))]
    for node in nodes:
        family = node_family(node.state)
        filled = math.ceil(share_in_use(node, slots) * levels)
        for level in range(levels):
            row, column = at.row(node) * (levels + 1) + level, at.column(node)
            shown = IDLE if family is RUNNING and levels - level > filled else family
            z[row][column] = FAMILIES.index(shown)
            text[row][column] = hover[node.id]
            order[row][column] = node.order
    edges = [row + (1 - GAP) * level / levels for row in range(at.rows) for level in range(levels + 1)]
    trace = {
        "type": "heatmap",
        "z": z,
        "x": [column - 0.5 for column in range(at.columns + 1)],
        "y": [*edges, at.rows],
        "zmin": -0.5,
        "zmax": len(FAMILIES) - 0.5,
        "colorscale": stepped_scale(FAMILIES),
        "showscale": False,
        "xgap": 1,
        "customdata": order,
        "hovertext": text,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "hoverongaps": False,
        "meta": {"kind": "place"},
    }
    return [trace]


def _glyphs(nodes: Sequence[NodeRow], at: Grid, slots: int) -> list[Figure]:
    """Names and glyphs where tiles have room for them; trouble keeps its glyph at every size."""
    if at.tile < GLYPHED_FROM:
        nodes = [node for node in nodes if node_family(node.state) in (ERROR, PREEMPTED)][:GLYPHS_AT_MOST]
    if not nodes:
        return []
    named = at.tile >= NAMED_FROM
    trace = {
        "type": "scatter",
        "mode": "text",
        "x": [at.column(node) for node in nodes],
        "y": [at.row(node) + (1 - GAP) / 2 for node in nodes],
        "text": [
            f"{_glyph(node)}<br>{plain(node_name(node.id, node.order))}" if named else _glyph(node)
            for node in nodes
        ],
        "textfont": {
            "size": 11 if named else round(max(9.0, at.tile * 0.5)),
            "color": [_text_colour(node, slots) for node in nodes],
            "shadow": "auto" if named and slots > 1 else "none",
        },
        "hoverinfo": "skip",
    }
    return [trace]


def _glyph(node: NodeRow) -> str:
    """The glyph of its family, and beside it that of "offline" when it takes no more tasks."""
    family = node_family(node.state)
    return family.glyph if node.accepts or family is OFFLINE else f"{family.glyph} {OFFLINE.glyph}"


def _text_colour(node: NodeRow, slots: int) -> str:
    """Readable on what is in the middle of the tile: its fill, or the empty part above that."""
    family = node_family(node.state)
    return IDLE.text if family is RUNNING and share_in_use(node, slots) <= 0.5 else family.text


def _layout(at: Grid, view: str) -> Figure:
    axis = {"visible": False, "fixedrange": at.tile >= NAMED_FROM}
    half = (1 - GAP) / 2
    return {
        "height": math.ceil(at.rows * at.tile) + 8,
        "margin": {"l": 0, "r": 0, "t": 4, "b": 4, "autoexpand": False},
        "barmode": "overlay",
        "bargap": 0,
        "hovermode": "closest",
        "dragmode": "zoom",
        "uirevision": view,
        "showlegend": False,
        "xaxis": {
            **axis,
            "range": [-half - 0.03, at.columns - half],
            "constrain": "domain",
            "constraintoward": "left",
        },
        "yaxis": {
            **axis,
            "range": [at.rows, -0.03],
            "scaleanchor": "x",
            "constrain": "domain",
            "constraintoward": "top",
        },
    }
