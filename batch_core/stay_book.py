"""When a pool had which node: what is paid for, from its allocation until it was gone or Azure took it back."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from math import inf

from batch_core.facts import ALLOCATED, AWAY, State
from batch_core.rows import Ledger, Rows
from batch_core.snapshot import Stay


class StayBook:
    """Kept up to date from one state after the other; a Spot node that comes back begins another stay."""

    def __init__(self, states: Iterable[State] = (), after: datetime | None = None) -> None:
        """Begins with what the history knows, of the stays that had not ended by `after`."""
        self._ledger: Ledger[tuple[str, int], Stay] = Ledger()
        self._number: dict[str, int] = {}
        self.update(states)
        ended = {key: stay.end for key in self._ledger if (stay := self._ledger.get(key))}
        self._ledger.drop(key for key, end in ended.items() if after and end and end <= after)

    def update(self, states: Iterable[State]) -> None:
        """Takes the states that were seen next; one that is known already changes nothing."""
        for state in states:
            number = self._number.get(state.id, 0)
            last = self._ledger.get((state.id, number))
            if last is None or last.end is not None:
                self._begin(state, number + 1, last.end if last else None)
            elif state.state in AWAY and state.since >= last.start:
                self._ledger.put((state.id, number), replace(last, end=state.since))
            elif state.state == ALLOCATED and state.since < last.start:
                before = self._ledger.get((state.id, number - 1))
                if before is None or before.end is None or before.end <= state.since:
                    self._ledger.put((state.id, number), replace(last, start=state.since))

    def _begin(self, state: State, number: int, after: datetime | None) -> None:
        if state.state in AWAY or (after is not None and state.since <= after):
            return
        self._number[state.id] = number
        self._ledger.put((state.id, number), Stay(state.id, state.since, None))

    def picture(self) -> Rows[Stay]:
        """All stays, in the order in which they were first seen; the same object until one changes."""
        return self._ledger.picture()


def seconds_had(stays: Iterable[Stay], low: float, high: float) -> tuple[int, float]:
    """How many nodes are there still, and the seconds of all between two moments: of those that are there, until now's
    seconds since 1970 are added for each.
    """
    there, seconds = 0, 0.0
    for stay in stays:
        start = max(low, stay.start.timestamp())
        end = min(high, stay.end.timestamp() if stay.end else inf)
        if end == inf:
            there, seconds = there + 1, seconds - start
        else:
            seconds += max(0.0, end - start)
    return there, seconds
