"""The one SQLite file: its tables, its transactions, and what happens when the disk has no room for it.

Used from one thread only, the event loop's. WAL with `synchronous=NORMAL`: a committed change survives the
death of the process (not that of the machine) and costs tens of microseconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

STATE = "json_extract(doc,'$.state')"
DEDICATED = "json_extract(doc,'$.isDedicated')"
END = "json_extract(doc,'$.executionInfo.endTime')"
_TIME = "json_extract(doc,'$.stateTransitionTime')"
_RESULT = "json_extract(doc,'$.executionInfo.result')"
_PRIMARY_CODE = 0xFF  # of SQLite's extended error codes


def _plus(row: str) -> str:
    values = f"{row}.job, {row}.state, coalesce({row}.result, ''), 1, {row}.slots"
    more = "tasks = tasks + 1, slots = slots + excluded.slots"
    return f"INSERT INTO task_counts VALUES ({values}) ON CONFLICT DO UPDATE SET {more}"


def _minus(row: str) -> str:
    group = f"job = {row}.job AND state = {row}.state AND result = coalesce({row}.result, '')"
    return f"UPDATE task_counts SET tasks = tasks - 1, slots = slots - {row}.slots WHERE {group}"


_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS pools (
    key TEXT PRIMARY KEY, id TEXT NOT NULL, doc TEXT NOT NULL, option TEXT NOT NULL DEFAULT 'requeue');
CREATE TABLE IF NOT EXISTS nodes (
    key TEXT NOT NULL, id TEXT NOT NULL, pool TEXT NOT NULL, doc TEXT NOT NULL,
    folder TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (pool, key));
CREATE INDEX IF NOT EXISTS nodes_by_id ON nodes (pool, id);
CREATE INDEX IF NOT EXISTS nodes_by_state ON nodes (pool, {STATE}, id);
CREATE INDEX IF NOT EXISTS nodes_counted ON nodes (pool, {STATE}, {DEDICATED});
CREATE INDEX IF NOT EXISTS nodes_by_time ON nodes (pool, {_TIME});
CREATE TABLE IF NOT EXISTS jobs (
    key TEXT PRIMARY KEY, id TEXT NOT NULL, doc TEXT NOT NULL, pool TEXT NOT NULL, state TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_by_pool ON jobs (pool, state);
CREATE TABLE IF NOT EXISTS tasks (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, id TEXT NOT NULL, job TEXT NOT NULL,
    doc TEXT NOT NULL, state TEXT NOT NULL, result TEXT, slots INTEGER NOT NULL, held INTEGER NOT NULL DEFAULT 0,
    turn TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX IF NOT EXISTS tasks_by_key ON tasks (job, key);
CREATE INDEX IF NOT EXISTS tasks_by_id ON tasks (job, id);
CREATE INDEX IF NOT EXISTS tasks_by_state ON tasks (job, {STATE}, id);
CREATE INDEX IF NOT EXISTS tasks_by_result ON tasks (job, {_RESULT}, id) WHERE {_RESULT} IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_by_time ON tasks (job, {_TIME});
CREATE INDEX IF NOT EXISTS tasks_held ON tasks (held) WHERE held <> 0;
CREATE TABLE IF NOT EXISTS task_counts (
    job TEXT NOT NULL, state TEXT NOT NULL, result TEXT NOT NULL, tasks INTEGER NOT NULL, slots INTEGER NOT NULL,
    PRIMARY KEY (job, state, result)) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS task_came AFTER INSERT ON tasks BEGIN {_plus("new")}; END;
CREATE TRIGGER IF NOT EXISTS task_went AFTER DELETE ON tasks BEGIN {_minus("old")}; END;
CREATE TRIGGER IF NOT EXISTS task_changed AFTER UPDATE OF state, result, slots ON tasks
    WHEN old.state IS NOT new.state OR old.result IS NOT new.result OR old.slots IS NOT new.slots
    BEGIN {_minus("old")}; {_plus("new")}; END;
CREATE INDEX IF NOT EXISTS tasks_to_start ON tasks (job, slots, turn, number) WHERE state = 'active' AND held = 0;
CREATE TABLE IF NOT EXISTS runs (
    token TEXT PRIMARY KEY, pool TEXT NOT NULL, node TEXT NOT NULL, job TEXT, task TEXT, folder TEXT NOT NULL,
    pid INTEGER, created REAL, exit_code INTEGER);
"""


class DiskFullError(Exception):
    """A change could not be written; nothing of it has happened."""

    def __init__(self) -> None:
        super().__init__(
            "The disk is full: what was acknowledged is kept, and nothing new is taken until there is room."
        )


class _Connection(sqlite3.Connection):
    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        try:
            return super().execute(*arguments)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY_CODE in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise DiskFullError from error
            raise


class Database:
    """A connection with nested transactions. DiskFullError from any change that can't be written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._depth = 0
        self._after: list[Callable[[], None]] = []
        self._undo: list[Callable[[], object]] = []

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or make the database at `path`, whose folder must exist. Only its owner may read it: it holds SAS."""
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None, factory=_Connection)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "cache_size=-32000"):
            connection.execute(f"PRAGMA {pragma}")
        _upgrade(connection)
        connection.executescript(_SCHEMA)
        _count(connection)
        return cls(connection)

    def close(self) -> None:
        """Close the database; a second call does nothing."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes within commit together, or none. Transactions may be nested: the outermost counts."""
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        self._db.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._depth = 0
        self._undo.clear()
        self._run_after()

    def _roll_back(self) -> None:
        if self._db.in_transaction:  # some failures have ended it already
            self._db.execute("ROLLBACK")
        self._after.clear()
        undo, self._undo = self._undo, []
        for action in reversed(undo):
            action()

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do `action` once the changes made so far are durable: at once when no transaction is open."""
        if self._depth:
            self._after.append(action)
        else:
            action()

    def if_undone(self, action: Callable[[], object]) -> None:
        """Do `action` if the open transaction comes to nothing: for what is also kept in mind beside the database."""
        if self._depth:
            self._undo.append(action)

    def _run_after(self) -> None:
        actions, self._after = self._after, []
        for action in actions:
            action()


def _count(connection: sqlite3.Connection) -> None:
    """Count the tasks that a version left which did not count them as they came, went and changed."""
    connection.execute("DROP INDEX IF EXISTS tasks_counted")
    if connection.execute("SELECT 1 FROM task_counts LIMIT 1").fetchone() is None:
        connection.execute(f"INSERT INTO task_counts {_GROUPS}")


_GROUPS = "SELECT job, state, coalesce(result, ''), count(*), sum(slots) FROM tasks GROUP BY 1, 2, 3"


def _upgrade(connection: sqlite3.Connection) -> None:
    """Give a database of an earlier version what it lacks: the tasks it holds come first, as they came."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(tasks)")}
    if columns and "turn" not in columns:
        connection.execute("ALTER TABLE tasks ADD COLUMN turn TEXT NOT NULL DEFAULT ''")
        connection.execute("DROP INDEX IF EXISTS tasks_waiting")
    if columns and "tries" not in columns:
        connection.execute("ALTER TABLE tasks ADD COLUMN tries INTEGER NOT NULL DEFAULT 0")
        connection.execute("DROP INDEX IF EXISTS tasks_in_turn")
