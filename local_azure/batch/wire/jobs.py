"""Bodies about jobs, checked and filled with the defaults that recorded answers of the service show."""

from __future__ import annotations

from typing import Any

from local_azure.batch.errors import BatchError, invalid_property
from local_azure.batch.wire.checks import (
    MINUTE,
    Body,
    check_commands,
    check_id,
    check_metadata,
    check_name,
    check_packages,
    check_range,
    user_identity,
)
from local_azure.batch.wire.pools import pool_specification
from local_azure.batch.wire.schema import filled, read_model
from local_azure.batch.wire.times import NO_LIMIT, duration_ticks

TASK_LIMITS = {"maxWallClockTime": NO_LIMIT, "retentionTime": "P7D", "maxTaskRetryCount": 0}
"""The constraints of a task that says nothing."""

_DEFAULTS = {
    "priority": 0,
    "maxParallelTasks": -1,
    "usesTaskDependencies": False,
    "allowTaskPreemption": False,
    "constraints": {},
    "onAllTasksComplete": "noaction",
    "onTaskFailure": "noaction",
}
_REPLACED = ("priority", "maxParallelTasks", "allowTaskPreemption", "constraints", "onAllTasksComplete")


def job_document(value: Any) -> Body:
    """The document of a job to create. Raises BatchError for a body the service would refuse."""
    body = filled("BatchJobCreateOptions", read_model("BatchJobCreateOptions", value), _DEFAULTS)
    check_id(body)
    check_name(body)
    full = _parts(body)
    retries = full["constraints"]["maxTaskRetryCount"]
    if "jobManagerTask" in full:
        full["jobManagerTask"] = _manager(full["jobManagerTask"], retries)
    if "jobPreparationTask" in full:
        full["jobPreparationTask"] = _preparation(full["jobPreparationTask"])
    if "jobReleaseTask" in full:
        if "jobPreparationTask" not in full:
            raise invalid_property("jobReleaseTask", "A job release task needs a job preparation task")
        full["jobReleaseTask"] = _release(full["jobReleaseTask"])
    return full


def job_changes(value: Any, job: Body) -> Body:
    """The properties that a PATCH changes, each replaced as a whole; `job` is the stored document.

    Patched constraints that name only one limit set the other back to its default [recorded 2022].
    """
    return _allowed(_parts(read_model("BatchJobUpdateOptions", value)), job)


def job_replacement(value: Any, job: Body) -> dict[str, Any]:
    """What a PUT puts in place: absent properties go back to their defaults; None for what is removed.

    The job's special tasks, environment and `onTaskFailure` stay [recorded 2022, 2026].
    """
    body = read_model("BatchJobUpdateOptions", value)
    if "poolInfo" not in body:
        raise BatchError("MissingRequiredProperty", ("PropertyName", "poolInfo"))
    changes = _parts({**{name: _DEFAULTS[name] for name in _REPLACED}, **body})
    return {"metadata": None, **_allowed(changes, job)}


def _allowed(changes: Body, job: Body) -> Body:
    """Refuse what only a disabled job may change, and the way back from ending with the last task."""
    if "poolInfo" in changes and job["state"] != "disabled" and not _same_pool(changes["poolInfo"], job):
        raise BatchError("JobNotActive" if job["state"] != "active" else "OperationInvalidForCurrentState")
    if changes.get("onAllTasksComplete") == "noaction" and job["onAllTasksComplete"] == "terminatejob":
        raise invalid_property("onAllTasksComplete", "The value cannot go back to noaction", "noaction")
    return changes


def _same_pool(wanted: Body, job: Body) -> bool:
    """Equal, but for what an auto pool may change: whether it is kept."""
    now = job["poolInfo"]
    if "autoPoolSpecification" in wanted and "autoPoolSpecification" in now:
        keep = now["autoPoolSpecification"].get("keepAlive")
        return {**wanted["autoPoolSpecification"], "keepAlive": keep} == now["autoPoolSpecification"]
    return bool(wanted == now)


def _parts(body: Body) -> Body:
    """Checks and defaults of the properties that creating and updating a job share."""
    check_metadata(body)
    check_range(body, "priority", -1000, 1000)
    check_range(body, "maxParallelTasks", -1, 2**31 - 1)
    full = dict(body)
    if "constraints" in full:
        limits = {"maxWallClockTime": NO_LIMIT, "maxTaskRetryCount": 0}
        check_range(full["constraints"], "maxTaskRetryCount", -1, 2**31 - 1)
        full["constraints"] = {**limits, **full["constraints"]}
    if "poolInfo" in full:
        full["poolInfo"] = _pool_info(full["poolInfo"])
    return full


def _pool_info(body: Body) -> Body:
    if ("poolId" in body) == ("autoPoolSpecification" in body):
        raise invalid_property("poolInfo", "Exactly one of poolId and autoPoolSpecification must be given")
    if "poolId" in body:
        check_id(body, "poolId")
        return body
    auto = body["autoPoolSpecification"]
    if len(auto.get("autoPoolIdPrefix", "")) > 20:
        raise invalid_property("autoPoolIdPrefix", "The value must have at most 20 characters")
    if auto["poolLifetimeOption"] != "job":
        raise invalid_property(
            "poolLifetimeOption", "Only a job schedule's job may use jobschedule", "jobschedule"
        )
    if "pool" not in auto:
        raise BatchError("MissingRequiredProperty", ("PropertyName", "pool"))
    auto = {**auto, "pool": pool_specification(auto["pool"])}
    return {"autoPoolSpecification": filled("BatchAutoPoolSpecification", auto, {"keepAlive": False})}


def _special(body: Body, default_id: str) -> Body:
    """What the job's own tasks share: commands, files, identity, id."""
    check_commands(body)
    check_packages(body)
    full = {"id": default_id, **body, "userIdentity": user_identity(body)}
    check_id(full)
    return full


def _manager(body: Body, retries: int) -> Body:
    """The job manager takes the job's number of retries at its creation [recorded 2022]."""
    full = _special(body, body["id"])
    full["constraints"] = {**TASK_LIMITS, "maxTaskRetryCount": retries, **full.get("constraints", {})}
    defaults = {
        "requiredSlots": 1,
        "runExclusive": True,
        "allowLowPriorityNode": True,
        "killJobOnCompletion": True,
    }
    return filled("BatchJobManagerTask", full, defaults)


def _preparation(body: Body) -> Body:
    full = _special(body, "jobpreparation")
    full["constraints"] = {**TASK_LIMITS, **full.get("constraints", {})}
    defaults = {"waitForSuccess": True, "rerunOnNodeRebootAfterSuccess": True}
    return filled("BatchJobPreparationTask", full, defaults)


def _release(body: Body) -> Body:
    full = _special(body, "jobrelease")
    if "maxWallClockTime" in full and duration_ticks(full["maxWallClockTime"]) > 15 * MINUTE:
        raise invalid_property(
            "maxWallClockTime", "The value must be at most 15 minutes", full["maxWallClockTime"]
        )
    return filled("BatchJobReleaseTask", full, {"maxWallClockTime": "PT15M", "retentionTime": "P7D"})
