"""How many slots were busy over time: an average for each stretch, in a few hundred stretches however long it took."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

MOST = 240  # stretches; with more, neighbours become one of twice the length


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time: how many slots were busy on average, and how many tasks ended well in it."""

    start: datetime
    busy: float
    done: int


def at_once(load: Iterable[Stretch]) -> float:
    """How many slots were busy on average while any was."""
    busy = [one.busy for one in load if one.busy]
    return max(1.0, sum(busy) / len(busy)) if busy else 1.0


class Load:
    """Adds up what ran; all times in seconds since 1970. A stretch begins as one second."""

    def __init__(self) -> None:
        self.width = 1.0
        self._first: float | None = None
        self._began = float("inf")
        self._seconds: list[float] = []
        self._done: list[int] = []

    def add(self, start: float, end: float, done: bool, slots: int = 1) -> None:
        """Something ran from then until then in so many slots; whether it ended well."""
        self._began = min(self._began, start)
        first, last = self._room(start), self._room(max(start, end))
        if first > last:  # the first one lay before all others
            first = self._room(start)
            last = self._room(max(start, end))
        _spread(self._seconds, self._since(), self.width, start, end, first, last, slots)
        on_edge = last > first and end == self._since() + last * self.width
        self._done[last - on_edge] += done  # what ends as a stretch begins ended in the one before

    def stretches(self, running: Iterable[tuple[float, int]], now: float) -> tuple[Stretch, ...]:
        """All until now, with what has been running since the given times in so many slots."""
        starts = sorted(running)
        earliest = [at for at, _ in starts[:1]]
        began = min([self._began, *earliest])
        if self._first is None and not starts:
            return ()
        for at in (*earliest, now):
            self._room(at)
        seconds, since = list(self._seconds), self._since()
        begun = busy = 0
        for place in range(len(seconds)):
            low = since + place * self.width
            high = min(low + self.width, now)
            if high <= low:
                break
            seconds[place] += busy * (high - low)
            while begun < len(starts) and starts[begun][0] < low + self.width:
                start, slots = starts[begun]
                seconds[place] += slots * max(0.0, high - start)
                begun, busy = begun + 1, busy + slots
        return tuple(
            Stretch(
                datetime.fromtimestamp(low, UTC),
                seconds[place] / min(self.width, now - low),
                self._done[place],
            )
            for place in range(len(seconds))
            if began < (low := since + place * self.width) + self.width and low < now
        )

    def _since(self) -> float:
        return self._first or 0.0

    def _room(self, at: float) -> int:
        """The place of this moment; there is one for it from now on."""
        if self._first is None:
            self._first = at // 1
        while at < self._first:
            self._earlier()
        place = int((at - self._first) / self.width)
        while place >= MOST:
            self._halve()
            place = int((at - self._first) / self.width)
        missing = place + 1 - len(self._seconds)
        if missing > 0:
            self._seconds += [0.0] * missing
            self._done += [0] * missing
        return place

    def _earlier(self) -> None:
        """Begins half of the whole time earlier than before."""
        if len(self._seconds) > MOST // 2:
            self._halve()
        self._seconds[:0] = [0.0] * (MOST // 2)
        self._done[:0] = [0] * (MOST // 2)
        self._first = self._since() - MOST // 2 * self.width

    def _halve(self) -> None:
        self._seconds += [0.0] * (len(self._seconds) % 2)
        self._done += [0] * (len(self._done) % 2)
        self._seconds = [a + b for a, b in zip(self._seconds[::2], self._seconds[1::2], strict=True)]
        self._done = [a + b for a, b in zip(self._done[::2], self._done[1::2], strict=True)]
        self.width *= 2


def _spread(
    seconds: list[float],
    since: float,
    width: float,
    start: float,
    end: float,
    first: int,
    last: int,
    slots: int,
) -> None:
    if first == last:
        seconds[first] += slots * max(0.0, end - start)
        return
    seconds[first] += slots * (since + (first + 1) * width - start)
    for place in range(first + 1, last):
        seconds[place] += slots * width
    seconds[last] += slots * (end - (since + last * width))
