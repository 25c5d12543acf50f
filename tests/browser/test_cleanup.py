"""Clean up in a browser: what is chosen is named, and then really gone; the rest stays."""

import uuid
from collections.abc import Iterator

import pytest
from azure.batch import models
from azure.core.exceptions import ResourceNotFoundError
from playwright.sync_api import Page, expect

from batch_core import cleanup, pools
from batch_core.account import Account
from batch_core.pools import PoolSpec
from tests.waiting import until


@pytest.fixture
def things(account: Account) -> Iterator[dict[str, str]]:
    """A pool, two jobs and a container with a blob, as another program makes them."""
    tag = uuid.uuid4().hex[:8]
    made = {"pool": f"old-pool-{tag}", "job": f"old-job-{tag}", "kept": f"kept-job-{tag}"}
    made["container"] = f"old-files-{tag}"
    pools.create(account, PoolSpec(id=made["pool"], dedicated=0, spot=0))
    for job in (made["job"], made["kept"]):
        pool = models.BatchPoolInfo(pool_id=made["pool"])
        account.batch.create_job(models.BatchJobCreateOptions(id=job, pool_info=pool))
    account.blobs.create_container(made["container"]).upload_blob("x", b"123")
    yield made
    cleanup.delete(account, [item for item in cleanup.inventory(account) if tag in item.id])


def gone(account: Account, things: dict[str, str]) -> bool:
    left = {item.id for item in cleanup.inventory(account)}
    return not left & {things["pool"], things["job"], things["container"]}


def test_what_the_dialog_names_is_deleted_and_nothing_else(
    page: Page, app_url: str, account: Account, things: dict[str, str]
) -> None:
    page.goto(f"{app_url}/cleanup")
    button = page.get_by_role("button", name="Delete", exact=True)
    expect(button).to_be_disabled()
    for kind in ("pool", "job", "container"):
        page.get_by_test_id("stCheckbox").filter(has_text=things[kind]).click()
    expect(page.get_by_text("3 things chosen")).to_be_visible()
    button.click()
    dialog = page.get_by_role("dialog")
    for kind in ("pool", "job", "container"):
        expect(dialog).to_contain_text(things[kind])
    expect(dialog).not_to_contain_text(things["kept"])
    assert account.batch.get_job(things["job"]).state == "active"
    dialog.get_by_role("button", name="Delete 3 things").click()
    expect(page.get_by_text("3 things deleted.")).to_be_visible(timeout=60_000)
    expect(dialog).to_have_count(0)
    expect(page.get_by_test_id("stCheckbox").filter(has_text=things["job"])).to_have_count(0)
    until(lambda: gone(account, things), what="the end of what was chosen")
    with pytest.raises(ResourceNotFoundError):
        account.batch.get_job(things["job"])
    assert account.batch.get_job(things["kept"]).state == "active"
