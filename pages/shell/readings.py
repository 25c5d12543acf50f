"""What a refreshed page asks the services for: read in threads of its own, so that no refresh waits for an answer.

A service that throttles makes the SDK try for up to a minute. Meanwhile the page shows what was read last.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st

from batch_core.errors import DashboardError
from pages.shell import words

T = TypeVar("T")
KEPT = 512  # readings at most, for all sessions
THREADS = 4
FIRST_SECONDS = (
    0.3  # that first looks of a refresh wait: most answers are there by then, and nothing flickers
)
AGAIN_SECONDS = 15.0  # until what has failed is tried again
DRAWN = "readings_drawn"  # of this session: what its last refresh has shown


@dataclass
class Reading(Generic[T]):
    """What was read last. `known` tells a value, which may be None, from nothing yet; `error` is the last try's."""

    value: T | None = None
    known: bool = False
    error: DashboardError | None = None
    _due: float = 0.0  # time.monotonic
    _coming: Future[Any] | None = None

    def say(self) -> bool:
        """Tells of a reading that goes on or has failed; whether there is a value to show."""
        if self.error is not None:
            told = words.sentence(self.error.user_message)
            st.caption(f":material/error: {told} It is tried again every {AGAIN_SECONDS:.0f} s.")
        elif not self.known:
            st.caption(":material/hourglass_top: Reading…")
        return self.known


@dataclass
class _Drawn:
    """A refresh: whether it showed something not yet read, and for how long it may still wait for that (seconds)."""

    awaited: bool = False
    patience: float = FIRST_SECONDS


class Readings:
    """The last readings by their keys, each read again when somebody looks and it is due."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "reading")
        self._kept: dict[Hashable, Reading[Any]] = {}
        self._lock = threading.Lock()

    def look(
        self, key: Hashable, every: float | None, work: Callable[[], T], wait_seconds: float
    ) -> Reading[T]:
        """The reading as it is by now; without `every` (seconds) it is not read again once it is known.

        Who begins the first one waits up to `wait_seconds` for it.
        """
        reading, first = self._turn(key, every, work)
        if first is not None:
            wait([first], wait_seconds)
            self._turn(key, every, work)
        return reading

    def _turn(
        self, key: Hashable, every: float | None, work: Callable[[], T]
    ) -> tuple[Reading[T], Future[T] | None]:
        """Takes over what has come and asks for what is due: also the Future of a first one that has just begun."""
        with self._lock:
            reading = self._kept.pop(key, None) or Reading()
            self._kept[key] = reading  # the last in the row: what nobody looks at goes first
            if reading._coming and reading._coming.done():
                _take_over(reading, every)
            if reading._coming or time.monotonic() < reading._due:
                return reading, None
            reading._coming = self._threads.submit(work)
            self._forget()
            return reading, None if reading.known else reading._coming

    def _forget(self) -> None:
        ended = [key for key, reading in self._kept.items() if reading._coming is None]
        for key in ended[: max(0, len(self._kept) - KEPT)]:
            del self._kept[key]

    def close(self) -> None:
        """Drop what has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _take_over(reading: Reading[T], every: float | None) -> None:
    coming, reading._coming = reading._coming, None
    try:
        reading.value, reading.known, reading.error = coming.result(), True, None
        after = float("inf") if every is None else every
    except DashboardError as error:
        reading.error, after = error, AGAIN_SECONDS
    reading._due = time.monotonic() + after


@st.cache_resource(show_spinner=False, on_release=Readings.close)
def _readings() -> Readings:
    return Readings()


def look(key: Hashable, work: Callable[[], T], every: float | None = None) -> Reading[T]:
    """What a service says, shared by all who look; the key names the account. The work must not call Streamlit."""
    drawn: _Drawn = st.session_state.setdefault(DRAWN, _Drawn())
    began = time.monotonic()
    reading = _readings().look(key, every, work, drawn.patience)
    drawn.patience = max(0.0, drawn.patience - (time.monotonic() - began))
    drawn.awaited |= not reading.known
    return reading


def begin() -> bool:
    """What is refreshed is drawn anew; whether something was still being read when it was drawn last."""
    before = awaited()
    st.session_state[DRAWN] = _Drawn()
    return before


def awaited() -> bool:
    """Whether something that was shown since `begin` has not been read yet."""
    return DRAWN in st.session_state and st.session_state[DRAWN].awaited


def close() -> None:
    """End the threads; called with everything else of the process."""
    _readings.clear()
