"""The numbers of a run, worked out once for each picture however many people look at it."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from batch_core import manifests
from batch_core.account import Account, AccountKind
from batch_core.conversions import promise
from batch_core.errors import DashboardError
from batch_core.forecast import Forecaster, Left, Numbers
from batch_core.monitor import Snapshot
from pages.parts.monitor_choice import Watched
from pages.shell import session


@dataclass(frozen=True)
class _Seconds:
    """Of each file of a run by its task, as far as they are known: of the file itself, and of what is made of it."""

    lengths: dict[str, float]
    promised: dict[str, float]


class _Shared:
    """A job's forecaster, for all sessions that have the account; it knows the files' lengths as soon as they are read."""

    def __init__(self, processors: int) -> None:
        self._lock = threading.Lock()
        self._processors = processors
        self._known: _Seconds | None = None
        self._forecaster = self._new()
        self._last: tuple[Snapshot, Numbers] | None = None

    def _new(self) -> Forecaster:
        known = self._known or _Seconds({}, {})
        return Forecaster(known.lengths, known.promised, self._processors)

    def numbers(self, snapshot: Snapshot, known: _Seconds | None) -> Numbers:
        with self._lock:
            if known and known.lengths and self._known is None:
                self._known, self._last = known, None
                self._forecaster = self._new()
            if snapshot.past and self._last and snapshot.taken_at < self._last[0].taken_at:
                self._forecaster, self._last = self._new(), None  # it only goes on
            newer = self._last is None or self._last[0].taken_at <= snapshot.taken_at
            if self._last is None or (newer and self._last[0] is not snapshot):
                self._last = snapshot, self._forecaster.numbers(snapshot)
            return self._last[1]


@lru_cache(maxsize=64)
def _shared(fingerprint: str, watched: Watched, processors: int, past: bool) -> _Shared:
    return _Shared(processors)


def of(account: Account, watched: Watched, snapshot: Snapshot) -> Numbers:
    """The numbers of a picture; one that is older than what others have seen gets theirs, if it is not played back."""
    here = account.kind is AccountKind.LOCAL  # where all nodes share this computer
    shared = _shared(
        account.fingerprint, watched, (os.cpu_count() or 1) if here else 0, snapshot.past is not None
    )
    return shared.numbers(snapshot, _known(account, snapshot))


def promised(account: Account, snapshot: Snapshot) -> Mapping[str, float]:
    """The seconds of each task's result in a run of ours, as far as they are known by now."""
    known = _known(account, snapshot)
    return known.promised if known else {}


def _known(account: Account, snapshot: Snapshot) -> _Seconds | None:
    """What a run's manifest tells; it is read once, and None until then and of any other job."""
    if snapshot.job is None or not snapshot.job.ours:
        return None
    read = session.in_background(
        ("seconds", account.fingerprint, snapshot.job.id), _seconds, account, snapshot.job.id
    )
    return read.result() if read.done() else None


def _seconds(account: Account, run_id: str) -> _Seconds:
    try:
        kept = manifests.read(account, run_id)
    except DashboardError:  # without its manifest a run is forecast like any other program's
        return _Seconds({}, {})
    made = {
        file.task_id: promise(kept.conversion, kept.options, file.duration).seconds for file in kept.files
    }
    return _Seconds(
        {file.task_id: file.duration for file in kept.files if file.duration},
        {task_id: seconds for task_id, seconds in made.items() if seconds},
    )


def range_words(left: Left) -> str:
    """A range of time without false precision: "20–40 s", "3–5 min", "1–1.5 h"."""
    low, high = left.low.total_seconds(), left.high.total_seconds()
    if high <= 90:
        return _range(low, high, 10, 1, "s")
    if high <= 20 * 60:
        return _range(low, high, 60, 60, "min")
    if high <= 2 * 3600:
        return _range(low, high, 300, 60, "min")
    return _range(low, high, 1800 if high <= 12 * 3600 else 3600, 3600, "h")


def _range(low: float, high: float, step: int, unit: int, name: str) -> str:
    """From the step below to the step above."""
    first, last = int(low // step) * step, -int(-high // step) * step
    if not first:
        return f"up to {last / unit:g} {name}"
    return f"{first / unit:g}–{last / unit:g} {name}"


def ground(left: Left) -> str:
    """What a range is known from."""
    return f"from {left.finished:,} finished"


def per_time(rate: float) -> str:
    """A finish rate in words: 12 a minute, 40 an hour."""
    if rate >= 1:
        return f"{rate:,.0f} a minute"
    return f"{rate * 60:.0f} an hour" if rate * 60 >= 1 else "less than one an hour"


def slots_there(snapshot: Snapshot) -> int:
    """The slots of the nodes that are up."""
    return sum(snapshot.slots for node in snapshot.nodes if node.state in ("idle", "running"))
