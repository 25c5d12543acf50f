"""What a poll's documents of nodes change: rows for the screen, and states for the history."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from batch_core.failures import reason_in_words
from batch_core.history import ALLOCATED, GONE, State
from batch_core.seats import Seats
from batch_core.snapshot import NodeRow
from batch_core.times import moment, since_of

NODE_SELECT = (
    "id,state,stateTransitionTime,isDedicated,ipAddress,allocationTime,totalTasksRun,runningTaskSlotsCount,"
    "schedulingState,startTaskInfo,errors"
)
STARTING = {"creating", "starting", "waitingforstarttask", "rebooting", "reimaging", "leavingpool"}

Doc = Mapping[str, Any]


class NodeBook:
    """The nodes of a pool as last listed; a node keeps its order for good.

    `places` are the orders of those that were ever seen, which are also where they lie until it is known who is
    gone. `left` are the nodes that were there when the history was last written, and when that was.
    """

    def __init__(self, places: dict[str, int], left: Mapping[str, datetime] | None = None) -> None:
        self.rows: dict[str, NodeRow] = {}
        self._places = places
        self._seats = Seats(places)
        self._left = dict(left or {})
        self._listed: dict[str, int] = {}
        self._others: dict[str, int] = {}
        self._states: Counter[str] = Counter()
        self._known_places: Mapping[str, int] = dict(places)
        self._ordered: tuple[NodeRow, ...] | None = ()

    def update(self, docs: Iterable[Doc], now: datetime) -> tuple[bool, list[State]]:
        """Takes a whole list of nodes: whether a row changed, and what the history has to know."""
        docs = sorted(docs, key=lambda doc: (doc.get("allocationTime") or "", _address(doc), doc["id"]))
        changed, changes = self.merge(docs, now)
        there = {doc["id"] for doc in docs}
        gone = [id for id in self.rows if id not in there]
        for id in gone:
            self._states[self.rows.pop(id).state] -= 1
            self._others.pop(id, None)
        changes += [State(id, GONE, now) for id in gone]
        changes += [State(id, GONE, at) for id, at in self._left.items() if id not in there]
        self._left.clear()
        if gone:
            self._ordered = None
        if self._seats.keep_only(there, now):
            for row in list(self.rows.values()):
                self._put(replace(row, place=self._seats.at[row.id]))
            changed = True
        return changed or bool(gone), changes

    def merge(self, docs: Iterable[Doc], now: datetime) -> tuple[bool, list[State]]:
        """Takes some of the nodes; the others stay as they are."""
        changed = False
        changes: list[State] = []
        for doc in docs:
            row = self._row(doc, now)
            self._listed[row.id] = row.slots_used
            before = self.rows.get(row.id)
            if before == row:
                continue
            changed = True
            self._put(row)
            if row.allocated and row.allocated < row.since and row.allocated != (before and before.allocated):
                changes.append(State(row.id, ALLOCATED, row.allocated))
            if before is None or (before.state, before.since) != (row.state, row.since):
                changes.append(State(row.id, row.state, row.since))
        return changed, changes

    def use(self, docs: Iterable[Doc]) -> None:
        """Takes how many slots are in use on nodes that run, for the next `settle`."""
        for doc in docs:
            row = self.rows.get(doc["id"])
            if row and row.state == "running":
                self._listed[row.id] = doc.get("runningTaskSlotsCount") or 0

    def settle(self, busy: Mapping[str, int], touched: Iterable[str], slots: int) -> bool:
        """Corrects the slots in use by those that one job's tasks take now: whether a row changed.

        `busy` are the slots that they take on each node, `touched` the nodes where that has changed. What a node
        was listed with beyond that belongs to other jobs, until it is listed anew.
        """
        changed = False
        for id, listed in self._listed.items():
            self._others[id] = max(0, listed - busy.get(id, 0))
        for id in {*touched, *self._listed}:
            row = self.rows.get(id)
            if row is None:
                continue
            used = min(slots, busy.get(id, 0) + self._others.get(id, 0))
            if used != row.slots_used:
                changed = True
                self._put(replace(row, slots_used=used))
        self._listed.clear()
        return changed

    def _put(self, row: NodeRow) -> None:
        before = self.rows.get(row.id)
        if before:
            self._states[before.state] -= 1
        self._states[row.state] += 1
        self.rows[row.id] = row
        self._ordered = None

    def _row(self, doc: Doc, now: datetime) -> NodeRow:
        order = self._places.setdefault(doc["id"], len(self._places))
        return NodeRow(
            id=doc["id"],
            state=str(doc.get("state", "unknown")).lower(),
            since=since_of(doc),
            dedicated=bool(doc.get("isDedicated", True)),
            slots_used=doc.get("runningTaskSlotsCount") or 0,
            order=order,
            error=next(iter(node_errors(doc)), ""),
            ip=doc.get("ipAddress") or "",
            tasks_run=doc.get("totalTasksRun") or 0,
            allocated=moment(doc.get("allocationTime")),
            accepts=str(doc.get("schedulingState", "enabled")).lower() != "disabled",
            place=self._seats.take(doc["id"], now),
        )

    @property
    def places(self) -> Mapping[str, int]:
        """The order of every node that was ever seen; the same object until there is another."""
        if len(self._known_places) != len(self._places):
            self._known_places = dict(self._places)
        return self._known_places

    @property
    def reach(self) -> int:
        """How many places nodes lie in, with the empty ones between them and at the end."""
        return self._seats.reach

    def in_order(self) -> tuple[NodeRow, ...]:
        """The rows by order; the same object until one changes."""
        if self._ordered is None:
            self._ordered = tuple(sorted(self.rows.values(), key=attrgetter("order")))
        return self._ordered

    def states(self) -> Counter[str]:
        """How many nodes are in which state."""
        return +self._states

    def moving(self) -> bool:
        """Whether a node is on its way to another state by itself, or at work."""
        return any(self._states[state] for state in (*STARTING, "running"))


def _address(doc: Doc) -> tuple[int, ...]:
    """The private address as numbers, so that 10.0.0.10 comes after 10.0.0.9."""
    return tuple(int(part) for part in (doc.get("ipAddress") or "").split(".") if part.isdigit())


def node_errors(doc: Doc) -> tuple[str, ...]:
    """All that is wrong with a node, in sentences; a failed start task goes first, which `errors` tells less of."""
    told, same = [], ""
    start = doc.get("startTaskInfo") or {}
    if str(start.get("result", "")).lower() == "failure":
        failed = start.get("failureInfo") or {}
        why = reason_in_words(failed.get("code") or "", failed.get("message") or "", start.get("exitCode"))
        told.append(f"The start task failed. {why}".strip())
        same = failed.get("code") or ""  # Batch lists it among the errors, too
    for error in doc.get("errors") or ():
        if same and error.get("code") == same:
            continue
        told.append(reason_in_words(error.get("code") or "Unknown", error.get("message") or "", None))
    return tuple(dict.fromkeys(told))
