"""What there is in a data folder, and whether it runs: read from its files, so that nothing is disturbed."""

import json
import logging
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from local_azure import settings
from local_azure.atomic import read_json
from local_azure.azurite.process import pid_file
from local_azure.processes import ProcessIdentity
from local_azure.status import StatusFile

_logger = logging.getLogger(__name__)
_STEPS = ("bytes", "KB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Overview:
    """`urls` and `ports` are by service, without keys; `jobs` and `tasks` counted by state; `disk_bytes` in all."""

    running: bool
    phase: str
    sentence: str
    data: str
    pids: dict[str, int]
    urls: dict[str, str]
    ports: dict[str, int]
    pools: int
    nodes: int
    jobs: dict[str, int]
    tasks: dict[str, int]
    disk_bytes: int

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    def text(self) -> str:
        """The same for people."""
        rows = [("Data folder", self.data), ("State", self.sentence)]
        if self.running:
            pids = ", ".join(f"{name} {pid}" for name, pid in self.pids.items())
            rows += [("Processes", pids)]
        rows += [(f"{name.capitalize()} URL", url) for name, url in self.urls.items()]
        rows += [("Pools", f"{self.pools}, nodes {self.nodes}")]
        rows += [("Jobs", _counted(self.jobs)), ("Tasks", _counted(self.tasks))]
        rows += [("Disk used", size(self.disk_bytes))]
        return "".join(f"{name + ':':<13}{value}\n" for name, value in rows)


def look(data: Path) -> Overview:
    """What is there now; nothing is counted in a database that can't be read. StartFailure for damaged endpoints."""
    status = StatusFile(data).read()
    running = status is not None and status.process.running() is not None
    phase = status.phase if status is not None and running else "stopped"
    sentence = status.sentence if status is not None and running else _not_running(data)
    endpoints = settings.load(data)
    pids = _pids(data, status.process) if status is not None and running else {}
    counts = _counts(data / "batch" / "batch.db")
    return Overview(
        running=running,
        phase=phase,
        sentence=sentence,
        data=str(data),
        pids=pids,
        urls={"batch": endpoints.batch_url, "storage": endpoints.storage_url} if endpoints else {},
        ports={"batch": endpoints.batch.port, "storage": endpoints.storage.port} if endpoints else {},
        pools=counts["pools"].total(),
        nodes=counts["nodes"].total(),
        jobs=dict(counts["jobs"]),
        tasks=dict(counts["tasks"]),
        disk_bytes=used(data),
    )


def tell(data: Path, *, as_json: bool) -> tuple[str, bool]:
    """What `--status` writes, and whether the local cloud runs. StartFailure as for `look`."""
    found = look(data)
    return (f"{found.line()}\n" if as_json else found.text()), found.running


def used(folder: Path) -> int:
    """Bytes of all files below a folder; 0 when it isn't there."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # it went meanwhile
            total += 0 if path.is_symlink() or path.is_dir() else path.stat().st_size
    return total


def size(number: float) -> str:
    """Bytes for people, such as 1.5 MB."""
    step = 0
    while number >= 1000 and step < len(_STEPS) - 1:
        number, step = number / 1000, step + 1
    return f"{number:.1f} {_STEPS[step]}" if step else f"{number:.0f} {_STEPS[0]}"


def _not_running(data: Path) -> str:
    if not settings.path(data).exists():
        return "There is no local cloud in this folder yet."
    return "The local cloud is not running."


def _pids(data: Path, supervisor: ProcessIdentity) -> dict[str, int]:
    pids = {"local cloud": supervisor.pid}
    azurite = ProcessIdentity.read(read_json(pid_file(data / "storage")))
    if azurite is not None and azurite.running() is not None:
        pids["storage"] = azurite.pid
    return pids


def _counts(database: Path) -> dict[str, Counter[str]]:
    """Documents by kind and state. Another process may be writing: reading waits for nobody and stops nobody."""
    kinds = ("pools", "nodes", "jobs", "tasks")
    counts = {kind: Counter[str]() for kind in kinds}
    if not database.exists():
        return counts
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            for kind in kinds:
                query = f"SELECT json_extract(doc,'$.state'), count(*) FROM {kind} GROUP BY 1"
                counts[kind].update(dict(connection.execute(query).fetchall()))
    except sqlite3.Error:
        _logger.exception("%s can't be read", database)
    return counts


def _counted(states: dict[str, int]) -> str:
    parts = [f"{number} {state}" for state, number in sorted(states.items())]
    return ", ".join(parts) or "none"
