"""Sums over ended tasks, from which follows what a task takes, by its length. All times in seconds."""

from dataclasses import dataclass
from math import sqrt

ENOUGH = 5  # ended tasks of different lengths, from which on the time that each takes anyhow is told apart


@dataclass(frozen=True, slots=True)
class Fit:
    """What a task takes: `anyhow`, and for each second of its length; `spread` (standard deviation) around it."""

    anyhow: float
    each: float
    spread: float

    def of(self, length: float) -> float:
        """What a task of this length is expected to take."""
        return self.anyhow + self.each * length


@dataclass(slots=True)
class Sums:
    """What ended tasks took: those of a node, or all. A task's length is that of its video, or 1 where none is known."""

    done: int = 0
    failed: int = 0
    took: float = 0.0
    took_squared: float = 0.0
    length: float = 0.0
    length_squared: float = 0.0
    mixed: float = 0.0

    @property
    def ended(self) -> int:
        """How many attempts have been counted in."""
        return self.done + self.failed

    def add(self, took: float, length: float, done: bool) -> None:
        """Counts an attempt in that did its task or failed."""
        self.done += done
        self.failed += not done
        self.took += took
        self.took_squared += took * took
        self.length += length
        self.length_squared += length * length
        self.mixed += took * length

    @property
    def pace(self) -> float:
        """Seconds for each second of video, or for a task."""
        return self.took / self.length if self.length else 0.0

    def fit(self) -> Fit:
        """A line through what was seen (least squares), neither end of which is below nothing."""
        n, anyhow, each = self.ended, 0.0, self.pace
        differ = n * self.length_squared - self.length * self.length
        if n >= ENOUGH and differ > 0.01 * self.length * self.length:
            slope = (n * self.mixed - self.took * self.length) / differ
            start = (self.took - slope * self.length) / n
            if slope < 0:
                anyhow, each = self.took / n, 0.0
            elif start > 0:
                anyhow, each = start, slope
        rest = (
            self.took_squared
            + n * anyhow * anyhow
            + each * each * self.length_squared
            - 2 * (anyhow * self.took + each * self.mixed - anyhow * each * self.length)
        )
        return Fit(anyhow, each, sqrt(max(0.0, rest) / max(1, n - 1)))
