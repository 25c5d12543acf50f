"""Which nodes of a pool have how many free slots: so that finding one for a task costs the same in any pool."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)


class Openings(Generic[Node]):
    """A pool's nodes that take tasks, by their free slots; among equals the one comes first that waits longest."""

    def __init__(self) -> None:
        self._by_room: dict[int, OrderedDict[Node, None]] = {}
        self._room: dict[Node, int] = {}

    def note(self, node: Node, room: int) -> None:
        """A node has so many free slots for tasks now."""
        before = self._room.pop(node, 0)
        if before == room > 0:
            self._room[node] = room
            return
        if before:
            del self._by_room[before][node]
            if not self._by_room[before]:
                del self._by_room[before]
        if room > 0:
            self._room[node] = room
            self._by_room.setdefault(room, OrderedDict())[node] = None

    def most(self) -> int:
        """The most slots that are free on one node."""
        return max(self._by_room, default=0)

    def best(self, needed: int, *, packs: bool) -> Node | None:
        """The emptiest node, or when packing the fullest, that has `needed` free slots."""
        fitting = [room for room in self._by_room if room >= needed]
        if not fitting:
            return None
        return next(iter(self._by_room[(min if packs else max)(fitting)]))
