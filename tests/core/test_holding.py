"""A job that somebody has disabled is enabled again, on the local Batch service."""

import uuid
from dataclasses import replace

import pytest
from azure.batch import models

from batch_core import holding
from batch_core.account import Account
from batch_core.errors import InvalidInput, NotFound
from tests.waiting import until


def test_a_disabled_job_is_enabled_again(account: Account) -> None:
    job_id = f"held-{uuid.uuid4().hex[:8]}"
    account.batch.create_job(
        models.BatchJobCreateOptions(id=job_id, pool_info=models.BatchPoolInfo(pool_id="none"))
    )
    try:
        account.batch.begin_disable_job(job_id, models.BatchJobDisableOptions(disable_tasks="requeue"))
        until(lambda: account.batch.get_job(job_id).state == "disabled", what="a disabled job")
        with pytest.raises(InvalidInput, match="look only"):
            holding.enable(replace(account, look_only=True), job_id)
        holding.enable(account, job_id)
        until(lambda: account.batch.get_job(job_id).state == "active", what="an active job")
        holding.enable(account, job_id)
    finally:
        account.batch.begin_delete_job(job_id, polling_interval=1)


def test_a_job_that_is_not_there_is_told_as_such(account: Account) -> None:
    with pytest.raises(NotFound, match="Could not enable the job"):
        holding.enable(account, "never-was")
