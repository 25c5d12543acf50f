"""Pools: their records and what clients may ask of them."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from local_azure.batch.engine.documents import POOL, Doc, ordered, touch
from local_azure.batch.errors import BatchError
from local_azure.batch.simulation import SIMULATE, Simulation
from local_azure.batch.store import Where

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine

_NODE_STATES = (
    *(
        "creating",
        "idle",
        "leavingPool",
        "offline",
        "preempted",
        "rebooting",
        "reimaging",
        "running",
        "starting",
        "startTaskFailed",
    ),
    *("unusable", "unknown", "waitingForStartTask", "deallocated", "deallocating", "upgradingOS"),
)
_EMPTY_ONLY = (
    *("vmSize", "virtualMachineConfiguration", "taskSlotsPerNode", "enableInterNodeCommunication"),
    *("networkConfiguration", "userAccounts", "mountConfiguration"),
)
_SIMULATED = f"The metadata {SIMULATE} can change only while the pool has no nodes"


class Pools:
    """The account's pools. Changes are synchronous and durable when a method returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, doc: Doc) -> None:
        """Add a pool and begin to allocate its nodes; BatchError PoolExists, PoolBeingDeleted, PoolQuotaReached."""
        engine = self._engine
        existing = engine.store.get("pools", doc["id"])
        if existing is not None:
            raise BatchError("PoolBeingDeleted" if existing["state"] == "deleting" else "PoolExists")
        limit = engine.quota.limits.pools
        if limit is not None and len(engine.store.all("pools")) >= limit:
            raise BatchError("PoolQuotaReached")
        now = engine.clock.now()
        doc = {
            "targetDedicatedNodes": 0,
            "targetLowPriorityNodes": 0,
            **doc,
            "creationTime": now,
            "state": "active",
            "stateTransitionTime": now,
            "allocationState": "resizing",
            "allocationStateTransitionTime": now,
            "currentDedicatedNodes": 0,
            "currentLowPriorityNodes": 0,
        }
        touch(doc, now)
        with engine.store.transaction():
            engine.store.insert("pools", ordered(doc, POOL))
            engine.store.after_commit(partial(engine.allocation.resize, doc["id"]))

    def create_automatic(self, specification: Doc) -> str:
        """Make the pool of an auto pool specification; its id is a GUID in capitals, after the prefix if any."""
        prefix = specification.get("autoPoolIdPrefix")
        guid = str(uuid.uuid4()).upper()
        pool_id = f"{prefix}_{guid}" if prefix else guid
        self.create({"id": pool_id, **specification["pool"]})
        return pool_id

    def release(self, pool_id: str) -> None:
        """Delete an auto pool, unless someone already did."""
        doc = self._engine.store.get("pools", pool_id)
        if doc is not None and doc["state"] != "deleting":
            self.delete(pool_id)

    def get(self, pool_id: str) -> Doc:
        """The pool's document; BatchError PoolNotFound."""
        doc = self._engine.store.get("pools", pool_id)
        if doc is None:
            raise BatchError("PoolNotFound")
        return doc

    def page(self, where: Where | None, after: str | None, limit: int) -> tuple[list[Doc], str | None]:
        """A page of pools, as `Store.page`."""
        return self._engine.store.page("pools", (), where, after, limit)

    def patch(self, pool_id: str, changes: Doc) -> Doc:
        """Replace the named properties (None takes one away).

        BatchError PoolBeingDeleted; OperationInvalidForCurrentState when the pool must be empty for that.
        """
        doc = self._changeable(pool_id)
        occupied = doc["currentDedicatedNodes"] + doc["currentLowPriorityNodes"] > 0
        if occupied and any(name in changes and changes[name] != doc.get(name) for name in _EMPTY_ONLY):
            raise BatchError("OperationInvalidForCurrentState")
        if occupied and Simulation.of(doc) != Simulation.of({**doc, **changes}):
            raise BatchError("OperationInvalidForCurrentState", ("Reason", _SIMULATED))
        doc.update(changes)
        touch(doc, self._engine.clock.now())
        return self._put(doc)

    def replace_properties(self, pool_id: str, changes: Doc) -> Doc:
        """Put start task, packages and metadata in place; those that are None or absent are removed."""
        names = ("startTask", "applicationPackageReferences", "metadata")
        return self.patch(pool_id, {name: changes.get(name) or None for name in names})

    def resize(
        self, pool_id: str, dedicated: int | None, low_priority: int | None, timeout: str | None, option: str
    ) -> Doc:
        """Begin to bring the pool to other numbers of nodes; None leaves one as it is.

        BatchError PoolBeingDeleted; PoolBeingResized unless the pool is steady; OperationInvalidForCurrentState
        when a formula sizes it.
        """
        doc = self._changeable(pool_id)
        _check_steady(doc)
        doc["targetDedicatedNodes"] = doc["targetDedicatedNodes"] if dedicated is None else dedicated
        if low_priority is not None:
            doc["targetLowPriorityNodes"] = low_priority
        with self._engine.store.transaction():
            return self._resize(doc, timeout, option)

    def remove_nodes(self, pool_id: str, node_ids: Sequence[str], timeout: str | None, option: str) -> Doc:
        """Begin to take these nodes out of the pool; its targets go down with them, so that none comes instead.

        BatchError PoolBeingDeleted, PoolBeingResized or OperationInvalidForCurrentState as for `resize`, NodeNotFound.
        """
        engine, doc = self._engine, self._changeable(pool_id)
        _check_steady(doc)
        seats = {engine.nodes.seated(pool_id, node_id) for node_id in node_ids}
        for dedicated, target in ((True, "targetDedicatedNodes"), (False, "targetLowPriorityNodes")):
            staying = {
                seat for seat in engine.allocation.staying(pool_id) if seat.place.dedicated is dedicated
            }
            doc[target] = min(doc[target], len(staying - seats))
        with engine.store.transaction():
            doc = self._resize(doc, timeout, option)
            for seat in seats:
                engine.nodes.retire(seat, option)
        return doc

    def _resize(self, doc: Doc, timeout: str | None, option: str) -> Doc:
        now = self._engine.clock.now()
        touch(doc, now)
        doc["resizeTimeout"] = timeout or doc.get("resizeTimeout")
        doc.pop("resizeErrors", None)
        self.set_allocation(doc, "resizing", now)
        self._engine.store.after_commit(partial(self._engine.allocation.resize, doc["id"]))
        return self._put(doc, option=option)

    def stop_resize(self, pool_id: str) -> Doc:
        """Stop a resize; the nodes there are stay. The eTag stays too.

        BatchError PoolBeingDeleted; OperationInvalidForCurrentState when no resize is under way.
        """
        doc = self._changeable(pool_id)
        if doc["allocationState"] != "resizing":
            raise BatchError("OperationInvalidForCurrentState")
        self.set_allocation(doc, "stopping", self._engine.clock.now())
        with self._engine.store.transaction():
            doc = self._put(doc)
            self._engine.store.after_commit(partial(self._engine.allocation.stop, pool_id))
        return doc

    def delete(self, pool_id: str) -> None:
        """Begin to remove a pool with its nodes; their tasks go back in the queue. BatchError PoolBeingDeleted."""
        doc = self._changeable(pool_id)
        now = self._engine.clock.now()
        touch(doc, now)
        doc["state"] = "deleting"
        doc["stateTransitionTime"] = now
        doc.pop("resizeErrors", None)
        self.set_allocation(doc, "resizing", self._engine.clock.now())
        with self._engine.store.transaction():
            self._put(doc, option="requeue")
            self._engine.store.after_commit(partial(self._engine.allocation.delete, pool_id))

    def node_counts(self) -> list[Doc]:
        """Every pool's nodes by state, in the form of the wire's poolnodecounts."""
        counts = []
        for pool in self._engine.store.all("pools"):
            kinds = {True: Counter[str](), False: Counter[str]()}
            for group in self._engine.store.node_groups(pool["id"]):
                kinds[group.dedicated][group.state] += group.count
            entry = {"dedicated": kinds[True], "lowPriority": kinds[False]}
            counts.append({"poolId": pool["id"], **{name: _counted(kind) for name, kind in entry.items()}})
        return counts

    # For the rest of the engine.

    def set_allocation(self, doc: Doc, state: str, when: str) -> None:
        """Give a pool's document an allocation state with its time."""
        doc["allocationState"] = state
        doc["allocationStateTransitionTime"] = when

    def steady(self, pool_id: str, errors: list[Doc]) -> None:
        """A resize is over, with these errors."""
        doc = self.get(pool_id)
        self.set_allocation(doc, "steady", self._engine.clock.now())
        doc["resizeErrors"] = errors or None
        self._put(doc)

    def count_nodes(self, pool_id: str) -> None:
        """Bring the pool's current numbers of nodes up to date."""
        doc = self.get(pool_id)
        dedicated, total = self._engine.store.node_totals(pool_id)
        doc["currentDedicatedNodes"], doc["currentLowPriorityNodes"] = dedicated, total - dedicated
        self._put(doc)

    def _changeable(self, pool_id: str) -> Doc:
        doc = self.get(pool_id)
        if doc["state"] == "deleting":
            raise BatchError("PoolBeingDeleted")
        return doc

    def _put(self, doc: Doc, option: str | None = None) -> Doc:
        """Store a pool; `option` says what becomes of tasks on the nodes that the resize takes away."""
        doc = ordered(doc, POOL)
        columns = {} if option is None else {"option": option}
        self._engine.store.update("pools", doc, "", **columns)
        return doc


def _check_steady(doc: Doc) -> None:
    """BatchError for a pool that cannot be resized now."""
    if doc["allocationState"] != "steady":
        raise BatchError("PoolBeingResized")
    if doc.get("enableAutoScale"):
        raise BatchError("OperationInvalidForCurrentState")


def _counted(states: Counter[str]) -> Doc:
    counts = {name: states[name.lower()] for name in _NODE_STATES}
    return {**counts, "total": states.total()}
