"""Where nodes lie in the heatmap: each keeps its place; too many tiles to tell apart become groups of neighbours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_core.snapshot import NodeRow

WIDTH = 350  # px of the heatmap on a laptop; the browser lays it out for the width that there is
TILE_AT_MOST = 84  # px
TILES_AT_MOST = 2500  # a tile is 6 px wide then; 10,000 would send 250 kB (tests/benchmarks/heatmap.py)
GROUPS_AT_MOST = 120  # of these a group has room for its mark
GROUP_SIZES = (25, 50, 100, 200, 500, 1000, 2000)


@dataclass(frozen=True)
class Grid:
    """Rows of equal tiles, filled from left to right and from top to bottom."""

    columns: int
    rows: int

    @property
    def tile(self) -> float:
        """The side of a tile in px, with its gap, where the heatmap is WIDTH wide."""
        return min(TILE_AT_MOST, WIDTH / self.columns)


def grid(count: int, wide: float = 1.25) -> Grid:
    """A grid for so many places, `wide` times as wide as it is high, or a row of five."""
    columns = max(5, math.ceil(math.sqrt(count * wide)))
    return Grid(columns, math.ceil(count / columns))


def places(nodes: Sequence[NodeRow]) -> dict[str, int]:
    """The place of every node by its id; gone nodes leave holes."""
    return {node.id: node.place for node in nodes}


def reach(at: Mapping[str, int], least: int) -> int:
    """How many places there are, with the holes and those at the end that were left."""
    return max(least, max(at.values(), default=-1) + 1)


def group_size(count: int) -> int:
    """How many places share a group, 0 while every node has a tile of its own.

    It changes only where a fleet grows beyond one of a few sizes: groups keep their nodes.
    """
    if count <= TILES_AT_MOST:
        return 0
    return next((size for size in GROUP_SIZES if count <= size * GROUPS_AT_MOST), GROUP_SIZES[-1])
