"""One local cloud: storage and Batch started together, watched, and ended together."""

import asyncio
import errno
import json
import logging
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from local_azure import leases, logs, settings
from local_azure.atomic import write_json
from local_azure.azurite.storage import Storage
from local_azure.batch.database import DiskFullError
from local_azure.batch.quota import Limits
from local_azure.batch.reserve import RESERVE_BYTES
from local_azure.failures import StartFailure, Stopped
from local_azure.ffmpeg_link import place_ffmpeg
from local_azure.ports import listen
from local_azure.processes import end
from local_azure.settings import Endpoints
from local_azure.status import StatusFile

if TYPE_CHECKING:
    from local_azure.batch_server import BatchServer

_LOOK_EVERY = 0.5  # seconds between looks at leases and the stop file
_ENGINE_ENDS_WITHIN = 20.0
_CHILD_ENDS_WITHIN = 2.0
_RUNNING = "The local cloud is running."
_FULL = (
    "The disk is full: no more files are taken and no more tasks start until there is room. Nothing that is there "
    "is lost. Make room on the disk of {data}."
)
_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What the command line says. `lease_grace` (seconds) is None when no lease is needed to go on."""

    data: Path
    node_home: Path
    batch_port: int | None = None
    blob_port: int | None = None
    lease_grace: float | None = None
    realistic: float | None = None
    quota: Limits | None = None


class Supervisor:
    """Runs one local cloud on a data folder that is locked for it."""

    def __init__(self, options: Options, log: RotatingFileHandler):
        self._options = options
        self._log_handler = log
        self._status = StatusFile(options.data)
        self._stop_file = options.data / "stop"
        self._stop = asyncio.Event()
        self._stop_work = threading.Event()
        self._failure: StartFailure | None = None
        self._storage = Storage(options.data, options.node_home, self._status, self._stop_work)
        self._batch: BatchServer | None = None
        self._ready = False
        self._full = False

    async def run(self) -> int:
        """Start, serve until told to stop, end everything. Returns the process's exit code."""
        self._stop_file.unlink(missing_ok=True)
        restore = self._catch_signals()
        watching = asyncio.create_task(self._watch())
        try:
            await self._start()
            await self._stop.wait()
        except Stopped:
            _logger.info("Stopped while starting")
        except StartFailure as failure:
            self._failure = failure
        except (DiskFullError, OSError) as error:
            _logger.exception("Start failed")
            self._failure = _no_room(error, options=self._options)
        except Exception:
            _logger.exception("Start failed")
            self._failure = StartFailure(
                f"The local cloud could not start; {self._log_handler.baseFilename} says why."
            )
        finally:
            self.stop()
            watching.cancel()
            await self._end()
            restore()
        return self._finish()

    def stop(self) -> None:
        """Ask for the end; may be asked again. Call on the event loop's thread."""
        self._ready = False
        self._stop_work.set()
        self._stop.set()

    async def _start(self) -> None:
        self._status.write("starting", "Starting the local cloud.")
        options = self._options
        kept = settings.load(options.data)
        endpoints = settings.make(kept, options.batch_port, options.blob_port)
        logs.hide(self._log_handler, (endpoints.batch.key, endpoints.storage.key))
        if options.realistic is not None:
            write_json(options.data / "pace.json", {"realistic": options.realistic})
        if options.quota is not None:
            write_json(options.data / "quota.json", options.quota.to_json())
        listener = listen(endpoints.batch.port)
        endpoints, tools, make_server = await asyncio.gather(
            asyncio.to_thread(
                self._storage.start, endpoints, may_move=kept is None and not options.blob_port
            ),
            asyncio.to_thread(place_ffmpeg, options.data / "bin"),
            asyncio.to_thread(_batch_server),
        )
        self._check_stop()
        settings.save(options.data, endpoints)
        self._status.write("starting", "Starting the Batch service.")
        self._batch = make_server(options.data, tools.parent, endpoints)
        await self._batch.start(listener, self._fail)
        self._check_stop()
        self._storage.watch(self._fail)
        self._announce(endpoints)

    def _announce(self, endpoints: Endpoints) -> None:
        self._status.write("ready", _RUNNING, 1.0)
        self._ready = True
        _logger.info("Ready: Batch at %s, storage at %s", endpoints.batch_url, endpoints.storage_url)
        try:
            sys.stdout.write(json.dumps(endpoints.to_json()) + "\n")
            sys.stdout.flush()
        except OSError:
            _logger.info("Nobody reads our output")

    async def _watch(self) -> None:
        grace = self._options.lease_grace
        idle = leases.IdleWatch(grace) if grace is not None else None
        folder = self._options.data / "leases"
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if self._stop_file.exists():
                _logger.info("Stop file found")
                self.stop()
            self._watch_disk()
            if idle and idle.over(leases.held(folder) or self._busy()):
                _logger.info("Nobody holds a lease and nothing runs")
                self.stop()

    def _watch_disk(self) -> None:
        """Tell when the disk gets full while we serve, and when there is room again."""
        data = self._options.data
        full = self._ready and shutil.disk_usage(data).free < RESERVE_BYTES
        if full is self._full:
            return
        if self._status.write("ready", _FULL.format(data=data) if full else _RUNNING, 1.0):
            self._full = full
        elif self._batch is not None:
            self._batch.engine.reserve.give_up()  # the next look finds room to say it

    def _busy(self) -> bool:
        """True while a task runs, and until there is an engine to ask."""
        return self._batch is None or self._batch.engine.busy()

    def _fail(self, failure: StartFailure) -> None:
        self._failure = failure
        self.stop()

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped

    async def _end(self) -> None:
        """End the Batch service, then storage, then whatever is left; the failure of one step stops no other."""
        self._status.write("stopped", "The local cloud is stopping.")
        if self._batch is not None:
            try:
                await asyncio.wait_for(self._batch.stop(), _ENGINE_ENDS_WITHIN)
            except Exception:
                _logger.exception("The Batch service did not end as it should")
        await asyncio.to_thread(self._storage.stop)
        for child in psutil.Process().children(recursive=True):
            _logger.warning("Ending process %s, which is left over", child.pid)
            await asyncio.to_thread(end, child, patience=_CHILD_ENDS_WITHIN)
        self._stop_file.unlink(missing_ok=True)

    def _finish(self) -> int:
        if self._failure is None:
            self._status.write("stopped", "The local cloud has stopped.")
            _logger.info("Stopped")
            return 0
        _logger.error("Failed: %s", self._failure)
        self._status.write("failed", str(self._failure))
        sys.stderr.write(f"{self._failure}\n")
        return 1

    def _catch_signals(self) -> Callable[[], None]:
        """Let every signal that asks for the end stop us; returns what undoes it."""
        loop = asyncio.get_running_loop()
        before = {}
        for number in (getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)):
            if signal.getsignal(number) is signal.SIG_IGN:  # nohup
                continue
            before[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.stop))

        def restore() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        return restore


def _no_room(error: DiskFullError | OSError, options: Options) -> StartFailure:
    """Why what we need can't be written."""
    if isinstance(error, DiskFullError) or error.errno == errno.ENOSPC:
        return StartFailure(
            f"The disk is full: the local cloud can't start. Make room on the disk of {options.data}."
        )
    return StartFailure(f"{error.filename or options.data} can't be used: {error.strerror}.")


def _batch_server() -> "type[BatchServer]":
    """Import the Batch service, while storage starts: it takes as long."""
    from local_azure.batch_server import BatchServer

    return BatchServer
