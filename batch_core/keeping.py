"""What a recorder adds to the history, in which scope, and what time it is for the service."""

import logging
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from batch_core.feed import Feed
from batch_core.history import Attempt, Change, History, Kind

MARK_EVERY = 30.0  # seconds between two notes that what runs was still seen to run
_log = logging.getLogger(__name__)

Key = tuple[Kind, str, datetime | None]  # kind, id and birth of a pool or job


class Keeper:
    """Appends to the history, which may be None; what can't be written is tried again with what comes next."""

    def __init__(self, history: History | None, feed: Feed) -> None:
        self.history, self._feed = history, feed
        self._scopes: dict[Key, int | None] = {}
        self._unkept: dict[int, list[Change]] = {}
        self._newest: datetime | None = None
        self._marked: dict[int, float] = {}

    def close(self) -> None:
        """Closes the history and goes on without."""
        if self.history:
            self.history.close()
        self.history = None

    def scope(self, key: Key, before: datetime | None = None) -> int | None:
        """The number of a pool or job in the history; of an unborn one that of the last that was born `before`."""
        if self.history and key not in self._scopes:
            try:
                self._scopes[key] = self.history.scope(*key, before=before)
            except sqlite3.OperationalError as error:
                _log.warning("The history could not be written: %s", error)
        return self._scopes.get(key)

    def keep(self, key: Key, changes: Sequence[Change]) -> None:
        """Appends what was seen of a pool's nodes or a job's tasks."""
        for change in changes:
            since = _since(change)
            if since and (self._newest is None or since > self._newest):
                self._newest = since
        scope = self.scope(key)
        if scope and (changes or self._unkept.get(scope)):
            self._append(scope, [*self._unkept.pop(scope, []), *changes])

    def mark(self, key: Key, every: float = MARK_EVERY) -> None:
        """Notes now and then that what was there still is: where something ends whose end nobody sees."""
        scope = self.scope(key)
        if scope and time.monotonic() - self._marked.setdefault(scope, time.monotonic()) >= every:
            self._append(scope, self._unkept.pop(scope, []))

    def _append(self, scope: int, changes: list[Change]) -> None:
        self._marked[scope] = time.monotonic()
        try:
            if self.history:
                self.history.append(scope, changes, self.now())
        except sqlite3.OperationalError as error:
            self._unkept[scope] = changes
            _log.warning("The history could not be written: %s", error)

    @property
    def newest(self) -> datetime | None:
        """The latest time of anything that was kept."""
        return self._newest

    def now(self) -> datetime:
        """The service's clock: its Date header (whole seconds), or just after the last change if that is later."""
        after = self._newest + timedelta(microseconds=1) if self._newest else None
        known = [at for at in (self._feed.clock, after) if at]
        return max(known) if known else datetime.now(UTC)


def _since(change: Change) -> datetime | None:
    return change.end or change.start if isinstance(change, Attempt) else change.since
