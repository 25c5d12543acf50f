"""This computer's own Batch and Storage: the one place that starts the local service, as a process.

Nothing of it is imported; what is known of it are its command line and the files in its data folder
(endpoints.json, status.json, pace.json, leases/).
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs
import psutil

from batch_core.account import Account, AccountKind, connect, endpoint
from batch_core.errors import DashboardError, ServiceFailure
from batch_core.folders import make_private

PROJECT = Path(__file__).resolve().parent.parent
HOME_VARIABLE = "BATCH_DASHBOARD_HOME"
REVIVE_SECONDS = 3.0
_READY = "This computer is ready."
_FULL = "The disk is full"
_HINT = "Its log is the file log.txt in {data}."


def app_home() -> Path:
    """Where everything lies that the app keeps on disk."""
    return _home(os.environ.get(HOME_VARIABLE, ""))


@cache
def _home(chosen: str) -> Path:
    return Path(chosen).resolve() if chosen else platformdirs.user_data_path("batch-video-dashboard")


@dataclass(frozen=True)
class LocalStatus:
    """How far the start is: installing, starting, ready, failed or stopped; `fraction` is 0 to 1 or unknown."""

    phase: str
    sentence: str
    fraction: float | None

    @property
    def disk_full(self) -> bool:
        """Whether it takes no files and starts no tasks until there is room again; the sentence says so."""
        return self.sentence.startswith(_FULL)


class LocalCloud:
    """The local service as the app sees it. All methods may be called from several threads."""

    def __init__(self, home: Path) -> None:
        self.data = home / "local-azure"
        self.node_home = home / "node"
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._lease: Path | None = None
        self._account: Account | None = None
        self._answered = 0.0
        self._spawned = 0.0
        self._served = False  # whether the service has answered since we started it

    def start(self) -> None:
        """Takes a lease and starts the service when none runs; returns at once. Call it again at any time."""
        with self._lock:
            self._take_lease()
            if not (self._alive() or self._starting()):
                self._spawn()

    def status(self) -> LocalStatus:
        """Where the service is, from what it wrote down and whether it answers. Costs a file and a connect."""
        with self._lock:
            if self._alive():
                said = str(_read_json(self.data / "status.json").get("sentence") or "")
                return LocalStatus("ready", said if said.startswith(_FULL) else _READY, 1.0)
            self._revive()
            written = _read_json(self.data / "status.json")
            if _is_running(written) and written.get("phase") in ("installing", "starting"):
                fraction = written.get("fraction")
                return LocalStatus(
                    str(written["phase"]),
                    str(written.get("sentence") or ""),
                    float(fraction) if isinstance(fraction, int | float) else None,
                )
            if self._starting():
                return LocalStatus("starting", "Starting the service on this computer.", None)
            if written.get("phase") == "failed":
                return LocalStatus("failed", str(written.get("sentence") or "It did not start."), None)
            if self._died_starting():
                return LocalStatus("failed", "The service on this computer ended while it started.", None)
            return LocalStatus("stopped", "The service on this computer is not running.", None)

    def account(self) -> Account | None:
        """The account on this computer once it is ready: the same object as long as its keys and ports stay."""
        with self._lock:
            if self._alive():
                return self._account
            self._revive()
            return None

    def wait(self, seconds: float) -> Account:
        """Waits for the account. Raises ServiceFailure when the start fails or takes longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            account = self.account()
            if account is not None:
                return account
            now = self.status()
            if now.phase in ("failed", "stopped") and not self._starting():
                raise ServiceFailure(now.sentence, _HINT.format(data=self.data))
            time.sleep(0.05)
        raise ServiceFailure(
            f"This computer was not ready within {seconds:.0f} s.", _HINT.format(data=self.data)
        )

    def release(self) -> None:
        """Drops the lease; the service ends by itself when no one holds one and no task runs."""
        with self._lock:
            if self._lease is not None:
                with contextlib.suppress(FileNotFoundError):
                    self._lease.unlink()
                self._lease = None

    @property
    def realistic(self) -> float | None:
        """How long nodes take to come: None at once, 1 as in the cloud, 0.1 a tenth of that."""
        factor = _read_json(self.data / "pace.json").get("realistic")
        return float(factor) if isinstance(factor, int | float) and not isinstance(factor, bool) else None

    @realistic.setter
    def realistic(self, factor: float | None) -> None:
        _write_json(self.data / "pace.json", {"realistic": factor})

    def _take_lease(self) -> None:
        if self._lease is not None and self._lease.exists():
            return
        me = psutil.Process()
        lease = self.data / "leases" / f"{me.pid}-{uuid.uuid4().hex[:8]}.json"
        _write_json(lease, {"pid": me.pid, "create_time": me.create_time()})
        self._lease = lease

    def _starting(self) -> bool:
        """Whether a start is under way: ours, or one that another app began."""
        if self._process is not None and self._process.poll() is None:
            return True
        written = _read_json(self.data / "status.json")
        return written.get("phase") in ("installing", "starting") and _is_running(written)

    def _revive(self) -> None:
        """Starts the service again that ended while we hold a lease; one that failed waits for `start()`."""
        if self._lease is None or self._starting() or time.monotonic() - self._spawned < REVIVE_SECONDS:
            return
        if not self._died_starting() and _read_json(self.data / "status.json").get("phase") != "failed":
            self._spawn()

    def _died_starting(self) -> bool:
        """Whether the service that we started ended with an error before it ever answered."""
        return self._process is not None and bool(self._process.returncode) and not self._served

    def _spawn(self) -> None:
        self._spawned = time.monotonic()
        self._served = False
        make_private(self.data)
        command = [sys.executable, "-m", "local_azure", "--data", str(self.data)]
        command += ["--node-home", str(self.node_home), "--leased"]
        options: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        self._process = subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=True,
            **options,
        )

    def _alive(self) -> bool:
        """Whether both services accept a connection; keeps the account in step with endpoints.json."""
        if self._account is not None and time.monotonic() - self._answered < 1.0:
            return True
        if not _is_running(_read_json(self.data / "status.json")):
            return False  # its ports may be another program's by now
        found = _read_json(self.data / "endpoints.json")
        try:
            batch = endpoint("batch", **_fields(found["batch"]))
            storage = endpoint("storage", **_fields(found["storage"]))
        except (KeyError, TypeError, DashboardError):
            return False
        if not (_accepts(batch.url) and _accepts(storage.url)):
            return False
        known = self._account
        if known is None or (known.batch_endpoint, known.storage_endpoint) != (batch, storage):
            self._account = connect(batch, storage, kind=AccountKind.LOCAL)
        self._answered = time.monotonic()
        self._served = True
        return True


def _fields(found: dict[str, Any]) -> dict[str, str]:
    return {name: str(found[name]) for name in ("account", "key", "url")}


def _accepts(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 80), timeout=0.5):
            return True
    except OSError:
        return False


def _is_running(written: dict[str, Any]) -> bool:
    """Whether the very process that wrote a status lives: its id may belong to another by now."""
    try:
        process = psutil.Process(int(written["pid"]))
        same = abs(process.create_time() - float(written.get("create_time", process.create_time()))) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (KeyError, TypeError, ValueError, psutil.Error):
        return False


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty when there is none (yet)."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    make_private(path.parent)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    beside.write_text(json.dumps(value), encoding="utf-8")
    beside.replace(path)
