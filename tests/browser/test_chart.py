"""The live charts in a real browser: refreshed in place, zoomed, clicked, and safe with hostile names."""

import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from azure.batch import models
from playwright.sync_api import Browser, Locator, Page, expect

from batch_core import jobs, pools
from batch_core.account import Account
from tests.waiting import until

HOSTILE = "<b>bold</b> &amp; <a href='//b.c'>d</a> $x$ %{y}.mp4"
TASKS = 3


@contextmanager
def foreign_job(account: Account) -> Iterator[str]:
    """The id of a job of another program: tasks that run for long, with a hostile name."""
    pools.ensure_local_pool(account)
    job_id = f"chart-{uuid.uuid4().hex[:8]}"
    pool = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    account.batch.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=pool))
    command = f'"{sys.executable}" -c "import time; time.sleep(300)"'
    tasks = [
        models.BatchTaskCreateOptions(id=f"task-{number}", display_name=HOSTILE, command_line=command)
        for number in range(TASKS)
    ]
    account.batch.create_tasks(job_id, tasks)
    try:
        yield job_id
    finally:
        account.batch.begin_delete_job(job_id).wait(30)


@pytest.fixture(scope="module")
def running_job(account: Account) -> Iterator[str]:
    with foreign_job(account) as job_id:
        yield job_id


@pytest.fixture
def monitor(page: Page, app_url: str, running_job: str) -> Page:
    """The Monitor, with the job's tasks running."""
    return opened(page, app_url, running_job)


def opened(page: Page, app_url: str, job_id: str) -> Page:
    page.goto(f"{app_url}/monitor?job={job_id}")
    expect(page.get_by_role("heading", name="Monitor")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Stop the job")).to_be_enabled(timeout=60_000)
    expect(timeline(page)).to_have_attribute("aria-label", re.compile(f"{TASKS} running"), timeout=60_000)
    for chart in (timeline(page), nodes(page)):
        expect(chart).to_have_attribute("data-refreshes", re.compile(r"\d+"))
    return page


def timeline(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile("^Timeline"))


def nodes(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile("^Nodes"))


def refreshes(chart: Locator) -> int:
    return int(chart.get_attribute("data-refreshes") or 0)


def shown_range(chart: Locator) -> list[str]:
    return chart.evaluate("chart => chart._fullLayout.xaxis.range")


def bar(chart: Locator) -> Locator:
    return chart.locator(".barlayer .point path").first


def zoom(page: Page, chart: Locator) -> None:
    """Drag over the middle of the plot."""
    box = chart.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 15)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 15, steps=5)
    page.mouse.up()


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


def test_zoom_and_dom_node_survive_three_refreshes_and_follow_now_leads_back(monitor: Page) -> None:
    chart = timeline(monitor)
    chart.evaluate("chart => { chart.marked = true }")
    whole = shown_range(chart)
    zoom(monitor, chart)
    follow = monitor.get_by_role("button", name="Follow now")
    expect(follow).to_be_visible()
    zoomed = shown_range(chart)
    assert zoomed != whole
    before = refreshes(chart)
    until(lambda: refreshes(chart) >= before + 3, seconds=30, what="three refreshes")
    assert shown_range(chart) == zoomed
    assert chart.evaluate("chart => chart.marked")
    follow.click()
    expect(follow).to_be_hidden()
    followed = shown_range(chart)
    until(lambda: shown_range(chart)[1] > followed[1], seconds=30, what="the axis following the run")


def test_a_click_on_a_bar_or_a_tile_shows_its_details(monitor: Page) -> None:
    first = bar(timeline(monitor))
    until(lambda: (box := first.bounding_box()) and box["width"] > 40, what="a bar wide enough to hit")
    first.click(force=True)
    expect(monitor.get_by_text(re.compile(r"Task task-\d"))).to_be_visible()
    bar(nodes(monitor)).click(force=True)
    expect(monitor.get_by_text(re.compile(r"Dedicated node · \d of 1 slot in use"))).to_be_visible()
    monitor.get_by_role("button", name="Close").click()
    expect(monitor.get_by_text(re.compile(r"Dedicated node · \d of 1 slot in use"))).to_be_hidden()


def test_bars_lie_between_the_start_and_now_in_every_zone(
    browser: Browser, app_url: str, running_job: str
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="Asia/Kolkata")
    context.set_default_timeout(30_000)
    try:
        chart = timeline(opened(context.new_page(), app_url, running_job))
        for axis in ("Elapsed", "Clock"):
            chart.page.get_by_role("radio", name=axis).or_(
                chart.page.get_by_text(axis, exact=True)
            ).first.click()
            until(lambda: bars_in_view(chart, relative=axis == "Elapsed"), seconds=30, what=f"bars by {axis}")  # noqa: B023
    finally:
        context.close()


def bars_in_view(chart: Locator, *, relative: bool) -> bool:
    """Whether the axis is the one that is asked for, no longer than ten minutes, with all bars on it."""
    return chart.evaluate(
        """(chart, relative) => {
            const axis = chart._fullLayout.xaxis;
            const [start, end] = axis.range.map((shown) => axis.r2l(shown));
            const bars = chart.calcdata.flat().filter((point) => point.b);
            const asked = relative === String(axis.range[0]).startsWith("2000-01-01");
            return asked && end - start < 600_000 && bars.length > 0 && bars.every(
                (bar) => bar.b >= start && bar.b + bar.s <= end + 1000);
        }""",
        relative,
    )


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


def test_a_row_of_the_table_beside_a_chart_opens_the_details_by_keyboard(monitor: Page) -> None:
    monitor.get_by_text("Table", exact=True).last.click()
    table = monitor.get_by_test_id("stDataFrame").first
    expect(timeline(monitor)).to_be_hidden()
    table.locator("canvas").first.focus()
    for key in ("ArrowDown", "Shift+Space"):
        monitor.keyboard.press(key)
    expect(monitor.get_by_text(re.compile(r"Task task-\d"))).to_be_visible()


def test_a_hostile_name_is_shown_as_it_was_typed(monitor: Page) -> None:
    chart = timeline(monitor)
    label = chart.locator(".hoverlayer .hovertext")

    def pointed_at() -> int:
        """Moves as a hand does; the chart may be in the middle of a refresh."""
        for x in (40, 44):
            bar(chart).hover(force=True, position={"x": x, "y": 8})
        return label.count()

    until(pointed_at, what="the label of the bar")
    expect(label).to_contain_text(HOSTILE)
    assert label.locator("a").count() == 0
    assert label.locator("tspan[style*=bold]").all_text_contents() == [HOSTILE]
    assert chart.locator("svg a").count() == 0


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
