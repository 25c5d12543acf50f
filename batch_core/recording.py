"""What a poll's documents change: rows for the screen, and states and attempts for the history."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from batch_core.failures import STOPPED, reason_in_words, taken_back
from batch_core.history import GONE, Attempt, Change, State
from batch_core.snapshot import Counts, NodePhase, NodeRow, Outcome, Span, TaskRow
from batch_core.times import moment

NODE_SELECT = (
    "id,state,stateTransitionTime,isDedicated,ipAddress,allocationTime,totalTasksRun,runningTaskSlotsCount,"
    "schedulingState,startTaskInfo,errors"
)
TASK_SELECT = (
    "id,displayName,state,stateTransitionTime,previousState,previousStateTransitionTime,creationTime,"
    "executionInfo,nodeInfo,requiredSlots"
)
LATEST = timedelta(minutes=5)  # after a task went back to waiting, until its node is said to be preempted
STARTING = {"creating", "starting", "waitingforstarttask", "rebooting", "reimaging", "leavingpool"}

Doc = Mapping[str, Any]


class NodeBook:
    """The nodes of a pool as last listed; a node keeps its place for good.

    `left` are the nodes that were there when the history was last written, and when that was.
    """

    def __init__(self, places: dict[str, int], left: Mapping[str, datetime] | None = None) -> None:
        self.rows: dict[str, NodeRow] = {}
        self._places = places
        self._left = dict(left or {})

    def update(self, docs: Iterable[Doc], now: datetime) -> tuple[bool, list[State]]:
        """Takes a whole list of nodes: whether a row changed, and what the history has to know."""
        docs = sorted(docs, key=lambda doc: (doc.get("allocationTime") or "", _address(doc), doc["id"]))
        rows: dict[str, NodeRow] = {}
        changes: list[State] = []
        for doc in docs:
            row = self._row(doc)
            rows[row.id] = row
            before = self.rows.get(row.id)
            if before is None or (before.state, before.since) != (row.state, row.since):
                changes.append(State(row.id, row.state, row.since))
        changes += [State(id, GONE, now) for id in self.rows if id not in rows]
        changes += [State(id, GONE, at) for id, at in self._left.items() if id not in rows]
        self._left.clear()
        changed = rows != self.rows
        self.rows = rows
        return changed, changes

    def _row(self, doc: Doc) -> NodeRow:
        place = self._places.setdefault(doc["id"], len(self._places))
        return NodeRow(
            id=doc["id"],
            state=str(doc.get("state", "unknown")).lower(),
            since=_since(doc),
            dedicated=bool(doc.get("isDedicated", True)),
            slots_used=doc.get("runningTaskSlotsCount") or 0,
            order=place,
            error=_node_error(doc),
            ip=doc.get("ipAddress") or "",
            tasks_run=doc.get("totalTasksRun") or 0,
            allocated=moment(doc.get("allocationTime")),
            accepts=str(doc.get("schedulingState", "enabled")).lower() != "disabled",
        )

    @property
    def places(self) -> dict[str, int]:
        """The place of every node that was ever seen."""
        return dict(self._places)

    def in_order(self) -> tuple[NodeRow, ...]:
        """The rows by place."""
        return tuple(sorted(self.rows.values(), key=lambda row: row.order))

    def moving(self) -> bool:
        """Whether a node is on its way to another state by itself."""
        return any(row.state in STARTING or row.slots_used for row in self.rows.values())


class TaskBook:
    """The tasks of a job, kept up to date from lists and deltas, and the attempts they tell of."""

    def __init__(self, attempts: Iterable[Attempt]) -> None:
        self.rows: dict[str, TaskRow] = {}
        self.spans: dict[tuple[str, int], Span] = {}
        self._attempts: dict[str, list[Attempt]] = {}
        self._counted: dict[str, int] = {}
        for attempt in attempts:
            self._attempts.setdefault(attempt.task_id, []).append(attempt)
            self._draw(attempt)

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
            self.rows[row.id] = row
            self._count(before, row)
            earlier = moment(doc.get("previousStateTransitionTime"))
            if earlier and (before is None or before.since < earlier):
                changes.append(State(row.id, str(doc.get("previousState", "")).lower(), earlier))
            changes.append(State(row.id, row.state, row.since))
            changes += self._try(doc, row)
        return changed, changes

    def keep_only(self, ids: set[str], now: datetime) -> tuple[bool, list[Change]]:
        """After a whole list: forgets the tasks that are not in it any more."""
        gone = [id for id in self.rows if id not in ids]
        changes: list[Change] = []
        for id in gone:
            self._count(self.rows.pop(id), None)
            changes.append(State(id, GONE, now))
            changes += self._close(id, now, "stopped")
        return bool(gone), changes

    def close_all(self, at: datetime) -> list[Change]:
        """Ends every attempt that is still open: for a job that does not exist any more."""
        return [change for id in list(self._attempts) for change in self._close(id, at, "stopped")]

    def counts(self) -> Counts:
        """How many tasks are in which state, by the rows."""
        return Counts(**self._counted)

    def _count(self, before: TaskRow | None, row: TaskRow | None) -> None:
        for one, step in ((before, -1), (row, 1)):
            if one is not None:
                name = _counted_as(one)
                self._counted[name] = self._counted.get(name, 0) + step

    def _try(self, doc: Doc, row: TaskRow) -> list[Change]:
        """The attempts that a document begins or ends."""
        info = doc.get("executionInfo") or {}
        mine = self._attempts.setdefault(row.id, [])
        current = mine[-1] if mine else None
        retries = info.get("retryCount") or 0
        running = row.state in ("running", "completed") and row.started is not None
        same = running and current is not None and current.start == row.started
        changes: list[Change] = []
        if current is not None and current.end is None and not same:
            lost: Outcome = "failed" if retries > current.retries else _interrupted(info, current)
            changes += self._close(row.id, _left(doc, row), lost)
        if not running:
            return changes
        if not same:
            number = max(len(mine), retries + (info.get("requeueCount") or 0)) + 1
            changes += self._missed(row, len(mine) + 1, number, retries)
            changes += self._put(
                Attempt(row.id, row.name, number, row.node_id, row.started, None, "running", retries)
            )
        if row.state == "completed":
            changes += self._close(row.id, row.ended or row.since, _outcome(row))
        return changes

    def _missed(self, row: TaskRow, first: int, number: int, retries: int) -> list[Change]:
        """Tries that only their count tells of: they were over before anybody looked."""
        changes: list[Change] = []
        for missed in range(first, number):
            outcome: Outcome = "failed" if missed <= retries else "requeued"
            changes += self._put(Attempt(row.id, row.name, missed, None, None, None, outcome, missed - 1))
        return changes

    def _put(self, attempt: Attempt) -> list[Change]:
        self._attempts[attempt.task_id].append(attempt)
        self._draw(attempt)
        return [attempt]

    def _close(self, task_id: str, at: datetime, outcome: Outcome) -> list[Change]:
        mine = self._attempts.get(task_id)
        if not mine or mine[-1].outcome != "running":
            return []
        last = mine[-1]
        end = max(at, last.start) if last.start else at
        mine[-1] = Attempt(
            task_id, last.name, last.number, last.node_id, last.start, end, outcome, last.retries
        )
        self._draw(mine[-1])
        return [mine[-1]]

    def _draw(self, attempt: Attempt) -> None:
        span = attempt.span()
        if span:
            self.spans[attempt.task_id, attempt.number] = span


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
        since=_since(doc),
        retries=(info.get("retryCount") or 0) + (info.get("requeueCount") or 0),
        failure=failed.get("code") or ("Unknown" if failed else None),
        lost=taken_back(doc),
    )


def _outcome(row: TaskRow) -> Outcome:
    """What a completed task's last attempt came to."""
    if row.result == "success":
        return "done"
    return "stopped" if row.failure == STOPPED else "failed"


def _interrupted(info: Mapping[str, Any], attempt: Attempt) -> Outcome:
    """Why an attempt ended that did not fail: only a request (a removal, a resize, a deletion) sets the time."""
    sent_back = moment(info.get("lastRequeueTime"))
    return "requeued" if sent_back and attempt.start and sent_back >= attempt.start else "lost"


def with_preemptions(spans: Iterable[Span], phases: Iterable[NodePhase]) -> tuple[Span, ...]:
    """Attempts that were interrupted when Batch said of their node that it is preempted, called so."""
    taken: dict[str, list[datetime]] = {}
    for phase in phases:
        if phase.state == "preempted":
            taken.setdefault(phase.node_id, []).append(phase.start)
    if not taken:
        return tuple(spans)
    return tuple(
        replace(span, outcome="preempted")
        if span.outcome in ("lost", "requeued")
        and any(_within(span, at) for at in taken.get(span.node_id, ()))
        else span
        for span in spans
    )


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


def _since(doc: Doc) -> datetime:
    since = moment(doc.get("stateTransitionTime"))
    if since is None:
        raise KeyError("stateTransitionTime")
    return since


def _address(doc: Doc) -> tuple[int, ...]:
    """The private address as numbers, so that 10.0.0.10 comes after 10.0.0.9."""
    return tuple(int(part) for part in (doc.get("ipAddress") or "").split(".") if part.isdigit())


def _node_error(doc: Doc) -> str:
    """What is wrong with a node; a failed start task goes first, which `errors` tells less of."""
    start = doc.get("startTaskInfo") or {}
    if str(start.get("result", "")).lower() == "failure":
        failed = start.get("failureInfo") or {}
        why = reason_in_words(failed.get("code") or "", failed.get("message") or "", start.get("exitCode"))
        return f"The start task failed. {why}".strip()
    for error in doc.get("errors") or ():
        return reason_in_words(error.get("code") or "Unknown", error.get("message") or "", None)
    return ""
