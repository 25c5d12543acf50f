"""A job that is disabled and enabled again, on the local Batch service: what runs, what waits, and what is refused."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from azure.batch import models

from batch_core import holding, jobs, pools
from batch_core.account import Account
from batch_core.errors import Conflict, InvalidInput, NotFound
from tests.core.commands import DONE, takes
from tests.waiting import until

DOINGS = (holding.disable, holding.enable)


@pytest.fixture
def job_id(account: Account) -> Iterator[str]:
    """A job on this computer's pool, with a task that runs and one that can't start before it has ended."""
    pools.ensure_local_pool(account)
    id = f"held-{uuid.uuid4().hex[:8]}"
    pool = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    account.batch.create_job(models.BatchJobCreateOptions(id=id, pool_info=pool, max_parallel_tasks=1))
    account.batch.create_task(id, models.BatchTaskCreateOptions(id="long", command_line=takes(60)))
    until(lambda: state(account, id, "long") == "running", what="the long task's start")
    account.batch.create_task(id, models.BatchTaskCreateOptions(id="short", command_line=DONE))
    yield id
    account.batch.begin_delete_job(id, polling_interval=1)


def state(account: Account, job_id: str, task_id: str) -> models.BatchTaskState | str | None:
    return account.batch.get_task(job_id, task_id).state


def is_now(account: Account, job_id: str, wanted: str) -> None:
    until(lambda: account.batch.get_job(job_id).state == wanted, what=f"the job {wanted}")


@pytest.mark.parametrize(("running", "then"), [("requeue", "active"), ("terminate", "completed")])
def test_a_disabled_job_starts_nothing_until_it_is_enabled(
    account: Account, job_id: str, running: holding.Running, then: str
) -> None:
    holding.disable(account, job_id, running)
    is_now(account, job_id, "disabled")
    assert (state(account, job_id, "long"), state(account, job_id, "short")) == (then, "active")
    holding.disable(account, job_id, running)
    is_now(account, job_id, "disabled")
    holding.enable(account, job_id)
    is_now(account, job_id, "active")
    holding.enable(account, job_id)
    if running == "requeue":
        until(lambda: state(account, job_id, "long") == "running", what="the long task's second start")
        jobs.stop_task(account, job_id, "long")
    until(lambda: state(account, job_id, "short") == "completed", what="the end of what waited")


def test_what_runs_may_end_first(account: Account, job_id: str) -> None:
    holding.disable(account, job_id, "wait")
    assert account.batch.get_job(job_id).state == "disabling"
    assert state(account, job_id, "long") == "running"
    jobs.stop_task(account, job_id, "long")
    is_now(account, job_id, "disabled")
    assert state(account, job_id, "short") == "active"


def test_a_job_that_has_ended_is_not_disabled(account: Account, job_id: str) -> None:
    jobs.stop(account, job_id)
    with pytest.raises(Conflict, match=r"Could not disable the job: .* completed state"):
        holding.disable(account, job_id)


def test_who_only_looks_holds_and_frees_nothing(account: Account, job_id: str) -> None:
    for do in DOINGS:
        with pytest.raises(InvalidInput, match="look only"):
            do(replace(account, look_only=True), job_id)
    assert account.batch.get_job(job_id).state == "active"


def test_a_job_that_is_not_there_is_told_as_such(account: Account) -> None:
    for do, word in zip(DOINGS, ("disable", "enable"), strict=True):
        with pytest.raises(NotFound, match=f"Could not {word} the job"):
            do(account, "never-was")
