"""What a pool is doing, and what keeps its nodes from work: each trouble in its own sentence, with the way out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from batch_core.monitor import NodeRow, Snapshot
from batch_core.pools import PoolInfo
from pages.charts.labels import duration
from pages.charts.palette import ERROR, OFFLINE, PREEMPTED, STARTING, node_family
from pages.shell.words import count, plain, sentence

START_TASK_LONG = timedelta(minutes=5)


@dataclass(frozen=True)
class Line:
    """A sentence and how loud it is; `node_id` is a node that shows more of it, `pool` whether the page Pool helps."""

    text: str
    kind: Literal["info", "warning", "error", "success"] = "info"
    node_id: str = ""
    pool: bool = False

    @property
    def icon(self) -> str:
        return {
            "info": ":material/info:",
            "warning": ":material/warning:",
            "error": ":material/error:",
            "success": ":material/check_circle:",
        }[self.kind]


def pool_trouble(snapshot: Snapshot) -> Line | None:
    """What keeps a pool that is there from work, the worst first; None when nothing does."""
    pool = snapshot.pool
    if pool is None:
        return None
    if pool.state == "deleting":
        return Line("The pool is being deleted: nothing new starts in it.", "warning")
    for look in (
        _not_allocated,
        _start_task_failed,
        _unusable,
        _silent,
        _start_task_hangs,
        _taken_back,
        _kept_away,
    ):
        if line := look(pool, snapshot):
            return line
    return None


def no_nodes(snapshot: Snapshot, local: bool) -> Line | None:
    """What a pool without nodes waits for; None when there are nodes or no pool."""
    pool = snapshot.pool
    if pool is None or snapshot.nodes:
        return None
    wanted = _wanted(pool)
    if pool.allocation_state == "stopping":
        return Line("The resize is being stopped.")
    if not wanted:
        return Line("The pool has no nodes. Resize it to give it some.", "warning", pool=True)
    if pool.allocation_state == "steady" and not local:
        return Line(
            "The pool has no nodes yet, and Azure gives no reason. Resize it to ask again.",
            "warning",
            pool=True,
        )
    if local:
        return Line(f"No nodes yet: {count(wanted, 'node')} on this computer will be there in a moment.")
    return Line(f"No nodes yet: Azure is allocating {wanted:,}{_so_far(pool.allocation_since, snapshot)}.")


def badge(snapshot: Snapshot) -> str:
    """The pool in two or three words with a coloured mark; the worst of its nodes decides."""
    pool = snapshot.pool
    if pool is None:
        return ":gray[● gone]"
    if pool.state != "active":
        return ":orange[● being deleted]"
    families = [node_family(node.state) for node in snapshot.nodes]
    broken = families.count(ERROR)
    if broken:
        return f":red[● {count(broken, 'node')} of {len(families):,} out of order]"
    if pool.errors and len(families) < _wanted(pool):
        return f":red[● {len(families):,} of {count(_wanted(pool), 'node')}]"
    if pool.allocation_state != "steady":
        return (
            ":orange[● stopping the resize]" if pool.allocation_state == "stopping" else ":orange[● resizing]"
        )
    for family, doing in ((STARTING, "starting"), (PREEMPTED, "taken back by Azure"), (OFFLINE, "offline")):
        if number := families.count(family):
            return f":orange[● {count(number, 'node')} of {len(families):,} {doing}]"
    return ":green[● ready]" if families else ":orange[● no nodes]"


def _not_allocated(pool: PoolInfo, snapshot: Snapshot) -> Line | None:
    there, wanted = len(snapshot.nodes), _wanted(pool)
    if not pool.errors or pool.allocation_state != "steady" or there >= wanted:
        return None
    has = "no nodes" if not there else f"{there:,} of {count(wanted, 'node')}"
    reasons = " ".join(dict.fromkeys(sentence(error) for error in pool.errors))
    return Line(f"The pool has {has}. {reasons}", "warning" if there else "error", pool=True)


def _start_task_failed(pool: PoolInfo, snapshot: Snapshot) -> Line | None:
    failed = _in_state(snapshot, "starttaskfailed")
    if not failed:
        return None
    why = sentence(failed[0].error.removeprefix("The start task failed.").strip())
    where = _share(failed, snapshot)
    return Line(
        f"The start task failed on {where}, so no task runs there. {why} "
        "Restart the node to try again, or make a pool with another start task.".replace("  ", " "),
        "error" if len(failed) == len(snapshot.nodes) else "warning",
        node_id=failed[0].id,
    )


def _start_task_hangs(pool: PoolInfo, snapshot: Snapshot) -> Line | None:
    waiting = [
        node
        for node in _in_state(snapshot, "waitingforstarttask")
        if snapshot.taken_at - node.since >= START_TASK_LONG
    ]
    if not waiting:
        return None
    longest = min(waiting, key=lambda node: node.since)
    return Line(
        f"The start task has been running for {duration(snapshot.taken_at - longest.since)} on "
        f"{_share(waiting, snapshot)}; no task starts there before it ends. Its last lines tell what it is doing; "
        "if it hangs, remove the node, or make a pool with another start task.",
        "warning",
        node_id=longest.id,
    )


def _unusable(pool: PoolInfo, snapshot: Snapshot) -> Line | None:
    broken = _in_state(snapshot, "unusable")
    if not broken:
        return None
    why = next((f" ({plain(node.error.rstrip('.'))})" for node in broken if node.error), "")
    return Line(
        f"{_share(broken, snapshot, verb='is', verbs='are')} out of order{why}. Batch tries to repair such nodes; "
        "if it does not succeed, remove them and resize the pool.",
        "warning",
        node_id=broken[0].id,
    )


def _silent(pool: PoolInfo, snapshot: Snapshot) -> Line | None:
    silent = [
        node
        for node in snapshot.nodes
        if node_family(node.state) is ERROR and node.state not in ("unusable", "starttaskfailed")
    ]
    if not silent:
        return None
    longest = min(silent, key=lambda node: node.since)
    return Line(
        f"Nothing has been heard of {_share(silent, snapshot)} for {duration(snapshot.taken_at - longest.since)}. What ran "
        "there starts again on other nodes. If it stays so, remove the node and resize the pool.",
        "warning",
        node_id=longest.id,
    )


def _taken_back(pool: PoolInfo, snapshot: Snapshot) -> Line | None:
    taken = _in_state(snapshot, "preempted")
    if not taken:
        return None
    return Line(
        f"Azure has taken back {_share(taken, snapshot, of='Spot node')}. What ran there starts again when a node is "
        "free; dedicated nodes are not taken back.",
        "warning",
        pool=True,
    )


def _kept_away(pool: PoolInfo, snapshot: Snapshot) -> Line | None:
    away = [node for node in snapshot.nodes if node_family(node.state) is OFFLINE]
    if not away or len(away) < len(snapshot.nodes) or any(node.accepts for node in away):
        return None
    return Line(
        f"{_share(away, snapshot, verb='takes', verbs='take')} no tasks: somebody has switched that off. "
        "Let one take tasks again in its details.",
        "warning",
        node_id=away[0].id,
    )


def _in_state(snapshot: Snapshot, state: str) -> list[NodeRow]:
    return [node for node in snapshot.nodes if node.state == state]


def _share(
    nodes: list[NodeRow], snapshot: Snapshot, *, of: str = "node", verb: str = "", verbs: str = ""
) -> str:
    """2 of 5 nodes, or all 5 nodes; with a verb that agrees."""
    some, every = len(nodes), len(snapshot.nodes)
    if some == every:
        told = {1: f"the only {of}", 2: f"both {of}s"}.get(every, f"all {every:,} {of}s")
    else:
        told = f"{some:,} of {count(every, of)}"
    if not verb:
        return told
    said = f"{told} {verb if some == 1 else verbs}"
    return said[0].upper() + said[1:]


def _wanted(pool: PoolInfo) -> int:
    return pool.target_dedicated + pool.target_spot


def _so_far(since: datetime | None, snapshot: Snapshot) -> str:
    return f" ({duration(snapshot.taken_at - since)} so far)" if since else ""
