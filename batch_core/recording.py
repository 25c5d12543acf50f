"""What a poll's documents of tasks change: rows for the screen, and states and attempts for the history."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from batch_core.failures import STOPPED, taken_back
from batch_core.history import GONE, Attempt, Change, Known, State
from batch_core.rows import Ledger
from batch_core.snapshot import Counts, Outcome, Span, TaskRow
from batch_core.times import moment, since_of

TASK_SELECT = (
    "id,displayName,state,stateTransitionTime,previousState,previousStateTransitionTime,creationTime,"
    "executionInfo,nodeInfo,requiredSlots,dependsOn"
)
LATEST = timedelta(minutes=5)  # after a task went back to waiting, until its node is said to be preempted

Doc = Mapping[str, Any]
Key = tuple[str, int]  # task and attempt


class TaskBook:
    """The tasks of a job, kept up to date from lists and deltas, and the attempts they tell of.

    `busy` are the slots that its tasks take on each node, `touched` the nodes where that has changed since it was
    last emptied, `stopped` counts the tasks among the failed that a person or a time limit has ended.
    """

    def __init__(self, known: Known) -> None:
        self.rows: Ledger[str, TaskRow] = Ledger()
        self.spans: Ledger[Key, Span] = Ledger()
        self.busy: Counter[str] = Counter()
        self.touched: set[str] = set()
        self.stopped = 0
        self._tries = dict(known.tries)
        self._running = {attempt.task_id: attempt for attempt in known.running}
        self._counted: Counter[str] = Counter()
        self._interrupted: dict[Key, Span] = {}
        for span in known.spans:
            self._draw(span)

    def update(self, docs: Iterable[Doc]) -> tuple[bool, list[Change]]:
        """Merges documents by id: whether a row changed, and what the history has to know."""
        changed = False
        changes: list[Change] = []
        for doc in docs:
            row = _task_row(doc)
            before = self.rows.get(row.id)
            if before == row:
                continue
            changed = True
            self.rows.put(row.id, row)
            self._count(before, row)
            if before is None and self._kept(row):
                continue
            earlier = moment(doc.get("previousStateTransitionTime"))
            if before is None and row.created and row.created < (earlier or row.since):
                changes.append(State(row.id, "active", row.created))  # as each task begins
            if earlier and (before is None or before.since < earlier):
                changes.append(State(row.id, str(doc.get("previousState", "")).lower(), earlier))
            changes.append(State(row.id, row.state, row.since))
            changes += self._try(doc, row)
        return changed, changes

    def remember(self, rows: Iterable[TaskRow]) -> None:
        """Takes rows that the history knows to be as they are."""
        for row in rows:
            self._count(self.rows.get(row.id), row)
            self.rows.put(row.id, row)

    def keep_only(self, ids: set[str], now: datetime) -> tuple[bool, list[Change]]:
        """After a whole list: forgets the tasks that are not in it any more."""
        gone = [id for id in self.rows if id not in ids]
        for id in gone:
            self._count(self.rows.get(id), None)
        if gone:
            self.rows.drop(gone)
        return bool(gone), self.forget(gone, now)

    def forget(self, ids: Iterable[str], at: datetime) -> list[Change]:
        """Tells that tasks are gone since then, also ones that only the history knows."""
        return [change for id in ids for change in (State(id, GONE, at), *self._close(id, at, "stopped"))]

    def close_all(self, at: datetime) -> list[Change]:
        """Ends every attempt that is still open: for a job that does not exist any more."""
        return [change for id in list(self._running) for change in self._close(id, at, "stopped")]

    def counts(self) -> Counts:
        """How many tasks are in which state, by the rows."""
        return Counts(**self._counted)

    def attempt(self, task_id: str) -> Span | None:
        """A task's last attempt; None when none is known to have run."""
        return self.spans.get((task_id, self._tries.get(task_id, 0)))

    def call_preempted(self, taken_back: Callable[[str], Sequence[datetime]], now: datetime) -> None:
        """Calls attempts preempted that were interrupted when Batch said of their node that it is preempted.

        `taken_back` tells when that was the case for a node. What it does not tell in time was something else.
        """
        for key, span in list(self._interrupted.items()):
            if any(_within(span, at) for at in taken_back(span.node_id)):
                self.spans.put(key, replace(span, outcome="preempted"))
                del self._interrupted[key]
            elif span.end and span.end + 2 * LATEST < now:
                del self._interrupted[key]

    def _count(self, before: TaskRow | None, row: TaskRow | None) -> None:
        for one, step in ((before, -1), (row, 1)):
            if one is None:
                continue
            self._counted[_counted_as(one)] += step
            self.stopped += step * one.stopped
            if one.node_id and one.state in ("running", "preparing"):
                self.busy[one.node_id] += step * one.slots
                self.touched.add(one.node_id)

    def _try(self, doc: Doc, row: TaskRow) -> list[Change]:
        """The attempts that a document begins or ends."""
        info = doc.get("executionInfo") or {}
        current, tries = self._running.get(row.id), self._tries.get(row.id, 0)
        retries = info.get("retryCount") or 0
        ran = row.state in ("running", "completed") and row.started is not None
        same = ran and self._began(row.id) == row.started
        changes: list[Change] = []
        if current is not None and not same:
            lost: Outcome = "failed" if retries > current.retries else _interrupted(info, current)
            changes += self._close(row.id, _left(doc, row), lost)
        if not ran:
            return changes
        if not same:
            number = max(tries, retries + (info.get("requeueCount") or 0)) + 1
            changes += self._missed(doc, row, tries + 1, number)
            changes += self._begin(
                Attempt(
                    row.id, row.name, number, row.node_id, row.started, None, "running", retries, row.slots
                )
            )
        if row.state == "completed":
            changes += self._close(row.id, row.ended or row.since, _outcome(row))
        return changes

    def _began(self, task_id: str) -> datetime | None:
        """When the task's last attempt began."""
        last = self._running.get(task_id) or self.attempt(task_id)
        return last.start if last else None

    def _kept(self, row: TaskRow) -> bool:
        """Whether the history has this end of a task already."""
        last = self.attempt(row.id)
        return (
            row.state == "completed"
            and last is not None
            and (last.start, last.end, last.outcome) == (row.started, row.ended, _outcome(row))
        )

    def _missed(self, doc: Doc, row: TaskRow, first: int, number: int) -> list[Change]:
        """Tries that only their count tells of: they were over before anybody looked.

        The service tells when it last retried or requeued; of others it is only known that the next one followed.
        """
        if first >= number:
            return []
        info = doc["executionInfo"]
        retries, before = info.get("retryCount") or 0, self.spans.get((row.id, first - 1))
        told = {number - 1: moment(info.get("lastRequeueTime"))} if number - 1 > retries else {}
        told[min(retries, number - 1)] = moment(info.get("lastRetryTime"))
        at = row.started or row.since
        missed: list[Attempt] = []
        for one in reversed(range(first, number)):
            at = min(at, told.get(one) or at)
            if before and before.end:
                at = max(at, before.end)
            outcome: Outcome = "failed" if one <= retries else "requeued"
            missed.append(
                Attempt(
                    row.id, row.name, one, row.node_id, None, at, outcome, min(one - 1, retries), row.slots
                )
            )
        missed.reverse()
        for attempt in missed:
            if span := attempt.span():
                self._draw(span)
        return list(missed)

    def _begin(self, attempt: Attempt) -> list[Change]:
        self._tries[attempt.task_id] = attempt.number
        self._running[attempt.task_id] = attempt
        if span := attempt.span():
            self._draw(span)
        return [attempt]

    def _close(self, task_id: str, at: datetime, outcome: Outcome) -> list[Change]:
        last = self._running.pop(task_id, None)
        if last is None:
            return []
        ended = replace(last, end=max(at, last.start) if last.start else at, outcome=outcome)
        if span := ended.span():
            self._draw(span)
        return [ended]

    def _draw(self, span: Span) -> None:
        key = (span.task_id, span.attempt)
        self.spans.put(key, span)
        if span.outcome in ("lost", "requeued") and not span.missed:
            self._interrupted[key] = span


def _task_row(doc: Doc) -> TaskRow:
    info = doc.get("executionInfo") or {}
    failed = info.get("failureInfo") or {}
    result = info.get("result")
    return TaskRow(
        id=doc["id"],
        name=doc.get("displayName") or doc["id"],
        state=str(doc.get("state", "active")).lower(),
        result=str(result).lower() if result else None,
        exit_code=info.get("exitCode"),
        node_id=(doc.get("nodeInfo") or {}).get("nodeId"),
        created=moment(doc.get("creationTime")),
        started=moment(info.get("startTime")),
        ended=moment(info.get("endTime")),
        since=since_of(doc),
        retries=(info.get("retryCount") or 0) + (info.get("requeueCount") or 0),
        failure=failed.get("code") or ("Unknown" if failed else None),
        lost=taken_back(doc),
        slots=doc.get("requiredSlots") or 1,
        depends=_dependencies(doc["dependsOn"]) if doc.get("dependsOn") else (),
    )


def _dependencies(doc: Doc) -> tuple[str | tuple[int, int], ...]:
    ranges = [(span["start"], span["end"]) for span in doc.get("taskIdRanges") or ()]
    return (*(doc.get("taskIds") or ()), *ranges)


def _outcome(row: TaskRow) -> Outcome:
    """What a completed task's last attempt came to."""
    if row.result == "success":
        return "done"
    return "stopped" if row.failure == STOPPED else "failed"


def _interrupted(info: Mapping[str, Any], attempt: Attempt) -> Outcome:
    """Why an attempt ended that did not fail: only a request (a removal, a resize, a deletion) sets the time."""
    sent_back = moment(info.get("lastRequeueTime"))
    return "requeued" if sent_back and attempt.start and sent_back >= attempt.start else "lost"


def _within(span: Span, taken: datetime) -> bool:
    return span.end is not None and span.start <= taken <= span.end + LATEST


def _counted_as(row: TaskRow) -> str:
    if row.state == "completed":
        return "succeeded" if row.result == "success" else "failed"
    return "running" if row.state in ("running", "preparing") else "active"


def _left(doc: Doc, row: TaskRow) -> datetime:
    """When the attempt before this document's state ended: on the way back to active."""
    if row.state == "active":
        return row.since
    if str(doc.get("previousState", "")).lower() == "active":
        return moment(doc.get("previousStateTransitionTime")) or row.since
    return row.started or row.since
