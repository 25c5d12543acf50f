"""The heatmap in Chromium: first paint, a refresh in which nodes have changed, and what a refresh sends."""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from batch_core.snapshot import NodeRow
from pages.charts import heatmap, places
from pages.components import live_chart
from tests.benchmarks.timeline import Shown, chart_page

SIZES = (2_000, 10_000)
CHANGES = 100
REFRESHES = 10
SLOTS = 4
START = datetime(2026, 11, 22, 13, tzinfo=UTC)
STATES = ("running", "idle", "starting", "preempted", "offline", "unusable", "starttaskfailed")
OFTEN = (80, 8, 4, 3, 2, 2, 1)
TARGET = "refresh < 150 ms, < 150 kB"


def run() -> list[tuple[str, ...]]:
    """Rows for tiles, for the fleet that is shown in groups, and for a tile a node of that all the same."""
    rows = [_row(f"Heatmap of {count:,} nodes", count) for count in SIZES]
    with patch.object(places, "TILES_AT_MOST", max(SIZES)):
        return [*rows, _row(f"the same {max(SIZES):,} with a tile each (not shown so)", max(SIZES))]


def _row(name: str, count: int) -> tuple[str, ...]:
    with chart_page() as show:
        return (name, _refreshes(show, count), "–", "–", TARGET)


def _refreshes(show: Callable[[bytes], Shown], count: int) -> str:
    """A first paint, and refreshes in each of which CHANGES nodes have changed."""
    chance = random.Random(count)
    nodes = [_changed(_node(order), chance) for order in range(count)]
    paints, making, sent = [], [], []
    for turn in range(REFRESHES + 1):
        for at in chance.sample(range(count), CHANGES):
            nodes[at] = _changed(nodes[at], chance)
        names = {
            node.id: [f"Holiday {node.order * 7919 % 99_991} beach.mp4"] * node.slots_used for node in nodes
        }
        begun = time.perf_counter()
        fleet = heatmap.Fleet(tuple(nodes), SLOTS, names, UTC, START + timedelta(seconds=2 * turn))
        chart = live_chart.pack(heatmap.heatmap(fleet, view="v"), alt="Nodes")
        making.append((time.perf_counter() - begun) * 1000)
        sent.append(len(chart.payload) / 1000)
        paints.append(show(chart.payload))
    total, painting = (statistics.median(part) for part in zip(*paints[1:], strict=True))
    return (
        f"first {paints[0][0]:.0f} ms; refresh {painting:.0f} ms ({total:.0f} ms until it stands there), "
        f"{max(sent):.0f} kB; made in {statistics.median(making):.0f} ms for all who look"
    )


def _node(order: int) -> NodeRow:
    return NodeRow(
        f"tvmps_{order:064x}_d", "idle", START, order % 3 > 0, 0, order, "", "10.0.0.4", 0, place=order
    )


def _changed(node: NodeRow, chance: random.Random) -> NodeRow:
    (state,) = chance.choices(STATES, OFTEN)
    return replace(
        node,
        state=state,
        since=START - timedelta(seconds=chance.randrange(600)),
        slots_used=chance.randint(1, SLOTS) if state == "running" else 0,
        error="The start task failed. ffmpeg could not be installed." if state == "starttaskfailed" else "",
    )
