"""What clients may do to single nodes: restart them, keep tasks away from them, let tasks come again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from local_azure.batch.engine.seats import Seat
from local_azure.batch.errors import BatchError

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine

RESTARTABLE = ("idle", "running", "offline", "starttaskfailed")
"""The states in which a node can be told to restart."""

_REFUSED = {
    "creating": "NodeBeingCreated",
    "starting": "NodeBeingStarted",
    "waitingforstarttask": "NodeBeingStarted",
    "rebooting": "NodeBeingRebooted",
    "unusable": "NodeStateUnusable",
}


class Actions:
    """Actions on nodes. `option` says what becomes of the tasks that run there: requeue, terminate, or let them end.

    All raise BatchError PoolNotFound or NodeNotFound. Nodes have no eTag that a change could touch.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def reboot(self, pool_id: str, node_id: str, option: str) -> None:
        """Restart a node, with the start task that the pool has now.

        It is `rebooting` at once, also while tasks still end. BatchError NodeBeingCreated, NodeBeingStarted,
        NodeBeingRebooted, NodeStateUnusable, or OperationInvalidForCurrentState for a node that leaves.
        """
        engine = self._engine
        state = engine.nodes.get(pool_id, node_id)["state"]
        if state not in RESTARTABLE:
            raise BatchError(_REFUSED.get(state, "OperationInvalidForCurrentState"))
        seat = engine.nodes.seated(pool_id, node_id)
        start_task = engine.pools.get(pool_id).get("startTask")
        changes = {"startTask": start_task, "errors": None}
        if start_task is None:
            changes["startTaskInfo"] = None
        seat.doomed = False
        with engine.store.transaction():
            engine.nodes.set(seat, "rebooting", **changes)
            engine.nodes.end_runs(seat, option)
            engine.store.after_commit(partial(engine.boot.abandon, seat))
            engine.boot.begin(seat)

    def disable_scheduling(self, pool_id: str, node_id: str, option: str) -> None:
        """Let no more tasks start on a node: it is `offline` once none runs there.

        BatchError NodeAlreadyInTargetSchedulingState.
        """
        seat = self._to_switch(pool_id, node_id, "enabled")
        with self._engine.store.transaction():
            self._engine.nodes.schedule(seat, "disabled")
            self._engine.nodes.end_runs(seat, option)

    def enable_scheduling(self, pool_id: str, node_id: str) -> None:
        """Let tasks start on a node again; BatchError NodeAlreadyInTargetSchedulingState."""
        seat = self._to_switch(pool_id, node_id, "disabled")
        self._engine.nodes.schedule(seat, "enabled")
        self._engine.scheduler.wake(pool_id)

    def _to_switch(self, pool_id: str, node_id: str, now: str) -> Seat:
        if self._engine.nodes.get(pool_id, node_id)["schedulingState"] != now:
            raise BatchError("NodeAlreadyInTargetSchedulingState")
        return self._engine.nodes.seated(pool_id, node_id)
