"""What helps several nodes or tasks at once: the same small step for each of them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from azure.batch import models

from batch_core import jobs, nodes
from batch_core.account import Account
from batch_core.errors import Conflict, DashboardError, translated

AT_ONCE = 100  # things at most in one go: somebody waits for it, and Batch removes no more nodes in a call


def restart(account: Account, pool_id: str, node_ids: Sequence[str]) -> None:
    """Restarts the first hundred of these nodes; their start tasks run again. Raises what the last one raised."""
    _each(lambda id: nodes.reboot(account, pool_id, id), node_ids)


def let_tasks_start(account: Account, pool_id: str, node_ids: Sequence[str]) -> None:
    """Lets tasks start again on the first hundred of these nodes. Raises what the last one raised."""
    _each(lambda id: nodes.enable_scheduling(account, pool_id, id), node_ids)


def remove(account: Account, pool_id: str, node_ids: Sequence[str]) -> None:
    """Takes the first hundred of these nodes out of their pool, which then wants so many less.

    What ran on them goes back to waiting. Raises Conflict while the pool is being resized, NotFound.
    """
    account.require_writable()
    wish = models.BatchNodeRemoveOptions(
        node_ids=list(node_ids[:AT_ONCE]), node_deallocation_option="requeue"
    )
    with translated("remove the nodes"):
        account.batch.begin_remove_nodes(pool_id, wish)


def run_again(account: Account, job_id: str, task_ids: Sequence[str]) -> None:
    """Puts the first hundred of these tasks, which have failed, back to waiting; their tries are counted anew.

    One that has ended well or waits already is fine. Raises Conflict for a job that is over, NotFound.
    """
    account.require_writable()
    _each(lambda id: _reactivate(account, job_id, id), task_ids)


def stop_tasks(account: Account, job_id: str, task_ids: Sequence[str]) -> None:
    """Ends the first hundred of these tasks; the others go on. Raises what the last one raised."""
    _each(lambda id: jobs.stop_task(account, job_id, id), task_ids)


def _reactivate(account: Account, job_id: str, task_id: str) -> None:
    try:
        with translated("run the task again"):
            account.batch.reactivate_task(job_id, task_id)
    except Conflict as error:
        if error.code not in ("TaskNotCompleted", "TaskSucceeded"):
            raise


def _each(step: Callable[[str], None], ids: Sequence[str]) -> None:
    """Takes the step for each, eight at a time; one that fails does not keep the others from it."""

    def tried(id: str) -> DashboardError | None:
        try:
            step(id)
        except DashboardError as error:
            return error
        return None

    with ThreadPoolExecutor(8, "remedy") as threads:
        failed = [error for error in threads.map(tried, ids[:AT_ONCE]) if error]
    if failed:
        raise failed[-1]
