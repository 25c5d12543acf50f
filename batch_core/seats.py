"""Where nodes lie in the heatmap: each keeps its place while it is there, whoever comes and goes."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

EMPTY_FOR = timedelta(
    minutes=5
)  # until another node may lie in a place: it is not taken for the one that went
NEVER_EMPTY_ENOUGH = 4  # places for each node, before the holes that gone nodes leave are closed


class Seats:
    """Begins with the places of all nodes that a pool ever had; those that are gone leave theirs at the next look."""

    def __init__(self, at: Mapping[str, int]) -> None:
        self.at = dict(at)
        self.reach = max(self.at.values(), default=-1) + 1  # how many places there are, with the empty ones
        self._empty: deque[tuple[int, datetime]] = (
            deque()
        )  # the place that has been empty for longest comes first

    def take(self, id: str, now: datetime) -> int:
        """The place of a node; a new one gets one that has been empty for long, or one at the end."""
        if id in self.at:
            return self.at[id]
        if self._empty and now - self._empty[0][1] >= EMPTY_FOR:
            place, _ = self._empty.popleft()
        else:
            place, self.reach = self.reach, self.reach + 1
        self.at[id] = place
        return place

    def keep_only(self, ids: set[str], now: datetime) -> bool:
        """Empties the places of all others. Where almost all is empty the nodes move together, once: whether they did."""
        left = sorted(self.at.pop(id) for id in self.at.keys() - ids)
        self._empty.extend((place, now) for place in left)
        if not left or self.reach <= NEVER_EMPTY_ENOUGH * len(self.at) + 20:
            return False
        self.at = {id: place for place, id in enumerate(sorted(self.at, key=self.at.__getitem__))}
        self.reach = len(self.at)
        self._empty.clear()
        return True
