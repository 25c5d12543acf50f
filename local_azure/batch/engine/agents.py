"""The engine's long-running pieces of work, as asyncio tasks that are kept, named and looked after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from local_azure.batch.database import DiskFullError

AGAIN = 0.5
"""Seconds until what a full disk has hindered is tried again."""

_LOG = logging.getLogger(__name__)


class Agents:
    """Does work beside everything else and holds on to it; what it raises is logged, never lost.

    `make_room` is called when the disk has turned out to be full.
    """

    def __init__(self, make_room: Callable[[], None]) -> None:
        self._make_room = make_room
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def start(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> asyncio.Task[None]:
        """Do `work`, from its beginning again whenever the disk was full: it must go on from what is stored."""
        task = asyncio.get_running_loop().create_task(self._persist(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def _persist(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        tried = 0
        while not self._closing:
            try:
                await work()
                break
            except DiskFullError:
                await self._wait(name, tried)
                tried += 1

    async def patiently(self, change: Callable[[], None]) -> None:
        """Make a change to what is stored, again and again while the disk is full, until the service stops."""
        tried = 0
        while not self._closing:
            try:
                change()
                break
            except DiskFullError:
                await self._wait("A change", tried)
                tried += 1

    async def _wait(self, what: str, tried: int) -> None:
        if not tried:
            _LOG.warning("%s waits for room on the disk", what)
        self._make_room()
        await asyncio.sleep(AGAIN)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("%s failed", task.get_name(), exc_info=error)

    def close(self) -> None:
        """The service stops: from now on nothing waits for room on the disk."""
        self._closing = True

    async def stop(self) -> None:
        """Cancel everything and wait until it has ended."""
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
