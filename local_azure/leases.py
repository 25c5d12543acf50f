"""Who needs the local cloud: a lease is a file that names a process, held for as long as that very process lives."""

import time
from collections.abc import Callable
from pathlib import Path

from local_azure.atomic import read_json
from local_azure.processes import ProcessIdentity


def held(folder: Path) -> bool:
    """True while a process that left its lease (`*.json` with pid and create_time) in `folder` runs.

    Leases of processes that have ended are removed. A file that can't be read yet holds nothing: it is
    being written, and is looked at again.
    """
    found = False
    for file in folder.glob("*.json"):
        identity = ProcessIdentity.read(read_json(file))
        if identity is None:
            continue
        if identity.running():
            found = True
        else:
            file.unlink(missing_ok=True)
    return found


class IdleWatch:
    """Tells when nothing has needed us for `grace` seconds on end."""

    def __init__(self, grace: float, clock: Callable[[], float] = time.monotonic):
        self._grace = grace
        self._clock = clock
        self._needed_at = clock()

    def over(self, needed: bool) -> bool:
        """Note whether we are needed now; True when that was last so `grace` seconds ago."""
        now = self._clock()
        if needed:
            self._needed_at = now
        return now - self._needed_at >= self._grace
