"""A second start on a data folder: it leaves the running local cloud alone and tells of it."""

import json
import time
from pathlib import Path

from filelock import FileLock, Timeout

from local_azure import settings
from local_azure.atomic import read_json
from local_azure.status import StatusFile

_LOOK_EVERY = 0.1  # seconds


def own_or_ready_line(lock: FileLock, data: Path) -> str | None:
    """Acquire the lock and return None, or return the ready line of the one that holds it.

    Waits while that one is still starting; when it ends instead, we are the one to start.
    """
    status_file = StatusFile(data)
    while True:
        try:
            lock.acquire(timeout=0)
            return None
        except Timeout:
            status = status_file.read()
        if status and status.phase == "ready" and status.process.running():
            endpoints = read_json(settings.path(data))
            if endpoints:
                return json.dumps(endpoints)
        time.sleep(_LOOK_EVERY)
