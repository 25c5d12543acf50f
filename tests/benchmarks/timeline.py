"""The timeline in Chromium: first paint, a refresh with 100 changes, and what a refresh sends, for many tasks."""

import base64
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import plotly
from playwright.sync_api import Page, sync_playwright

from batch_core.snapshot import NodeRow, Span, TaskRow
from pages.charts import timeline
from pages.charts.axis import run_axis
from pages.charts.columns import Attempts, Tasks, attempts_of, tasks_of
from pages.charts.lanes import order, troubled
from pages.components import live_chart
from tests.browser import chromium

SIZES = ((10_000, 100), (100_000, 1_000))  # tasks, nodes
CHANGES = 100
REFRESHES = 10
LENGTH = timedelta(seconds=40)
START = datetime(2026, 11, 22, 13, tzinfo=UTC)
COLOURS = "--st-text-color: #111; --st-background-color: #fff; --st-border-color: #ddd; --st-font: sans-serif"
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"

MOUNT = """async (source) => {
    globalThis.liveChartLibrary = Promise.resolve(Plotly);
    const file = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const { default: component } = await import(file);
    const parentElement = document.querySelector("main");
    const plot = parentElement.querySelector(".live-chart-plot");
    globalThis.show = async (text) => {
        const data = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
        const before = plot.dataset.refreshes;
        const begun = performance.now();
        component({ data, parentElement, setTriggerValue: () => {}, setStateValue: () => {} });
        while (plot.dataset.refreshes === before) await new Promise(requestAnimationFrame);
        return [performance.now() - begun, Number(plot.dataset.paintMs)];
    };
}"""


def run() -> list[tuple[str, ...]]:
    """Rows for each size as it is shown first, and for a window of the largest."""
    with chart_page() as show:
        return [row for tasks, nodes in SIZES for row in _measured(show, tasks, nodes)]


Shown = tuple[float, float]


@contextmanager
def chart_page() -> Iterator[Callable[[bytes], Shown]]:
    """Shows a packed chart in a page of its own; the milliseconds until it stands there, and those of the painting."""
    folder = Path(live_chart.__file__).parent
    scripts = sorted(folder.glob("*.js"), key=lambda file: file.name == "chart.js")
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        page: Page = browser.new_page(viewport={"width": 760, "height": 700})
        page.set_content(
            f'<style>:root {{ {COLOURS} }}</style><main><div class="live-chart" style="position: relative">'
            '<div class="live-chart-plot"></div><p></p><ul></ul></div></main>'
        )
        page.add_style_tag(content="".join(file.read_text(encoding="utf-8") for file in folder.glob("*.css")))
        page.add_script_tag(path=PLOTLY)
        page.evaluate(MOUNT, "\n".join(file.read_text(encoding="utf-8") for file in scripts))

        def show(payload: bytes) -> Shown:
            total, painting = page.evaluate("show", base64.b64encode(payload).decode())
            return total, painting

        yield show
        browser.close()


def _measured(show: Callable[[bytes], Shown], tasks: int, nodes: int) -> list[tuple[str, ...]]:
    spans, rows = _pictures(tasks, nodes)
    fleet = [NodeRow(f"tvmps_{at:08x}_d", "running", START, True, 1, at, "", "", 0) for at in range(nodes)]
    work, listed = attempts_of(spans), tasks_of(rows)
    found = [_refreshes(show, fleet, spans, work, listed, None)]
    names = [f"Timeline of {tasks:,} tasks on {nodes:,} nodes"]
    if tasks > timeline.BARS_AT_MOST:
        middle = round((START + LENGTH * (tasks // nodes // 2)).timestamp() * 1000)
        found.append(_refreshes(show, fleet, spans, work, listed, (middle, middle + 600_000)))
        names.append("the same, ten minutes of it with bars")
    return [
        (name, told, "–", "–", "refresh < 150 ms, < 150 kB") for name, told in zip(names, found, strict=True)
    ]


def _refreshes(
    show: Callable[[bytes], Shown],
    fleet: list[NodeRow],
    spans: list[Span],
    work: Attempts,
    listed: Tasks,
    window: tuple[int, int] | None,
) -> str:
    """A first paint and refreshes in each of which some attempts have ended."""
    last = max(span.start for span in spans) + LENGTH
    spans, paints, making, sent = list(spans), [], [], []
    for turn in range(REFRESHES + 1):
        for at in range(len(spans) - 1 - turn * CHANGES, len(spans) - 1 - (turn + 1) * CHANGES, -1):
            spans[at] = replace(spans[at], end=last, outcome="done")
        begun = time.perf_counter()
        work = attempts_of(spans, work)
        lanes = order(fleet, work, None, troubled(fleet, work))
        axis = run_axis(START, last + timedelta(seconds=2 * turn))
        figure = timeline.timeline(
            lanes, work, timeline.Facts(listed), slots=1, axis=axis, view="v", part=timeline.Part(0, window)
        )
        figure.pop("shown")
        chart = live_chart.pack(figure, alt="Timeline")
        making.append((time.perf_counter() - begun) * 1000)
        sent.append(len(chart.payload) / 1000)
        paints.append(show(chart.payload))
    total, painting = (statistics.median(part) for part in zip(*paints[1:], strict=True))
    return (
        f"first {paints[0][0]:.0f} ms; refresh {painting:.0f} ms ({total:.0f} ms until it stands there), "
        f"{max(sent):.0f} kB; made in {statistics.median(making):.0f} ms for all who look"
    )


def _pictures(tasks: int, nodes: int) -> tuple[list[Span], list[TaskRow]]:
    """Attempts one after the other on each node, of which one in fifty failed and the last are running."""
    spans, rows = [], []
    for number in range(tasks):
        node, turn = f"tvmps_{number % nodes:08x}_d", number // nodes
        start = START + LENGTH * turn + timedelta(milliseconds=number * 7919 % 9973)
        end = start + timedelta(milliseconds=20_000 + number * 6271 % 9871)
        failed, running = number % 50 == 7, number >= tasks - (REFRESHES + 2) * CHANGES
        id, name = f"file-{number:06}", f"holiday {number * 7919 % 99_991}.mp4"
        outcome = "running" if running else "failed" if failed else "done"
        spans.append(Span(node, id, name, start, None if running else end, outcome, 1))  # type: ignore[arg-type]
        state, result = ("running", None) if running else ("completed", "failure" if failed else "success")
        ended = None if running else end
        rows.append(TaskRow(id, name, state, result, 0, node, START, start, ended, ended or start, 0, None))
    return spans, rows
