"""What an account's runs came to, for the list of all of them."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from batch_core.account import Account
from batch_core.errors import NotFound, translated

AT_ONCE = 8


@dataclass(frozen=True)
class Outcome:
    """How many of a run's tasks have ended well, and how many otherwise: failed, or stopped."""

    done: int
    failed: int


def outcomes(account: Account, run_ids: Iterable[str]) -> dict[str, Outcome]:
    """What these runs have come to so far, by id; those whose job is gone are left out."""
    wanted = list(run_ids)
    with ThreadPoolExecutor(AT_ONCE, "outcomes") as askers:
        found = askers.map(lambda run_id: _outcome(account, run_id), wanted)
        return {run_id: one for run_id, one in zip(wanted, found, strict=True) if one}


def _outcome(account: Account, run_id: str) -> Outcome | None:
    try:
        with translated("count the results"):
            counts = account.batch.get_job_task_counts(run_id).task_counts
    except NotFound:
        return None
    return Outcome(counts.succeeded or 0, counts.failed or 0)
