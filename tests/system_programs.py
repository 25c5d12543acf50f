"""Programs that tests need and that a fresh machine may lack: found, else installed, by one process at a time."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

SECONDS = 600  # that an installation may take


def apt(package: str) -> list[list[str]]:
    """The commands that install a package where there is apt; none elsewhere."""
    if not shutil.which("apt-get"):
        return []
    admin = [] if os.geteuid() == 0 else ["sudo", "-n"]
    return [[*admin, "apt-get", "update", "-q"], [*admin, "apt-get", "install", "-q", "-y", package]]


def found_or_installed(name: str, find: Callable[[], str | None], commands: list[list[str]]) -> str:
    """What `find` finds, if need be after some of these commands; RuntimeError when none of them brings it."""
    with FileLock(Path(tempfile.gettempdir()) / "batch-video-tests-install.lock"):
        attempts = []
        for command in [None, *commands]:
            if command is not None:
                attempts.append(_run(command))
            if found := find():
                return found
    raise RuntimeError(f"The tests need {name} and none could be installed. Tried:\n" + "\n".join(attempts))


def _run(command: list[str]) -> str:
    """How it went, in a line."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(command)}: {error}"
    return f"{' '.join(command)}: exit {done.returncode} {done.stderr.strip()[-200:]}"
