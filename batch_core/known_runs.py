"""All runs of an account, also those whose job was deleted, and what they came to."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from batch_core import jobs, manifests
from batch_core.account import Account
from batch_core.errors import NotFound, ServiceFailure, translated
from batch_core.jobs import DELETED, Run
from batch_core.manifests import Manifest

AT_ONCE = 8
LAUNCHING = timedelta(minutes=4)  # from its manifest a launch takes no longer to its job


@dataclass(frozen=True)
class Outcome:
    """How many of a run's tasks have ended well, and how many otherwise: failed, or stopped."""

    done: int
    failed: int


class KnownRuns:
    """An account's runs. What is known of one whose job is gone never changes, so it is read once."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._deleted: dict[str, Run] = {}

    def all(self) -> list[Run]:
        """Newest first: those with a job, and those without of which a manifest and results are still stored."""
        stored = manifests.run_ids(self.account)  # before the jobs: one that is launched now is in both
        there = jobs.list_runs(self.account)
        gone = stored - {run.id for run in there}
        with ThreadPoolExecutor(AT_ONCE, "manifests") as readers:
            for run in readers.map(self._read, gone - self._deleted.keys()):
                if run:
                    self._deleted[run.id] = run
        launched = datetime.now(UTC) - LAUNCHING
        deleted = [run for id, run in list(self._deleted.items()) if id in gone and run.created < launched]
        return sorted([*there, *deleted], key=lambda run: run.created, reverse=True)

    def _read(self, run_id: str) -> Run | None:
        try:
            return _deleted_run(manifests.read(self.account, run_id))
        except (NotFound, ServiceFailure):  # nothing is known of it
            return None


def _deleted_run(kept: Manifest) -> Run:
    return Run(
        id=kept.run_id,
        name=kept.name,
        state=DELETED,
        conversion=kept.conversion,
        options=kept.options,
        pool_id=kept.pool_id,
        created=kept.created,
        ended=None,
        total=len(kept.files),
        parent=kept.parent,
        attempt=kept.attempt,
        ours=True,
        limit=kept.wall_clock,
        sample=kept.sample,
    )


def run_of(account: Account, kept: Manifest) -> Run:
    """The run of a manifest as it is now, also when its job is gone."""
    try:
        return jobs.get_run(account, kept.run_id)
    except NotFound:
        return _deleted_run(kept)


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
