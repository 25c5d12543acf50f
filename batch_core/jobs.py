"""Runs: one job that makes one thing of each of its files, launched so that doing it twice does it once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from azure.batch import models

from batch_core import manifests
from batch_core.account import Account
from batch_core.conversions import Options, options_from, stored
from batch_core.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    QuotaError,
    ServiceFailure,
    translated,
)
from batch_core.failures import Failure, failure, reason_in_words
from batch_core.launching import JOB_ENDED, PATIENCE, Progress, add_tasks, insist, tasks_of
from batch_core.manifests import Manifest, ManifestFile
from batch_core.plans import DEFAULT_WALL_CLOCK, Plan, manifest_of, what_will_happen
from batch_core.pools import auto_pool
from batch_core.storage import APP, INPUTS, ensure_containers
from batch_core.times import moment, time_limit

__all__ = [
    "DEFAULT_WALL_CLOCK",
    "Failure",
    "Manifest",
    "ManifestFile",
    "Plan",
    "Run",
    "complete",
    "failure",
    "get_run",
    "launch",
    "list_runs",
    "manifest",
    "run_from",
    "settled",
    "stop",
    "stop_task",
    "what_will_happen",
]

SELECT = (
    "id,displayName,state,stateTransitionTime,creationTime,poolInfo,executionInfo,metadata,constraints,"
    "maxParallelTasks"
)
STOP_SECONDS = 30
DELETED = "deleted"  # the state of a run whose job is gone: its manifest tells of it
SHORT_PATIENCE = 10.0  # seconds: somebody waits for a button's effect


@dataclass(frozen=True)
class Run:
    """A job as the app shows it; `ours` is False for one that another program made (then it has no settings).

    Its state is Batch's word, or DELETED.
    """

    id: str
    name: str
    state: str
    conversion: str
    options: Options
    pool_id: str | None
    created: datetime
    ended: datetime | None
    total: int
    parent: str | None
    attempt: int
    ours: bool
    reason: str = ""  # why it ended, in Batch's word: AllTasksComplete, UserTerminate, MaxWallClockTimeExpiry
    error: str = ""  # why it could not start
    limit: timedelta | None = None  # after its creation, when all that still runs is ended
    at_once: int | None = None  # tasks that may run at the same time, where that is limited
    sample: bool = False  # it only tries what a part of the files becomes

    @property
    def over(self) -> bool:
        """Whether nothing will run in it any more."""
        return self.state in ("completed", "deleting", DELETED)


def run_from(doc: Mapping[str, Any]) -> Run:
    """The Run for a job in the wire's names."""
    info = doc.get("executionInfo") or {}
    scheduling = info.get("schedulingError") or {}
    settings = _settings(doc)
    return Run(
        id=doc["id"],
        name=doc.get("displayName") or doc["id"],
        state=str(doc.get("state", "active")).lower(),
        conversion=settings.get("conversion", ""),
        options=settings["options"] if settings else Options(),
        pool_id=info.get("poolId") or (doc.get("poolInfo") or {}).get("poolId"),
        created=moment(doc.get("creationTime")) or datetime.fromtimestamp(0, UTC),
        ended=moment(info.get("endTime")),
        total=settings.get("total", 0),
        parent=settings.get("parent"),
        attempt=settings.get("attempt", 1),
        ours=bool(settings),
        reason=info.get("terminateReason") or "",
        error=reason_in_words(scheduling.get("code") or "", scheduling.get("message") or "", None),
        limit=time_limit((doc.get("constraints") or {}).get("maxWallClockTime")),
        at_once=most if (most := doc.get("maxParallelTasks", -1)) >= 0 else None,
        sample=bool(settings.get("sample")),
    )


def _settings(doc: Mapping[str, Any]) -> dict[str, Any]:
    items = {item.get("name"): item.get("value") for item in doc.get("metadata") or ()}
    if items.get("app") != APP:
        return {}
    try:
        settings = orjson.loads(items.get("settings") or "")
    except ValueError:
        return {}
    if not isinstance(settings, dict):
        return {}
    try:
        return settings | {"options": options_from(settings.get("options") or {})}
    except (AttributeError, InvalidInput):
        return settings | {"options": Options()}


def launch(account: Account, plan: Plan, progress: Progress | None = None) -> Run:
    """Starts a run, or attaches to it when it was started before, and completes what is missing of it.

    In this order: manifest, job (with its time limit), tasks, then the job's end with its last task. `progress`
    is called with tasks added and tasks in all. Raises InvalidInput, NotFound when no file is left in storage,
    QuotaError, and the service's last error when it fails for a minute; the same plan can then be launched again.
    """
    account.require_writable()
    ensure_containers(account)
    wanted = manifest_of(plan)
    _require_inputs(account, plan)
    kept = manifests.keep(account, wanted)
    try:
        attached = insist(lambda: _create_job(account, plan), SHORT_PATIENCE)
    except (InvalidInput, QuotaError, Conflict):
        manifests.forget(account, kept.run_id)
        raise
    if attached and settled(attached):
        return run_from(attached)
    return complete(account, kept, progress)


def _require_inputs(account: Account, plan: Plan) -> None:
    """Raises NotFound when all files are gone and the run is still to be made of them; one that is, fails alone."""
    with translated("look for the files"):
        stored = set(account.blobs.get_container_client(INPUTS).list_blob_names())
    if any(file.blob in stored for file in plan.files) or _exists(account, plan.run_id):
        return
    files = f"{plan.files[0].name} is" if len(plan.files) == 1 else f"The {len(plan.files):,} files are"
    raise NotFound(
        f"{files} no longer in storage, so nothing was started.", "Add them on the Files page again."
    )


def _exists(account: Account, run_id: str) -> bool:
    try:
        get_run(account, run_id)
    except NotFound:
        return False
    return True


def _create_job(account: Account, plan: Plan) -> dict[str, Any] | None:
    """Creates the job; returns it in the wire's names when it was there before."""
    settings = {
        "conversion": plan.conversion,
        "options": stored(plan.options),
        "total": len(plan.files),
        "parent": plan.parent,
        "attempt": plan.attempt,
        "sample": plan.sample,
    }
    job = models.BatchJobCreateOptions(
        id=plan.run_id,
        display_name=(plan.name or plan.run_id)[:1024],
        pool_info=_pool_info(plan),
        constraints=models.BatchJobConstraints(max_wall_clock_time=plan.wall_clock),
        metadata=[
            models.BatchMetadataItem(name="app", value=APP),
            models.BatchMetadataItem(name="settings", value=orjson.dumps(settings).decode()),
        ],
    )
    try:
        with translated("start the run"):
            account.batch.create_job(job)
        return None
    except Conflict as error:
        if error.code != "JobExists":
            raise
    with translated("find the run"):
        there = dict(account.batch.get_job(plan.run_id).as_dict())
    if not run_from(there).ours:
        raise Conflict(f"Another program has made a job named {plan.run_id}.", "Start the run once more.")
    return there


def _pool_info(plan: Plan) -> models.BatchPoolInfo:
    if plan.pool_id:
        return models.BatchPoolInfo(pool_id=plan.pool_id)
    if plan.spec is None:
        raise InvalidInput("No pool is chosen.", "Choose a pool, or let one be made for the run.")
    return auto_pool(plan.spec)


def settled(job: Mapping[str, Any]) -> bool:
    """Whether a job's launch is over: it ends with its tasks, or has ended already."""
    if str(job.get("state", "")).lower() == "deleting":
        raise Conflict("The run is being deleted.", "Start a new one.", code="JobBeingDeleted")
    return (
        str(job.get("onAllTasksComplete", "")).lower() == "terminatejob"
        or str(job.get("state", "")).lower() != "active"
    )


def complete(account: Account, kept: Manifest, progress: Progress | None = None) -> Run:
    """Adds the tasks that are missing, and then tells the job to end with its last task."""
    try:
        add_tasks(account, kept.run_id, tasks_of(account, kept), progress)
        insist(lambda: _end_with_last_task(account, kept.run_id), PATIENCE)
    except Conflict as error:
        if error.code not in JOB_ENDED:
            raise
    return insist(lambda: get_run(account, kept.run_id), SHORT_PATIENCE)


def _end_with_last_task(account: Account, job_id: str) -> None:
    with translated("complete the run"):
        account.batch.update_job(job_id, models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob"))


def list_runs(account: Account) -> list[Run]:
    """The runs that this app started, newest first."""
    with translated("list the runs"):
        listed = account.batch.list_jobs(filter="startswith(id,'run-')", select=SELECT.split(","))
        runs = [run_from(job.as_dict()) for job in listed]
    return sorted((run for run in runs if run.ours), key=lambda run: run.created, reverse=True)


def get_run(account: Account, id: str) -> Run:
    """One job, whoever made it. Raises NotFound."""
    with translated("find the run"):
        return run_from(account.batch.get_job(id, select=SELECT.split(",")).as_dict())


def manifest(account: Account, run_id: str) -> Manifest:
    """What becomes what in a run. Raises NotFound."""
    return manifests.read(account, run_id)


def stop(account: Account, id: str) -> None:
    """Ends a job and what runs in it; one that has ended is fine. Waits for its end, at most half a minute."""
    account.require_writable()
    try:
        with translated("stop the run"):
            # options are needed, or the SDK refuses before it sends anything (azure-sdk-for-python#46815)
            poller = account.batch.begin_terminate_job(
                id,
                options={"terminateReason": "UserTerminate"},  # type: ignore[arg-type]
                polling_interval=1,
            )
            poller.wait(STOP_SECONDS)
    except Conflict as error:
        if error.code not in JOB_ENDED:
            raise
        return
    if poller.status() == "Failed" and get_run(account, id).state in ("active", "enabling"):
        raise ServiceFailure("The run was told to stop, but it still runs.", "Stop it again.")


def stop_task(account: Account, run_id: str, task_id: str) -> None:
    """Ends one task of a job, also one that waits; the others go on. One that has ended is fine."""
    account.require_writable()
    try:
        with translated("stop the task"):
            account.batch.terminate_task(run_id, task_id)
    except Conflict as error:
        if error.code not in {*JOB_ENDED, "TaskCompleted"}:
            raise
