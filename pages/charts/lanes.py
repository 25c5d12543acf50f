"""Which lane of the timeline a stretch of work lies in: a lane a node, or one a slot where work overlaps."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pages.charts.columns import Attempts, Numbers
from pages.charts.labels import node_name, plain
from pages.charts.palette import ERROR, node_family

if TYPE_CHECKING:
    from batch_core.snapshot import NodeRow


@dataclass(frozen=True)
class Order:
    """All nodes that have a lane, from top to bottom, and the places that name them."""

    node_ids: tuple[str, ...]
    places: Mapping[str, int]

    def page(self, first: int, size: int) -> Order:
        """Some of them, from the `first` on."""
        return Order(self.node_ids[first : first + size], self.places)

    def name(self, node_id: str) -> str:
        """What a node is called beside its lane."""
        place = self.places.get(node_id)
        return plain(node_id, 14) if place is None else plain(node_name(node_id, place))


@dataclass(frozen=True)
class Lanes:
    """Lanes from top to bottom: their labels, and the first lane and number of lanes of each node."""

    labels: tuple[str, ...]
    first: Mapping[str, int]
    placed: Numbers  # the lane of each attempt, in the order given

    @property
    def count(self) -> int:
        return len(self.labels)


def order(
    nodes: Sequence[NodeRow],
    work: Attempts,
    gone: Mapping[str, int] | None = None,
    first: frozenset[str] = frozenset(),
) -> Order:
    """Nodes `first` that have trouble, then in the order they were first seen, then those known only by their work.

    `gone` are nodes that have a lane though they are not there any more, with their places, so that a lane stays
    where it was and keeps its name.
    """
    places = {**(gone or {}), **{node.id: node.order for node in nodes}}
    ids = sorted({*places, *work.ran_on}, key=lambda id: (id not in first, places.get(id, len(places)), id))
    return Order(tuple(ids), places)


def troubled(nodes: Sequence[NodeRow], work: Attempts) -> frozenset[str]:
    """The nodes that are broken or on which something failed."""
    return work.failing | {node.id for node in nodes if node_family(node.state) is ERROR}


def lanes(shown: Order, work: Attempts, slots: int) -> Lanes:
    """Lanes for these nodes and their attempts. A node has `slots` lanes when its work overlaps at all, else one."""
    own: dict[int, list[int]] = {}
    for index, node in enumerate(work.node.tolist()):
        own.setdefault(node, []).append(index)
    labels: list[str] = []
    first: dict[str, int] = {}
    placed = np.zeros(len(work), np.int64)
    for node_id in shown.node_ids:
        indices = own.get(work.node_ids.get(node_id, -1), [])
        sub_lanes = _stacked(work.start[indices].tolist(), work.end[indices].tolist())
        wide = max(sub_lanes, default=0) + 1
        wide = max(wide, slots) if wide > 1 else 1
        first[node_id] = len(labels)
        placed[indices] = np.array(sub_lanes, np.int64) + len(labels)
        labels += [shown.name(node_id)] + [""] * (wide - 1)
    return Lanes(tuple(labels), first, placed)


def _stacked(starts: Sequence[int], ends: Sequence[int]) -> list[int]:
    """The lowest free sub-lane for each attempt; it keeps its sub-lane when later ones are added."""
    result = [0] * len(starts)
    free: list[int] = []
    busy: list[tuple[int, int]] = []
    opened = 0
    for index in sorted(range(len(starts)), key=starts.__getitem__):
        while busy and busy[0][0] <= starts[index]:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            heapq.heappush(free, opened)
            opened += 1
        result[index] = heapq.heappop(free)
        heapq.heappush(busy, (ends[index], result[index]))
    return result
