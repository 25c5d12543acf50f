"""Jobs that are held: disabled, so that none of their tasks starts."""

from typing import Literal

from azure.batch import models

from batch_core.account import Account
from batch_core.errors import Conflict, translated

HELD = ("disabling", "disabled")
Running = Literal["requeue", "terminate", "wait"]


def disable(account: Account, job_id: str, running: Running = "requeue") -> None:
    """Starts none of a job's tasks until it is enabled; returns at once, its state says when that is so.

    What runs goes back to waiting and begins anew later ("requeue"), is ended for good ("terminate"), or may end
    first ("wait"). One that is disabled already is fine. Raises Conflict for a job that has ended, and NotFound.
    """
    account.require_writable()
    try:
        with translated("disable the job"):
            account.batch.begin_disable_job(job_id, models.BatchJobDisableOptions(disable_tasks=running))
    except Conflict as error:
        if error.code != "JobDisabled":
            raise


def enable(account: Account, job_id: str) -> None:
    """Lets the tasks of a disabled job start again. One that is not disabled (any more) is fine. Raises NotFound."""
    account.require_writable()
    try:
        with translated("enable the job"):
            account.batch.begin_enable_job(job_id)
    except Conflict:
        with translated("enable the job"):
            state = account.batch.get_job(job_id, select=["id", "state"]).state
        if state in HELD:
            raise
