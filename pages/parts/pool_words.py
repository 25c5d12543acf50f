"""What a pool is doing, and what holds it or its job up: each trouble in its own sentence, with the way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from batch_core.holdups import START_TASK_LONG, Holdup, find, wanted
from batch_core.monitor import Snapshot
from pages.charts.labels import duration
from pages.charts.palette import ERROR, OFFLINE, PREEMPTED, STARTING, node_family
from pages.shell.words import count, plain, sentence


@dataclass(frozen=True)
class Line:
    """A sentence and how loud it is, and what it is about: a fix for that can stand beside it."""

    text: str
    kind: Literal["info", "warning", "error", "success"] = "info"
    holdup: Holdup | None = None

    @property
    def icon(self) -> str:
        return {
            "info": ":material/info:",
            "warning": ":material/warning:",
            "error": ":material/error:",
            "success": ":material/check_circle:",
        }[self.kind]


def held_up(snapshot: Snapshot, local: bool = False) -> Line | None:
    """What holds a job or a pool up, the worst of it; None when nothing does.

    On this computer (`local`) a pool without nodes will have them in a moment.
    """
    found = find(snapshot)
    if found is None or (found.kind == "no nodes" and local):
        return None
    text, kind = _SAID[found.kind](found, snapshot)
    return Line(text, kind, found)


def no_nodes(snapshot: Snapshot, local: bool) -> Line | None:
    """What a pool without nodes waits for; None when there are nodes or no pool."""
    pool = snapshot.pool
    if pool is None or snapshot.nodes:
        return None
    if pool.allocation_state == "stopping":
        return Line("The resize is being stopped.")
    if local:
        return Line(
            f"No nodes yet: {count(wanted(pool), 'node')} on this computer will be there in a moment."
        )
    return Line(
        f"No nodes yet: Azure is allocating {wanted(pool):,}{_so_far(pool.allocation_since, snapshot)}."
    )


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
    if pool.errors and len(families) < wanted(pool):
        return f":red[● {len(families):,} of {count(wanted(pool), 'node')}]"
    if pool.allocation_state != "steady":
        return (
            ":orange[● stopping the resize]" if pool.allocation_state == "stopping" else ":orange[● resizing]"
        )
    for family, doing in ((STARTING, "starting"), (PREEMPTED, "taken back by Azure"), (OFFLINE, "offline")):
        if number := families.count(family):
            return f":orange[● {count(number, 'node')} of {len(families):,} {doing}]"
    return ":green[● ready]" if families else ":orange[● no nodes]"


Said = tuple[str, Literal["info", "warning", "error"]]


def _cannot_start(found: Holdup, snapshot: Snapshot) -> Said:
    return f"The job can't start: {sentence(found.reasons[0])}", "error"


def _pool_gone(found: Holdup, snapshot: Snapshot) -> Said:
    name = plain((snapshot.job.pool_id if snapshot.job else None) or "")
    return (
        f"The job's pool {name} does not exist, so nothing can run. Make a pool of that name, or stop the job and "
        "convert the files again."
    ), "warning"


def _pool_deleted(found: Holdup, snapshot: Snapshot) -> Said:
    return "The pool is being deleted: nothing new starts in it.", "warning"


def _not_allocated(found: Holdup, snapshot: Snapshot) -> Said:
    there, wish = len(snapshot.nodes), wanted(snapshot.pool) if snapshot.pool else 0
    has = "no nodes" if not there else f"{there:,} of {count(wish, 'node')}"
    reasons = " ".join(sentence(reason) for reason in found.reasons)
    return f"The pool has {has}. {reasons}", "warning" if there else "error"


def _none_wanted(found: Holdup, snapshot: Snapshot) -> Said:
    return "The pool has no nodes. Resize it to give it some.", "warning"


def _none_there(found: Holdup, snapshot: Snapshot) -> Said:
    return ("The pool has no nodes yet, and Azure gives no reason. Resize it to ask again."), "warning"


def _start_task_failed(found: Holdup, snapshot: Snapshot) -> Said:
    why = sentence(found.nodes[0].error.removeprefix("The start task failed.").strip())
    text = (
        f"The start task failed on {_share(found, snapshot)}, so no task runs there. {why} "
        "Restart the node to try again, or make a pool with another start task."
    )
    return text.replace("  ", " "), "error" if len(found.nodes) == len(snapshot.nodes) else "warning"


def _start_task_runs(found: Holdup, snapshot: Snapshot) -> Said:
    lasts = snapshot.taken_at - min(node.since for node in found.nodes)
    if lasts < START_TASK_LONG:
        return (
            f"The start task runs on {_share(found, snapshot)} ({duration(lasts)} so far). Tasks start there when it "
            "has ended."
        ), "info"
    return (
        f"The start task has been running for {duration(lasts)} on {_share(found, snapshot)}; no task starts there "
        "before it ends. Its last lines tell what it is doing; if it hangs, remove the node, or make a pool with "
        "another start task."
    ), "warning"


def _unusable(found: Holdup, snapshot: Snapshot) -> Said:
    why = f" ({plain(found.reasons[0].rstrip('.'))})" if found.reasons else ""
    return (
        f"{_share(found, snapshot, verb='is', verbs='are')} out of order{why}. Batch tries to repair such nodes; "
        "if it does not succeed, remove them and resize the pool."
    ), "warning"


def _silent(found: Holdup, snapshot: Snapshot) -> Said:
    lasts = duration(snapshot.taken_at - min(node.since for node in found.nodes))
    return (
        f"Nothing has been heard of {_share(found, snapshot)} for {lasts}. What ran there starts again on other "
        "nodes. If it stays so, remove the node and resize the pool."
    ), "warning"


def _disabled(found: Holdup, snapshot: Snapshot) -> Said:
    if snapshot.job is not None and snapshot.job.state == "disabling":
        return "The job is being disabled: no more tasks start.", "warning"
    return "Somebody has disabled the job: nothing starts until it is enabled again.", "warning"


def _switched_off(found: Holdup, snapshot: Snapshot) -> Said:
    return (
        f"{_share(found, snapshot, verb='takes', verbs='take')} no tasks: somebody has switched that off."
    ), "warning"


def _slots_too_few(found: Holdup, snapshot: Snapshot) -> Said:
    most, verb = max(task.slots for task in found.tasks), "needs" if found.waiting == 1 else "need"
    return (
        f"{count(found.waiting, 'task')} {verb} up to {count(most, 'slot')} on one node, and a node of this pool has "
        f"{snapshot.slots:,}. Make a pool with more slots a node, and start the job there."
    ), "warning"


def _slots_taken(found: Holdup, snapshot: Snapshot) -> Said:
    slots = count(len(found.nodes) * snapshot.slots, "slot")
    return (
        f"Other jobs take all {slots} of the pool; {_waits(found.waiting)} for a free one. More nodes help."
    ), "warning"


def _parent_failed(found: Holdup, snapshot: Snapshot) -> Said:
    one = len(found.tasks) == 1
    whose = (
        f"{plain(found.tasks[0].name)}, which failed" if one else f"{len(found.tasks):,} tasks that failed"
    )
    return (
        f"{_waits(found.waiting)} for {whose}: without {'it' if one else 'them'} nothing of that starts."
    ), "warning"


def _parent_missing(found: Holdup, snapshot: Snapshot) -> Said:
    return (
        f"{_waits(found.waiting)} for tasks that this job does not have. They start if these are added."
    ), "warning"


def _parent_not_done(found: Holdup, snapshot: Snapshot) -> Said:
    some = found.tasks
    what = f"**{plain(some[0].name)}**" if len(some) == 1 else f"{len(some):,} others" if some else "others"
    return f"{_waits(found.waiting)} until {what} {'has' if len(some) == 1 else 'have'} ended.", "info"


def _preempted(found: Holdup, snapshot: Snapshot) -> Said:
    return (
        f"Azure has taken back {_share(found, snapshot, of='Spot node')}. What ran there starts again when a node is "
        "free; dedicated nodes are not taken back."
    ), "warning"


_SAID: dict[str, Callable[[Holdup, Snapshot], Said]] = {
    "cannot start": _cannot_start,
    "pool gone": _pool_gone,
    "pool deleted": _pool_deleted,
    "quota": _not_allocated,
    "allocation": _not_allocated,
    "no nodes wanted": _none_wanted,
    "no nodes": _none_there,
    "start task failed": _start_task_failed,
    "start task runs": _start_task_runs,
    "unusable": _unusable,
    "silent": _silent,
    "disabled": _disabled,
    "switched off": _switched_off,
    "slots too few": _slots_too_few,
    "slots taken": _slots_taken,
    "parent failed": _parent_failed,
    "parent missing": _parent_missing,
    "parent not done": _parent_not_done,
    "preempted": _preempted,
}


def _share(found: Holdup, snapshot: Snapshot, *, of: str = "node", verb: str = "", verbs: str = "") -> str:
    """2 of 5 nodes, or all 5 nodes; with a verb that agrees."""
    some, every = len(found.nodes), len(snapshot.nodes)
    if some == every:
        told = {1: f"the only {of}", 2: f"both {of}s"}.get(every, f"all {every:,} {of}s")
    else:
        told = f"{some:,} of {count(every, of)}"
    if not verb:
        return told
    said = f"{told} {verb if some == 1 else verbs}"
    return said[0].upper() + said[1:]


def _waits(tasks: int) -> str:
    return f"{count(tasks, 'task')} {'waits' if tasks == 1 else 'wait'}"


def _so_far(since: datetime | None, snapshot: Snapshot) -> str:
    return f" ({duration(snapshot.taken_at - since)} so far)" if since else ""
