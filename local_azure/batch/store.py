"""Everything the Batch service must remember: resources as JSON documents with wire names, and runs.

Every method is synchronous and raises DiskFullError when what it changes can't be written.
"""

from __future__ import annotations

import base64
import binascii
import itertools
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Literal

import orjson

from local_azure.batch.database import DEDICATED, END, STATE
from local_azure.batch.errors import BatchError
from local_azure.batch.runrows import RunRow, RunStore

__all__ = ["Hold", "Kind", "RunRow", "Store", "Where"]

Kind = Literal["pools", "nodes", "jobs", "tasks"]
Doc = dict[str, Any]

_SCOPE: dict[str, str] = {"nodes": "pool", "tasks": "job"}


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
class NodeGroup:
    """How many nodes of a pool are in a state, of one kind."""

    state: str
    dedicated: bool
    count: int


_WAITING = "job = ?1 AND state = 'active' AND held = 0"
_FIRST = f"(SELECT number FROM tasks WHERE {_WAITING} AND slots = sizes.size ORDER BY turn, number LIMIT 1)"
_NEXT = f"""WITH RECURSIVE sizes(size) AS (
    SELECT (SELECT min(slots) FROM tasks WHERE {_WAITING})
    UNION ALL SELECT (SELECT min(slots) FROM tasks WHERE {_WAITING} AND slots > size) FROM sizes WHERE size < ?2)
SELECT doc FROM sizes JOIN tasks ON number = {_FIRST} WHERE size <= ?2 ORDER BY turn, number LIMIT 1"""
"""The first of the tasks of each size that fits, and of these the first: a step through the index for each size."""


class Store(RunStore):
    """What is in the database, for those who ask. Changes outside `transaction()` commit by themselves."""

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

    def delete_tasks(self, job: str, most: int) -> int:
        """Forget some of a job's tasks; how many they were."""
        query = "DELETE FROM tasks WHERE number IN (SELECT number FROM tasks WHERE job = ? LIMIT ?)"
        return self._db.execute(query, (job.lower(), most)).rowcount

    def count_try(self, job: str, task: str) -> None:
        """One more try of a task is over."""
        query = "UPDATE tasks SET tries = tries + 1 WHERE job = ? AND key = ?"
        self._db.execute(query, (job.lower(), task.lower()))

    def delete(self, kind: Kind, *path: str) -> None:
        """Forget a document; with a job go its tasks."""
        where, params = _at(kind, path)
        self._db.execute(f"DELETE FROM {kind} WHERE {where}", params)
        if kind == "jobs":
            self._db.execute("DELETE FROM tasks WHERE job = ?", params)
            self._db.execute("DELETE FROM task_counts WHERE job = ?", params)

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

        The order is ordinal by id; of jobs, those that had ended when the first page was asked for come last. So
        what is there all along comes once, whatever comes, goes and ends meanwhile. BatchError for a token not of ours.
        """
        # With a time in the filter the time's index serves best: `+id` keeps SQLite from walking all ids.
        name = "+id" if where is not None and "stateTransitionTime" in where.sql else "id"
        ended, done, last = _read_token(after) if after is not None else (self._last_end(kind), 0, None)
        group = f"(coalesce({END}, '~') <= ?)" if kind == "jobs" else "0"
        groups = [ended] if kind == "jobs" else []
        parts, params = ["1"], list[object](groups)
        if kind in _SCOPE:
            parts.append(f"{_SCOPE[kind]} = ?")
            params.append(scope[0].lower())
        if last is not None:
            parts.append(f"({group}, {name}) > (?, ?)" if kind == "jobs" else f"{name} > ?")
            params.extend((*groups, done, last) if kind == "jobs" else (last,))
        if where is not None:
            parts.append(f"({where.sql})")
            params.extend(where.params)
        order = f"{group}, {name}" if kind == "jobs" else name
        query = f"SELECT doc, {group}, id FROM {kind} WHERE {' AND '.join(parts)} ORDER BY {order} LIMIT ?"
        rows = self._db.execute(query, (*params, *groups, limit + 1)).fetchall()
        token = _token(ended, *rows[limit - 1][1:]) if len(rows) > limit else None
        return [orjson.loads(row[0]) for row in rows[:limit]], token

    def _last_end(self, kind: Kind) -> str:
        """When the last job to end so far ended; an empty text when none has or when it's not about jobs."""
        if kind != "jobs":
            return ""
        return str(self._db.execute(f"SELECT coalesce(max({END}), '') FROM jobs").fetchone()[0])

    # What the scheduler asks.

    def active_jobs(self, pool: str) -> list[Doc]:
        """The active jobs of a pool that have tasks which wait and may start."""
        waiting = "SELECT 1 FROM tasks WHERE job = jobs.key AND state = 'active' AND held = 0"
        query = f"SELECT doc FROM jobs WHERE pool = ? AND state = 'active' AND EXISTS ({waiting})"
        rows = self._db.execute(query, (pool.lower(),))
        return [orjson.loads(row[0]) for row in rows]

    def jobs_in(self, *states: str) -> list[Doc]:
        """The jobs in one of the states."""
        marks = ", ".join("?" * len(states))
        rows = self._db.execute(f"SELECT doc FROM jobs WHERE state IN ({marks})", states)
        return [orjson.loads(row[0]) for row in rows]

    def next_task(self, job: str, slots: int) -> Doc | None:
        """The job's task whose turn it is of those that wait, may start and need at most `slots` slots."""
        row = self._db.execute(_NEXT, (job.lower(), slots)).fetchone()
        return orjson.loads(row[0]) if row else None

    def unfinished(self, job: str) -> bool:
        """Whether the job has a task that is not completed."""
        query = "SELECT 1 FROM task_counts WHERE job = ? AND state IN ('active', 'preparing', 'running') AND tasks > 0"
        return self._db.execute(query, (job.lower(),)).fetchone() is not None

    def has_tasks(self, job: str) -> bool:
        """Whether the job has any task."""
        query = "SELECT 1 FROM tasks WHERE job = ? LIMIT 1"
        return self._db.execute(query, (job.lower(),)).fetchone() is not None

    def task_groups(self, job: str) -> list[tuple[str, str, int, int]]:
        """(state, result, number of tasks, sum of their slots) for each combination in the job."""
        query = "SELECT state, result, tasks, slots FROM task_counts WHERE job = ?"
        return self._db.execute(query, (job.lower(),)).fetchall()

    def tasks_in(self, job: str, *states: str) -> list[Doc]:
        """The job's tasks in one of the states."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT doc FROM tasks WHERE job = ? AND {STATE} IN ({marks})"
        return [orjson.loads(row[0]) for row in self._db.execute(query, (job.lower(), *states))]

    def hold(self, job: str, task: str, reason: Hold, held: bool) -> None:
        """Keep a waiting task from being started for a reason, or take the reason away."""
        change = "held | ?" if held else "held & ~?"
        query = f"UPDATE tasks SET held = {change} WHERE job = ? AND key = ?"
        self._db.execute(query, (int(reason), job.lower(), task.lower()))

    def release_all(self) -> None:
        """No earlier run of any task is left."""
        query = "UPDATE tasks SET held = held & ~? WHERE held <> 0 AND held & ?"
        self._db.execute(query, (Hold.EARLIER_RUN,) * 2)

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
        groups = self.node_groups(pool)
        return sum(group.count for group in groups if group.dedicated), sum(group.count for group in groups)

    def node_groups(self, pool: str) -> list[NodeGroup]:
        """A pool's nodes, counted by state and kind."""
        query = f"SELECT {STATE}, {DEDICATED}, count(*) FROM nodes WHERE pool = ? GROUP BY 1, 2"
        rows = self._db.execute(query, (pool.lower(),))
        return [NodeGroup(state, bool(dedicated), count) for state, dedicated, count in rows]

    def node_ids(self, pool: str, *states: str) -> set[str]:
        """The ids of a pool's nodes in one of the states."""
        query = f"SELECT id FROM nodes WHERE pool = ? AND {STATE} IN ({', '.join('?' * len(states))})"
        return {row[0] for row in self._db.execute(query, (pool.lower(), *states))}

    def folders(self) -> set[str]:
        """The folder names of all nodes there are."""
        return {row[0] for row in self._db.execute("SELECT folder FROM nodes")}


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


def _token(ended: str, done: int, last: str) -> str:
    return base64.urlsafe_b64encode(f"{ended}/{done}{last}".encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[str, int, str]:
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        ended, _, place = text.partition("/")
        return ended, int(place[0]), place[1:]
    except (binascii.Error, UnicodeError, ValueError, IndexError) as error:
        raise BatchError(
            "InvalidQueryParameterValue",
            ("QueryParameterName", "$skiptoken"),
            ("QueryParameterValue", token),
            ("Reason", "The token is not one that this service gave out"),
        ) from error
