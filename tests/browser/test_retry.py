"""A failed file in a browser: its cause, another try by two quick presses, and the way between the tries."""

import re
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from batch_core import jobs, pools, results, retrying
from batch_core.account import Account
from batch_core.jobs import Plan, Run
from batch_core.storage import INPUTS
from tests.core.clips import clip, uploaded
from tests.waiting import until


@pytest.fixture
def half_failed(account: Account, tmp_path: Path) -> Run:
    """A run that is over; one input was no video while it ran, and is whole again."""
    pools.ensure_local_pool(account)
    path = clip(tmp_path / "clip.mp4", 2)
    videos = [uploaded(account, path, name) for name in ("beach.mp4", "broken.mp4")]
    blob = account.blobs.get_blob_client(INPUTS, videos[1].blob)
    metadata = blob.get_blob_properties().metadata
    blob.upload_blob(b"no video" * 999, overwrite=True, metadata=metadata)
    plan = Plan(tuple(videos), "mp3", pool_id=pools.LOCAL_POOL, name="Half", nonce=uuid.uuid4().hex)
    run = jobs.launch(account, plan)
    until(lambda: jobs.get_run(account, run.id).over, seconds=60, what="the end of the run")
    blob.upload_blob(path.read_bytes(), overwrite=True, metadata=metadata)
    return run


def test_a_failed_file_is_tried_again_once_and_with_success(
    page: Page, app_url: str, account: Account, half_failed: Run
) -> None:
    page.goto(f"{app_url}/results?run={half_failed.id}")
    expect(page.get_by_role("heading", name="Failed (1)")).to_be_visible()
    expect(page.get_by_text("1 of 2 files done")).to_be_visible()
    page.get_by_role("button", name="Try again with…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("1 file becomes MP3.")).to_be_visible()
    dialog.get_by_role("combobox", name="Convert to").click()
    page.get_by_role("option", name="M4A").click()
    expect(dialog.get_by_text("1 file becomes M4A.")).to_be_visible()
    dialog.get_by_role("button", name="Convert 1 file again").dblclick()
    page.wait_for_url(re.compile(r"/monitor.*run="))
    (again,) = retrying.tries(account, half_failed.id)
    assert f"run={again.id}" in page.url
    expect(page.get_by_text("1 / 1")).to_be_visible(timeout=60_000)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Results").click()
    expect(page.get_by_text("plays to its end")).to_be_visible(timeout=60_000)
    (row,) = results.list_results(account, again.id)
    assert (row.state, row.checked, row.name) == ("done", True, "broken.m4a")
    page.get_by_role("button", name="Runs again: Half").click()
    expect(page.get_by_role("heading", name="Failed (1)")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Run again in: Half"))).to_be_visible()
