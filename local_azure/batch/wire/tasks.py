"""Bodies about tasks, checked and filled with the defaults that recorded answers of the service show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local_azure.batch.errors import BatchError, invalid_property
from local_azure.batch.wire.checks import (
    Body,
    check_commands,
    check_id,
    check_name,
    check_packages,
    check_range,
    user_identity,
)
from local_azure.batch.wire.jobs import TASK_LIMITS
from local_azure.batch.wire.schema import filled, read_model
from local_azure.batch.wire.unsupported import refuse_in_task

MOST_IN_COLLECTION = 100
_DEPENDENCY_CHARACTERS = 64_000


def task_document(value: Any, job: Body) -> Body:
    """The document of a task to create in the stored `job`. Raises BatchError for a body the service would refuse.

    The task takes the job's number of retries, not its wall-clock limit [recorded 2023].
    """
    body = read_model("BatchTaskCreateOptions", value)
    check_id(body)
    check_name(body)
    check_commands(body)
    check_packages(body)
    check_range(body, "requiredSlots", 1, 256)
    _check_dependencies(body.get("dependsOn", {}), job)
    _check_exits(body.get("exitConditions", {}), job)
    refuse_in_task(body, job)
    full = {
        **body,
        "userIdentity": user_identity(body),
        "constraints": _constraints(body.get("constraints", {}), job),
    }
    return filled("BatchTaskCreateOptions", full, {"requiredSlots": 1})


def task_replacement(value: Any, job: Body) -> Body:
    """What a PUT on a task puts in place: its constraints, with defaults for what is absent."""
    body = read_model("BatchTaskReplaceOptions", value)
    return {"constraints": _constraints(body.get("constraints", {}), job)}


def task_bodies(value: Any) -> list[Any]:
    """The task bodies of a collection, not yet read: each may be refused by itself."""
    if not isinstance(value, dict) or not isinstance(value.get("value"), list):
        raise BatchError(
            "InvalidRequestBody", ("Reason", "The body must be an object with a list named 'value'")
        )
    bodies = value["value"]
    if len(bodies) > MOST_IN_COLLECTION:
        reason = f"A collection must have at most {MOST_IN_COLLECTION} tasks"
        raise invalid_property("value", reason, len(bodies))
    return list(bodies)


def _constraints(body: Body, job: Body) -> Body:
    check_range(body, "maxTaskRetryCount", -1, 2**31 - 1)
    retries = job["constraints"]["maxTaskRetryCount"]
    return filled("BatchTaskConstraints", body, {**TASK_LIMITS, "maxTaskRetryCount": retries})


def _check_dependencies(body: Body, job: Body) -> None:
    if not body:
        return
    if not job["usesTaskDependencies"]:
        raise BatchError("TaskDependenciesNotSpecifiedOnJob")
    if sum(map(len, body.get("taskIds", []))) > _DEPENDENCY_CHARACTERS:
        raise BatchError("TaskDependencyListTooLong")
    for span in body.get("taskIdRanges", []):
        if not 0 <= span["start"] <= span["end"]:
            raise invalid_property("taskIdRanges", "A range must not begin after its end", span["start"])


def _options(conditions: Body) -> Iterator[Body]:
    for listed in ("exitCodes", "exitCodeRanges"):
        for mapping in conditions.get(listed, []):
            yield mapping["exitOptions"]
    for name in ("preProcessingError", "fileUploadError", "default"):
        if name in conditions:
            yield conditions[name]


def _check_exits(conditions: Body, job: Body) -> None:
    """A job action only where the job asks for exit options, a dependency action only where tasks may depend."""
    for options in _options(conditions):
        if "jobAction" in options and job["onTaskFailure"] == "noaction":
            reason = "A job action needs a job whose onTaskFailure is performexitoptionsjobaction"
            raise invalid_property("jobAction", reason, options["jobAction"])
        if "dependencyAction" in options and not job["usesTaskDependencies"]:
            raise BatchError("TaskDependenciesNotSpecifiedOnJob")
