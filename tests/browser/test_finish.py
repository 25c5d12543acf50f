"""Told when finished: the tab's title on every page, and a notification where somebody asked for one."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import models
from playwright.sync_api import Page, expect

from batch_core import jobs, pools
from batch_core.account import Account
from tests.core.commands import python
from tests.waiting import until

# At the browser's edge: what would be shown is kept, and permission is given when it is asked for.
STUB = """
window.shown = []; window.asked = 0;
class Note {
  static permission = sessionStorage.getItem("allowed") ?? "default";
  static async requestPermission() {
    window.asked += 1; Note.permission = ANSWER; sessionStorage.setItem("allowed", ANSWER); return ANSWER;
  }
  constructor(title, options) { window.shown.push(`${title}: ${options.body}`); }
}
window.Notification = Note;
"""


@pytest.fixture
def job(account: Account, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A job of two tasks, one of which waits for a file and then fails: its id and that file."""
    pools.ensure_local_pool(account)
    job_id, go = f"told-{uuid.uuid4().hex[:8]}", tmp_path / "go"
    on = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    account.batch.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=on))
    waits = f"import os, time; [time.sleep(0.1) for _ in iter(lambda: os.path.exists({str(go)!r}), True)]"
    commands = {"good": python("pass"), "bad": python(f"{waits}; raise SystemExit(1)")}
    for id, command in commands.items():
        account.batch.create_task(job_id, models.BatchTaskCreateOptions(id=id, command_line=command))
    account.batch.update_job(job_id, models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob"))
    yield job_id, go
    account.batch.begin_delete_job(job_id, polling_interval=1)


def end(account: Account, job: tuple[str, Path]) -> None:
    job[1].touch()
    until(lambda: jobs.get_run(account, job[0]).over, seconds=60, what="the job's end")


def test_title_and_notification_tell_of_the_end_on_another_page(
    page: Page, app_url: str, account: Account, job: tuple[str, Path]
) -> None:
    page.add_init_script(STUB.replace("ANSWER", "'granted'"))
    page.goto(f"{app_url}/monitor?job={job[0]}")
    button = page.get_by_role("button", name="Tell me when it is finished")
    expect(button).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("window.asked") == 0, "only a press asks for permission"
    button.click()
    expect(page.get_by_role("button", name="You will be told")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("window.asked") == 1
    expect(page).to_have_title(re.compile(r"^\(1/2\) "))
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Connect").click()
    expect(page.get_by_role("heading", name="Connect", level=1)).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\(1/2\) "))
    assert page.evaluate("window.shown") == []
    end(account, job)
    expect(page).to_have_title(re.compile("^1 failed · "))
    assert page.evaluate("window.shown") == [f"{job[0]} is finished: 1 of 2 done, 1 failed."]
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Clean up").click()
    expect(page).not_to_have_title(re.compile("failed"))


def test_where_notifications_are_refused_the_button_says_what_tells_instead(
    page: Page, app_url: str, job: tuple[str, Path]
) -> None:
    page.add_init_script(STUB.replace("ANSWER", "'denied'"))
    page.goto(f"{app_url}/monitor?job={job[0]}")
    page.get_by_role("button", name="Tell me when it is finished").click()
    expect(page.get_by_role("button", name="The tab's title tells when it is finished")).to_be_disabled()
