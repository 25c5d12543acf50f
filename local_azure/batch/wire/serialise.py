"""Stored documents as answers: url and odata.metadata, times trimmed, secrets removed, $select."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import quote

from local_azure.batch.engine.documents import JOB, NODE, POOL, TASK
from local_azure.batch.errors import BatchError, invalid_query
from local_azure.batch.wire.schema import SECRETS
from local_azure.batch.wire.times import trimmed

Doc = dict[str, Any]

_SELECTABLE: dict[str, frozenset[str]] = {
    kind: frozenset([*names, "url", "stats"])
    for kind, names in {"pools": POOL, "nodes": NODE, "jobs": JOB, "tasks": TASK}.items()
}
_ALWAYS = {"nodes": frozenset({"virtualMachineInfo"})}
"""What $select cannot hide: nodes keep virtualMachineInfo [recorded 2024]."""

_TIMES = frozenset(
    {
        *("lastModified", "creationTime", "stateTransitionTime", "previousStateTransitionTime"),
        *("allocationStateTransitionTime", "startTime", "endTime", "lastRetryTime", "lastRequeueTime"),
        *("lastBootTime", "allocationTime", "lastUpdateTime", "timestamp"),
    }
)
_CAPITALS: dict[tuple[str, str], dict[str, str]] = {
    ("taskSchedulingPolicy", "nodeFillType"): {"spread": "Spread", "pack": "Pack"},
    ("nodePlacementConfiguration", "policy"): {"regional": "Regional", "zonal": "Zonal"},
    ("osDisk", "caching"): {"none": "None", "readonly": "ReadOnly", "readwrite": "ReadWrite"},
    ("uploadOptions", "uploadCondition"): {
        "tasksuccess": "TaskSuccess",
        "taskfailure": "TaskFailure",
        "taskcompletion": "TaskCompletion",
    },
}
"""The few enumerations that the service writes with capitals [recorded 2022 to 2026]; stored is the lower case."""


def metadata(base: str, fragment: str) -> str:
    """The odata.metadata address of an answer; `base` is the service's URL without a slash at the end."""
    return f"{base}/$metadata#{fragment}"


def path_of(*segments: str) -> str:
    """The path of a resource: "/jobs/j/tasks/t", each segment percent-encoded."""
    return "".join("/" + quote(segment, safe="") for segment in segments)


def selected(kind: str, select: str | None) -> Collection[str] | None:
    """The fields that $select names, or None for all; BatchError for a field that the kind does not have."""
    if not select:
        return None
    names = {name.strip() for name in select.split(",")} - {""}
    unknown = sorted(names - _SELECTABLE[kind])
    if unknown:
        raise invalid_query("$select", select, f"The property {unknown[0]} cannot be selected")
    return names | _ALWAYS.get(kind, frozenset())


def shown(doc: Doc, url: str, select: Collection[str] | None = None) -> Doc:
    """A stored document as the service writes it, with its url behind id and displayName."""
    head: Doc = {name: doc[name] for name in ("id", "displayName") if name in doc}
    whole: Doc = {**head, "url": url, **doc}
    return {
        name: _value(value, "", name) for name, value in whole.items() if select is None or name in select
    }


def _value(value: Any, parent: str, name: str) -> Any:
    if isinstance(value, str):
        if name in _TIMES:
            return trimmed(value)
        return _CAPITALS[parent, name].get(value, value) if (parent, name) in _CAPITALS else value
    if isinstance(value, dict):
        return {inner: _value(part, name, inner) for inner, part in value.items() if inner not in SECRETS}
    if isinstance(value, list):
        return [_value(part, parent, name) for part in value]
    return value


def error_body(base: str, error: BatchError, request_id: str, now: str) -> Doc:
    """The body of a refusal; `now` is a stored time."""
    return {"odata.metadata": metadata(base, _ERRORS), **error_detail(error, request_id, now)}


def error_detail(error: BatchError, request_id: str, now: str) -> Doc:
    """Code, message and values of a refusal, as in an error body and in a collection's results."""
    text = f"{error.message}\nRequestId:{request_id}\nTime:{now}"
    body: Doc = {"code": error.code, "message": {"lang": "en-US", "value": text}}
    if error.values:
        body["values"] = [{"key": key, "value": value} for key, value in error.values]
    return body


_ERRORS = "Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"
