"""Work that pages begin and do not wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

ERRANDS_KEPT = 10_000


class Errands:
    """Work that a page has begun and does not wait for; each piece is done once, whoever asks for it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, "errand")
        self._begun: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    def begin(self, key: Hashable, work: Callable[..., Any], *given: Any) -> Future[Any]:
        """The work's Future; the work is begun only when its key is new."""
        with self._lock:
            if len(self._begun) > ERRANDS_KEPT:
                self._begun = {key: future for key, future in self._begun.items() if not future.done()}
            if key not in self._begun:
                self._begun[key] = self._threads.submit(work, *given)
            return self._begun[key]

    def close(self) -> None:
        """Drop what has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)
