"""DIR/status.json: what the local cloud is doing, for the app's page and for a second start."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from local_azure.atomic import read_json, write_json
from local_azure.processes import ProcessIdentity

_logger = logging.getLogger(__name__)
Phase = Literal["installing", "starting", "ready", "failed", "stopped"]


@dataclass(frozen=True)
class Status:
    """`fraction` is what is done of the phase, 0 to 1, None where it can't be known."""

    phase: Phase
    sentence: str
    fraction: float | None
    process: ProcessIdentity


class StatusFile:
    """Writes status.json for this process, and reads what the one before wrote."""

    def __init__(self, data: Path):
        self._path = data / "status.json"
        self._process = ProcessIdentity.of()

    def write(self, phase: Phase, sentence: str, fraction: float | None = None) -> bool:
        """Replace the status; False where it can't be written (the disk is full), and the one before stays."""
        value = {"phase": phase, "sentence": sentence, "fraction": fraction, **self._process.to_json()}
        try:
            write_json(self._path, value)
        except OSError as error:
            _logger.warning("The status %r can't be written: %s", sentence, error)
            return False
        return True

    def read(self) -> Status | None:
        """Return what is written, whoever wrote it; None when there is nothing to read."""
        value = read_json(self._path)
        process = ProcessIdentity.read(value)
        if process is None:
            return None
        return Status(value.get("phase"), value.get("sentence"), value.get("fraction"), process)
