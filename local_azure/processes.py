"""Which process is meant: an id alone is used again by the system, an id with its start time is not."""

from dataclasses import asdict, dataclass
from typing import Any

import psutil

_SAME_START = 1.0  # seconds: start times are computed from the clock, which may be set meanwhile


@dataclass(frozen=True)
class ProcessIdentity:
    """One process, for ever: `create_time` is in seconds since 1970, as psutil gives it."""

    pid: int
    create_time: float

    @classmethod
    def of(cls, pid: int | None = None) -> "ProcessIdentity":
        """Return the identity of a running process, our own by default; psutil.NoSuchProcess when there is none."""
        process = psutil.Process(pid)
        return cls(process.pid, process.create_time())

    @classmethod
    def read(cls, value: Any) -> "ProcessIdentity | None":
        """Return the identity in a JSON object, None when there is none in it."""
        try:
            return cls(int(value["pid"]), float(value["create_time"]))
        except (TypeError, KeyError, ValueError):
            return None

    def to_json(self) -> dict[str, Any]:
        """Return the object that `read` reads."""
        return asdict(self)

    def running(self) -> psutil.Process | None:
        """Return the process while it runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.create_time) > _SAME_START:
                return None
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except psutil.NoSuchProcess:
            return None


def end(process: psutil.Process, *, patience: float) -> None:
    """End a process: it gets `patience` seconds to end by itself, as many after SIGTERM, then it is killed."""
    for step in (lambda: None, process.terminate, process.kill):
        try:
            step()
            process.wait(timeout=patience)
            return
        except psutil.TimeoutExpired:
            continue
        except psutil.NoSuchProcess:
            return
