"""How long nodes take to come and go: at once, or as long as people see in the cloud."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Times:
    """Seconds in the cloud.

    From recordings of the real service: a one-node pool was allocated 46-58 s after its creation; a Linux node
    spent about 11 s in `creating` and 9 s (others of the same pool up to 29 s) in `starting`; a stopped resize
    took 95 s to become steady. A node was seen `rebooting` for 26 s and was up again within 66 s. An empty pool turned steady after 1.6 s and was gone within 5 s of its deletion.
    A job ended within 0.6 s
    and was gone 15 s after its deletion. Leaving nodes are put at one minute, as "minutes" is all that is known.
    """

    allocating: float = 50
    creating: float = 11
    starting: float = 12
    rebooting: float = 30
    leaving: float = 60
    settling: float = 1.5
    deleting: float = 4
    job_ending: float = 0.6
    job_deleting: float = 15


CLOUD = Times()


class Pace:
    """The speed in force: `{"realistic": factor or null}` in a file that may change at any time."""

    def __init__(self, path: Path | None = None, times: Times = CLOUD) -> None:
        self._path = path
        self.times = times

    def factor(self) -> float:
        """What cloud times are multiplied by; 0 means at once. A file that can't be read means at once too."""
        if self._path is None:
            return 0.0
        try:
            value = json.loads(self._path.read_text("utf-8"))["realistic"]
            return max(0.0, float(value)) if value is not None else 0.0
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0

    async def wait(self, seconds: float, *, spread: float = 0.0) -> None:
        """Let `seconds` of cloud time pass, give or take the fraction `spread`. At full speed: one loop step."""
        factor = self.factor()
        varied = seconds * random.uniform(1 - spread, 1 + spread)
        await asyncio.sleep(varied * factor)
