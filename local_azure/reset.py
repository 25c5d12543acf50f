"""`--reset`: the account with nothing in it. Names, keys and ports are kept, so that whoever knows it finds it again.

Once DIR/reset.json is written the reset counts as done: whatever interrupts it, the next start or reset goes on.
"""

import secrets
import shutil
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

from local_azure.atomic import write_json
from local_azure.failures import StartFailure
from local_azure.overview import Overview, look, size
from local_azure.status import StatusFile

_GOES = ("batch", "storage")
_ENDS_WITHIN = 60.0  # seconds
_LOOK_EVERY = 0.1
_MARKER = "reset.json"
_GRAVE = ".reset-"


def run(data: Path, lock: FileLock, *, sure: bool) -> str:
    """Ask (unless `sure`), end what runs, delete; returns what was done in a sentence.

    StartFailure when it is refused: not confirmed, tasks run, or the running one does not end.
    """
    found = look(data)
    if not sure:
        _confirm(found)
    _end_running(data, lock)
    try:
        write_json(data / _MARKER, {})
        finish(data)
    finally:
        lock.release()
    return (
        f"Deleted from {data}: {found.pools} pools, {sum(found.jobs.values())} jobs and all files, "
        f"{size(found.disk_bytes)} in all. Names, keys and ports are kept."
    )


def finish(data: Path) -> None:
    """Complete a reset that was begun, if one was; the folder must be ours. OSError when something can't be moved."""
    marker = data / _MARKER
    if marker.exists():
        grave = data / f"{_GRAVE}{secrets.token_hex(4)}"
        grave.mkdir()
        for name in _GOES:
            if (data / name).exists():
                (data / name).rename(grave / name)
        marker.unlink()
    for grave in data.glob(f"{_GRAVE}*"):
        shutil.rmtree(grave, ignore_errors=True)


def _confirm(found: Overview) -> None:
    running = found.tasks.get("running", 0)
    if running:
        noun = "task runs" if running == 1 else "tasks run"
        raise StartFailure(
            f"{running} {noun} in {found.data}. Wait for the end, or add --yes to end what runs."
        )
    if not sys.stdin.isatty():
        raise StartFailure(
            "A reset deletes all pools, jobs and files. Add --yes to do it without being asked."
        )
    sys.stderr.write(
        f"This deletes {found.pools} pools, {sum(found.jobs.values())} jobs and all files in {found.data} "
        f"({size(found.disk_bytes)}).\nDelete? [y/N] "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StartFailure("Nothing was deleted.")


def _end_running(data: Path, lock: FileLock) -> None:
    """Hold the folder's lock: whoever has it is asked to end, also one that an app starts meanwhile."""
    deadline = time.monotonic() + _ENDS_WITHIN
    status = StatusFile(data)
    while True:
        try:
            lock.acquire(timeout=_LOOK_EVERY)
            return
        except Timeout:
            found = status.read()
            if found is not None and found.phase not in ("stopped", "failed"):
                (data / "stop").touch()
        if time.monotonic() > deadline:
            raise StartFailure(
                f"The local cloud did not end within {_ENDS_WITHIN:.0f} s. Nothing was deleted."
            )
