"""One task looked at closely: its command, its limit, and its log while that grows."""

from dataclasses import dataclass
from datetime import timedelta

from batch_core.account import Account
from batch_core.errors import Conflict, NotFound, translated, without_secrets
from batch_core.failures import LOGS, end_of_log, last_lines, log_on_node
from batch_core.times import time_limit

_SELECT = ["id", "commandLine", "constraints", "outputFiles"]


@dataclass(frozen=True)
class TaskWork:
    """What a task is to do: its command, how long it may run, and the patterns of the files that are kept of it."""

    command: str
    limit: timedelta | None
    kept: tuple[str, ...]


def task_work(account: Account, job_id: str, task_id: str) -> TaskWork:
    """What a task is to do, without a secret in it. Raises NotFound."""
    with translated("find the task"):
        task = account.batch.get_task(job_id, task_id, select=_SELECT).as_dict()
    outputs = task.get("outputFiles") or []
    return TaskWork(
        command=without_secrets(task.get("commandLine") or ""),
        limit=time_limit((task.get("constraints") or {}).get("maxWallClockTime")),
        kept=tuple(output.get("filePattern") or "" for output in outputs),
    )


def log_now(account: Account, job_id: str, task_id: str, name: str, *, running: bool) -> str:
    """The end of a task's stderr.txt or stdout.txt: of one that runs from its node alone, by a range of the file."""
    if name not in LOGS:
        raise ValueError(name)
    if not running:
        return end_of_log(account, job_id, task_id, name)
    try:
        return last_lines(log_on_node(account, job_id, task_id, name))
    except (NotFound, Conflict):
        return ""
