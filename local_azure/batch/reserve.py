"""Room kept on the disk, so that what has ended can be written down, and things deleted, when the disk is full."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

RESERVE_BYTES = 16 * 1024 * 1024
"""What must be free on the disk for a task to be started."""

_KEPT_BYTES = 4 * 1024 * 1024
_LOG = logging.getLogger(__name__)


class Reserve:
    """A file of nothing, given up when a change can't be written, made again when there is plenty of room."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = False

    def disk_full(self) -> bool:
        """Whether the disk has too little room for a task to be started; with enough, the reserve is made again."""
        if self._free() < RESERVE_BYTES:
            return True
        self.hold()
        return False

    def _free(self) -> int:
        return shutil.disk_usage(self._path.parent).free

    def give_up(self) -> None:
        """Make room for the changes that are due."""
        self._held = False
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            _LOG.warning("The reserve can't be given up: %s", error)

    def hold(self) -> None:
        """Make the reserve where there is none, if that leaves plenty of room."""
        if self._held or self._free() < RESERVE_BYTES + _KEPT_BYTES:
            return
        try:
            with self._path.open("wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, _KEPT_BYTES)
                else:
                    file.write(bytes(_KEPT_BYTES))
            self._held = True
        except OSError as error:
            _LOG.info("No room can be reserved: %s", error)
            self.give_up()
