"""The heatmap as data: which node lies where, in which colour, filled how far, and what is told of it, at any size."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from batch_core.snapshot import NodeRow
from pages.charts import heatmap
from pages.charts.groups import FROM_TOP, groups
from pages.charts.palette import (
    ERROR,
    FAMILIES,
    IDLE,
    OFFLINE,
    RUNNING,
    Family,
    node_family,
)
from pages.charts.places import GROUPS_AT_MOST, TILES_AT_MOST, WIDTH, grid, group_size
from pages.charts.progress import OnNode
from pages.components.live_chart import pack
from tests.pages.nodes import START, STATES, node

BERLIN = ZoneInfo("Europe/Berlin")
Figure = dict[str, Any]


def drawn(
    nodes: Sequence[NodeRow], slots: int = 1, opened: int | None = None, minutes: int = 0, **working_on: Any
) -> Figure:
    now = START + timedelta(minutes=minutes)
    fleet = heatmap.Fleet(nodes, slots, working_on, BERLIN, now)
    return heatmap.heatmap(fleet, view="v", opened=opened)


def marks(figure: Figure, family: Family, *, under: bool = False) -> Figure:
    """The rectangles of a family in its own colour, or those `under` them in that of an empty tile."""
    colour = IDLE.colour if under else family.colour
    found = figure["tiles"]["marks"]
    return next(mark for mark in found if (mark["family"], mark["colour"]) == (family.id, colour))


def colours(figure: Figure) -> dict[int, str]:
    """The colour at the foot of every tile, by the node's order."""
    at: dict[int, str] = {}
    for mark in figure["tiles"]["marks"]:
        assert not set(mark["whole"]) & set(at)
        for place in [*mark["whole"], *mark["parts"][::5]]:
            at[place] = mark["colour"]
    return {id: at[place] for id, place in zip(figure["tiles"]["id"], figure["tiles"]["place"], strict=True)}


def told(figure: Figure, at: int = 0) -> list[str]:
    """What is told of a tile."""
    return [figure["tiles"]["lines"][line] for line in figure["tiles"]["tips"][at]]


def texts(figure: Figure) -> list[str]:
    return [text for trace in figure["data"] for text in trace["text"]]


def fleet(count: int) -> list[NodeRow]:
    chance = random.Random(count)
    return [node(order, chance.choice(list(STATES))) for order in range(count)]


# Tiles


@pytest.mark.parametrize("count", [0, 1, 5, 1_000, TILES_AT_MOST])
def test_every_node_is_shown_once_in_its_colour_at_its_place(count: int) -> None:
    nodes = fleet(count)
    figure = drawn(nodes)
    assert figure["tiles"]["id"] == figure["tiles"]["place"] == list(range(count))
    assert colours(figure) == {node.order: STATES[node.state].colour for node in nodes}
    assert figure["tiles"]["of"] == [count, count]
    assert sum(int(entry["text"].split()[-1].replace(",", "")) for entry in figure["legend"]) == count


@pytest.mark.parametrize("count", [TILES_AT_MOST + 1, 10_000])
def test_more_than_tiles_can_show_are_groups_in_which_every_node_is_counted_once(count: int) -> None:
    nodes = fleet(count)
    figure = drawn(nodes)
    assert figure["tiles"]["kind"] == heatmap.CLICK_GROUP
    assert 1 < len(figure["tiles"]["id"]) <= GROUPS_AT_MOST
    sums: Counter[int] = Counter()
    for counts in figure["tiles"]["counts"]:
        for family, number in zip(counts[::2], counts[1::2], strict=True):
            sums[family] += number
    assert sums == Counter(FAMILIES.index(node_family(node.state)) for node in nodes)
    assert figure["tiles"]["of"] == [count, count]


@pytest.mark.parametrize("count", [5, 1_000, TILES_AT_MOST, TILES_AT_MOST + 1, 10_000, 100_000])
def test_at_every_size_a_tile_can_be_seen_and_hit(count: int) -> None:
    size = group_size(count)
    shown = grid(-(-count // size), wide=1) if size else grid(count)
    assert shown.tile >= 6
    assert shown.columns * shown.tile <= max(WIDTH, 5 * shown.tile)
    assert shown.columns * shown.rows * (size or 1) >= count


def test_a_node_keeps_its_place_when_others_leave() -> None:
    later = drawn([node(order) for order in (0, 3, 9)])["tiles"]
    assert dict(zip(later["id"], later["place"], strict=True)) == {0: 0, 3: 3, 9: 9}
    assert later["columns"] == drawn([node(order) for order in range(10)])["tiles"]["columns"]


@pytest.mark.parametrize("count", [11, TILES_AT_MOST + 1])
def test_nobody_moves_when_the_last_one_leaves(count: int) -> None:
    nodes, reach = fleet(count), count
    before = heatmap.heatmap(heatmap.Fleet(nodes, 1, {}, BERLIN, START, reach=reach), view="v")
    after = heatmap.heatmap(heatmap.Fleet(nodes[:-1], 1, {}, BERLIN, START, reach=reach), view="v")
    assert before["tiles"]["kind"] == after["tiles"]["kind"]
    assert (before["tiles"]["columns"], before["tiles"]["rows"]) == (
        after["tiles"]["columns"],
        after["tiles"]["rows"],
    )


def test_five_nodes_lie_in_a_row_and_ten_in_two() -> None:
    assert [(grid(count).columns, grid(count).rows) for count in (5, 10)] == [(5, 1), (5, 2)]


def test_the_fill_is_the_share_of_slots_in_use_from_the_tiles_foot() -> None:
    nodes = [node(0, "running", used=1), node(1, "running", used=4), node(2)]
    figure = drawn(nodes, slots=4)
    full, under = marks(figure, RUNNING), marks(figure, RUNNING, under=True)
    assert (full["parts"], full["whole"], under["whole"]) == ([0, 0, 75, 100, 100], [1], [0])
    assert figure["tiles"]["marks"].index(under) < figure["tiles"]["marks"].index(full)
    assert marks(figure, IDLE)["whole"] == [2]


def test_spot_nodes_are_striped_at_every_size_and_the_legend_tells_it() -> None:
    for count in (3, 2_000):
        nodes = [node(order, "running", dedicated=order != 1) for order in range(count)]
        figure = drawn(nodes)
        assert marks(figure, RUNNING)["stripes"] == [1]
        assert figure["legend"][-1]["text"] == "Spot node"
    assert "Spot node" not in [entry["text"] for entry in drawn([node(0)])["legend"]]


def test_what_is_told_is_what_since_when_doing_what_and_why() -> None:
    broken = node(1, "starttaskfailed", error="<i>no ffmpeg</i>")
    figure = drawn([node(0, "running", used=1), broken], slots=2, n0=["a.mp4"])
    assert told(figure) == [
        "n0 · dedicated",
        "► running",
        "since 14:00:00",
        "1 of 2 slots in use",
        "a.mp4",
    ]
    assert told(figure, 1)[1:] == ["✕ start task failed", "since 14:00:00", "<i>no ffmpeg</i>"]


def test_a_node_that_takes_no_more_tasks_is_marked_though_it_still_works() -> None:
    nodes = [node(0, "running", used=1, accepts=False), node(1, "offline", accepts=False), node(2)]
    figure = drawn(nodes)
    heads = {text.split("<br>")[0] for text in texts(figure)}
    assert heads == {f"{RUNNING.glyph} {OFFLINE.glyph} n0", f"{OFFLINE.glyph} n1", f"{IDLE.glyph} n2"}
    assert told(figure)[1] == "► running, takes no more tasks"
    assert told(figure, 1)[1] == "⊘ offline, takes no tasks"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("The start task failed. No disk left.", ["No disk", "left"]),
        (
            "The start task failed. The command ended with exit code 100 after a wait.",
            ["start", "task", "failed"],
        ),
        ("", ["start", "task", "failed"]),
    ],
)
def test_the_reason_stands_in_a_red_tile_when_it_fits(error: str, shown: list[str]) -> None:
    (text,) = texts(drawn([node(0, "starttaskfailed", error=error)], minutes=3))
    assert text.split("<br>")[0] == "✕ n0"
    assert " ".join(text.split("<br>")[1:]).startswith(" ".join(shown))


def test_a_large_tile_tells_the_file_and_for_how_long() -> None:
    nodes = [node(0, "running", used=2), node(1)]
    figure = drawn(nodes, slots=2, minutes=62, n0=["a.mp4", "b.mp4"])
    assert texts(figure) == ["► n0<br>a.mp4 +1<br>1 h 2 min", "○ n1<br>1 h 2 min"]
    assert texts(drawn([node(0)])) == ["○ n0<br>&lt; 1 min"]


def test_a_large_tile_tells_how_far_its_files_are_and_each_in_what_is_told_of_it() -> None:
    nodes = [node(0, "running", used=2), node(1, "running", used=1)]
    doing = {"n0": ["a.mp4", "b.mp4"], "n1": ["c.mp4"]}
    progress = {"n0": OnNode(43, ("converting, 86 %", "starting"))}
    figure = heatmap.heatmap(heatmap.Fleet(nodes, 2, doing, BERLIN, START, progress), view="v")
    assert texts(figure) == ["► n0<br>a.mp4 +1<br>43 %", "► n1<br>c.mp4<br>&lt; 1 min"]
    assert told(figure)[-3:] == [
        "43 % made, on average",
        "a.mp4 · converting, 86 %",
        "b.mp4 · starting",
    ]
    assert told(figure, 1)[-1] == "c.mp4"
    assert marks(figure, RUNNING)["whole"] == [0]  # the fill stays the share of slots in use


def test_trouble_keeps_its_glyph_where_tiles_are_small() -> None:
    nodes = [node(order, "unusable" if order == 77 else "idle") for order in range(2_000)]
    assert texts(drawn(nodes)) == [ERROR.glyph]


def test_one_broken_node_of_five_has_a_tile_as_large_as_the_others_with_its_reason() -> None:
    nodes = [node(order, "idle") for order in range(4)] + [node(4, "unusable", error="Disk full.")]
    figure = drawn(nodes)
    assert marks(figure, ERROR)["whole"] == [4]
    assert any("Disk full" in text for text in texts(figure))


def test_nothing_lies_over_tiles_and_nothing_is_blank_above_them() -> None:
    layout = drawn(fleet(100))["layout"]
    assert not layout.get("meta", {}).get("tools")
    assert layout["margin"] == {"l": 0, "r": 0, "t": 0, "b": 0, "autoexpand": False}


# Groups


def test_a_groups_fill_is_its_share_of_slots_and_its_mark_the_worst_state_with_its_count() -> None:
    nodes = [node(order, "running", used=1) for order in range(10_000)]
    nodes[250] = node(250, "unusable", error="No disk.")
    nodes[260] = replace(nodes[260], state="preempted")
    nodes[270] = replace(nodes[270], state="unknown")
    nodes[510] = node(510, "starting")
    figure = drawn(nodes, slots=2)
    running = marks(figure, RUNNING)["parts"]
    fills = {running[at]: 100 - running[at + 2] for at in range(0, len(running), 5)}
    assert fills[0] == 50
    assert fills[2] == pytest.approx(50 * 0.97, abs=1)
    shown = {
        (trace["meta"]["family"], text): (x, y)
        for trace in figure["data"]
        for text, x, y in zip(trace["text"], trace["x"], trace["y"], strict=True)
    }
    assert set(shown) == {("error", "✕2"), ("starting", "◔1")}
    x, y = shown["error", "✕2"]
    assert (int(x), int(y)) == (2, 0)
    assert told(figure, 2) == [
        "Nodes 201–300 · 100 there",
        "► 97 running",
        "↯ 1 preempted",
        "✕ 2 failed",
        "97 of 200 slots in use",
        "No disk.",
    ]


def test_one_broken_node_of_a_group_of_a_hundred_is_seen() -> None:
    nodes = [node(order, "unusable" if order == 5 else "running", used=1) for order in range(10_000)]
    figure = drawn(nodes)
    slice_ = next(mark for mark in figure["tiles"]["marks"] if mark["family"] == ERROR.id)["parts"]
    assert slice_[4] - slice_[2] >= 9


def test_a_groups_worst_state_is_the_last_to_be_left_out() -> None:
    for worst in FROM_TOP:
        state = next(state for state, family in STATES.items() if family is worst)
        found = groups([node(0), node(1, "running"), node(2, state)], {"n0": 0, "n1": 1, "n2": 2}, 25, 1)
        assert found[0].worst is worst


def test_an_opened_group_has_its_own_nodes_its_own_view_and_a_way_back() -> None:
    nodes = fleet(10_000)
    figure = drawn(nodes, opened=3)
    assert figure["tiles"]["id"] == list(range(300, 400))
    assert figure["tiles"]["place"] == list(range(100))
    assert figure["tiles"]["of"] == [100, 10_000]
    assert figure["tiles"]["title"] == "Nodes 301–400"
    assert figure["tiles"]["back"] == {"kind": heatmap.CLICK_BACK, "id": "3", "text": "All groups"}
    assert figure["layout"]["uirevision"] != drawn(nodes)["layout"]["uirevision"]
    assert colours(figure) == {node.order: STATES[node.state].colour for node in nodes[300:400]}


def test_a_group_whose_nodes_are_gone_gives_way_to_all_groups() -> None:
    nodes = [node for node in fleet(10_000) if not 300 <= node.order < 400]
    figure = drawn(nodes, opened=3)
    assert figure["tiles"]["kind"] == heatmap.CLICK_GROUP
    assert 3 not in figure["tiles"]["id"]


def test_groups_keep_their_nodes_while_a_fleet_grows() -> None:
    assert [group_size(count) for count in (TILES_AT_MOST, TILES_AT_MOST + 1, 3_000, 6_000, 10_000)] == [
        0,
        25,
        25,
        50,
        100,
    ]


@pytest.mark.parametrize("count", [2_000, 10_000])
def test_a_refresh_is_small(count: int) -> None:
    chance = random.Random(count)
    nodes = [
        replace(node(order, "running", used=1), since=START + timedelta(seconds=chance.randrange(600)))
        for order in range(count)
    ]
    names = {f"n{order}": [f"Holiday {chance.randrange(100_000)} beach.mp4"] for order in range(count)}
    figure = heatmap.heatmap(heatmap.Fleet(nodes, 1, names, BERLIN, START), view="v")
    assert len(pack(figure, alt="").payload) < 100 * 1024


def test_the_alternative_text_counts_all() -> None:
    assert heatmap.alt_text([node(0, "running"), node(1)], 5) == "Nodes, 2 of 5: 1 idle, 1 running."
    assert heatmap.alt_text([], 0) == "Nodes, 0 of 0: none yet."


def test_every_tile_of_a_family_is_in_the_filter_of_the_legend() -> None:
    figure = drawn(fleet(200))
    filters = {entry["id"] for entry in figure["legend"]}
    assert filters == {mark["family"] for mark in figure["tiles"]["marks"]}
