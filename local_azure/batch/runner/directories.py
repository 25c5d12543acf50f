"""A node's folder, laid out as on Azure, and the safe ways to make and remove what is in it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local_azure.batch.failure import Failure
from local_azure.batch.runner import STDERR, STDOUT, WORKING, WorkFailedError

_FOLDERS = ("applications", "fsmounts", "shared", "startup", "volatile/startup", "volatile/temp", "workitems")
_ATTEMPTS, _PAUSE = 40, 0.05  # Windows lets go of a dead process's files a little later


def task_path(job_id: str, task_id: str) -> tuple[str, ...]:
    """A task's directory relative to the node's root, part by part."""
    return ("workitems", job_id, "job-1", task_id)


def make_node(root: Path) -> None:
    """Make the folders every node has; those that exist stay."""
    for name in _FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)


def make_task(directory: Path) -> None:
    """Make a task's empty directory; WorkFailedError when that fails."""
    try:
        (directory / WORKING).mkdir(parents=True)
        for name in (STDOUT, STDERR):
            (directory / name).touch()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        details = (("Message", reason),)
        message = "The task's directory could not be made"
        raise WorkFailedError(
            Failure("ResourceDirectoryCreateFailed", message, details, "ServerError")
        ) from error


def inside(directory: Path, relative: str) -> Path:
    """The place of a relative path in a directory; ValueError when it leads out of it."""
    parts = Path(relative.replace("\\", "/") if os.sep == "\\" else relative)
    place = Path(os.path.normpath(directory / parts))
    if parts.is_absolute() or place == directory or not place.is_relative_to(directory):
        raise ValueError(f"{relative} is not a path inside the working directory")
    return place


class Trash:
    """Where directories go to be deleted: renamed in one step, then deleted by a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._broom = ThreadPoolExecutor(1, thread_name_prefix="trash")

    def take(self, directory: Path) -> None:
        """Take a directory from its place; one that isn't there is no matter. Deleting it goes on behind."""
        grave = self._folder / secrets.token_hex(8)
        try:
            directory.rename(grave)
        except FileNotFoundError:
            return
        except OSError:
            grave = directory
        self._broom.submit(_sweep, grave)

    def clear(self, directory: Path) -> None:
        """Take a directory from its place and wait until it is gone from there."""
        for _ in range(_ATTEMPTS):
            self.take(directory)
            if not directory.exists():
                return
            time.sleep(_PAUSE)

    def empty(self) -> None:
        """Go on with what an earlier life of the service was deleting."""
        for grave in self._folder.iterdir():
            self._broom.submit(_sweep, grave)

    def close(self) -> None:
        """Stop after the directory in hand; the rest is deleted after the next start."""
        self._broom.shutdown(cancel_futures=True)


def _sweep(directory: Path) -> None:
    """Delete a directory with all in it, also what is write-protected or, on Windows, still open for a while."""
    for _ in range(_ATTEMPTS):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        for folder, _, names in os.walk(directory):
            for place in (Path(folder), *(Path(folder) / name for name in names)):
                if not place.is_symlink():
                    with contextlib.suppress(OSError):
                        place.chmod(stat.S_IRWXU)
        time.sleep(_PAUSE)
