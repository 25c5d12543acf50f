"""What waits where, beside the pages' names: it comes and goes by itself, and moves nothing."""

import uuid
from pathlib import Path

from playwright.sync_api import Page, expect

from batch_core import files, jobs, pools
from batch_core.account import Account
from batch_core.jobs import Plan
from tests.core.clips import clip, uploaded
from tests.waiting import until


def test_files_running_work_and_new_results_are_told_and_nothing_moves(
    page: Page, app_url: str, account: Account, tmp_path: Path
) -> None:
    pools.ensure_local_pool(account)
    files.delete_files(account, files.list_files(account))
    path = clip(tmp_path / "clip.mp4", 1)
    page.goto(f"{app_url}/connect")
    links = page.get_by_test_id("stSidebarNav")
    expect(links.get_by_role("link", name="Results", exact=True)).to_be_visible()
    before = links.get_by_role("link", name="Clean up").bounding_box()
    videos = tuple(uploaded(account, path, f"{name}.mp4") for name in ("one", "two"))
    waiting = jobs.launch(account, Plan(videos, "mp3", pool_id="nowhere", name="W", nonce=uuid.uuid4().hex))
    expect(links.get_by_role("link", name="Monitor ●", exact=True)).to_be_visible()
    run = jobs.launch(
        account, Plan(videos, "mp3", pool_id=pools.LOCAL_POOL, name="Two", nonce=uuid.uuid4().hex)
    )
    jobs.stop(account, waiting.id)
    until(lambda: jobs.get_run(account, run.id).over, seconds=60, what="the end of the run")
    expect(links.get_by_role("link", name="Results 2", exact=True)).to_be_visible()
    expect(links.get_by_role("link", name="Monitor", exact=True)).to_be_visible()
    assert links.get_by_role("link", name="Clean up").bounding_box() == before
    links.get_by_role("link", name="Files").click()
    expect(links.get_by_role("link", name="Files 2", exact=True)).to_be_visible()
    links.get_by_role("link", name="Results 2").click()
    page.wait_for_url("**/results?run=*")
    expect(links.get_by_role("link", name="Results", exact=True)).to_be_visible()
