"""Charts as data: what is where, in which colour, at any size; and how far apart the palette's colours are."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from batch_core.snapshot import NodeRow
from pages.charts import heatmap
from pages.charts.labels import duration, plain
from pages.charts.palette import (
    DONE,
    ERROR,
    FAMILIES,
    IDLE,
    OFFLINE,
    PREEMPTED,
    RUNNING,
    SEVERITY,
    STARTING,
    Family,
    node_family,
    task_family,
)
from pages.components.live_chart import pack, unpack
from tests.pages.colour import SIGHT, distance, seen

START = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
STATES = {
    "idle": IDLE,
    "running": RUNNING,
    "creating": STARTING,
    "starting": STARTING,
    "waitingforstarttask": STARTING,
    "rebooting": STARTING,
    "reimaging": STARTING,
    "upgradingos": STARTING,
    "leavingpool": OFFLINE,
    "offline": OFFLINE,
    "deallocating": OFFLINE,
    "deallocated": OFFLINE,
    "preempted": PREEMPTED,
    "unusable": ERROR,
    "starttaskfailed": ERROR,
    "unknown": ERROR,
    "a state of next year": ERROR,
}
Figure = dict[str, Any]


def node(
    order: int, state: str = "idle", *, used: int = 0, dedicated: bool = True, error: str = ""
) -> NodeRow:
    return NodeRow(f"n{order}", state, START, dedicated, used, order, error, "10.0.0.4", 0)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def tiles(nodes: Sequence[NodeRow], slots: int = 1) -> Figure:
    return heatmap.heatmap(nodes, slots=slots, working_on={"n0": ["a.mp4"]}, zone=BERLIN, view="v")


# Palette


@pytest.mark.parametrize("sight", SIGHT)
def test_every_two_colours_differ_for_everybody(sight: str) -> None:
    for one, other in itertools.combinations(FAMILIES, 2):
        apart = distance(seen(one.colour, sight), seen(other.colour, sight))
        assert apart >= 12, f"{one.id} and {other.id}: {apart:.1f}"


def test_the_distance_is_the_published_one() -> None:
    assert distance((50, 2.6772, -79.7751), (50, 0, -82.7485)) == pytest.approx(2.0425, abs=1e-4)
    assert distance((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387)) == pytest.approx(
        1.2644, abs=1e-4
    )


def test_families_have_glyphs_and_words_of_their_own() -> None:
    assert len({family.glyph for family in FAMILIES}) == len({family.word for family in FAMILIES}) == 7
    assert set(SEVERITY) == set(FAMILIES)


@pytest.mark.parametrize(("state", "family"), STATES.items())
def test_every_node_state_has_its_family(state: str, family: Family) -> None:
    assert node_family(state) is family
    assert node_family(state.upper()) is family


def test_a_completed_task_is_done_only_with_success() -> None:
    assert task_family("completed", "success") is DONE
    assert task_family("completed", "failure") is ERROR
    assert task_family("completed", None) is ERROR
    assert [task_family(state, None) for state in ("active", "preparing", "running")] == [
        IDLE,
        STARTING,
        RUNNING,
    ]


# Labels


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<b>x</b> & y", "&lt;b&gt;x&lt;/b&gt; &amp; y"),
        ("&lt;i&gt;", "&amp;lt;i&amp;gt;"),
        ("a\nb\u202egpj", "a\ufffdb\ufffdgpj"),
        ("größer 日本.mp4", "größer 日本.mp4"),
    ],
)
def test_names_lose_what_a_chart_would_interpret(name: str, shown: str) -> None:
    assert plain(name) == shown


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    shown = plain("x" * 300 + ".mp4", 30)
    assert len(shown) == 30
    assert shown.endswith(".mp4")
    assert "…" in shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3_600, "1 h"),
        (7_500, "2 h 5 min"),
        (273_600, "3 days 4 h"),
    ],
)
def test_durations_in_words(seconds: int, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


# Heatmap


@pytest.mark.parametrize("count", [0, 1, 5, 1_000, 1_001, 10_000])
def test_every_node_is_shown_once_in_its_colour(count: int) -> None:
    random.seed(count)
    nodes = [node(order, random.choice(list(STATES))) for order in range(count)]
    figure = tiles(nodes)
    first = figure["data"][0]
    if count <= heatmap.TILES_AT_MOST:
        shown = dict(zip(first["customdata"], first["marker"]["color"], strict=True))
        running = {n.order for n in nodes if n.state == "running"}
        assert all(shown[order] == IDLE.colour for order in running)  # covered by what is in use
        assert len(figure["data"][1]["x"]) == len(running)
        rest = {n.order: node_family(n.state).colour for n in nodes if n.order not in running}
        assert rest == {order: colour for order, colour in shown.items() if order not in running}
    else:
        cells = {
            o: z
            for orders, row in zip(first["customdata"], first["z"], strict=True)
            for o, z in zip(orders, row, strict=True)
        }
        cells.pop(None)
        assert cells == {n.order: FAMILIES.index(node_family(n.state)) for n in nodes}
    assert sum(int(entry["text"].split()[-1].replace(",", "")) for entry in figure["legend"]) == count


def test_a_node_keeps_its_place_when_others_leave() -> None:
    before = tiles([node(order) for order in range(10)])["data"][0]
    later = tiles([node(order) for order in (0, 3, 9)])["data"][0]
    places = dict(zip(before["customdata"], zip(before["x"], before["base"], strict=True), strict=True))
    kept = dict(zip(later["customdata"], zip(later["x"], later["base"], strict=True), strict=True))
    assert kept == {order: places[order] for order in (0, 3, 9)}


def test_holes_are_closed_when_almost_all_are_holes() -> None:
    grid = heatmap.grid([node(5_000), node(7_000), node(6_000)])
    assert [grid.places[name] for name in ("n5000", "n6000", "n7000")] == [0, 1, 2]


def test_five_nodes_lie_in_a_row_and_ten_in_two() -> None:
    assert (
        heatmap.grid([node(o) for o in range(5)]).columns,
        heatmap.grid([node(o) for o in range(5)]).rows,
    ) == (5, 1)
    assert (
        heatmap.grid([node(o) for o in range(10)]).columns,
        heatmap.grid([node(o) for o in range(10)]).rows,
    ) == (5, 2)


def test_the_fill_is_the_share_of_slots_in_use() -> None:
    figure = tiles([node(0, "running", used=1), node(1, "running", used=4), node(2, "idle")], slots=4)
    whole, full = figure["data"][0], figure["data"][1]
    assert [high / whole["y"][0] for high in full["y"]] == pytest.approx([0.25, 1.0])
    assert full["base"][0] + full["y"][0] == pytest.approx(whole["y"][0])  # from the tile's foot


def test_slots_are_levels_in_a_big_fleet() -> None:
    nodes = [node(order, "running", used=1) for order in range(1_200)]
    first = tiles(nodes, slots=4)["data"][0]
    column = [row[0] for row in first["z"][:5]]
    assert column == [FAMILIES.index(f) for f in (IDLE, IDLE, IDLE, RUNNING)] + [None]
    assert len(first["y"]) == len(first["z"]) + 1


def test_spot_nodes_are_striped() -> None:
    stripes = tiles([node(0), node(1, dedicated=False), node(2)])["data"][2]
    assert stripes["x"] == [1]
    assert stripes["marker"]["pattern"]["shape"] == "/"


def test_hover_text_tells_what_since_when_and_why() -> None:
    nodes = [node(0, "running", used=1), node(1, "starttaskfailed", error="<i>no ffmpeg</i>")]
    one, other = tiles(nodes, slots=2)["data"][0]["hovertext"]
    assert "running<br>since 14:00:00" in one
    assert "1 of 2 slots in use" in one
    assert "a.mp4" in one
    assert "start task failed" in other
    assert "&lt;i&gt;no ffmpeg&lt;/i&gt;" in other


def test_hover_text_is_no_wider_than_there_is_room_beside_a_tile() -> None:
    long = (
        "The start task failed. The command ended with exit code 100 after it had waited for the lock. " * 3
    )
    nodes = [node(0, "starttaskfailed", error=long), node(1, "running", used=1)]
    names = ["a-name-without-any-space-that-is-longer-than-a-label.mp4"]
    figure = heatmap.heatmap(nodes, slots=1, working_on={"n1": names}, zone=BERLIN, view="v")
    for text in figure["data"][0]["hovertext"]:
        assert max(map(len, text.split("<br>"))) <= heatmap.HOVER_WIDTH + len("<b></b>")


def test_a_spot_nodes_stripes_are_told_in_the_legend() -> None:
    assert "Spot node" not in [entry["text"] for entry in tiles([node(0)])["legend"]]
    assert "Spot node" in [entry["text"] for entry in tiles([node(0, dedicated=False)])["legend"]]


def test_a_node_that_takes_no_more_tasks_is_marked_though_it_still_works() -> None:
    busy = replace(node(0, "running", used=1), accepts=False)
    figure = tiles([busy, replace(node(1, "offline"), accepts=False), node(2)])
    (glyphs,) = (trace["text"] for trace in figure["data"] if trace.get("mode") == "text")
    assert [text.split("<br>")[0] for text in glyphs] == [
        f"{RUNNING.glyph} {OFFLINE.glyph}",
        OFFLINE.glyph,
        IDLE.glyph,
    ]
    assert "running, takes no more tasks" in figure["data"][0]["hovertext"][0]
    assert "offline, takes no tasks<br>" in figure["data"][0]["hovertext"][1]


def test_buttons_never_lie_over_tiles() -> None:
    assert not tiles([node(0)])["layout"].get("meta", {}).get("tools")


def test_trouble_keeps_its_glyph_where_tiles_are_small() -> None:
    nodes = [node(order, "unusable" if order == 77 else "idle") for order in range(2_000)]
    glyphs = [trace for trace in tiles(nodes)["data"] if trace.get("mode") == "text"]
    assert [trace["text"] for trace in glyphs] == [[ERROR.glyph]]


def test_the_alternative_text_counts_all() -> None:
    assert heatmap.alt_text([node(0, "running"), node(1)], 5) == "Nodes, 2 of 5: 1 idle, 1 running."
    assert heatmap.alt_text([], 0) == "Nodes, 0 of 0: none yet."


# Sending


def test_a_packed_figure_is_whole_and_the_same_for_the_same_picture() -> None:
    nodes = [node(order, "running", used=1) for order in range(50)]
    one, other = (pack(tiles(nodes), alt="Nodes") for _ in range(2))
    assert one == other
    figure = unpack(one)
    assert figure["alt"] == "Nodes"
    assert figure["layout"]["uirevision"] == "v"
    assert figure["data"] == orjson.loads(orjson.dumps(tiles(nodes)))["data"]
