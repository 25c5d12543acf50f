"""What each list may be filtered by (Microsoft's page "Create queries to list Batch resources efficiently")."""

from __future__ import annotations

from dataclasses import dataclass

_SIX = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_EQ = frozenset({"eq"})
_EQ_NE = frozenset({"eq", "ne"})
_TEXT = _SIX | {"startswith"}


@dataclass(frozen=True)
class Property:
    """What a list's filter may ask of one property: its operators and the kind of its literals."""

    kind: str
    operators: frozenset[str]
    path: str = ""


def _states(*values: str, operators: frozenset[str] = _EQ_NE) -> Property:
    return Property("one of " + " ".join(values), operators)


_TIME = Property("time", _SIX)
_ID = Property("text", _TEXT)
_RESULT = _states("success", "failure")

PROPERTIES: dict[str, dict[str, Property]] = {
    "pools": {
        "id": _ID,
        "state": _states("active", "deleting"),
        "stateTransitionTime": _TIME,
        "allocationState": _states("steady", "resizing", "stopping"),
        "allocationStateTransitionTime": _TIME,
        "creationTime": _TIME,
        "lastModified": _TIME,
        "enableAutoScale": Property("bool", _EQ_NE),
        "enableInterNodeCommunication": Property("bool", _EQ_NE),
        "vmSize": Property("text", _EQ_NE),
    },
    "nodes": {
        "state": _states(
            *("idle", "rebooting", "reimaging", "running", "unusable", "creating", "starting"),
            *("waitingforstarttask", "starttaskfailed", "unknown", "leavingpool", "offline", "preempted"),
            *("upgradingos", "deallocated", "deallocating"),
        ),
        "stateTransitionTime": _TIME,
        "lastBootTime": _TIME,
        "allocationTime": _TIME,
        "startTaskInfo/state": _states("running", "completed", operators=_EQ),
        "startTaskInfo/result": _RESULT,
        "startTaskInfo/exitCode": Property("int", _SIX),
        "startTaskInfo/startTime": _TIME,
        "startTaskInfo/endTime": _TIME,
    },
    "jobs": {
        "id": _ID,
        "state": _states(
            "active", "disabling", "disabled", "enabling", "terminating", "completed", "deleting"
        ),
        "stateTransitionTime": _TIME,
        "creationTime": _TIME,
        "lastModified": _TIME,
        "executionInfo/startTime": _TIME,
        "executionInfo/endTime": _TIME,
        "executionInfo/poolId": _ID,
    },
    "tasks": {
        "id": _ID,
        "state": _states("active", "preparing", "running", "completed"),
        "stateTransitionTime": _TIME,
        "creationTime": _TIME,
        "lastModified": _TIME,
        "lastModifiedTime": Property("time", _SIX, path="lastModified"),
        "executionInfo/startTime": _TIME,
        "executionInfo/endTime": _TIME,
        "executionInfo/exitCode": Property("int", _SIX),
        "executionInfo/result": _RESULT,
    },
    "files": {"name": Property("text", frozenset({"startswith"}))},
    "nodecounts": {"poolId": Property("text", _EQ)},
    "supportedimages": {
        "osType": _states("linux", "windows"),
        "verificationType": _states("verified", "unverified"),
        "nodeAgentSKUId": Property("text", _EQ_NE),
    },
}
