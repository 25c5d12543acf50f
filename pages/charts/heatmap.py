"""The node heatmap: one tile a node, which keeps its place, or a tile a group; a figure out of a snapshot.

Colour is the family of the node's state, the fill is how many of its slots are in use, stripes are a Spot node,
the glyph repeats the family. The browser draws `figure["tiles"]` as shapes of the chart, and tells of the tile
under the pointer or the keyboard's cursor (`pages/components/live_chart/tiles.js`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pages.charts.groups import group_marks, group_texts, groups, told_of_group
from pages.charts.legend import SPOT, Entry, legend
from pages.charts.palette import FAMILIES, Family, node_family
from pages.charts.places import TILE_AT_MOST, Grid, grid, group_size, places, reach
from pages.charts.tiles import GAP, NAMED_FROM, Figure, Fleet, tile_marks, tile_texts, told_of

if TYPE_CHECKING:
    from batch_core.snapshot import NodeRow

CLICK_NODE, CLICK_GROUP, CLICK_BACK = "place", "group", "groups"  # kinds of a Click


def family_counts(nodes: Iterable[NodeRow]) -> list[tuple[Family, int]]:
    """How many nodes each family has, in the palette's order; families without nodes are left out."""
    counts = Counter(node_family(node.state).id for node in nodes)
    return [(family, counts[family.id]) for family in FAMILIES if counts[family.id]]


def in_words(nodes: Sequence[NodeRow], least: int) -> bool:
    """Whether the tiles, laid in at `least` so many places, have room for words."""
    return grid(reach(places(nodes), least)).tile >= NAMED_FROM


def heatmap(fleet: Fleet, *, view: str, opened: int | None = None) -> Figure:
    """The figure of a pool's nodes, of a group of them when that is `opened` (its place), or of all groups.

    While `view` stays the same, a zoom is kept; each group has a view of its own, and going back finds the old one.
    A click is CLICK_NODE with the node's `order`, CLICK_GROUP with a group's place, or CLICK_BACK.
    """
    at = places(fleet.nodes)
    there = reach(at, fleet.reach)
    size = group_size(there)
    if not size:
        return _of_nodes(fleet, at, view, len(fleet.nodes), grid(there))
    inside = [node for node in fleet.nodes if opened is not None and at[node.id] // size == opened]
    if opened is None or not inside:
        return _of_groups(fleet, at, size, view, grid(-(-there // size), wide=1))
    first = opened * size
    moved = {node.id: at[node.id] - first for node in inside}
    figure = _of_nodes(
        replace(fleet, nodes=inside), moved, f"{view} {opened}", len(fleet.nodes), grid(size, wide=1)
    )
    figure["tiles"] |= {
        "title": f"Nodes {first + 1:,}–{first + size:,}",
        "back": {"kind": CLICK_BACK, "id": str(opened), "text": "All groups"},
    }
    return figure


def alt_text(nodes: Sequence[NodeRow], target: int) -> str:
    """The heatmap for someone who does not see it."""
    states = ", ".join(f"{count} {family.word.lower()}" for family, count in family_counts(nodes))
    return f"Nodes, {len(nodes):,} of {max(target, len(nodes)):,}: {states or 'none yet'}."


def _of_nodes(fleet: Fleet, at: Mapping[str, int], view: str, total: int, laid: Grid) -> Figure:
    entries = _legend(fleet.nodes)
    if not all(node.dedicated for node in fleet.nodes):
        entries.append(SPOT)
    ordered = sorted(fleet.nodes, key=lambda node: at[node.id])
    families = [node_family(node.state) for node in ordered]
    tiles = {
        "kind": CLICK_NODE,
        "id": [node.order for node in ordered],
        "place": [at[node.id] for node in ordered],
        "counts": [[FAMILIES.index(family), 1] for family in families],
        "marks": tile_marks(fleet, at),
        **_table(told_of(node, fleet) for node in ordered),
        "next": "Enter or a click opens its details",
        "of": [len(ordered), total],
    }
    return _figure(tile_texts(fleet, at, laid), tiles, laid, entries, view)


def _of_groups(fleet: Fleet, at: Mapping[str, int], size: int, view: str, laid: Grid) -> Figure:
    found = groups(fleet.nodes, at, size, fleet.slots)
    tiles = {
        "kind": CLICK_GROUP,
        "id": list(found),
        "place": list(found),
        "counts": [
            [
                number
                for at, family in enumerate(FAMILIES)
                if group.families[family.id]
                for number in (at, group.families[family.id])
            ]
            for group in found.values()
        ],
        "marks": group_marks(found),
        **_table(told_of_group(group) for group in found.values()),
        "next": "Enter or a click shows its nodes",
        "of": [len(fleet.nodes), len(fleet.nodes)],
        "title": f"In groups of {size:,}",
    }
    return _figure(group_texts(found, laid, GAP), tiles, laid, _legend(fleet.nodes), view)


def _legend(nodes: Sequence[NodeRow]) -> list[Entry]:
    return legend((family, f"{family.word} {count:,}") for family, count in family_counts(nodes))


def _table(told: Iterable[Sequence[str]]) -> Figure:
    """Lines of text, each once, and for every tile which of them it has."""
    lines: dict[str, int] = {}
    tips = [[lines.setdefault(line, len(lines)) for line in about] for about in told]
    return {"lines": list(lines), "tips": tips}


def _figure(texts: list[Figure], tiles: Figure, laid: Grid, entries: list[Entry], view: str) -> Figure:
    tiles |= {
        "columns": laid.columns,
        "rows": laid.rows,
        "gap": GAP,
        "most": TILE_AT_MOST,
        "families": [family.id for family in FAMILIES],
    }
    axis = {"visible": False, "type": "linear", "fixedrange": laid.tile >= NAMED_FROM}
    layout = {
        "height": round(laid.rows * laid.tile),
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0, "autoexpand": False},
        "hovermode": False,
        "dragmode": "zoom",
        "uirevision": view,
        "showlegend": False,
        "xaxis": {**axis, "constrain": "domain", "constraintoward": "left"},
        "yaxis": {**axis, "scaleanchor": "x", "constrain": "domain", "constraintoward": "top"},
    }
    return {"data": texts, "layout": layout, "legend": entries, "tiles": tiles}
