"""Waking many at their times: one heap and one timer of the event loop, however many wait."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

_AT_ONCE = 16
"""Wake-ups in one step of the event loop: each leads to work of a fraction of a millisecond, requests go between."""

_FORGET_FROM = 1000
"""Cancelled wake-ups are swept out once there are so many, and more of them than others."""


class Timer:
    """One wake-up to come; `action` is None once it is over or cancelled."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action


class Timers:
    """Calls back, on the event loop that is running when something is first asked for."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._cancelled = 0
        self._handle: asyncio.Handle | None = None
        self._due = 0.0

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call `action` once `seconds` have passed."""
        due = asyncio.get_running_loop().time() + seconds
        timer = Timer(action)
        heapq.heappush(self._heap, (due, next(self._numbers), timer))
        if self._handle is None or due < self._due:
            self._plan()
        return timer

    def cancel(self, timer: Timer) -> None:
        """Let a wake-up be; one that is over is no matter."""
        if timer.action is None:
            return
        timer.action = None
        self._cancelled += 1
        if self._cancelled >= _FORGET_FROM and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].action is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    async def wait(self, seconds: float) -> None:
        """Come back once `seconds` have passed and it is the caller's turn among all that are due then."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.after(seconds, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            self.cancel(timer)

    def close(self) -> None:
        """Wake nobody any more."""
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _plan(self) -> None:
        """Let the loop call when the first is due."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._heap:
            self._due = self._heap[0][0]
            self._handle = asyncio.get_running_loop().call_at(self._due, self._tick)

    def _tick(self) -> None:
        self._handle = None
        now, woken = asyncio.get_running_loop().time(), 0
        while self._heap and self._heap[0][0] <= now and woken < _AT_ONCE:
            timer = heapq.heappop(self._heap)[2]
            action, timer.action = timer.action, None
            if action is None:
                self._cancelled -= 1
            else:
                woken += 1
                action()
        self._plan()
