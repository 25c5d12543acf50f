"""When all is listed again: deltas show no deletions, and counts, which do, may lag behind."""

import time
from collections.abc import Hashable

PATIENT = 3  # polls in a row in which counts and rows differ until all is listed again
RELOAD_EVERY = 30.0  # seconds between two whole lists of more than a page
SMALL = 1000  # a page


class Doubt:
    """Compares what is counted with what is known, once a poll."""

    def __init__(self) -> None:
        self._differs = 0
        self._listed = 0.0
        self._ignored: tuple[Hashable, Hashable] | None = None

    def listed(self) -> None:
        """All was listed just now."""
        self._listed = time.monotonic()

    def since_listed(self) -> float:
        """Seconds since all was listed."""
        return time.monotonic() - self._listed

    def must_reload(self, counted: Hashable, known: Hashable, rows: int) -> bool:
        """Whether it is time to list all `rows` again. A difference that a whole list has left is the counts' own."""
        if counted is None or counted == known or (counted, known) == self._ignored:
            self._differs = 0
            return False
        self._differs += 1
        if self._differs < PATIENT or (rows > SMALL and self.since_listed() < RELOAD_EVERY):
            return False
        self._differs, self._ignored = 0, (counted, known)
        return True
