"""How the documents of pools, nodes, jobs and tasks are put together: order of fields, moves, failures."""

from __future__ import annotations

from typing import Any

from local_azure.batch.engine.clock import etag
from local_azure.batch.failure import Failure

Doc = dict[str, Any]


def _names(text: str) -> list[str]:
    return text.split()


# The order in which the real service writes the fields (recordings of 2022 to 2026).
POOL = _names(
    """id displayName url eTag lastModified creationTime state stateTransitionTime allocationState
    allocationStateTransitionTime vmSize resizeTimeout currentDedicatedNodes targetDedicatedNodes
    currentLowPriorityNodes targetLowPriorityNodes resizeErrors enableAutoScale autoScaleFormula
    autoScaleEvaluationInterval autoScaleRun enableInterNodeCommunication startTask applicationPackageReferences
    metadata userAccounts taskSlotsPerNode taskSchedulingPolicy virtualMachineConfiguration networkConfiguration
    mountConfiguration identity upgradePolicy"""
)
NODE = _names(
    """id url state schedulingState stateTransitionTime lastBootTime allocationTime ipAddress ipv6Address
    affinityId vmSize totalTasksRun totalTasksSucceeded runningTasksCount runningTaskSlotsCount recentTasks startTask
    startTaskInfo errors isDedicated endpointConfiguration nodeAgentInfo virtualMachineInfo"""
)
JOB = _names(
    """id displayName url eTag lastModified creationTime state stateTransitionTime previousState
    previousStateTransitionTime priority maxParallelTasks usesTaskDependencies allowTaskPreemption constraints
    jobManagerTask jobPreparationTask jobReleaseTask commonEnvironmentSettings poolInfo networkConfiguration metadata
    executionInfo onAllTasksComplete onTaskFailure"""
)
TASK = _names(
    """id displayName url eTag creationTime lastModified state stateTransitionTime previousState
    previousStateTransitionTime commandLine containerSettings resourceFiles outputFiles environmentSettings
    affinityInfo userIdentity exitConditions constraints requiredSlots dependsOn applicationPackageReferences
    multiInstanceSettings executionInfo nodeInfo"""
)
EXECUTION = _names(
    """startTime endTime exitCode containerInfo failureInfo result retryCount lastRetryTime requeueCount
    lastRequeueTime"""
)
START_TASK_INFO = _names(
    """state startTime endTime exitCode containerInfo failureInfo result retryCount
    lastRetryTime"""
)

_PASSING = ("disabling", "enabling", "terminating", "deleting")


EXIT_CODE = Failure(
    "FailureExitCode",
    "The task exited with an exit code representing a failure",
    (
        ("Message", "The task process exited with an unexpected exit code"),
        ("AdditionalErrorCode", "FailureExitCode"),
    ),
)
ENDED = Failure("TaskEnded", "Task Was Ended by User Request")
EXPIRED = Failure("TaskEnded", "Task Was Ended because it ran longer than its maxWallClockTime")


def ordered(doc: Doc, order: list[str]) -> Doc:
    """The document with its fields in the given order, unknown ones last, absent values left out."""
    known = {name: doc[name] for name in order if doc.get(name) is not None}
    return known | {name: value for name, value in doc.items() if name not in known and value is not None}


def touch(doc: Doc, when: str) -> None:
    """A client changed the resource: new lastModified and eTag. The service's own moves leave them alone."""
    doc["lastModified"] = when
    doc["eTag"] = etag(when)


def move(doc: Doc, state: str, when: str) -> None:
    """Put a job or task into a state. States it only passes through never become its previousState."""
    if doc["state"] not in _PASSING:
        doc["previousState"] = doc["state"]
        doc["previousStateTransitionTime"] = doc["stateTransitionTime"]
    doc["state"] = state
    doc["stateTransitionTime"] = when


def settings(listed: list[Doc] | None) -> dict[str, str]:
    """Environment settings, a list of name and value on the wire, as a mapping."""
    return {setting["name"]: setting.get("value") or "" for setting in listed or ()}
