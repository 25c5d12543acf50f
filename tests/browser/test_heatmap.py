"""The heatmap in a real browser: pressed, by keyboard, filtered, zoomed, in groups, and kept over refreshes."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from batch_core import nodes as batch_nodes
from batch_core import pools
from batch_core.account import Account
from pages.charts.palette import ERROR, IDLE, RUNNING
from pages.charts.places import TILES_AT_MOST, grid
from tests.browser.heatmaps import colour, press
from tests.browser.monitoring import nodes, refreshes
from tests.fleet import add_tasks, simulated_job, simulated_pool
from tests.waiting import until

NODES, TASKS = 40, 20
COLUMNS = grid(NODES).columns


@pytest.fixture(scope="module")
def fleet(account: Account) -> Iterator[str]:
    """The id of a pool of which half of the nodes run a task for a long time."""
    pool_id = f"fleet-{uuid.uuid4().hex[:8]}"
    simulated_pool(account, pool_id, NODES, seconds=[600, 600])
    simulated_job(account, f"{pool_id}-job", pool_id)
    add_tasks(account, f"{pool_id}-job", TASKS)
    yield pool_id
    pools.delete(account, pool_id)
    account.batch.begin_delete_job(f"{pool_id}-job", polling_interval=0.1).wait(30)


@pytest.fixture
def monitor(page: Page, app_url: str, fleet: str) -> Page:
    """The Monitor of the fleet's job, with its tasks running."""
    page.goto(f"{app_url}/monitor?job={fleet}-job")
    expect(nodes(page)).to_have_attribute(
        "aria-label", re.compile(f"{TASKS} idle, {TASKS} running"), timeout=60_000
    )
    expect(page.get_by_text(f"Showing {NODES} of {NODES}", exact=True)).to_be_visible()
    return page


@contextmanager
def one_offline(account: Account, pool_id: str) -> Iterator[None]:
    """An idle node that takes no tasks meanwhile, behind the page's back: the next refresh shows it."""
    idle = next(node.id for node in account.batch.list_nodes(pool_id) if node.state == "idle")
    batch_nodes.disable_scheduling(account, pool_id, idle)
    try:
        yield
    finally:
        batch_nodes.enable_scheduling(account, pool_id, idle)


def test_a_pressed_tile_opens_its_node_and_zoom_and_place_are_kept_over_refreshes(
    monitor: Page, account: Account, fleet: str
) -> None:
    chart = nodes(monitor)
    chart.evaluate("chart => { chart.marked = true }")
    press(chart, COLUMNS + 1, COLUMNS)
    expect(monitor.get_by_text(re.compile(r"Dedicated node · \d of 1 slot in use"))).to_be_visible()
    expect(monitor.get_by_text(f"node {COLUMNS + 2}", exact=True).first).to_be_visible()
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    monitor.mouse.move(box["x"] + 4, box["y"] + 4)
    monitor.mouse.down()
    monitor.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5, steps=4)
    monitor.mouse.up()
    expect(monitor.get_by_role("button", name="Whole picture")).to_be_visible()
    expect(monitor.get_by_text(f"Showing {NODES} of {NODES}", exact=True)).to_be_hidden()
    zoomed = chart.evaluate("chart => chart._fullLayout.xaxis.range")
    painted = colour(chart, 0, COLUMNS)
    drawn = refreshes(chart)
    with one_offline(account, fleet):
        expect(chart).to_have_attribute("aria-label", re.compile("1 offline"))
        until(lambda: refreshes(chart) > drawn, what="the chart drawn again")
    assert chart.evaluate("chart => chart._fullLayout.xaxis.range") == zoomed
    assert chart.evaluate("chart => chart.marked")
    assert colour(chart, 0, COLUMNS) == painted
    expect(monitor.locator(".live-chart-pinned").first).to_contain_text(f"node {COLUMNS + 2}")
    monitor.get_by_role("button", name="Whole picture").click()
    expect(monitor.get_by_text(f"Showing {NODES} of {NODES}", exact=True)).to_be_visible()


def test_the_keyboard_moves_from_tile_to_tile_with_what_is_told_of_each(monitor: Page) -> None:
    expect(monitor.get_by_role("img", name=re.compile("^Nodes"))).to_be_in_viewport(ratio=0.9)  # unscrolled
    tiles = monitor.get_by_role("listbox", name=re.compile("^Tiles"))
    said = tiles.get_by_role("option")
    tiles.focus()
    expect(said).to_have_text(re.compile("^node 1 · dedicated, "))
    for key, node in (
        ("ArrowRight", 2),
        ("ArrowDown", COLUMNS + 2),
        ("ArrowLeft", COLUMNS + 1),
        ("ArrowUp", 1),
    ):
        monitor.keyboard.press(key)
        expect(said).to_have_text(re.compile(f"^node {node} · dedicated, . (running|idle), since "))
    expect(said).to_have_attribute("aria-setsize", str(NODES))
    assert tiles.get_attribute("aria-activedescendant") == said.get_attribute("id")
    expect(monitor.locator(".live-chart-ring").first).to_be_visible()
    monitor.keyboard.press("End")
    expect(said).to_have_text(re.compile(f"^node {NODES} "))
    monitor.keyboard.press("Enter")
    expect(monitor.get_by_text(re.compile("Dedicated node · "))).to_be_visible()
    expect(monitor.get_by_text(f"node {NODES}", exact=True).first).to_be_visible()
    assert tiles.locator("[tabindex='0'], button, a").count() == 0  # one stop for all tiles
    expect(monitor.get_by_role("button", name="Close")).to_be_in_viewport()
    monitor.get_by_role("button", name="Close").click()
    expect(monitor.get_by_text(re.compile("Dedicated node · "))).to_be_hidden()


def test_the_legend_counts_and_filters_also_by_keyboard_and_over_refreshes(
    monitor: Page, account: Account, fleet: str
) -> None:
    chart = nodes(monitor)
    legend = monitor.locator(".live-chart", has=chart)
    running = legend.get_by_role("button", name=f"{RUNNING.glyph} Running {TASKS}")
    running.focus()
    monitor.keyboard.press("Enter")
    expect(running).to_have_attribute("aria-pressed", "true")
    expect(monitor.get_by_text(f"Showing {TASKS} of {NODES}", exact=True)).to_be_visible()
    with one_offline(account, fleet):
        expect(chart).to_have_attribute("aria-label", re.compile("1 offline"))
        expect(legend.get_by_text("Offline 1")).to_be_visible()
    expect(running).to_have_attribute("aria-pressed", "true")
    expect(running).to_be_focused()
    shades = {colour(chart, place, COLUMNS).split()[-1] for place in range(NODES)}
    assert len(shades) == 2
    tiles = monitor.get_by_role("listbox", name=re.compile("^Tiles"))
    tiles.focus()
    for _ in range(3):
        monitor.keyboard.press("ArrowRight")
        expect(tiles.get_by_role("option")).to_contain_text("running")
    legend.get_by_role("button", name="All states").click()
    expect(running).to_have_attribute("aria-pressed", "false")
    expect(monitor.get_by_text(f"Showing {NODES} of {NODES}", exact=True)).to_be_visible()


def test_a_group_opens_and_the_way_back_finds_the_place(page: Page, app_url: str, account: Account) -> None:
    pool_id = f"large-{uuid.uuid4().hex[:8]}"
    count = TILES_AT_MOST + 1
    simulated_pool(account, pool_id, count)
    try:
        page.goto(f"{app_url}/monitor?pool={pool_id}")
        chart = nodes(page)
        expect(page.get_by_text(f"In groups of 25 · showing {count:,} of {count:,}")).to_be_visible(
            timeout=60_000
        )
        press(chart, 3, grid(-(-count // 25), wide=1).columns)
        expect(page.get_by_text(f"Nodes 76–100 · showing 25 of {count:,}")).to_be_visible()
        press(chart, 2)
        expect(page.get_by_text("node 78", exact=True).first).to_be_visible()
        expect(page.get_by_text("Dedicated node · ")).to_be_visible()
        tiles = page.get_by_role("listbox", name=re.compile("^Tiles"))
        tiles.focus()
        page.keyboard.press("Escape")  # lets go of the tile that was pressed
        page.keyboard.press("Escape")
        expect(page.get_by_text("In groups of 25")).to_be_visible()
        expect(tiles.get_by_role("option")).to_have_text(re.compile("^Nodes 76–100 "))
    finally:
        pools.delete(account, pool_id)


def test_tiles_have_their_familys_colour_in_the_browser(monitor: Page) -> None:
    chart = nodes(monitor)
    found = {colour(chart, place, COLUMNS) for place in range(NODES)}
    shown = {tuple(int(family.colour[at : at + 2], 16) for at in (1, 3, 5)) for family in (RUNNING, IDLE)}
    assert {tuple(map(int, re.findall(r"\d+", one)[:3])) for one in found} == shown
    assert ERROR.colour not in found
