"""A job is disabled after a question that names it, and enabled by the press beside the sentence that says so."""

import uuid

from azure.batch import models
from playwright.sync_api import Page, expect

from batch_core import pools
from batch_core.account import Account
from tests.core.commands import takes
from tests.waiting import until


def test_a_job_is_disabled_by_its_dialog_and_enabled_from_the_sentence(
    page: Page, app_url: str, account: Account
) -> None:
    pools.ensure_local_pool(account)
    job_id = f"hold-{uuid.uuid4().hex[:8]}"
    on = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    account.batch.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=on))
    account.batch.create_task(job_id, models.BatchTaskCreateOptions(id="long", command_line=takes(120)))
    try:
        page.goto(f"{app_url}/monitor?job={job_id}")
        page.get_by_role("button", name="Disable the job").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text(job_id)).to_be_visible()
        dialog.get_by_text("Is ended for good").click()
        dialog.get_by_role("button", name="Disable the job").click()
        until(lambda: account.batch.get_job(job_id).state == "disabled", what="a disabled job")
        assert account.batch.get_task(job_id, "long").state == "completed", (
            "what runs is ended, as was chosen"
        )
        page.get_by_role("button", name="Enable the job").click()
        until(lambda: account.batch.get_job(job_id).state == "active", what="an active job")
        expect(page.get_by_role("button", name="Disable the job")).to_be_visible()
    finally:
        account.batch.begin_delete_job(job_id, polling_interval=1)
