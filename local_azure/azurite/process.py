"""Azurite's blob service as a child process: what it has answered outlives its end, however it ends."""

import logging
import os
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import psutil

from local_azure.atomic import read_json, write_json
from local_azure.azurite import node_tools
from local_azure.azurite.installation import Installation
from local_azure.failures import StartFailure
from local_azure.processes import ProcessIdentity, end
from local_azure.settings import Endpoint

_READY_WITHIN = 30.0  # seconds
_CLEAN_END_WITHIN = 15.0
_STALE_END_WITHIN = 5.0
_RESERVE_BYTES = 16 * 1024 * 1024  # that uploads leave free: the index and its journal must always find room
_NOT_PASSED_ON = ("NODE_", "AZURE_", "AZURITE_", "APPLICATIONINSIGHTS_")
# Exit codes of node/launch.mjs
_BROKEN_INSTALLATION = 70
_PORT_TAKEN = 71

_logger = logging.getLogger(__name__)


class BrokenInstallation(StartFailure):
    """Azurite's own files can't be loaded: it has to be installed again."""


class PortTaken(StartFailure):
    """Another program listens on the port, or it may not be used."""


class Azurite:
    """One Azurite on one data folder; may be started again after its end."""

    def __init__(self, folder: Path, endpoint: Endpoint):
        self.folder = folder
        self.endpoint = endpoint
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, None before the first start."""
        return self._process.pid if self._process else None

    def start(self, installation: Installation) -> None:
        """Start it and return when it listens.

        BrokenInstallation, PortTaken, or StartFailure for any other reason, each with a sentence.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._kill()
        end_stale(self.folder)
        with (self.folder / "azurite.log").open("wb") as log:
            process = node_tools.start(
                [
                    node_tools.SCRIPTS / "launch.mjs",
                    installation.folder,
                    self.folder,
                    str(self.endpoint.port),
                    str(_RESERVE_BYTES),
                ],
                cwd=self.folder,
                stderr=log,
                stdout=subprocess.PIPE,
                env=_environment(self.endpoint),
            )
        self._process = process
        with suppress(psutil.NoSuchProcess):  # ended already: the next line finds out why
            write_json(pid_file(self.folder), ProcessIdentity.of(process.pid).to_json())
        if not _says_ready(process):
            self._kill()
            raise self._failure(process.returncode)
        _logger.info("Azurite %s listens on port %s", process.pid, self.endpoint.port)

    def wait(self) -> int:
        """Return its exit code when it has ended. Blocks."""
        return self._process.wait() if self._process else 0

    def stop(self) -> None:
        """End it cleanly: what was uploaded is saved. Returns when it has ended."""
        process = self._process
        if process is None:
            return
        _close(process.stdin)
        try:
            process.wait(timeout=_CLEAN_END_WITHIN)
        except subprocess.TimeoutExpired:
            _logger.warning("Azurite did not end within %s s and is killed", _CLEAN_END_WITHIN)
        self._kill()
        pid_file(self.folder).unlink(missing_ok=True)

    def last_words(self) -> str:
        """Return the end of what it wrote to stderr."""
        try:
            return (self.folder / "azurite.log").read_text(encoding="utf-8", errors="replace")[-2000:]
        except OSError:
            return ""

    def _kill(self) -> None:
        process = self._process
        if process is None:
            return
        process.kill()
        process.wait()
        _close(process.stdin)
        _close(process.stdout)

    def _failure(self, code: int) -> StartFailure:
        _logger.warning("Azurite ended with code %s: %s", code, self.last_words())
        if code == _BROKEN_INSTALLATION:
            return BrokenInstallation("Storage (Azurite) is damaged and has to be installed again.")
        if code == _PORT_TAKEN:
            return PortTaken(
                f"Port {self.endpoint.port} is used by another program. End that program, "
                "or choose another port for storage with --blob-port."
            )
        return StartFailure(
            f"Storage (Azurite) did not start. What it said is in {self.folder / 'azurite.log'}."
        )


def end_stale(folder: Path) -> None:
    """End the Azurite that a killed supervisor left on this folder; it has begun to end by itself."""
    identity = ProcessIdentity.read(read_json(pid_file(folder)))
    process = identity.running() if identity else None
    if process is not None:
        _logger.info("Waiting for Azurite %s of an earlier start to end", process.pid)
        end(process, patience=_STALE_END_WITHIN)
    pid_file(folder).unlink(missing_ok=True)


def _says_ready(process: subprocess.Popen[bytes]) -> bool:
    """Wait for its one line on stdout; False when it ended first or took too long."""
    assert process.stdout is not None
    deadline = threading.Timer(_READY_WITHIN, process.kill)
    deadline.start()
    try:
        return bool(process.stdout.readline())
    finally:
        deadline.cancel()


def _environment(endpoint: Endpoint) -> dict[str, str]:
    passed_on = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
    return {**passed_on, "AZURITE_ACCOUNTS": f"{endpoint.account}:{endpoint.key}"}


def pid_file(folder: Path) -> Path:
    """Where the process of the Azurite on a folder is named."""
    return folder / "azurite.pid"


def _close(stream: object) -> None:
    if stream is not None:
        try:
            stream.close()  # type: ignore[attr-defined]
        except OSError:
            _logger.debug("Azurite had closed its end of a pipe")
