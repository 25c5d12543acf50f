"""Charts as data: what is where, in which colour, at any size; and how far apart the palette's colours are."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
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
    RUNNING,
    SEVERITY,
    STARTING,
    Family,
    node_family,
    task_family,
)
from pages.components.live_chart import pack, unpack
from tests.pages.colour import SIGHT, distance, seen
from tests.pages.nodes import START, STATES, node

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


# Sending


def drawn(nodes: Sequence[NodeRow]) -> dict[str, Any]:
    return heatmap.heatmap(heatmap.Fleet(nodes, 1, {}, ZoneInfo("Europe/Berlin"), START), view="v")


def test_a_packed_figure_is_whole_and_the_same_for_the_same_picture() -> None:
    nodes = [node(order, "running", used=1) for order in range(50)]
    one, other = (pack(drawn(nodes), alt="Nodes") for _ in range(2))
    assert one == other
    figure = unpack(one)
    assert figure["alt"] == "Nodes"
    assert figure["layout"]["uirevision"] == "v"
    assert figure["data"] == orjson.loads(orjson.dumps(drawn(nodes)))["data"]
