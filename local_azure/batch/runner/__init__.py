"""The seam between the engine and what really runs a task.

The engine decides and remembers; a runner makes directories, fetches files, starts processes, sends results.
There are two: with processes of this computer (`runner.local`), and one that only plays (`runner.simulated`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from local_azure.batch.failure import Failure
from local_azure.processes import ProcessIdentity

STDOUT, STDERR, WORKING = "stdout.txt", "stderr.txt", "wd"


@dataclass(frozen=True)
class Work:
    """What to run on a node: a task or a start task.

    `directory` holds stdout.txt, stderr.txt and wd; `environment` is all the program gets to see; resource and
    output files are as on the wire. `play` is what a simulation goes by: job, task (None for a start task) and how
    many tries of it came before.
    """

    directory: Path
    command_line: str
    environment: dict[str, str] = field(repr=False)
    resource_files: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    output_files: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    play: tuple[str, str, int] | None = None


class WorkFailedError(Exception):
    """The work can't be done, or its results can't be sent; `failure` says why in Batch's words."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Process(Protocol):
    """A program that was started, with everything it starts in turn. `identity` is None when it is only played."""

    @property
    def identity(self) -> ProcessIdentity | None:
        """Which process it is."""

    @property
    def took_node(self) -> bool:
        """Whether it was played, and chance had dealt it that its node is taken back in its midst, which is done."""

    async def wait(self) -> int:
        """Its exit code (128 + n when signal n ended it), once it and all it left running have ended."""

    def end(self) -> None:
        """End it and everything it started, without asking; returns at once."""


class Launcher(Protocol):
    """What one go of a program needs; `WorkFailedError` when it can't be done."""

    async def prepare(self, work: Work) -> None:
        """Make the work's directory anew and put its resource files there."""

    def launch(self, work: Work) -> Process:
        """Start the program."""

    async def deliver(self, work: Work, exit_code: int) -> None:
        """Send the output files that are due after this exit code."""


class Runner(Launcher, Protocol):
    """What the engine asks for."""

    async def furnish(self, root: Path) -> None:
        """Make the folders that every node has below its root; OSError when that fails."""

    def discard(self, directory: Path) -> None:
        """Take a directory away, if it is there: at once from its place, soon from the disk."""

    async def end_orphans(self, known: Iterable[ProcessIdentity], root: Path) -> None:
        """End what an earlier life of the service left running: `known`, and all that belongs below `root`."""

    def tidy(self) -> None:
        """Go on with what an earlier life of the service was deleting."""

    async def close(self) -> None:
        """Let go of connections and threads."""
