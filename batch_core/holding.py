"""Jobs that are held: disabled, so that none of their tasks starts."""

from batch_core.account import Account
from batch_core.errors import Conflict, translated

HELD = ("disabling", "disabled")


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
