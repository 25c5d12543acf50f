"""The history of nodes and tasks: an append-only SQLite file that outlives browser, server and pool.

Rows are added and never changed: a state that was seen, an attempt that began, the same attempt with its end. (Only a
task's name comes later, when it is first seen to run.)
A pool or job is known by its id and its time of birth, so a later one of the same name has a history of its own.
Times are whole microseconds since 1970 in UTC.
"""

import sqlite3
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from batch_core.facts import (
    ALLOCATED,
    AWAY,
    GONE,
    QUIET,
    QUIET_ALONE,
    Attempt,
    Change,
    Kind,
    Known,
    State,
    Step,
)
from batch_core.folders import make_private
from batch_core.history_file import (
    EPOCH,
    LAST_KNOWN,
    LAST_STATES,
    STEPS,
    Things,
    add,
    make,
    moment_of,
    moment_or_none,
    stamp,
)
from batch_core.snapshot import NodePhase, Span, Steps

__all__ = [
    "ALLOCATED",
    "GONE",
    "QUIET",
    "QUIET_ALONE",
    "Attempt",
    "Change",
    "History",
    "Kind",
    "Known",
    "State",
    "Step",
    "Story",
]


@dataclass(frozen=True)
class Story:
    """All that the history knows of a pool and a job."""

    spans: tuple[Span, ...]
    phases: tuple[NodePhase, ...]
    last_seen: datetime | None


class History:
    """The history of one account. May be used by several threads, and by several processes at once."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file. Raises sqlite3.Error or OSError."""
        make_private(path.parent)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, timeout=10, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        with self._writing() as db:
            make(db)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def scope(
        self, kind: Kind, name: str, born: datetime | None, before: datetime | None = None
    ) -> int | None:
        """The number of a pool or job; made when `born` is given, else that of the last one of this name.

        With `before`, the last one that was born by then.
        """
        if born is None:
            latest = sys.maxsize if before is None else stamp(before)
            with self._lock:
                found = self._db.execute(
                    "SELECT id FROM scope WHERE kind=? AND name=? AND born<=? ORDER BY born DESC LIMIT 1",
                    (kind, name, latest),
                ).fetchone()
            return int(found[0]) if found else None
        key = (kind, name, stamp(born))
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO scope (kind, name, born) VALUES (?, ?, ?)", key)
            found = db.execute("SELECT id FROM scope WHERE kind=? AND name=? AND born=?", key).fetchone()
            return int(found[0])

    def append(self, scope: int, changes: Iterable[Change], seen: datetime) -> None:
        """Adds what was seen of a scope's nodes or tasks, in one transaction; what is there already is left."""
        with self._writing() as db:
            things: Things = {}
            for change in changes:
                add(db, things, scope, change)
            db.execute("INSERT INTO seen (scope, at) VALUES (?, ?)", (scope, stamp(seen)))

    def places(self, pool: int) -> dict[str, int]:
        """Every node that the pool ever had, with its place in the order of first seen."""
        with self._lock:
            rows = self._db.execute("SELECT name FROM thing WHERE scope=? ORDER BY id", (pool,)).fetchall()
        return {name: place for place, (name,) in enumerate(rows)}

    def left(self, pool: int) -> dict[str, datetime]:
        """The nodes that were not gone when something of the pool was last seen, each with that time."""
        with self._lock:
            rows = self._db.execute(
                "SELECT name, (SELECT state FROM state WHERE thing = thing.id ORDER BY since DESC LIMIT 1)"
                " FROM thing WHERE scope=?",
                (pool,),
            ).fetchall()
        seen = self.last_seen(pool)
        return {name: seen for name, state in rows if seen and state and state != GONE}

    def missing(self, job: int, ids: set[str]) -> list[str]:
        """The tasks that the history does not know to be gone, but that are not among these."""
        with self._lock:
            things = self._db.execute("SELECT id, name FROM thing WHERE scope=?", (job,)).fetchall()
            gone = {
                id
                for (id,) in self._db.execute(
                    "SELECT thing FROM state WHERE state=? AND thing IN (SELECT id FROM thing WHERE scope=?)",
                    (GONE, job),
                )
            }
        return [name for id, name in things if name not in ids and id not in gone]

    def attempts(self, job: int) -> list[Attempt]:
        """Every attempt of the job's tasks as last known, task by task in the order in which they were first seen."""
        return [
            Attempt(task, name, number, node, moment_or_none(start), moment_or_none(end), *rest)
            for task, name, number, node, start, end, *rest in self._last_known(job)
        ]

    def known(self, job: int) -> Known:
        """The same for a recorder that goes on from there; of 100,000 attempts in half the time."""
        spans: list[Span] = []
        tries: dict[str, int] = {}
        running: list[Attempt] = []
        for task, name, number, node, started, ended, outcome, retries, slots in self._last_known(job):
            tries[task] = number
            start, end = moment_or_none(started), moment_or_none(ended)
            if node is not None and (began := start or end):
                spans.append(Span(node, task, name, began, end, outcome, number, slots, start is None))
            if end is None and start is not None:
                running.append(Attempt(task, name, number, node, start, end, outcome, retries, slots))
        return Known(spans, tries, running)

    def _last_known(self, job: int) -> Iterator[tuple[Any, ...]]:
        """Of each attempt what was added last."""
        with self._lock:
            things = self._db.execute("SELECT id, name, label FROM thing WHERE scope=?", (job,)).fetchall()
            nodes = dict(self._db.execute("SELECT id, name FROM node"))
            rows = self._db.execute(LAST_KNOWN, (job,)).fetchall()
        names = {id: (name, label) for id, name, label in things}
        for thing, number, node, *rest, _ in rows:
            yield *names[thing], number, nodes.get(node), *rest

    def steps(self, job: int) -> list[Steps]:
        """When the attempts of the job's tasks began to convert and to upload, of those that were looked at closer."""
        with self._lock:
            rows = self._db.execute(STEPS, (job,)).fetchall()
        found = [(task, number, moment_or_none(one), moment_or_none(two)) for task, number, one, two in rows]
        return [
            Steps(task, number, converting, uploading, None, None, uploading or converting or EPOCH)
            for task, number, converting, uploading in found
        ]

    def states(self, scope: int) -> list[State]:
        """Every state that was seen of a scope's nodes or tasks, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT name, state, since FROM state JOIN thing ON thing.id = state.thing"
                " WHERE scope=? ORDER BY since, thing.id",
                (scope,),
            ).fetchall()
        return [State(name, state, moment_of(since)) for name, state, since in rows]

    def last_states(self, job: int) -> list[tuple[str, str, str, datetime, datetime]]:
        """Of each task its id, its name, its last state and since when, and when it was first known."""
        with self._lock:
            rows = self._db.execute(LAST_STATES, (job,)).fetchall()
        return [(id, name, state, moment_of(since), moment_of(at)) for id, name, state, since, at in rows]

    def phases(
        self, pool: int, after: datetime | None = None, quiet: Sequence[str] = QUIET
    ) -> list[NodePhase]:
        """The times in which nodes were in no `quiet` state, of those that ended after the given time."""
        with self._lock:
            rows = self._db.execute(
                "SELECT name, state, since, ended FROM (SELECT thing.name, state, since,"
                " lead(since) OVER (PARTITION BY thing ORDER BY since, state) AS ended"
                " FROM state JOIN thing ON thing.id = state.thing WHERE scope=?)"
                f" WHERE state NOT IN ({', '.join('?' * len(quiet))}) AND (ended IS NULL OR ended >= ?)"
                " ORDER BY since, name",
                (pool, *quiet, stamp(after) or 0),
            ).fetchall()
        return [
            NodePhase(name, state, moment_of(since), moment_or_none(ended))
            for name, state, since, ended in rows
        ]

    def comings_and_goings(self, pool: int) -> list[State]:
        """Of the states of a pool's nodes those that begin or end a time in which it had one, oldest first."""
        away = ", ".join("?" * len(AWAY))
        with self._lock:
            rows = self._db.execute(
                "SELECT name, state, since FROM (SELECT thing.name, state, since,"
                " lag(state) OVER (PARTITION BY thing ORDER BY since, state) AS before"
                " FROM state JOIN thing ON thing.id = state.thing WHERE scope=?)"
                f" WHERE before IS NULL OR state IN (?, {away}) OR before IN ({away}) ORDER BY since, state",
                (pool, ALLOCATED, *AWAY, *AWAY),
            ).fetchall()
        return [State(name, state, moment_of(since)) for name, state, since in rows]

    def pools(self, name: str) -> list[int]:
        """The pools that ever had this name, oldest first."""
        with self._lock:
            found = self._db.execute(
                "SELECT id FROM scope WHERE kind='pool' AND name=? ORDER BY born", (name,)
            ).fetchall()
        return [int(id) for (id,) in found]

    def last_seen(self, scope: int) -> datetime | None:
        """When something of a scope was last seen, by the service's clock."""
        with self._lock:
            found = self._db.execute("SELECT max(at) FROM seen WHERE scope=?", (scope,)).fetchone()
        return moment_or_none(found[0])

    def read(self, pool_id: str | None, job_id: str | None) -> Story:
        """What is known of a pool and a job, also when neither exists any more."""
        pool = self.scope("pool", pool_id, None) if pool_id else None
        job = self.scope("job", job_id, None) if job_id else None
        seen = [at for scope in (pool, job) if scope and (at := self.last_seen(scope))]
        return Story(
            spans=tuple(self.known(job).spans) if job else (),
            phases=tuple(self.phases(pool)) if pool else (),
            last_seen=max(seen, default=None),
        )
