"""Everything the Batch service must remember, in one SQLite file.

Resources are JSON documents with wire names; beside them stand the few columns the engine looks things up by.
Used from one thread only, the event loop's. WAL with `synchronous=NORMAL`: a committed change survives the
death of the process (not that of the machine) and costs tens of microseconds.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from typing import Any, Literal

import orjson

from local_azure.batch.errors import BatchError

Kind = Literal["pools", "nodes", "jobs", "tasks"]
Doc = dict[str, Any]

_SCOPE: dict[str, str] = {"nodes": "pool", "tasks": "job"}
_STATE = "json_extract(doc,'$.state')"
_TIME = "json_extract(doc,'$.stateTransitionTime')"

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS pools (
    key TEXT PRIMARY KEY, id TEXT NOT NULL, doc TEXT NOT NULL, option TEXT NOT NULL DEFAULT 'requeue');
CREATE TABLE IF NOT EXISTS nodes (
    key TEXT NOT NULL, id TEXT NOT NULL, pool TEXT NOT NULL, doc TEXT NOT NULL,
    folder TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (pool, key));
CREATE INDEX IF NOT EXISTS nodes_by_state ON nodes (pool, {_STATE}, id);
CREATE INDEX IF NOT EXISTS nodes_by_time ON nodes (pool, {_TIME});
CREATE TABLE IF NOT EXISTS jobs (
    key TEXT PRIMARY KEY, id TEXT NOT NULL, doc TEXT NOT NULL, pool TEXT NOT NULL, state TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_by_pool ON jobs (pool, state);
CREATE TABLE IF NOT EXISTS tasks (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, id TEXT NOT NULL, job TEXT NOT NULL,
    doc TEXT NOT NULL, state TEXT NOT NULL, result TEXT, slots INTEGER NOT NULL, held INTEGER NOT NULL DEFAULT 0,
    turn TEXT NOT NULL DEFAULT '');
CREATE UNIQUE INDEX IF NOT EXISTS tasks_by_key ON tasks (job, key);
CREATE INDEX IF NOT EXISTS tasks_by_id ON tasks (job, id);
CREATE INDEX IF NOT EXISTS tasks_by_state ON tasks (job, {_STATE}, id);
CREATE INDEX IF NOT EXISTS tasks_by_time ON tasks (job, {_TIME});
CREATE INDEX IF NOT EXISTS tasks_counted ON tasks (job, state, result, slots);
CREATE INDEX IF NOT EXISTS tasks_in_turn ON tasks (job, turn, number, slots) WHERE state = 'active' AND held = 0;
CREATE TABLE IF NOT EXISTS runs (
    token TEXT PRIMARY KEY, pool TEXT NOT NULL, node TEXT NOT NULL, job TEXT, task TEXT, folder TEXT NOT NULL,
    pid INTEGER, created REAL, exit_code INTEGER);
"""


@dataclass(frozen=True)
class Where:
    """A boolean SQL expression over the column `doc` (JSON text), with its parameters."""

    sql: str
    params: tuple[object, ...]


class Hold(IntFlag):
    """Why an active task is not started."""

    EARLIER_RUN = 1
    DEPENDENCIES = 2


@dataclass(frozen=True)
class RunRow:
    """One go of a task (or of a start task: `job` is None) on a node, as it stands on disk.

    `pid` and `created` (seconds since 1970, psutil's create time) name its process once there is one;
    `exit_code` is set when the process has ended and only its outputs are still to be uploaded.
    """

    token: str
    pool: str
    node: str
    job: str | None
    task: str | None
    folder: str
    pid: int | None = None
    created: float | None = None
    exit_code: int | None = None


class Store:
    """The database. Every method is synchronous; changes outside `transaction()` commit by themselves."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._depth = 0
        self._after: list[Callable[[], None]] = []

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open or make the database at `path`, whose folder must exist. Only its owner may read it: it holds SAS."""
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "cache_size=-32000"):
            connection.execute(f"PRAGMA {pragma}")
        _upgrade(connection)
        connection.executescript(_SCHEMA)
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
        except BaseException:
            self._db.execute("ROLLBACK")
            self._after.clear()
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._depth = 0
        self._run_after()

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do `action` once the changes made so far are durable: at once when no transaction is open."""
        if self._depth:
            self._after.append(action)
        else:
            action()

    def _run_after(self) -> None:
        actions, self._after = self._after, []
        for action in actions:
            action()

    # Documents.

    def get(self, kind: Kind, *path: str) -> Doc | None:
        """The document at `path` (scope, then id; any case), or None."""
        where, params = _at(kind, path)
        row = self._db.execute(f"SELECT doc FROM {kind} WHERE {where}", params).fetchone()
        return orjson.loads(row[0]) if row else None

    def insert(self, kind: Kind, doc: Doc, scope: str = "", **columns: object) -> None:
        """Add a document; sqlite3.IntegrityError when its id is taken."""
        values: dict[str, object] = {"key": doc["id"].lower(), "id": doc["id"], "doc": _text(doc)}
        if kind in _SCOPE:
            values[_SCOPE[kind]] = scope.lower()
        values.update(_columns(kind, doc), **columns)
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self._db.execute(f"INSERT INTO {kind} ({names}) VALUES ({marks})", tuple(values.values()))

    def update(self, kind: Kind, doc: Doc, scope: str = "", **columns: object) -> None:
        """Replace a document that exists, and set the given columns."""
        values: dict[str, object] = {"doc": _text(doc), **_columns(kind, doc), **columns}
        where, params = _at(kind, (scope, doc["id"]) if kind in _SCOPE else (doc["id"],))
        sets = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"UPDATE {kind} SET {sets} WHERE {where}", (*values.values(), *params))

    def delete(self, kind: Kind, *path: str) -> None:
        """Forget a document; with a job go its tasks."""
        where, params = _at(kind, path)
        self._db.execute(f"DELETE FROM {kind} WHERE {where}", params)
        if kind == "jobs":
            self._db.execute("DELETE FROM tasks WHERE job = ?", params)

    def all(self, kind: Kind, *scope: str) -> list[Doc]:
        """Every document of a kind (within its pool or job), in ordinal order of the ids."""
        where, params = (f"{_SCOPE[kind]} = ?", (scope[0].lower(),)) if scope else ("1", ())
        rows = self._db.execute(f"SELECT doc FROM {kind} WHERE {where} ORDER BY id", params)
        return [orjson.loads(row[0]) for row in rows]

    def column(self, kind: Kind, name: str, *path: str) -> Any:
        """One of the columns beside the document at `path`; None when there is no such document."""
        where, params = _at(kind, path)
        row = self._db.execute(f"SELECT {name} FROM {kind} WHERE {where}", params).fetchone()
        return row[0] if row else None

    def page(
        self, kind: Kind, scope: tuple[str, ...], where: Where | None, after: str | None, limit: int
    ) -> tuple[list[Doc], str | None]:
        """Up to `limit` documents after the token `after`, and the token for the next page if there is more.

        The order is ordinal by id; of jobs, completed ones come last. BatchError for a token not of ours.
        """
        # With a time in the filter the time's index serves best: `+id` keeps SQLite from walking all ids.
        name = "+id" if where is not None and "stateTransitionTime" in where.sql else "id"
        group = f"({_STATE} = 'completed')" if kind == "jobs" else "0"
        parts, params = ["1"], list[object]()
        if kind in _SCOPE:
            parts.append(f"{_SCOPE[kind]} = ?")
            params.append(scope[0].lower())
        if after is not None:
            done, last = _read_token(after)
            parts.append(f"({group}, {name}) > (?, ?)" if kind == "jobs" else f"{name} > ?")
            params.extend((done, last) if kind == "jobs" else (last,))
        if where is not None:
            parts.append(f"({where.sql})")
            params.extend(where.params)
        order = f"{group}, {name}" if kind == "jobs" else name
        query = f"SELECT doc, {group}, id FROM {kind} WHERE {' AND '.join(parts)} ORDER BY {order} LIMIT ?"
        rows = self._db.execute(query, (*params, limit + 1)).fetchall()
        token = _token(*rows[limit - 1][1:]) if len(rows) > limit else None
        return [orjson.loads(row[0]) for row in rows[:limit]], token

    # What the scheduler asks.

    def active_jobs(self, pool: str) -> list[Doc]:
        """The active jobs whose tasks run in the pool."""
        rows = self._db.execute("SELECT doc FROM jobs WHERE pool = ? AND state = 'active'", (pool.lower(),))
        return [orjson.loads(row[0]) for row in rows]

    def jobs_in(self, *states: str) -> list[Doc]:
        """The jobs in one of the states."""
        marks = ", ".join("?" * len(states))
        rows = self._db.execute(f"SELECT doc FROM jobs WHERE state IN ({marks})", states)
        return [orjson.loads(row[0]) for row in rows]

    def next_task(self, job: str, slots: int) -> Doc | None:
        """The job's task whose turn it is of those that wait, may start and need at most `slots` slots."""
        row = self._db.execute(
            "SELECT doc FROM tasks WHERE job = ? AND state = 'active' AND held = 0 AND slots <= ?"
            " ORDER BY turn, number LIMIT 1",
            (job.lower(), slots),
        ).fetchone()
        return orjson.loads(row[0]) if row else None

    def unfinished(self, job: str) -> bool:
        """Whether the job has a task that is not completed."""
        query = "SELECT 1 FROM tasks WHERE job = ? AND state IN ('active', 'preparing', 'running') LIMIT 1"
        return self._db.execute(query, (job.lower(),)).fetchone() is not None

    def has_tasks(self, job: str) -> bool:
        """Whether the job has any task."""
        query = "SELECT 1 FROM tasks WHERE job = ? LIMIT 1"
        return self._db.execute(query, (job.lower(),)).fetchone() is not None

    def task_groups(self, job: str) -> list[tuple[str, str | None, int, int]]:
        """(state, result, number of tasks, sum of their slots) for each combination in the job."""
        query = "SELECT state, result, count(*), sum(slots) FROM tasks WHERE job = ? GROUP BY state, result"
        return self._db.execute(query, (job.lower(),)).fetchall()

    def tasks_in(self, job: str, *states: str) -> list[Doc]:
        """The job's tasks in one of the states."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT doc FROM tasks WHERE job = ? AND state IN ({marks})"
        return [orjson.loads(row[0]) for row in self._db.execute(query, (job.lower(), *states))]

    def hold(self, job: str, task: str, reason: Hold, held: bool) -> None:
        """Keep a waiting task from being started for a reason, or take the reason away."""
        change = "held | ?" if held else "held & ~?"
        query = f"UPDATE tasks SET held = {change} WHERE job = ? AND key = ?"
        self._db.execute(query, (int(reason), job.lower(), task.lower()))

    def release_all(self) -> None:
        """No earlier run of any task is left."""
        self._db.execute("UPDATE tasks SET held = held & ~? WHERE held & ?", (Hold.EARLIER_RUN,) * 2)

    def dependent_tasks(self, job: str) -> list[Doc]:
        """The job's tasks that wait for other tasks."""
        query = "SELECT doc FROM tasks WHERE job = ? AND held & ?"
        rows = self._db.execute(query, (job.lower(), int(Hold.DEPENDENCIES)))
        return [orjson.loads(row[0]) for row in rows]

    def free_numbers(self, count: int) -> list[int]:
        """The lowest address numbers, `count` of them, that no node has."""
        taken = {row[0] for row in self._db.execute("SELECT number FROM nodes")}
        return list(itertools.islice((number for number in itertools.count() if number not in taken), count))

    def node_totals(self, pool: str) -> tuple[int, int]:
        """How many dedicated nodes the pool has, and how many in all."""
        query = "SELECT total(json_extract(doc,'$.isDedicated')), count(*) FROM nodes WHERE pool = ?"
        dedicated, total = self._db.execute(query, (pool.lower(),)).fetchone()
        return int(dedicated), total

    def folders(self) -> set[str]:
        """The folder names of all nodes there are."""
        return {row[0] for row in self._db.execute("SELECT folder FROM nodes")}

    # Runs.

    def runs(self) -> list[RunRow]:
        """Every run not yet put away."""
        query = "SELECT token, pool, node, job, task, folder, pid, created, exit_code FROM runs"
        return [RunRow(*row) for row in self._db.execute(query)]

    def begin_run(self, run: RunRow) -> None:
        """Write down that a run begins."""
        values = (run.token, run.pool, run.node, run.job, run.task, run.folder)
        self._db.execute(
            "INSERT INTO runs (token, pool, node, job, task, folder) VALUES (?, ?, ?, ?, ?, ?)", values
        )

    def run_started(self, token: str, pid: int, created: float) -> None:
        """Write down the run's process."""
        self._db.execute("UPDATE runs SET pid = ?, created = ? WHERE token = ?", (pid, created, token))

    def run_exited(self, token: str, exit_code: int) -> None:
        """Write down that the run's process has ended, and how."""
        self._db.execute(
            "UPDATE runs SET pid = NULL, created = NULL, exit_code = ? WHERE token = ?", (exit_code, token)
        )

    def end_run(self, token: str) -> None:
        """Forget a run."""
        self._db.execute("DELETE FROM runs WHERE token = ?", (token,))


def _upgrade(connection: sqlite3.Connection) -> None:
    """Give a database of an earlier version what it lacks: the tasks it holds come first, as they came."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(tasks)")}
    if columns and "turn" not in columns:
        connection.execute("ALTER TABLE tasks ADD COLUMN turn TEXT NOT NULL DEFAULT ''")
        connection.execute("DROP INDEX IF EXISTS tasks_waiting")


def _at(kind: str, path: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    lowered = tuple(part.lower() for part in path)
    return (f"{_SCOPE[kind]} = ? AND key = ?" if kind in _SCOPE else "key = ?"), lowered


def _columns(kind: str, doc: Doc) -> dict[str, object]:
    if kind == "jobs":
        pool = doc.get("executionInfo", {}).get("poolId") or doc["poolInfo"].get("poolId", "")
        return {"pool": pool.lower(), "state": doc["state"]}
    if kind == "tasks":
        result = doc["executionInfo"].get("result")
        return {"state": doc["state"], "result": result, "slots": doc.get("requiredSlots", 1)}
    return {}


def _text(doc: Doc) -> str:
    return orjson.dumps(doc).decode()


def _token(done: int, last: str) -> str:
    return base64.urlsafe_b64encode(f"{done}{last}".encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        return int(text[0]), text[1:]
    except (binascii.Error, UnicodeError, ValueError, IndexError) as error:
        raise BatchError(
            "InvalidQueryParameterValue",
            ("QueryParameterName", "$skiptoken"),
            ("QueryParameterValue", token),
            ("Reason", "The token is not one that this service gave out"),
        ) from error
