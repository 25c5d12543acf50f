"""What a snapshot says in one sentence: what goes on, or what holds it up and what to do about it."""

from __future__ import annotations

from datetime import timedelta

from batch_core.monitor import Snapshot
from pages.charts.labels import duration
from pages.charts.palette import IDLE, RUNNING, STARTING, node_family
from pages.parts.pool_words import Line, held_up, no_nodes
from pages.shell.words import count

_ENDED = {
    "UserTerminate": "It was stopped",
    "MaxWallClockTimeExpiry": "It was stopped at its time limit",
}
_JOB_STATES = {
    "enabling": "The job is being enabled again.",
    "terminating": "The job is being stopped.",
}


def settled(snapshot: Snapshot) -> bool:
    """Whether the job that is watched is over and its last picture complete."""
    over = snapshot.job is not None and snapshot.job.over
    return over and not snapshot.counts.running and not snapshot.asking


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
    if job is not None and job.state in _JOB_STATES:
        return Line(_JOB_STATES[job.state], "warning")
    if line := held_up(snapshot, local):
        return line
    if snapshot.pool is None and job is not None and job.pool_id is None:
        return Line("The pool is being made.")
    return no_nodes(snapshot, local) or _at_work(snapshot)


def _over(snapshot: Snapshot) -> Line:
    counts, job = snapshot.counts, snapshot.job
    took = duration(elapsed(snapshot))
    if job.reason in _ENDED:
        failed = counts.failed - snapshot.stopped
        told = f", {failed:,} failed" if failed else ""
        return Line(
            f"{_ENDED[job.reason]} after {took}: {counts.succeeded:,} of {counts.total:,} done{told}.",
            "warning",
        )
    if counts.failed:
        others = {"failed": counts.failed - snapshot.stopped, "stopped": snapshot.stopped}
        told = ", ".join(f"{number:,} {word}" for word, number in others.items() if number)
        return Line(f"Ended after {took}: {counts.succeeded:,} done, {told}.", "warning")
    return Line(
        f"All {counts.total:,} done in {took}." if counts.total > 1 else f"Done in {took}.", "success"
    )


def _at_work(snapshot: Snapshot) -> Line | None:
    families = [node_family(node.state) for node in snapshot.nodes]
    starting, idle, busy = (families.count(family) for family in (STARTING, IDLE, RUNNING))
    counts = snapshot.counts
    if snapshot.job is None:
        return None
    if not counts.total:
        return Line("The job has no tasks yet.")
    if counts.running:
        queue = f"; {counts.active:,} {_wait(counts.active)}{_for_what(snapshot)}" if counts.active else ""
        verb = "runs" if counts.running == 1 else "run"
        return Line(
            f"{count(counts.running, 'task')} {verb} on {busy or 1:,} of {count(len(families), 'node')}{queue}."
        )
    if counts.active and starting and not idle:
        return Line(
            f"{count(starting, 'node')} of {len(families):,} still starting; {counts.active:,} {_wait(counts.active)} for them."
        )
    if counts.active:
        taker = count(idle, "idle node") if idle else "a node"
        return Line(f"{count(counts.active, 'task')} {_wait(counts.active)} to be taken by {taker}.")
    end = "ends in a moment" if snapshot.job.ours else "stays open until it is stopped"
    bad = counts.failed - snapshot.stopped
    return Line(
        f"Every task has ended{f', {bad:,} failed' if bad else ''}; the job {end}.",
        "warning" if bad else "info",
    )


def _for_what(snapshot: Snapshot) -> str:
    """What the tasks that wait beside running ones wait for: a node, or the job's own limit, though nodes are free."""
    most = snapshot.job.at_once if snapshot.job else None
    if most is None or snapshot.counts.running < most:
        return " for a free node"
    return f", as the job runs at most {count(most, 'task')} at once"


def _wait(tasks: int) -> str:
    return "waits" if tasks == 1 else "wait"
