"""Taking up where an earlier life of the service ended, however it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_azure.batch.engine.boot import COMING
from local_azure.batch.engine.nodes import resting
from local_azure.batch.store import RunRow
from local_azure.processes import ProcessIdentity

if TYPE_CHECKING:
    from local_azure.batch.engine import Engine

_PASSING_JOBS = ("disabling", "enabling", "terminating", "deleting")


async def recover(engine: Engine) -> None:
    """End what was left running, put its tasks back in the queue, go on with everything half done."""
    rows = engine.store.runs()
    known = [ProcessIdentity(row.pid, row.created or 0.0) for row in rows if row.pid is not None]
    await engine.runner.end_orphans(known, engine.nodes_dir)
    engine.runner.tidy()
    with engine.store.transaction():
        engine.store.release_all()
        _take_seats(engine)
        for row in rows:
            _take_up(engine, row)
        _resume_jobs(engine)
        _resume_nodes(engine)
        _resume_pools(engine)
    kept = engine.store.folders()
    for folder in engine.nodes_dir.iterdir():
        if folder.name not in kept:
            engine.runner.discard(folder)


def _take_seats(engine: Engine) -> None:
    for pool in engine.store.all("pools"):
        for doc in engine.store.all("nodes", pool["id"]):
            folder: str = engine.store.column("nodes", "folder", pool["id"], doc["id"])
            number: int = engine.store.column("nodes", "number", pool["id"], doc["id"])
            seat = engine.nodes.take_seat(pool, doc, folder, number)
            if doc["runningTasksCount"]:
                state = resting(doc) if doc["state"] == "running" else None
                engine.nodes.set(seat, state, runningTasksCount=0, runningTaskSlotsCount=0)
        engine.scheduler.wake(pool["id"])


def _take_up(engine: Engine, row: RunRow) -> None:
    """Decide about one run that was under way."""
    job = engine.store.get("jobs", row.job) if row.job else None
    task = engine.store.get("tasks", row.job, row.task) if row.job and row.task else None
    ours = task is not None and (task.get("nodeInfo") or {}).get("nodeId") == row.node
    if job is None or task is None or not ours or task["state"] != "running":
        engine.store.end_run(row.token)
        return
    seat = engine.nodes.seat(row.pool, row.node)
    if job["state"] in ("terminating", "deleting"):
        engine.store.end_run(row.token)
        engine.tasks.complete_lost(job, task)
    elif row.exit_code is not None and seat is not None:
        engine.tasks.resume(job, task, seat, row)
    else:
        engine.store.end_run(row.token)
        engine.tasks.requeue(job, task, counted=False)


def _resume_jobs(engine: Engine) -> None:
    for job in engine.store.jobs_in("active", "disabled", "disabling", "enabling"):
        engine.jobs.watch_time(job)
    for job in engine.store.jobs_in(*_PASSING_JOBS):
        engine.jobs.settle(job["id"])


def _resume_nodes(engine: Engine) -> None:
    for seat in engine.nodes.seats():
        doc = engine.nodes.get(seat.pool, seat.node)
        unfinished = doc.get("startTaskInfo", {}).get("state") == "running"
        if doc["state"] in COMING or unfinished:
            engine.boot.begin(seat)
        elif doc["state"] == "leavingpool":
            engine.nodes.retire(seat, "requeue")
        elif doc["state"] == "preempted":
            engine.simulating.preempted(seat)


def _resume_pools(engine: Engine) -> None:
    for pool in engine.store.all("pools"):
        if pool["state"] == "deleting":
            engine.allocation.delete(pool["id"])
        elif pool["allocationState"] == "resizing":
            engine.allocation.resize(pool["id"])
        elif pool["allocationState"] == "stopping":
            engine.allocation.stop(pool["id"])
