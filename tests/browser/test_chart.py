"""The Monitor in a real browser: a job stopped, a node kept from tasks, and charts under the app's policy."""

import re
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from batch_core import jobs, pools
from batch_core.account import Account
from tests.browser.monitoring import TASKS, foreign_job, nodes, opened, timeline


@pytest.fixture(scope="module")
def running_job(account: Account) -> Iterator[str]:
    with foreign_job(account) as job_id:
        yield job_id


@pytest.fixture
def monitor(page: Page, app_url: str, running_job: str) -> Page:
    """The Monitor, with the job's tasks running."""
    return opened(page, app_url, running_job)


def test_a_job_is_stopped_after_a_question_that_names_it(page: Page, app_url: str, account: Account) -> None:
    with foreign_job(account) as job_id:
        monitor = opened(page, app_url, job_id)
        monitor.get_by_role("button", name="Stop the job").click()
        dialog = monitor.get_by_role("dialog")
        expect(dialog).to_contain_text(f"{job_id}: {TASKS} running tasks will be ended")
        dialog.get_by_role("button", name="Stop the job").click()
        expect(monitor.get_by_text(re.compile(r"It was stopped after .*: 0 of 3 done"))).to_be_visible(
            timeout=30_000
        )
        expect(monitor.get_by_text(f"Stopped ({TASKS})")).to_be_visible()
        expect(timeline(monitor)).to_have_attribute("aria-label", re.compile(f"{TASKS} stopped"))
        assert jobs.get_run(account, job_id).over


def test_tasks_are_kept_away_from_a_node_that_the_keyboard_has_opened(
    page: Page, app_url: str, account: Account
) -> None:
    pool_id = f"keys-{uuid.uuid4().hex[:8]}"
    pools.create(account, pools.PoolSpec(id=pool_id, dedicated=2, spot=0))
    try:
        page.goto(f"{app_url}/monitor?pool={pool_id}")
        expect(nodes(page)).to_have_attribute("aria-label", re.compile("2 idle"), timeout=60_000)
        page.get_by_role("combobox", name="Details").focus()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("option", name="node 1", exact=True)).to_be_visible()
        page.keyboard.press("Enter")
        switch = page.get_by_role("button", name="Take no more tasks")
        expect(switch).to_be_enabled()
        switch.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("offline, takes no tasks since")).to_be_visible()
        expect(nodes(page)).to_have_attribute("aria-label", re.compile("1 idle, 1 offline"))
        again = page.get_by_role("button", name="Take tasks again")
        again.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("idle since")).to_be_visible()
        page.get_by_role("button", name="Remove", exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("node 1 (tvmps_")
        dialog.get_by_role("button", name="Remove the node").click()
        expect(nodes(page)).to_have_attribute("aria-label", re.compile("1 of 1: 1 idle"))
        assert f"pool={pool_id}" in page.url
    finally:
        pools.delete(account, pool_id)


def test_webgl_traces_draw_under_the_apps_policy(monitor: Page) -> None:
    """No chart needs them today; the Content-Security-Policy allows no evaluated code, and they work without."""
    drawn = monitor.evaluate(
        """async () => {
            const chart = document.createElement("div");
            chart.style.cssText = "position: fixed; inset: 0; width: 300px; height: 200px";
            document.body.append(chart);
            const points = { type: "scattergl", mode: "markers", x: [1, 2], y: [1, 2] };
            await Plotly.newPlot(chart, [{ ...points, marker: { size: 30, color: "#D55E00" } }]);
            const image = new Image();
            image.src = await Plotly.toImage(chart, { format: "png" });
            await image.decode();
            const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
            canvas.drawImage(image, 0, 0);
            const { data } = canvas.getImageData(0, 0, image.width, image.height);
            let orange = 0;
            for (let at = 0; at < data.length; at += 4) {
                if (data[at] === 0xd5 && data[at + 1] === 0x5e && data[at + 2] === 0) orange += 1;
            }
            return orange;
        }"""
    )
    assert drawn > 300  # two discs of 30 px
