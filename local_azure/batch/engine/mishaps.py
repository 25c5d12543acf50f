"""What befalls nodes in the cloud and here only on request: lost, preempted, with a start task that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from local_azure.batch.engine.actions import RESTARTABLE
from local_azure.batch.engine.documents import Doc
from local_azure.batch.engine.seats import Seat
from local_azure.batch.errors import BatchError

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine

_BEYOND = ("leavingpool", "preempted", "unusable")


class Mishaps:
    """Tasks that ran on the node wait again, without a retry or a requeue being counted: no user asked for it.

    All raise BatchError PoolNotFound or NodeNotFound, and OperationNotValidOnNode where it can't happen.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._clearing: dict[Seat, asyncio.Task[None]] = {}

    def lose(self, pool_id: str, node_id: str | None = None) -> Doc:
        """The service hears no more of a node: it is `unusable`. Without an id, one at work is taken if there is one."""
        seat = self._pick(pool_id, node_id, lambda state: state not in _BEYOND)
        message = "The node no longer answers. (It was lost on request.)"
        with self._engine.store.transaction():
            self._cut(seat, "unusable", errors=[{"code": "NodeUnreachable", "message": message}])
        return self._engine.nodes.get(seat.pool, seat.node)

    def preempt(self, pool_id: str, node_id: str | None = None) -> Doc:
        """The cloud takes a Spot node back: it is `preempted`, stays in its pool, and all its files are lost."""
        seat = self._pick(pool_id, node_id, lambda state: state not in _BEYOND, spot=True)
        with self._engine.store.transaction():
            self._cut(seat, "preempted", startTaskInfo=None)
            self._engine.store.after_commit(partial(self._clear, seat))
            self._engine.store.after_commit(partial(self._engine.simulating.preempted, seat))
        return self._engine.nodes.get(seat.pool, seat.node)

    def restore(self, pool_id: str, node_id: str | None = None) -> Doc:
        """A preempted or lost node comes back under its own id, through `creating` or `starting`."""
        seat = self._pick(pool_id, node_id, lambda state: state in ("preempted", "unusable"))
        engine = self._engine
        before = engine.nodes.get(seat.pool, seat.node)
        with engine.store.transaction():
            state = "creating" if before["state"] == "preempted" else "starting"
            seat.doomed = False
            engine.nodes.set(seat, state, errors=None, startTask=engine.pools.get(pool_id).get("startTask"))
            engine.store.after_commit(partial(self._return, seat))
        return engine.nodes.get(seat.pool, seat.node)

    def fail_start(self, pool_id: str, node_id: str | None = None) -> Doc:
        """A node is restarted, its running tasks wait again, and its start task fails, until the next restart.

        Also BatchError OperationNotValidOnNode when the pool has no start task.
        """
        if self._engine.pools.get(pool_id).get("startTask") is None:
            raise BatchError("OperationNotValidOnNode", ("Reason", "The pool has no start task"))
        seat = self._pick(pool_id, node_id, lambda state: state in RESTARTABLE)
        self._engine.actions.reboot(seat.pool, seat.node, "requeue")
        seat.doomed = True
        return self._engine.nodes.get(seat.pool, seat.node)

    def _pick(
        self, pool_id: str, node_id: str | None, fits: Callable[[str], bool], *, spot: bool = False
    ) -> Seat:
        engine = self._engine
        engine.pools.get(pool_id)
        seats = [engine.nodes.seated(pool_id, node_id)] if node_id else engine.nodes.seats(pool_id)
        states = [group.state for group in engine.store.node_groups(pool_id) if fits(group.state)]
        ids = engine.store.node_ids(pool_id, *states)
        fitting = [seat for seat in seats if seat.node in ids and not (spot and seat.place.dedicated)]
        if not fitting:
            raise BatchError("OperationNotValidOnNode", ("Reason", "There is no node that this can befall"))
        return max(fitting, key=lambda seat: len(seat.runs))

    def _cut(self, seat: Seat, state: str, **fields: object) -> None:
        """Put a node into a state in which nothing runs on it."""
        engine = self._engine
        engine.nodes.set(seat, state, **fields)
        engine.nodes.end_runs(seat, "lost")
        engine.store.after_commit(partial(engine.boot.abandon, seat))

    def _clear(self, seat: Seat) -> None:
        agent = self._engine.agents.start(partial(self._empty, seat), f"node {seat.node} loses its files")
        self._clearing[seat] = agent
        agent.add_done_callback(lambda _: self._clearing.pop(seat, None))

    async def _empty(self, seat: Seat) -> None:
        engine = self._engine
        await engine.boot.ended(seat)
        await engine.nodes.emptied(seat)
        await seat.runner.end_orphans((), seat.place.root)
        seat.runner.discard(seat.place.root)

    def _return(self, seat: Seat) -> None:
        self._engine.agents.start(partial(self._come_back, seat), f"node {seat.node} comes back")

    async def _come_back(self, seat: Seat) -> None:
        engine = self._engine
        await engine.boot.ended(seat)
        await engine.nodes.emptied(seat)
        if (agent := self._clearing.get(seat)) is not None:
            await asyncio.wait([agent])
        state = engine.nodes.get(seat.pool, seat.node)["state"]
        if state == "creating":
            seat.runner.discard(seat.place.root)
        if state in ("creating", "starting"):
            engine.boot.begin(seat)
