"""What only a single node tells of itself: how its start task went, and what ran on it last, of any job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azure.batch import models

from batch_core.account import Account
from batch_core.errors import NotFound, translated
from batch_core.node_book import node_errors

_SELECT = ["id", "startTaskInfo", "recentTasks", "errors"]


@dataclass(frozen=True, slots=True)
class StartTask:
    """How a node's start task went since the node came up; `exit_code` and `ended` are None while it runs."""

    exit_code: int | None
    retries: int
    started: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class RecentTask:
    """A task that a node runs or has run, of whatever job."""

    job_id: str
    task_id: str
    state: str
    exit_code: int | None
    started: datetime | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """`start` is None for a pool without a start task; `recent` has the newest first; `errors` are sentences."""

    start: StartTask | None = None
    recent: tuple[RecentTask, ...] = ()
    errors: tuple[str, ...] = ()


def node_facts(account: Account, pool_id: str, node_id: str) -> NodeFacts:
    """Ask for one node; nothing is told of one that is gone."""
    try:
        with translated("look at the node"):
            node = account.batch.get_node(pool_id, node_id, select=_SELECT)
    except NotFound:
        return NodeFacts()
    begun = node.start_task_info
    start = StartTask(begun.exit_code, begun.retry_count, begun.start_time, begun.end_time) if begun else None
    recent = [_recent(task) for task in node.recent_tasks or () if task.task_id]
    newest_first = sorted(recent, key=lambda task: str(task.started), reverse=True)
    return NodeFacts(start, tuple(newest_first), node_errors(node.as_dict()))


def _recent(task: models.BatchTaskInfo) -> RecentTask:
    ran = task.execution_info
    return RecentTask(
        task.job_id or "",
        task.task_id or "",
        str(task.task_state.value if isinstance(task.task_state, models.BatchTaskState) else task.task_state),
        ran.exit_code if ran else None,
        ran.start_time if ran else None,
        ran.end_time if ran else None,
    )
