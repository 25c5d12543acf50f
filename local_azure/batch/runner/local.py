"""The runner that really runs: directories, transfers and processes of this computer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from local_azure.batch.runner import WORKING, Work
from local_azure.batch.runner import process as processes
from local_azure.batch.runner.directories import Trash, make_node, make_task
from local_azure.batch.runner.downloads import download
from local_azure.batch.runner.transfer import Connections
from local_azure.batch.runner.uploads import due, upload
from local_azure.processes import ProcessIdentity


class LocalRunner:
    """Runs work as processes of whoever runs the service. `trash` is where directories go to be deleted."""

    def __init__(self, trash: Path) -> None:
        self._trash = Trash(trash)
        self._connections = Connections()

    async def furnish(self, root: Path) -> None:
        """Make the folders that every node has; those that exist stay."""
        await asyncio.to_thread(make_node, root)

    async def prepare(self, work: Work) -> None:
        """Make the work's directory anew and bring its resource files; WorkFailedError when that fails."""
        if work.directory.exists():
            await asyncio.to_thread(self._trash.clear, work.directory)
        make_task(work.directory)
        if work.resource_files:
            directory = work.directory / WORKING
            job = partial(download, self._connections, work.resource_files, directory)
            await self._connections.run(job)

    def launch(self, work: Work) -> processes.LocalProcess:
        """Start the program; WorkFailedError when it can't be."""
        return processes.launch(work)

    async def deliver(self, work: Work, exit_code: int) -> None:
        """Upload the output files that are due; WorkFailedError when one can't be uploaded."""
        if due(work, exit_code):
            await self._connections.run(partial(upload, self._connections, work, exit_code))

    def discard(self, directory: Path) -> None:
        """Take a directory away, if it is there; deleting what was in it goes on behind."""
        self._trash.take(directory)

    async def end_orphans(self, known: Iterable[ProcessIdentity], root: Path) -> None:
        """End what an earlier life of the service left running."""
        await asyncio.to_thread(processes.end_orphans, list(known), root)

    def tidy(self) -> None:
        """Go on with what an earlier life of the service was deleting."""
        self._trash.empty()

    async def close(self) -> None:
        """Let go of connections and threads."""
        await asyncio.to_thread(self._connections.close)
        await asyncio.to_thread(self._trash.close)
