"""Runs: one job that makes one thing of each of its files, launched so that doing it twice does it once."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from azure.batch import models

from batch_core import manifests
from batch_core.account import Account, AccountKind
from batch_core.conversions import Conversion, Options, command_line, conversion, refusal, result_names
from batch_core.errors import Conflict, InvalidInput, NotFound, QuotaError, ServiceFailure, translated
from batch_core.failures import Failure, failure
from batch_core.files import VideoFile
from batch_core.launching import JOB_ENDED, PATIENCE, Progress, add_tasks, insist, tasks_of
from batch_core.manifests import Manifest, ManifestFile
from batch_core.pools import LOCAL_POOL, PoolInfo, PoolSpec, auto_pool, get_pool, moment
from batch_core.storage import APP, ensure_containers

__all__ = [
    "Failure",
    "Manifest",
    "ManifestFile",
    "Plan",
    "Run",
    "failure",
    "finish_half_made",
    "get_run",
    "launch",
    "list_runs",
    "manifest",
    "run_from",
    "stop",
    "stop_task",
    "what_will_happen",
]

DEFAULT_WALL_CLOCK = timedelta(hours=2)
MOST_FILES = 9_999  # task ids are numbered in four digits
SELECT = "id,displayName,state,stateTransitionTime,creationTime,poolInfo,executionInfo,metadata"
STOP_SECONDS = 30
SHORT_PATIENCE = 10.0  # seconds: somebody waits for a button's effect


@dataclass(frozen=True)
class Plan:
    """What Convert is about to do. With `pool_id` None, `spec` makes a pool that goes away with the run.

    `nonce` tells two runs of the same files apart; a page makes it once for each time that it is filled in.
    """

    files: tuple[VideoFile, ...]
    conversion: str
    options: Options = field(default_factory=Options)
    pool_id: str | None = None
    spec: PoolSpec | None = None
    name: str = ""
    nonce: str = ""
    wall_clock: timedelta = DEFAULT_WALL_CLOCK
    parent: str | None = None
    attempt: int = 1

    @property
    def run_id(self) -> str:
        """The job's id: the same for the same plan, on any machine."""
        everything = {**asdict(self), "wall_clock": self.wall_clock.total_seconds()}
        text = orjson.dumps(everything, option=orjson.OPT_SORT_KEYS)
        return f"run-{hashlib.sha256(text).hexdigest()[:20]}"


@dataclass(frozen=True)
class Run:
    """A job as the app shows it; `ours` is False for one that another program made (then it has no settings)."""

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

    @property
    def over(self) -> bool:
        """Whether nothing will run in it any more."""
        return self.state in ("completed", "deleting")


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
        options=Options(**settings.get("options", {})),
        pool_id=info.get("poolId") or (doc.get("poolInfo") or {}).get("poolId"),
        created=moment(doc.get("creationTime")) or datetime.fromtimestamp(0, UTC),
        ended=moment(info.get("endTime")),
        total=settings.get("total", 0),
        parent=settings.get("parent"),
        attempt=settings.get("attempt", 1),
        ours=bool(settings),
        reason=info.get("terminateReason") or "",
        error=scheduling.get("message") or scheduling.get("code") or "",
    )


def _settings(doc: Mapping[str, Any]) -> dict[str, Any]:
    items = {item.get("name"): item.get("value") for item in doc.get("metadata") or ()}
    if items.get("app") != APP:
        return {}
    try:
        settings = orjson.loads(items.get("settings") or "")
    except ValueError:
        return {}
    return settings if isinstance(settings, dict) else {}


def what_will_happen(account: Account, plan: Plan) -> tuple[str, ...]:
    """The plan in sentences, for reading before the button is pressed. Asks the service for the pool."""
    count = len(plan.files)
    made = conversion(plan.conversion)
    first = "1 file becomes" if count == 1 else f"{count:,} files become"
    sentences = [f"{first} {made.label}."]
    sentences += _where(account, plan)
    sentences.append(f"What still runs after {_in_words(plan.wall_clock)} is stopped.")
    sentences.append("Your files stay as they are.")
    return tuple(sentences)


def _where(account: Account, plan: Plan) -> list[str]:
    they, local = "It runs" if len(plan.files) == 1 else "They run", account.kind is AccountKind.LOCAL
    if plan.pool_id is None:
        return _on_own_pool(they, plan.spec, local) if plan.spec else ["No pool is chosen yet."]
    try:
        return _on_pool(they, get_pool(account, plan.pool_id), local)
    except NotFound:
        return [f"The pool {plan.pool_id} does not exist any more: choose another."]


def _on_own_pool(they: str, spec: PoolSpec, local: bool) -> list[str]:
    nodes = _nodes(spec.dedicated, spec.spot)
    if local:
        return [f"{they} on {nodes} made for this run, which go away with it; nothing costs money."]
    return [
        f"{they} on {nodes} ({spec.vm_size}) that Azure starts for this run.",
        "The pool goes away by itself when the run ends; Azure charges for its nodes until then.",
    ]


def _on_pool(they: str, pool: PoolInfo, local: bool) -> list[str]:
    nodes = _nodes(max(pool.target_dedicated, pool.dedicated), max(pool.target_spot, pool.spot))
    if not pool.target_dedicated + pool.target_spot + pool.dedicated + pool.spot:
        return [f"The pool {pool.id} has no nodes: nothing runs until you resize it."]
    if local:
        where = "this computer" if pool.id == LOCAL_POOL else f"the pool {pool.id} on this computer"
        return [f"{they} on the {nodes} of {where}; nothing costs money."]
    return [
        f"{they} on the pool {pool.id}: {nodes}, {pool.vm_size}.",
        "The pool stays afterwards, and Azure charges for its nodes while they exist.",
    ]


def _nodes(dedicated: int, spot: int) -> str:
    if not spot:
        return "1 node" if dedicated == 1 else f"{dedicated:,} nodes"
    if not dedicated:
        return "1 Spot node" if spot == 1 else f"{spot:,} Spot nodes"
    return f"{dedicated:,} dedicated and {spot:,} Spot nodes"


def _in_words(span: timedelta) -> str:
    hours, minutes = divmod(max(1, round(span.total_seconds() / 60)), 60)
    parts = [f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in ((hours, "hour"), (minutes, "minute")) if n]
    return " ".join(parts)


def launch(account: Account, plan: Plan, progress: Progress | None = None) -> Run:
    """Starts a run, or attaches to it when it was started before, and completes what is missing of it.

    In this order: manifest, job (with its time limit), tasks, then the job's end with its last task. `progress`
    is called with tasks added and tasks in all. Raises InvalidInput, QuotaError, and the service's last error
    when it fails for a minute; the same plan can then be launched again.
    """
    account.require_writable()
    ensure_containers(account)
    kept = manifests.keep(account, _manifest(plan))
    try:
        attached = insist(lambda: _create_job(account, plan), SHORT_PATIENCE)
    except (InvalidInput, QuotaError, Conflict):
        manifests.forget(account, kept.run_id)
        raise
    if attached and _settled(attached):
        return run_from(attached)
    return _complete(account, kept, progress)


def _manifest(plan: Plan) -> Manifest:
    made = conversion(plan.conversion)
    if not plan.files:
        raise InvalidInput("No file is chosen.", "Choose at least one file.")
    if len(plan.files) > MOST_FILES:
        raise InvalidInput(
            f"One run takes at most {MOST_FILES:,} files.", "Start several runs, each with a part of them."
        )
    names = result_names(plan.files, made)
    files = tuple(
        _manifest_file(plan, made, number, file, names[file.id])
        for number, file in enumerate(plan.files, start=1)
    )
    return Manifest(
        run_id=plan.run_id,
        name=plan.name or plan.run_id,
        conversion=plan.conversion,
        options=plan.options,
        created=datetime.now(UTC),
        wall_clock=plan.wall_clock,
        parent=plan.parent,
        attempt=plan.attempt,
        files=files,
        pool_id=plan.pool_id,
        spec=None if plan.pool_id else plan.spec,
    )


def _manifest_file(plan: Plan, made: Conversion, number: int, file: VideoFile, result: str) -> ManifestFile:
    reason = refusal(made, file)
    if reason or not file.probe:
        raise InvalidInput(f"{file.name} can't be converted: {reason or 'it was not looked into yet.'}")
    try:
        command = command_line(made, plan.options, file.probe)
    except InvalidInput as error:
        raise InvalidInput(f"{file.name} can't be converted. {error.user_message}", error.hint) from None
    return ManifestFile(
        task_id=f"file-{number:04}",
        file_id=file.id,
        blob=file.blob,
        name=file.name,
        size=file.size,
        duration=file.probe.duration,
        result_name=result,
        extension=file.probe.extension,
        command=command,
    )


def _create_job(account: Account, plan: Plan) -> dict[str, Any] | None:
    """Creates the job; returns it in the wire's names when it was there before."""
    settings = {
        "conversion": plan.conversion,
        "options": asdict(plan.options),
        "total": len(plan.files),
        "parent": plan.parent,
        "attempt": plan.attempt,
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
        return dict(account.batch.get_job(plan.run_id).as_dict())


def _pool_info(plan: Plan) -> models.BatchPoolInfo:
    if plan.pool_id:
        return models.BatchPoolInfo(pool_id=plan.pool_id)
    if plan.spec is None:
        raise InvalidInput("No pool is chosen.", "Choose a pool, or let one be made for the run.")
    return auto_pool(plan.spec)


def _settled(job: Mapping[str, Any]) -> bool:
    """Whether a job's launch is over: it ends with its tasks, or has ended already."""
    if str(job.get("state", "")).lower() == "deleting":
        raise Conflict("The run is being deleted.", "Start a new one.", code="JobBeingDeleted")
    return (
        str(job.get("onAllTasksComplete", "")).lower() == "terminatejob"
        or str(job.get("state", "")).lower() != "active"
    )


def _complete(account: Account, kept: Manifest, progress: Progress | None = None) -> Run:
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


def finish_half_made(account: Account) -> list[str]:
    """Finishes launches that were cut off, or takes them back where the manifest is gone; ids of both.

    Safe while another launch is at work: a task that exists already is not added again.
    """
    account.require_writable()
    with translated("list the runs"):
        fields = [*SELECT.split(","), "onAllTasksComplete"]
        listed = account.batch.list_jobs(filter="state eq 'active' and startswith(id,'run-')", select=fields)
        half_made = [job.as_dict() for job in listed]
    touched = []
    for job in half_made:
        if run_from(job).ours and not _settled(job):
            try:
                _complete(account, manifests.read(account, job["id"]))
            except NotFound:
                stop(account, job["id"])
            touched.append(job["id"])
    return touched
