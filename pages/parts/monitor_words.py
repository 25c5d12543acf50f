"""What a snapshot says in one sentence: what goes on, or what holds it up and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from batch_core.monitor import Snapshot
from pages.charts.labels import duration
from pages.charts.palette import ERROR, IDLE, RUNNING, STARTING, node_family
from pages.shell.words import count, plain

_ENDED = {
    "UserTerminate": "It was stopped",
    "MaxWallClockTimeExpiry": "It was stopped at its time limit",
}
_JOB_STATES = {
    "disabling": "The job is being disabled: nothing new starts.",
    "disabled": "The job is disabled: nothing starts until it is enabled again.",
    "enabling": "The job is being enabled again.",
    "terminating": "The job is being stopped.",
}


@dataclass(frozen=True)
class Line:
    """A sentence and how loud it is."""

    text: str
    kind: Literal["info", "warning", "error", "success"] = "info"

    @property
    def icon(self) -> str:
        return {
            "info": ":material/info:",
            "warning": ":material/warning:",
            "error": ":material/error:",
            "success": ":material/check_circle:",
        }[self.kind]


def settled(snapshot: Snapshot) -> bool:
    """Whether the job that is watched is over and its last picture complete."""
    return snapshot.job is not None and snapshot.job.over and not snapshot.counts.running


def elapsed(snapshot: Snapshot) -> timedelta:
    """How long the job has been going on, or went on."""
    job = snapshot.job
    if job is None:
        return timedelta(0)
    end = job.ended or snapshot.taken_at
    return max(timedelta(0), end - job.created)


def state_line(snapshot: Snapshot, *, local: bool = False) -> Line | None:
    """The sentence for a snapshot; None when there is nothing that the numbers do not say."""
    job = snapshot.job
    if job is not None and job.over:
        return _over(snapshot)
    for look in (_job_trouble, _pool_trouble, _node_trouble):
        if line := look(snapshot):
            return line
    if not snapshot.nodes:
        return _no_nodes(snapshot, local)
    return _at_work(snapshot)


def _over(snapshot: Snapshot) -> Line:
    counts, job = snapshot.counts, snapshot.job
    took = duration(elapsed(snapshot))
    if job.reason in _ENDED:
        return Line(
            f"{_ENDED[job.reason]} after {took}: {counts.succeeded:,} of {counts.total:,} done.", "warning"
        )
    if counts.failed:
        others = {"failed": counts.failed - snapshot.stopped, "stopped": snapshot.stopped}
        told = ", ".join(f"{number:,} {word}" for word, number in others.items() if number)
        return Line(f"Ended after {took}: {counts.succeeded:,} done, {told}.", "warning")
    return Line(
        f"All {counts.total:,} done in {took}." if counts.total > 1 else f"Done in {took}.", "success"
    )


def _job_trouble(snapshot: Snapshot) -> Line | None:
    job = snapshot.job
    if job is None:
        return None
    if job.error:
        return Line(f"The job can't start: {plain(job.error)}", "error")
    if job.state in _JOB_STATES:
        return Line(_JOB_STATES[job.state], "warning")
    return None


def _pool_trouble(snapshot: Snapshot) -> Line | None:
    pool = snapshot.pool
    if pool is None:
        gone = snapshot.job is not None and snapshot.job.pool_id is not None
        return (
            Line("The job's pool does not exist any more, so nothing can run.", "warning") if gone else None
        )
    if pool.errors:
        return Line(f"The pool has a problem: {plain(pool.errors[0])}", "warning")
    return None


def _node_trouble(snapshot: Snapshot) -> Line | None:
    broken = [node for node in snapshot.nodes if node_family(node.state) is ERROR]
    if not broken:
        return None
    failed = [node for node in broken if node.state == "starttaskfailed"]
    if failed:
        why = plain(failed[0].error).removeprefix("The start task failed.").strip()
        return Line(f"The start task failed on {count(len(failed), 'node')}. {why}".strip(), "warning")
    return Line(f"{count(len(broken), 'node')} of {len(snapshot.nodes):,} can't be used.", "warning")


def _no_nodes(snapshot: Snapshot, local: bool) -> Line | None:
    pool = snapshot.pool
    if pool is None:
        return Line("The pool is being made.") if snapshot.job else None
    wanted = pool.target_dedicated + pool.target_spot
    if not wanted:
        return Line("The pool has no nodes: resize it on the page Pool.", "warning")
    if local:
        return Line(f"No nodes yet: {count(wanted, 'node')} on this computer will be there in a moment.")
    since = f" ({duration(snapshot.taken_at - pool.created)} so far)" if pool.created else ""
    return Line(f"No nodes yet: Azure is allocating {wanted:,}{since}.")


def _at_work(snapshot: Snapshot) -> Line | None:
    families = [node_family(node.state) for node in snapshot.nodes]
    starting, idle, busy = (families.count(family) for family in (STARTING, IDLE, RUNNING))
    counts = snapshot.counts
    if snapshot.job is None:
        return None
    if not counts.total:
        return Line("The job has no tasks yet.")
    if counts.running:
        queue = f"; {counts.active:,} wait for a free node" if counts.active else ""
        verb = "runs" if counts.running == 1 else "run"
        return Line(
            f"{count(counts.running, 'task')} {verb} on {busy or 1:,} of {count(len(families), 'node')}{queue}."
        )
    if counts.active and starting and not idle:
        return Line(
            f"{count(starting, 'node')} of {len(families):,} still starting; {counts.active:,} wait for them."
        )
    if counts.active:
        return Line(f"{count(counts.active, 'task')} wait to be taken by {count(idle, 'idle node')}.")
    end = "is about to" if snapshot.job.ours else "stays open until it is stopped"
    return Line(f"Every task has ended; the job {end}.")
