"""The rows that tasks and nodes had at any moment of a run, made once of the states that the history kept of them."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Generic, TypeVar

from batch_core.facts import ALLOCATED, GONE, State
from batch_core.failures import STOPPED
from batch_core.snapshot import NodeRow, Span, TaskRow

T = TypeVar("T")
NOT_THERE, WAITING, RUNNING, SUCCEEDED, FAILED, HALTED = range(6)  # what a row counts as
MARK_EVERY = 20_000  # changes

Change = tuple[
    datetime, int, T | None, int
]  # since when, which place, its row (None: gone), what it counts as


class Course(Generic[T]):
    """Rows through time. To tell a moment it walks the changes since the last mark before it, where all rows are kept."""

    def __init__(self, changes: Iterable[Change[T]], count: int) -> None:
        """Takes the changes of so many places, in any order."""
        ordered = sorted(changes, key=itemgetter(0))
        self._times = [since for since, _, _, _ in ordered]
        self._places = [place for _, place, _, _ in ordered]
        self._rows = [row for _, _, row, _ in ordered]
        self._kinds = bytes(kind for _, _, _, kind in ordered)
        self._marks: list[tuple[list[T | None], bytearray]] = [([None] * count, bytearray(count))]
        for last in range(MARK_EVERY, len(ordered) + 1, MARK_EVERY):
            self._marks.append(self._walked(last))

    def at(self, moment: datetime) -> tuple[list[T], bytes]:
        """The rows that were there, by place, and beside each what it counts as."""
        rows, kinds = self._walked(bisect_right(self._times, moment))
        return [row for row in rows if row is not None], bytes(kinds).replace(b"\0", b"")

    def _walked(self, last: int) -> tuple[list[T | None], bytearray]:
        """What stands in each place after so many changes."""
        mark = min(last // MARK_EVERY, len(self._marks) - 1)
        kept_rows, kept_kinds = self._marks[mark]
        rows, kinds = list(kept_rows), bytearray(kept_kinds)
        some = slice(mark * MARK_EVERY, last)
        for place, row, kind in zip(self._places[some], self._rows[some], self._kinds[some], strict=True):
            rows[place] = row
            kinds[place] = kind
        return rows, kinds

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
    for span in (
        one for one in tries if not one.missed
    ):  # that it ran may be known from nothing but its start
        if not any((before is None or since > before) and _by(since, span.end) for since in ran):
            told.add((span.start, "running"))
        before = span.end
    if last:
        told.add((last.since, last.state))
        told |= {(last.created, "active")} if last.created else set()
    first = min((since for since, _ in told), default=None)
    made = last or _unknown(id, first, tries)
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
    now = next((one for one in tries if not one.missed and (one.end is None or one.end > since)), None)
    at_work = now is not None and state in ("preparing", "running")
    told = TaskRow(  # not by replace, which takes three times as long
        id=row.id,
        name=row.name,
        state=state,
        result=None,
        exit_code=None,
        node_id=now.node_id if now and at_work else None,
        created=row.created,
        started=now.start if now and state == "running" else None,
        ended=None,
        since=since,
        retries=before.attempt if before else 0,
        failure=None,
        lost=state == "active" and before is not None and before.outcome in ("preempted", "lost"),
        slots=row.slots,
        depends=row.depends,
    )
    return _ended(told, before) if state == "completed" else told


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


class NodeCourse:
    """A pool's nodes through time. Short states that no poll met are told by the attempts: a node was there while one
    ran on it, and at work. Of a node that is gone the address and the error are not known any more, and that it was
    a Spot node only where Azure took it back."""

    def __init__(
        self,
        nodes: Iterable[NodeRow],
        places: Mapping[str, int],
        states: Iterable[State],
        spans: Iterable[Span],
        begun: datetime,
    ) -> None:
        """Takes the nodes as last seen, the places of all there ever were, all states that were seen, all attempts,
        and when the job began."""
        seen, last, ran = _by_id(states), {row.id: row for row in nodes}, _signs(spans)
        order = dict(places)
        changes: list[Change[State]] = []
        self._rows: dict[str, NodeRow] = {}
        self.reach = 0  # all that were there since the job began have places of their own in the heatmap
        for id in sorted({*seen, *last, *ran}, key=lambda id: (order.get(id, len(order)), id)):
            place = order.setdefault(id, len(order))
            told = _node_states(id, last.get(id), seen.get(id, []), ran.get(id), begun)
            if not told:
                continue
            self._rows[id] = replace(last.get(id) or _gone(told, place), place=self.reach)
            self.reach += told[-1].state != GONE or told[-1].since > begun
            for one in told:
                gone = one.state == GONE
                changes.append((one.since, place, None if gone else one, NOT_THERE if gone else WAITING))
        self.states = Course(changes, len(order))

    def at(self, moment: datetime, used: Mapping[str, tuple[int, datetime]]) -> tuple[NodeRow, ...]:
        """The nodes that were there; `used` are the slots that tasks took on each, and since when."""
        return tuple(self._then(one, used.get(one.id)) for one in self.states.at(moment)[0])

    def _then(self, one: State, used: tuple[int, datetime] | None) -> NodeRow:
        row, slots = self._rows[one.id], used[0] if used else 0
        if (one.since, one.state) == (row.since, row.state):
            return replace(row, slots_used=slots)
        if used and one.state in ("idle", "starting"):
            one = State(one.id, "running", used[1])
        return replace(row, state=one.state, since=one.since, slots_used=slots, error="", accepts=True)


def _signs(spans: Iterable[Span]) -> dict[str, tuple[datetime, datetime | None]]:
    """When something first ran on each node, and when it last ended there; None while something runs."""
    found: dict[str, tuple[datetime, datetime | None]] = {}
    for span in spans:
        first, last = found.get(span.node_id, (span.start, span.end))
        ended = None if last is None or span.end is None else max(last, span.end)
        found[span.node_id] = min(first, span.start), ended
    return found


def _node_states(
    id: str,
    row: NodeRow | None,
    seen: Sequence[State],
    ran: tuple[datetime, datetime | None] | None,
    begun: datetime,
) -> list[State]:
    """A node's states, with what goes without saying: it was there when it was allocated and while something ran."""
    told = {(one.since, one.state) for one in seen if one.state != ALLOCATED}
    told |= {(row.since, row.state)} if row else set()
    first = min((since for since, _ in told), default=None)
    kept = [one.since for one in seen if one.state == ALLOCATED]
    allocated = kept[0] if kept else row.allocated if row else None
    if allocated and (first is None or allocated < first):
        told.add((allocated, "idle" if allocated < begun else "starting"))
    if ran and (first is None or ran[0] < first):
        told.add((ran[0], "idle"))
    if ran and ran[1] and not seen and row is None:
        told.add((ran[1], GONE))
    return [State(id, state, since) for since, state in sorted(told)]


def _gone(told: Sequence[State], place: int) -> NodeRow:
    spot = any(one.state == "preempted" for one in told)
    first = min(one.since for one in told)
    return NodeRow(told[0].id, "", first, not spot, 0, place, "", "", 0, first)


def _by_id(states: Iterable[State]) -> dict[str, list[State]]:
    found: dict[str, list[State]] = defaultdict(list)
    for one in states:
        found[one.id].append(one)
    return dict(found)
