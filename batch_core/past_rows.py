"""The rows that tasks and nodes had at any moment of a run, made once of the states that the history kept of them."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Generic, TypeVar

from batch_core.facts import GONE, State
from batch_core.failures import STOPPED
from batch_core.snapshot import NodeRow, Span, TaskRow

T = TypeVar("T")
NOT_THERE, WAITING, RUNNING, SUCCEEDED, FAILED, HALTED = range(6)  # what a row counts as

Change = tuple[
    datetime, int, T | None, int
]  # since when, which place, its row (None: gone), what it counts as


class Course(Generic[T]):
    """Rows through time. To tell a moment it walks all changes until then: no lock, nothing to go out of step."""

    def __init__(self, changes: Iterable[Change[T]], count: int) -> None:
        """Takes the changes of so many places, in any order."""
        ordered = sorted(changes, key=itemgetter(0))
        self._times = [since for since, _, _, _ in ordered]
        self._places = [place for _, place, _, _ in ordered]
        self._rows = [row for _, _, row, _ in ordered]
        self._kinds = bytes(kind for _, _, _, kind in ordered)
        self._count = count

    def at(self, moment: datetime) -> tuple[list[T], bytes]:
        """The rows that were there, by place, and beside each what it counts as."""
        last = bisect_right(self._times, moment)
        rows: list[T | None] = [None] * self._count
        kinds = bytearray(self._count)
        for place, row, kind in zip(self._places[:last], self._rows, self._kinds, strict=False):
            rows[place] = row
            kinds[place] = kind
        return [row for row in rows if row is not None], bytes(kinds.replace(b"\0", b""))

    def most(self, first: datetime, last: datetime) -> tuple[int, datetime]:
        """The most rows that were there at once in a stretch of time, and since when there were so many."""
        there: set[int] = set()
        best, reached = 0, first
        for since, place, row in zip(self._times, self._places, self._rows, strict=True):
            if since > last:
                break
            there.discard(place) if row is None else there.add(place)
            if since <= first or len(there) > best:
                best, reached = len(there), max(first, since)
        return best, reached


def task_course(tasks: Iterable[TaskRow], spans: Iterable[Span], states: Iterable[State]) -> Course[TaskRow]:
    """Of a job's tasks as last seen, their attempts, and all states that were seen, oldest first."""
    seen, tries = _by_id(states), defaultdict[str, list[Span]](list)
    for span in spans:
        tries[span.task_id].append(span)
    last = {row.id: row for row in tasks}
    ids = [*last, *(id for id in {**tries, **seen} if id not in last)]
    changes: list[Change[TaskRow]] = []
    for place, id in enumerate(ids):
        attempts = sorted(tries.get(id, ()), key=lambda span: span.attempt)
        for since, row in _task_versions(id, last.get(id), seen.get(id, []), attempts):
            changes.append((since, place, row, _counts_as(row)))
    return Course(changes, len(ids))


def _task_versions(
    id: str, last: TaskRow | None, seen: Sequence[State], tries: Sequence[Span]
) -> list[tuple[datetime, TaskRow | None]]:
    """A task's rows, each with its time; the one it has now is the very object that is shown live."""
    told = {(one.since, one.state) for one in seen}
    ran = [one.since for one in seen if one.state == "running"]
    before: datetime | None = None
    for span in tries:  # that it ran may be known from nothing but when it began
        if not any((before is None or since > before) and _by(since, span.end) for since in ran):
            told.add((span.start, "running"))
        before = span.end
    if last:
        told.add((last.since, last.state))
        told |= {(last.created, "active")} if last.created else set()
    first = min((since for since, _ in told), default=None)
    made = replace(last, created=last.created or first) if last else _unknown(id, first, tries)
    rows: list[tuple[datetime, TaskRow | None]] = []
    for since, state in sorted(told):
        if state == GONE:
            rows.append((since, None))
        elif last and (since, state) == (last.since, last.state):
            rows.append((since, last))
        elif made:
            rows.append((since, _then(made, state, since, tries)))
    return rows


def _by(since: datetime, end: datetime | None) -> bool:
    return end is None or since <= end


def _unknown(id: str, first: datetime | None, tries: Sequence[Span]) -> TaskRow | None:
    """A task that is gone: of what it was only its name is left."""
    if first is None:
        return None
    name = tries[-1].name if tries else id
    return TaskRow(id, name, "active", None, None, None, first, None, None, first, 0, None)


def _then(row: TaskRow, state: str, since: datetime, tries: Sequence[Span]) -> TaskRow:
    """What the row of a task was in a state that it has left."""
    over = [span for span in tries if span.end is not None and span.end <= since]
    before = over[-1] if over else None
    now = next((span for span in tries if span.end is None or span.end > since), None)
    bare = replace(
        row,
        state=state,
        since=since,
        result=None,
        exit_code=None,
        node_id=None,
        started=None,
        ended=None,
        failure=None,
        lost=False,
        retries=before.attempt if before else 0,
    )
    if state == "completed":
        return _ended(bare, before)
    if state == "active":
        return replace(bare, lost=True) if before and before.outcome in ("preempted", "lost") else bare
    if now is None:
        return bare
    return replace(bare, node_id=now.node_id, started=now.start if state == "running" else None)


def _ended(row: TaskRow, last: Span | None) -> TaskRow:
    """The same of one that had ended, and was then begun anew or deleted; without an attempt it was stopped."""
    if last is None:
        return replace(row, result="failure", failure=STOPPED, ended=row.since)
    why = {"done": None, "stopped": STOPPED}.get(last.outcome, "Unknown")
    return replace(
        row,
        result="failure" if why else "success",
        failure=why,
        node_id=last.node_id,
        started=last.start,
        ended=last.end,
        retries=last.attempt - 1,
    )


def _counts_as(row: TaskRow | None) -> int:
    if row is None:
        return NOT_THERE
    if row.state == "completed":
        return SUCCEEDED if row.result == "success" else HALTED if row.stopped else FAILED
    return RUNNING if row.state in ("running", "preparing") else WAITING


def node_course(
    nodes: Iterable[NodeRow], places: Mapping[str, int], states: Iterable[State]
) -> Course[NodeRow]:
    """Of a pool's nodes as last seen, the places of all there ever were, and all states that were seen, oldest first.

    Of a node that is gone the address and the error are not known any more, and that it was a Spot node only where
    Azure took it back. No row says how many slots are in use.
    """
    seen, last = _by_id(states), {row.id: row for row in nodes}
    order = {**places}
    for id in [*seen, *last]:
        order.setdefault(id, len(order))
    changes: list[Change[NodeRow]] = []
    for id, place in order.items():
        told, row = seen.get(id, []), last.get(id)
        if row and (row.since, row.state) not in {(one.since, one.state) for one in told}:
            told = sorted([*told, State(id, row.state, row.since)], key=lambda one: one.since)
        if not told:
            continue
        spot = any(one.state == "preempted" for one in told)
        base = row or NodeRow(id, "", told[0].since, not spot, 0, place, "", "", 0, told[0].since)
        for one in told:
            version = None if one.state == GONE else _node_then(base, one)
            changes.append((one.since, place, version, NOT_THERE if version is None else WAITING))
    return Course(changes, len(order))


def _node_then(row: NodeRow, one: State) -> NodeRow:
    if (one.since, one.state) == (row.since, row.state):
        return replace(row, slots_used=0)
    return replace(row, state=one.state, since=one.since, slots_used=0, error="", accepts=True)


def _by_id(states: Iterable[State]) -> dict[str, list[State]]:
    found: dict[str, list[State]] = defaultdict(list)
    for one in states:
        found[one.id].append(one)
    return dict(found)
