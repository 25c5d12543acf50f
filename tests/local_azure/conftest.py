"""The local cloud as processes: what the tests of local_azure start, and what they leave behind is ended."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from local_azure.atomic import read_json
from local_azure.azurite.installation import Installation, Installer
from local_azure.processes import ProcessIdentity
from tests.waiting import until

PROJECT = Path(__file__).parents[2]
ENDING = [signal.SIGTERM, signal.SIGINT] if os.name == "posix" else [signal.CTRL_BREAK_EVENT]
"""The signals that end a local cloud on this system."""
_OWN_GROUP = 0 if os.name == "posix" else subprocess.CREATE_NEW_PROCESS_GROUP


class LocalProcess:
    """One `python -m local_azure` on a data folder."""

    def __init__(self, data: Path, node_home: Path, *arguments: str):
        self.data = data
        command = [sys.executable, "-m", "local_azure", "--data", str(data), "--node-home", str(node_home)]
        self.process = subprocess.Popen(
            [*command, *arguments],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            creationflags=_OWN_GROUP,
        )
        self.endpoints: dict = {}

    def ready(self) -> dict:
        """Wait for the ready line and return its object."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"ended with {self.process.wait()}: {self.process.stderr.read()}"  # type: ignore[union-attr]
        self.endpoints = json.loads(line)
        return self.endpoints

    def status(self) -> dict:
        """What status.json says."""
        return read_json(self.data / "status.json") or {}

    def children(self) -> list[psutil.Process]:
        """Every process below it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def azurite(self) -> psutil.Process:
        """The running Azurite."""
        return next(child for child in self.children() if "launch.mjs" in " ".join(child.cmdline()))

    def end(self, number: int = ENDING[0]) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def ended(self) -> tuple[int, str, str]:
        """Wait for its end by itself: exit code, stdout, stderr."""
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@pytest.fixture
def local_start(node_home: Path) -> Iterator[Callable[..., LocalProcess]]:
    """Start local clouds: `local_start(data, "--leased")`; all are ended after the test."""
    started: list[LocalProcess] = []

    def start(data: Path, *arguments: str, node_home: Path = node_home) -> LocalProcess:
        started.append(LocalProcess(data, node_home, *arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            below = [ProcessIdentity.of(child.pid) for child in one.children()]
            one.process.kill()
            until(lambda below=below: not any(child.running() for child in below), what="its children's end")
        one.process.communicate()


@pytest.fixture(scope="session")
def local_installation(node_home: Path) -> Installation:
    """Azurite, installed once for all tests."""
    return Installer(node_home, lambda *_: None, threading.Event()).ensure()


@pytest.fixture
def local_no_process_left() -> Iterator[None]:
    """Fails the test that leaves a process of its own behind."""
    before = {child.pid for child in psutil.Process(os.getpid()).children(recursive=True)}
    yield

    def left() -> list[psutil.Process]:
        found = psutil.Process(os.getpid()).children(recursive=True)
        return [one for one in found if one.pid not in before and one.status() != psutil.STATUS_ZOMBIE]

    until(lambda: not left(), seconds=5, what="the end of every process the test started")
