"""Made-up nodes, and the family that every state of a node belongs to."""

from datetime import UTC, datetime
from typing import Any

from batch_core.snapshot import NodeRow
from pages.charts.palette import ERROR, IDLE, OFFLINE, PREEMPTED, RUNNING, STARTING

START = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
STATES = {
    "idle": IDLE,
    "running": RUNNING,
    "creating": STARTING,
    "starting": STARTING,
    "waitingforstarttask": STARTING,
    "rebooting": STARTING,
    "reimaging": STARTING,
    "upgradingos": STARTING,
    "leavingpool": OFFLINE,
    "offline": OFFLINE,
    "deallocating": OFFLINE,
    "deallocated": OFFLINE,
    "preempted": PREEMPTED,
    "unusable": ERROR,
    "starttaskfailed": ERROR,
    "unknown": ERROR,
    "a state of next year": ERROR,
}


def node(
    order: int, state: str = "idle", *, used: int = 0, dedicated: bool = True, error: str = "", **more: Any
) -> NodeRow:
    """The node that came as number `order`, with the id "nORDER"."""
    more.setdefault("place", order)
    return NodeRow(f"n{order}", state, START, dedicated, used, order, error, "10.0.0.4", 0, **more)
