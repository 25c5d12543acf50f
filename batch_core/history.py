"""The history of nodes and tasks: an append-only SQLite file that outlives browser, server and pool.

Rows are added and never changed: a state that was seen, an attempt that began, the same attempt with its end.
A pool or job is known by its id and its time of birth, so a later one of the same name has a history of its own.
Times are whole microseconds since 1970 in UTC.
"""

import sqlite3
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from batch_core.folders import make_private
from batch_core.snapshot import NodePhase, Outcome, Span, Steps

Kind = Literal["pool", "job"]
GONE = "gone"  # our word for a node or task that is no longer listed; Batch has none
QUIET = ("idle", "running", GONE)  # node states that are no phase of their own beside a job's tasks
QUIET_ALONE = ("idle", GONE)  # the same for a pool without a job

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS scope (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE,
    born INTEGER NOT NULL, UNIQUE (kind, name, born));
CREATE TABLE IF NOT EXISTS seen (scope INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS seen_scope ON seen (scope, at);
CREATE TABLE IF NOT EXISTS thing (id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, name TEXT NOT NULL,
    label TEXT NOT NULL, UNIQUE (scope, name));
CREATE TABLE IF NOT EXISTS node (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS state (thing INTEGER NOT NULL, since INTEGER NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (thing, since, state)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS step (thing INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
    since INTEGER NOT NULL, PRIMARY KEY (thing, number, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempt (id INTEGER PRIMARY KEY, thing INTEGER NOT NULL, number INTEGER NOT NULL,
    node INTEGER, started INTEGER, ended INTEGER, outcome TEXT NOT NULL, retries INTEGER NOT NULL,
    UNIQUE (thing, number, outcome));
"""


@dataclass(frozen=True, slots=True)
class State:
    """A node or task was in this state since then."""

    id: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a task. Node and start are None for a try that was over before anybody looked.

    `retries` is the task's retryCount while it ran.
    """

    task_id: str
    name: str
    number: int
    node_id: str | None
    start: datetime | None
    end: datetime | None
    outcome: Outcome
    retries: int

    def span(self) -> Span | None:
        """What the timeline draws for it; None when it is not known where or since when it ran."""
        if self.node_id is None or self.start is None:
            return None
        return Span(self.node_id, self.task_id, self.name, self.start, self.end, self.outcome, self.number)


@dataclass(frozen=True, slots=True)
class Step:
    """An attempt of a task of ours was at this since then: "converting" or "uploading"."""

    task_id: str
    number: int
    name: str
    since: datetime


Change = State | Attempt | Step


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
        with self._writing():
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)

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
            latest = sys.maxsize if before is None else _number(before)
            with self._lock:
                found = self._db.execute(
                    "SELECT id FROM scope WHERE kind=? AND name=? AND born<=? ORDER BY born DESC LIMIT 1",
                    (kind, name, latest),
                ).fetchone()
            return int(found[0]) if found else None
        key = (kind, name, _number(born))
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO scope (kind, name, born) VALUES (?, ?, ?)", key)
            found = db.execute("SELECT id FROM scope WHERE kind=? AND name=? AND born=?", key).fetchone()
            return int(found[0])

    def append(self, scope: int, changes: Iterable[Change], seen: datetime) -> None:
        """Adds what was seen of a scope's nodes or tasks, in one transaction; what is there already is left."""
        with self._writing() as db:
            known: dict[str, int] = {}
            for change in changes:
                if isinstance(change, State):
                    thing = self._thing(db, known, scope, change.id, change.id)
                    db.execute(
                        "INSERT OR IGNORE INTO state (thing, since, state) VALUES (?, ?, ?)",
                        (thing, _number(change.since), change.state),
                    )
                elif isinstance(change, Step):
                    thing = self._thing(db, known, scope, change.task_id, change.task_id)
                    db.execute(
                        "INSERT OR IGNORE INTO step (thing, number, name, since) VALUES (?, ?, ?, ?)",
                        (thing, change.number, change.name, _number(change.since)),
                    )
                else:
                    thing = self._thing(db, known, scope, change.task_id, change.name)
                    self._add_attempt(db, thing, change)
            db.execute("INSERT INTO seen (scope, at) VALUES (?, ?)", (scope, _number(seen)))

    @staticmethod
    def _thing(db: sqlite3.Connection, known: dict[str, int], scope: int, name: str, label: str) -> int:
        if name not in known:
            db.execute(
                "INSERT OR IGNORE INTO thing (scope, name, label) VALUES (?, ?, ?)", (scope, name, label)
            )
            found = db.execute("SELECT id FROM thing WHERE scope=? AND name=?", (scope, name)).fetchone()
            known[name] = int(found[0])
        return known[name]

    @staticmethod
    def _add_attempt(db: sqlite3.Connection, thing: int, attempt: Attempt) -> None:
        node = None
        if attempt.node_id is not None:
            db.execute("INSERT OR IGNORE INTO node (name) VALUES (?)", (attempt.node_id,))
            node = db.execute("SELECT id FROM node WHERE name=?", (attempt.node_id,)).fetchone()[0]
        db.execute(
            "INSERT OR IGNORE INTO attempt (thing, number, node, started, ended, outcome, retries)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                thing,
                attempt.number,
                node,
                _number(attempt.start),
                _number(attempt.end),
                attempt.outcome,
                attempt.retries,
            ),
        )

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

    def attempts(self, job: int) -> list[Attempt]:
        """Every attempt of the job's tasks as last known, in the order in which they were first seen."""
        with self._lock:
            rows = self._db.execute(
                "SELECT thing.name, thing.label, number, node.name, started, ended, outcome, retries"
                " FROM attempt JOIN thing ON thing.id = attempt.thing"
                " LEFT JOIN node ON node.id = attempt.node"
                " WHERE thing.scope=? ORDER BY attempt.id",
                (job,),
            ).fetchall()
        latest: dict[tuple[str, int], Attempt] = {}
        for task, label, number, node, started, ended, outcome, retries in rows:
            latest[task, number] = Attempt(
                task, label, number, node, _moment(started), _moment(ended), outcome, retries
            )
        return list(latest.values())

    def steps(self, job: int) -> list[Steps]:
        """When the attempts of the job's tasks began to convert and to upload, of those that were looked at closer."""
        with self._lock:
            rows = self._db.execute(
                "SELECT thing.name, number, max(CASE step.name WHEN 'converting' THEN since END),"
                " max(CASE step.name WHEN 'uploading' THEN since END)"
                " FROM step JOIN thing ON thing.id = step.thing WHERE scope=? GROUP BY thing, number",
                (job,),
            ).fetchall()
        found = [(task, number, _moment(one), _moment(two)) for task, number, one, two in rows]
        return [
            Steps(task, number, converting, uploading, None, None, uploading or converting or _EPOCH)
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
        return [State(name, state, _at(since)) for name, state, since in rows]

    def phases(
        self, pool: int, after: datetime | None = None, quiet: Sequence[str] = QUIET
    ) -> list[NodePhase]:
        """The times in which nodes were in no `quiet` state, of those that ended after the given time."""
        with self._lock:
            rows = self._db.execute(
                "SELECT name, state, since, ended FROM (SELECT thing.name, state, since,"
                " lead(since) OVER (PARTITION BY thing ORDER BY since) AS ended"
                " FROM state JOIN thing ON thing.id = state.thing WHERE scope=?)"
                f" WHERE state NOT IN ({', '.join('?' * len(quiet))}) AND (ended IS NULL OR ended >= ?)"
                " ORDER BY since, name",
                (pool, *quiet, _number(after) or 0),
            ).fetchall()
        return [NodePhase(name, state, _at(since), _moment(ended)) for name, state, since, ended in rows]

    def last_seen(self, scope: int) -> datetime | None:
        """When something of a scope was last seen, by the service's clock."""
        with self._lock:
            found = self._db.execute("SELECT max(at) FROM seen WHERE scope=?", (scope,)).fetchone()
        return _moment(found[0])

    def read(self, pool_id: str | None, job_id: str | None) -> Story:
        """What is known of a pool and a job, also when neither exists any more."""
        pool = self.scope("pool", pool_id, None) if pool_id else None
        job = self.scope("job", job_id, None) if job_id else None
        spans = [attempt.span() for attempt in self.attempts(job)] if job else []
        seen = [at for scope in (pool, job) if scope and (at := self.last_seen(scope))]
        return Story(
            spans=tuple(span for span in spans if span),
            phases=tuple(self.phases(pool)) if pool else (),
            last_seen=max(seen, default=None),
        )


def _number(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def _moment(number: int | None) -> datetime | None:
    return None if number is None else _at(number)


def _at(number: int) -> datetime:
    return datetime.fromtimestamp(number / 1e6, UTC)  # a float is exact to the microsecond until 2255
