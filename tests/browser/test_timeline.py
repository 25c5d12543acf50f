"""The timeline in a real browser: refreshed in place, zoomed, followed, clicked, and safe with hostile names."""

import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from batch_core import jobs, pools
from batch_core.account import Account
from batch_core.pools import PoolSpec
from pages.charts.palette import DONE, RUNNING
from tests.browser.monitoring import HOSTILE, counting, foreign_job, opened, refreshes, timeline
from tests.slow_runs import slow_run
from tests.waiting import until

# The part of a bar's foot that is painted as made: of the row of pixels in which most are.
PAINTED = """(chart, [made, rest]) => {
    const canvas = chart.parentElement.querySelector("canvas");
    const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const [wanted, other] = [made, rest].map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
    let best = [0, 0];
    for (let row = 0; row < height; row += 1) {
        const found = [0, 0];
        for (let at = 4 * row * width; at < 4 * (row + 1) * width; at += 4) {
            const is = (parts) => parts.every((part, place) => data[at + place] === part);
            found[0] += is(wanted);
            found[1] += is(other);
        }
        if (found[0] > best[0]) best = found;
    }
    return best[0] / (best[0] + best[1]);
}"""


@pytest.fixture(scope="module")
def running_job(account: Account) -> Iterator[str]:
    with foreign_job(account) as job_id:
        yield job_id


@pytest.fixture(scope="module")
def opened_once(browser: Browser, app_url: str, running_job: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="Asia/Kolkata")
    context.set_default_timeout(30_000)
    yield opened(context.new_page(), app_url, running_job)
    context.close()


@pytest.fixture
def monitor(opened_once: Page) -> Page:
    """The Monitor, with a job of another program, whose tasks run; one page for all these tests."""
    expect(timeline(opened_once)).to_be_visible()
    return opened_once


def shown_range(chart: Locator) -> list[str]:
    return chart.evaluate("chart => chart._fullLayout.xaxis.range")


def tip(page: Page) -> Locator:
    return page.get_by_role("tooltip")


def point_at_a_bar(chart: Locator) -> tuple[float, float]:
    """Moves the pointer down the lanes, late in the run, until a bar tells of itself; where that was."""
    page = chart.page
    chart.scroll_into_view_if_needed()
    where: list[tuple[float, float]] = []

    def found() -> bool:
        box = chart.locator(".nsewdrag").first.bounding_box()
        assert box is not None
        for lane in range(10):
            where[:] = [(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * (lane + 0.5) / 10)]
            page.mouse.move(*where[0])
            if tip(page).count():
                return True
        return False

    until(found, what="a bar under the pointer")
    return where[0]


def zoom(page: Page, chart: Locator) -> None:
    """Drag over the middle of the plot."""
    box = chart.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 15)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 15, steps=5)
    page.mouse.up()


def test_zoom_and_dom_node_survive_refreshes_what_is_new_is_counted_and_a_press_leads_back(
    monitor: Page, account: Account, running_job: str
) -> None:
    chart = timeline(monitor)
    chart.evaluate("chart => { chart.marked = true }")
    follow = monitor.get_by_role("button", name="Follow now")
    expect(follow).to_have_attribute("aria-pressed", "true")
    whole = shown_range(chart)
    zoom(monitor, chart)
    expect(follow).to_have_attribute("aria-pressed", "false")
    zoomed = shown_range(chart)
    assert zoomed != whole
    before = refreshes(chart)
    account.batch.create_task(running_job, counting("later"))
    expect(follow).to_have_text(re.compile(r"^[1-9]\d* new · Follow now"))
    until(lambda: refreshes(chart) >= before + 3, seconds=30, what="three refreshes")
    assert shown_range(chart) == zoomed
    assert chart.evaluate("chart => chart.marked")
    follow.click()
    expect(follow).to_have_text("Follow now")
    followed = shown_range(chart)
    until(lambda: shown_range(chart)[1] > followed[1], seconds=30, what="the axis following the run")
    follow.click()  # a second press holds what is shown
    expect(follow).to_have_attribute("aria-pressed", "false")
    held, before = shown_range(chart), refreshes(chart)
    until(lambda: refreshes(chart) >= before + 2, seconds=30, what="two refreshes")
    assert shown_range(chart) == held
    follow.click()


def test_a_click_on_a_bar_opens_its_task_whose_log_follows(monitor: Page) -> None:
    chart = timeline(monitor)
    monitor.mouse.click(*point_at_a_bar(chart))
    expect(monitor.get_by_text(re.compile(r"^Task (task-\d|later)$"))).to_be_visible()
    expect(monitor.get_by_text(re.compile(r"Runs for \d+"))).to_be_visible()
    code = monitor.get_by_test_id("stCode")
    expect(code.filter(has_text="time.sleep(0.2)")).to_be_visible()
    log = code.filter(has_text=re.compile(r"^line \d+"))
    first = log.inner_text()
    expect(log).not_to_have_text(first)
    assert max(numbers(log.inner_text())) > max(numbers(first))
    monitor.get_by_text("stdout.txt", exact=True).click()
    expect(monitor.get_by_text("Nothing in stdout.txt yet.")).to_be_visible()
    monitor.get_by_role("button", name="Close", exact=True).click()
    expect(monitor.get_by_text(re.compile(r"^Task (task-\d|later)$"))).to_be_hidden()


def numbers(log: str) -> list[int]:
    return [int(number) for number in re.findall(r"line (\d+)", log)]


def test_while_the_page_is_paused_what_is_new_is_counted(
    monitor: Page, account: Account, running_job: str
) -> None:
    chart = timeline(monitor)
    monitor.get_by_text("Pause", exact=True).click()
    expect(monitor.get_by_text(re.compile(r"\bas of "))).to_be_visible()
    shown = chart.get_attribute("aria-label")
    account.batch.create_task(running_job, counting("paused"))
    news = monitor.get_by_role("button", name=re.compile("1 new · Follow now"))
    expect(news).to_be_visible()
    assert chart.get_attribute("aria-label") == shown
    news.click()
    expect(news).to_be_hidden()
    expect(chart).not_to_have_attribute("aria-label", shown or "")


def test_bars_lie_where_the_clock_of_the_viewers_zone_says(monitor: Page) -> None:
    chart, zone = timeline(monitor), ZoneInfo("Asia/Kolkata")
    for axis in ("Clock", "Elapsed"):
        monitor.get_by_text(axis, exact=True).first.click()
        beginning = "2000-01-01" if axis == "Elapsed" else f"{datetime.now(zone):%Y-%m-%d}"
        until(lambda: shown_range(chart)[0].startswith(beginning), what=f"the axis by {axis}")  # noqa: B023
        point_at_a_bar(chart)
        since = re.search(r"since (\d\d:\d\d:\d\d)", tip(monitor).inner_text())
        assert since is not None
        now = datetime.now(zone)
        began = datetime.combine(now.date(), datetime.strptime(since[1], "%H:%M:%S").time(), zone)
        assert timedelta(0) <= now - began < timedelta(minutes=10)


def test_a_hostile_name_is_shown_as_it_was_typed(monitor: Page) -> None:
    point_at_a_bar(timeline(monitor))
    label = tip(monitor)
    expect(label.locator("div").first).to_have_text(HOSTILE)
    assert label.locator("a, b").count() == 0


def test_a_row_of_the_table_beside_the_chart_opens_the_details_by_keyboard(monitor: Page) -> None:
    monitor.get_by_text("Table", exact=True).last.click()
    table = monitor.get_by_test_id("stDataFrame").first
    expect(timeline(monitor)).to_be_hidden()
    table.locator("canvas").first.focus()
    for key in ("ArrowDown", "Shift+Space"):
        monitor.keyboard.press(key)
    expect(monitor.get_by_text(re.compile(r"^Task (task-\d|later|paused)$"))).to_be_visible()


def test_a_running_bar_of_ours_is_filled_at_its_foot_as_far_as_its_file_is_made(
    page: Page, app_url: str, account: Account
) -> None:
    pool_id = f"far-{uuid.uuid4().hex[:8]}"
    pools.create(account, PoolSpec(pool_id, dedicated=1, spot=0))
    run_id = slow_run(account, pool_id, 1, seconds=1000, begin=500)
    page.goto(f"{app_url}/monitor?run={run_id}")
    chart = timeline(page)
    expect(chart.locator("..").get_by_text("how much is made")).to_be_visible(timeout=60_000)
    share = chart.evaluate(PAINTED, [DONE.colour, RUNNING.edge])
    assert 0.49 < share < 0.6
    point_at_a_bar(chart)
    expect(tip(page).get_by_text(re.compile(r"^converting, 5\d %, 1\.0×, "))).to_be_visible()
    jobs.stop(account, run_id)
    pools.delete(account, pool_id)
