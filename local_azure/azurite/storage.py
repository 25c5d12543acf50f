"""Blob storage for as long as the local cloud runs: installed when needed, repaired, started again when it ends."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from local_azure.azurite import cors
from local_azure.azurite.installation import Installer
from local_azure.azurite.process import Azurite, BrokenInstallation, PortTaken
from local_azure.failures import StartFailure, Stopped
from local_azure.ports import free_port
from local_azure.settings import Endpoints
from local_azure.status import StatusFile

_PORTS_TRIED = 5
_MOST_ENDS = 3  # this many ends within _ENDS_WITHIN seconds are more than bad luck
_ENDS_WITHIN = 60.0
_BEFORE_NEXT_TRY = 0.5  # seconds

_logger = logging.getLogger(__name__)


class Storage:
    """Azurite below DIR/storage. `start` and `stop` block; setting `stop_work` cuts an installation short."""

    def __init__(self, data: Path, node_home: Path, status: StatusFile, stop_work: threading.Event):
        self._folder = data / "storage"
        self._status = status
        self._stop_work = stop_work
        self._installer = Installer(node_home, self._report, stop_work)
        self._one_at_a_time = threading.Lock()
        self._azurite: Azurite | None = None
        self._endpoints: Endpoints | None = None
        self._watching: asyncio.Task[None] | None = None

    def start(self, endpoints: Endpoints, *, may_move: bool) -> Endpoints:
        """Start storage and return the endpoints it has: on another free port where it `may_move` off a taken one.

        StartFailure with a sentence when it can't be started; Stopped when `stop_work` was set.
        """
        for _ in range(_PORTS_TRIED if may_move else 1):
            try:
                self._run(endpoints)
                return endpoints
            except PortTaken as failure:
                taken = failure
                endpoints = endpoints.with_storage_port(free_port())
        raise taken

    def watch(self, failed: Callable[[StartFailure], None]) -> None:
        """From now on start it again when it ends; `failed` is called when that is of no use."""
        self._watching = asyncio.create_task(self._keep_running(failed))

    def stop(self) -> None:
        """End it cleanly, and nothing starts it again. `stop_work` must have been set."""
        with self._one_at_a_time:
            if self._azurite is not None:
                self._azurite.stop()

    def _run(self, endpoints: Endpoints) -> None:
        with self._one_at_a_time:
            installation = self._installer.ensure()
            if self._stop_work.is_set():
                raise Stopped
            self._endpoints = endpoints
            self._azurite = azurite = Azurite(self._folder, endpoints.storage)
            try:
                azurite.start(installation)
            except BrokenInstallation:
                azurite.start(self._installer.ensure(broken=installation))
            try:
                cors.allow_every_origin(endpoints)
            except StartFailure:
                azurite.stop()
                raise

    async def _keep_running(self, failed: Callable[[StartFailure], None]) -> None:
        assert self._azurite is not None
        assert self._endpoints is not None
        ends: deque[float] = deque(maxlen=_MOST_ENDS)
        failure = StartFailure("Storage (Azurite) ended again and again. What it said is in log.txt.")
        while True:
            code = await asyncio.to_thread(self._azurite.wait)
            if self._stop_work.is_set():
                return
            _logger.warning("Azurite ended with code %s: %s", code, self._azurite.last_words())
            if len(ends) == _MOST_ENDS and time.monotonic() - ends[0] < _ENDS_WITHIN:
                failed(failure)
                return
            ends.append(time.monotonic())
            self._status.write("ready", "Storage ended unexpectedly and is being started again.", 1.0)
            try:
                await asyncio.to_thread(self._run, self._endpoints)
                self._status.write("ready", "The local cloud is running.", 1.0)
            except StartFailure as reason:
                failure = reason
                await asyncio.sleep(_BEFORE_NEXT_TRY)
            except Stopped:
                return

    def _report(self, sentence: str, fraction: float | None) -> None:
        self._status.write("installing", sentence, fraction)
