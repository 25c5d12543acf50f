"""How the history is written in its file: the tables, and moments as whole microseconds since 1970 in UTC."""

import sqlite3
from datetime import UTC, datetime, timedelta

from batch_core.facts import Attempt, Change, State, Step

Things = dict[tuple[str, str], int]  # of one transaction: nodes or tasks by name and label

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
SCHEMA = """
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
    slots INTEGER NOT NULL DEFAULT 1, UNIQUE (thing, number, outcome));
"""
# Of each attempt what was added last: the other columns are those of the row with the greatest id.
LAST_KNOWN = """SELECT thing, number, node, started, ended, outcome, retries, slots, max(id) FROM attempt
    WHERE thing IN (SELECT id FROM thing WHERE scope=?) GROUP BY thing, number"""
# Of each node or task: its id and name, its last state and since when, and when it was first known.
LAST_STATES = """SELECT name, label, (SELECT state FROM state WHERE thing = thing.id ORDER BY since DESC LIMIT 1),
    (SELECT max(since) FROM state WHERE thing = thing.id), (SELECT min(since) FROM state WHERE thing = thing.id)
    FROM thing WHERE scope=? AND EXISTS (SELECT 1 FROM state WHERE thing = thing.id) ORDER BY id"""
# What a file lacks that was made before: table, column, and how it is declared.
ADDED = (("attempt", "slots", "INTEGER NOT NULL DEFAULT 1"),)
STEPS = """SELECT thing.name, number, max(CASE step.name WHEN 'converting' THEN since END),
    max(CASE step.name WHEN 'uploading' THEN since END)
    FROM step JOIN thing ON thing.id = step.thing WHERE scope=? GROUP BY thing, number"""


def make(db: sqlite3.Connection) -> None:
    """Makes the tables in a new file, and what an older one lacks."""
    for statement in SCHEMA.split(";"):
        db.execute(statement)
    for table, column, declared in ADDED:
        if column not in {name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")}:
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {declared}")


def stamp(moment: datetime | None) -> int | None:
    """The number that is kept for a moment."""
    return None if moment is None else (moment - EPOCH) // _MICROSECOND


def moment_of(number: int) -> datetime:
    """The moment that a number was kept for."""
    return datetime.fromtimestamp(number / 1e6, UTC)  # a float is exact to the microsecond until 2255


def moment_or_none(number: int | None) -> datetime | None:
    """The same of a number that may be missing."""
    return None if number is None else moment_of(number)


def add(db: sqlite3.Connection, things: Things, scope: int, change: Change) -> None:
    """Adds what was seen of a scope's node or task; what is there already is left."""
    if isinstance(change, State):
        db.execute(
            "INSERT OR IGNORE INTO state (thing, since, state) VALUES (?, ?, ?)",
            (_thing(db, things, scope, change.id, change.id), stamp(change.since), change.state),
        )
    elif isinstance(change, Step):
        thing = _thing(db, things, scope, change.task_id, change.task_id)
        db.execute(
            "INSERT OR IGNORE INTO step (thing, number, name, since) VALUES (?, ?, ?, ?)",
            (thing, change.number, change.name, stamp(change.since)),
        )
    else:
        _add_attempt(db, _thing(db, things, scope, change.task_id, change.name), change)


def _thing(db: sqlite3.Connection, things: Things, scope: int, name: str, label: str) -> int:
    if (name, label) not in things:
        db.execute(
            "INSERT INTO thing (scope, name, label) VALUES (?, ?, ?) ON CONFLICT (scope, name)"
            " DO UPDATE SET label=excluded.label WHERE label=name AND excluded.label<>name",
            (scope, name, label),
        )
        found = db.execute("SELECT id FROM thing WHERE scope=? AND name=?", (scope, name)).fetchone()
        things[name, label] = int(found[0])
    return things[name, label]


def _add_attempt(db: sqlite3.Connection, thing: int, attempt: Attempt) -> None:
    node = None
    if attempt.node_id is not None:
        db.execute("INSERT OR IGNORE INTO node (name) VALUES (?)", (attempt.node_id,))
        node = db.execute("SELECT id FROM node WHERE name=?", (attempt.node_id,)).fetchone()[0]
    start, end = stamp(attempt.start), stamp(attempt.end)
    db.execute(
        "INSERT OR IGNORE INTO attempt (thing, number, node, started, ended, outcome, retries, slots)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (thing, attempt.number, node, start, end, attempt.outcome, attempt.retries, attempt.slots),
    )
