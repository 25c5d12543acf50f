"""The Monitor in a browser: a job to look at, and what of it is on the page."""

import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from azure.batch import models
from playwright.sync_api import Locator, Page, expect

from batch_core import pools
from batch_core.account import Account

HOSTILE = "<b>bold</b> &amp; <a href='//b.c'>d</a> $x$ %{y}.mp4"
TASKS = 3
COUNTS = "import sys, time; [(print('line', n, file=sys.stderr, flush=True), time.sleep(0.2)) for n in range(1500)]"


def counting(task_id: str) -> models.BatchTaskCreateOptions:
    """A task that runs for five minutes and writes a line five times a second."""
    return models.BatchTaskCreateOptions(
        id=task_id, display_name=HOSTILE, command_line=f'"{sys.executable}" -c "{COUNTS}"'
    )


@contextmanager
def foreign_job(account: Account) -> Iterator[str]:
    """The id of a job of another program: tasks that run for long, with a hostile name."""
    pools.ensure_local_pool(account)
    job_id = f"chart-{uuid.uuid4().hex[:8]}"
    pool = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    account.batch.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=pool))
    account.batch.create_tasks(job_id, [counting(f"task-{number}") for number in range(TASKS)])
    try:
        yield job_id
    finally:
        account.batch.begin_delete_job(job_id, polling_interval=0.1).wait(30)


def opened(page: Page, app_url: str, job_id: str) -> Page:
    """The Monitor, with the job's tasks running."""
    page.goto(f"{app_url}/monitor?job={job_id}")
    expect(page.get_by_role("heading", name="Monitor")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Stop the job")).to_be_enabled(timeout=60_000)
    expect(timeline(page)).to_have_attribute("aria-label", re.compile(r"[3-9] running"), timeout=60_000)
    for chart in (timeline(page), nodes(page)):
        expect(chart).to_have_attribute("data-refreshes", re.compile(r"\d+"))
    return page


def timeline(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile("^Timeline"))


def nodes(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile("^Nodes"))


def refreshes(chart: Locator) -> int:
    return int(chart.get_attribute("data-refreshes") or 0)
