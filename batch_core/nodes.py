"""What can be done to a single node of a pool: restart it, take it out, keep tasks away from it."""

from azure.batch import models

from batch_core.account import Account
from batch_core.errors import Conflict, NotFound, translated


def reboot(account: Account, pool_id: str, node_id: str) -> None:
    """Restarts a node and runs its start task again; what ran on it goes back to waiting.

    One that restarts already is fine. Raises Conflict for a node that is starting, leaving or unusable, NotFound.
    """
    account.require_writable()
    try:
        with translated("restart the node"):
            # the SDK does not export its model of the options, and fails without any
            account.batch.begin_reboot_node(pool_id, node_id, {"nodeRebootOption": "requeue"})  # type: ignore[arg-type]
    except Conflict as error:
        if error.code != "NodeBeingRebooted":
            raise


def remove(account: Account, pool_id: str, node_id: str) -> None:
    """Takes a node out of its pool, which then wants one node less; what ran on it goes back to waiting.

    One that leaves already is fine. Raises Conflict while the pool is being resized otherwise, NotFound.
    """
    account.require_writable()
    wish = models.BatchNodeRemoveOptions(node_ids=[node_id], node_deallocation_option="requeue")
    try:
        with translated("remove the node"):
            account.batch.begin_remove_nodes(pool_id, wish)
    except Conflict as error:
        if error.code != "PoolBeingResized" or not _leaves(account, pool_id, node_id):
            raise


def _leaves(account: Account, pool_id: str, node_id: str) -> bool:
    """Whether a node is on its way out, or gone: its removal is sent again when the first answer is lost."""
    try:
        with translated("find the node"):
            return account.batch.get_node(pool_id, node_id, select=["id", "state"]).state == "leavingpool"
    except NotFound:
        return True


def disable_scheduling(account: Account, pool_id: str, node_id: str) -> None:
    """Starts no more tasks on a node; those that run there end first. Already so is fine. Raises NotFound."""
    account.require_writable()
    options = models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="taskcompletion")
    try:
        with translated("keep tasks away from the node"):
            account.batch.disable_node_scheduling(pool_id, node_id, options)
    except Conflict as error:
        _unless_there_already(error)


def enable_scheduling(account: Account, pool_id: str, node_id: str) -> None:
    """Lets tasks start on a node again. Already so is fine. Raises NotFound."""
    account.require_writable()
    try:
        with translated("let tasks start on the node"):
            account.batch.enable_node_scheduling(pool_id, node_id)
    except Conflict as error:
        _unless_there_already(error)


def _unless_there_already(error: Conflict) -> None:
    if error.code != "NodeAlreadyInTargetSchedulingState":
        raise error
