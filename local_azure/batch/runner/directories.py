"""A node's folder, laid out as on Azure, and the safe ways to make and remove what is in it."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import time
from pathlib import Path

from local_azure.batch.failure import Failure
from local_azure.batch.runner import STDERR, STDOUT, WORKING, WorkFailedError

_FOLDERS = ("applications", "fsmounts", "shared", "startup", "volatile/startup", "volatile/temp", "workitems")
_REMOVALS, _PAUSE = 40, 0.05  # Windows lets go of a dead process's files a little later


def task_path(job_id: str, task_id: str) -> tuple[str, ...]:
    """A task's directory relative to the node's root, part by part."""
    return ("workitems", job_id, "job-1", task_id)


def make_node(root: Path) -> None:
    """Make the folders every node has; those that exist stay."""
    for name in _FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)


def make_task(directory: Path, trash: Path) -> None:
    """Make a task's directory anew, empty: what an earlier run left is taken away."""
    try:
        if directory.exists():
            take_away(directory, trash)
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


def take_away(directory: Path, trash: Path) -> None:
    """Remove a directory. It is first renamed into `trash`, so that it is gone from its place in one step."""
    trash.mkdir(parents=True, exist_ok=True)
    grave = trash / secrets.token_hex(8)
    for _ in range(_REMOVALS):
        try:
            directory.rename(grave)
            break
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(_PAUSE)
    else:
        grave = directory
    remove(grave)


def remove(directory: Path) -> None:
    """Delete a directory with all in it, also what is write-protected; what can't be deleted stays."""
    shutil.rmtree(directory, ignore_errors=True)
    if not directory.exists():
        return
    for folder, _, names in os.walk(directory):
        for place in (Path(folder), *(Path(folder) / name for name in names)):
            if not place.is_symlink():
                place.chmod(stat.S_IRWXU)
    shutil.rmtree(directory, ignore_errors=True)
