"""Which lane of the timeline a stretch of work lies in: a lane a node, or one a slot where work overlaps."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from pages.charts.labels import node_name, plain

if TYPE_CHECKING:
    from batch_core.snapshot import NodeRow, Span


@dataclass(frozen=True)
class Lanes:
    """Lanes from top to bottom: their labels, and the first lane and number of lanes of each node."""

    labels: tuple[str, ...]
    first: Mapping[str, int]
    placed: tuple[int, ...]  # the lane of each span, in the order given

    @property
    def count(self) -> int:
        return len(self.labels)


def lanes(
    nodes: Sequence[NodeRow],
    spans: Sequence[Span],
    slots: int,
    now: datetime,
    gone: Mapping[str, int] | None = None,
) -> Lanes:
    """Lanes for the nodes in the order they were first seen, then for nodes known only from what they ran.

    `gone` are nodes that have a lane though they are not there any more, with their places, so that a lane stays
    where it was and keeps its name. A node has `slots` lanes when its work overlaps at all, else one.
    """
    orders = {**(gone or {}), **{node.id: node.order for node in nodes}}
    own: dict[str, list[int]] = {
        node_id: [] for node_id in sorted(orders, key=lambda node_id: orders[node_id])
    }
    for index, span in enumerate(spans):
        own.setdefault(span.node_id, []).append(index)
    labels: list[str] = []
    first: dict[str, int] = {}
    placed = [0] * len(spans)
    for node_id, indices in own.items():
        sub_lanes = _stacked([spans[index] for index in indices], now)
        wide = max(sub_lanes, default=0) + 1
        wide = max(wide, slots) if wide > 1 else 1
        name = plain(node_name(node_id, orders.get(node_id, len(first))))
        first[node_id] = len(labels)
        for index, sub_lane in zip(indices, sub_lanes, strict=True):
            placed[index] = len(labels) + sub_lane
        labels += [name] + [""] * (wide - 1)
    return Lanes(tuple(labels), first, tuple(placed))


def _stacked(spans: Sequence[Span], now: datetime) -> list[int]:
    """The lowest free sub-lane for each span; a span keeps its sub-lane when later ones are added."""
    result = [0] * len(spans)
    free: list[int] = []
    busy: list[tuple[datetime, int]] = []
    opened = 0
    for index in sorted(range(len(spans)), key=lambda index: spans[index].start):
        span = spans[index]
        while busy and busy[0][0] <= span.start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            heapq.heappush(free, opened)
            opened += 1
        result[index] = heapq.heappop(free)
        heapq.heappush(busy, (span.end or max(now, span.start), result[index]))
    return result


def attempts(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """Pairs of indices: an attempt at a task, and the attempt that followed it."""
    by_task: dict[str, list[int]] = defaultdict(list)
    for index, span in enumerate(spans):
        by_task[span.task_id].append(index)
    pairs: list[tuple[int, int]] = []
    for indices in by_task.values():
        ordered = sorted(indices, key=lambda index: spans[index].start)
        pairs += list(pairwise(ordered))
    return pairs
