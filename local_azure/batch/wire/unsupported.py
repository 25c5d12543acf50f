"""What the API can express and the local service does not do: refused by name, never silently left out."""

from __future__ import annotations

from typing import Any

from local_azure.batch.errors import BatchError

_TASKS = {
    "containerSettings": "run tasks in containers",
    "multiInstanceSettings": "run one task on several nodes",
}
_POOLS = {"mountConfiguration": "mount file systems on nodes"}
_JOBS = {
    "jobManagerTask": "run job manager tasks",
    "jobPreparationTask": "run job preparation tasks",
}


def _refuse(body: dict[str, Any], known: dict[str, str]) -> None:
    for name, doing in known.items():
        if body.get(name):
            raise BatchError(
                "NotImplemented",
                ("PropertyName", name),
                message=f"The local Batch service does not {doing}.",
            )


def refuse_in_task(task: dict[str, Any], job: dict[str, Any]) -> None:
    """BatchError NotImplemented for a task, or a task of a job, that needs what the service does not do.

    A job may be made with special tasks, which it is echoed with; no task can then be added to it, because it
    would run without them.
    """
    _refuse(task, _TASKS)
    _refuse(job, _JOBS)


def refuse_in_pool(pool: dict[str, Any]) -> None:
    """BatchError NotImplemented for a pool whose nodes need what the service does not do."""
    _refuse(pool, _POOLS)
    _refuse(pool.get("startTask", {}), _TASKS)
    if pool.get("enableAutoScale"):
        raise BatchError(
            "NotImplemented",
            ("PropertyName", "enableAutoScale"),
            message="The local Batch service does not scale pools by a formula.",
        )
