"""How far files are while they are converted: what Results says of them, and the Monitor in bars and tiles."""

from datetime import UTC, datetime

import pytest

from batch_core.snapshot import Span, Steps
from pages.charts.progress import OnNode, in_short, on_node, told

NOW = datetime(2026, 1, 5, 14, 0, tzinfo=UTC)


def steps(**known: object) -> Steps:
    facts = {"converting": NOW, "uploading": None, "out_seconds": None, "speed": None, **known}
    return Steps("file-0001", 1, seen=NOW, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "expected", "words"),
    [
        (None, 60.0, "starting"),
        (steps(converting=None), 60.0, "starting"),
        (steps(converting=None, fetching=True), 60.0, "downloading"),
        (steps(), 60.0, "converting"),
        (steps(out_seconds=0.0, speed=0.0), 60.0, "converting"),
        (steps(out_seconds=30.0, speed=2.0), 60.0, "converting, 50 %, 2.0×, 15 s left"),
        (steps(out_seconds=30.0, speed=25.4), 60.0, "converting, 50 %, 25×"),
        (steps(out_seconds=30.0, speed=0.1), 330.0, "converting, 9 %, 0.1×, 50 min left"),
        (steps(out_seconds=61.0, speed=2.0), 60.0, "converting, 99 %, 2.0×"),
        (steps(out_seconds=30.0, speed=2.0), None, "converting, 2.0×"),
        (steps(out_seconds=60.0, speed=2.0, uploading=NOW), 60.0, "uploading"),
    ],
)
def test_the_phase_is_told_with_what_is_known(
    known: Steps | None, expected: float | None, words: str
) -> None:
    assert told(known, expected) == words


@pytest.mark.parametrize(
    ("known", "expected", "words"),
    [
        (None, 60.0, ""),
        (steps(converting=None), 60.0, ""),
        (steps(out_seconds=0.0), 60.0, "0 %"),
        (steps(out_seconds=30.0), 60.0, "50 %"),
        (steps(out_seconds=60.0), 60.0, "99 %"),
        (steps(out_seconds=30.0), None, ""),
        (steps(out_seconds=30.0, uploading=NOW), None, "uploading"),
    ],
)
def test_a_bar_tells_the_same_percent_in_short(
    known: Steps | None, expected: float | None, words: str
) -> None:
    assert in_short(known, expected) == words
    assert words in told(known, expected) or words == "0 %"


def running(task: str) -> Span:
    return Span("n0", task, task, NOW, None, "running", 2)


def test_a_node_is_as_far_as_its_tasks_on_average_and_one_without_a_file_yet_counts_as_nothing() -> None:
    seen = {
        ("a", 1): steps(out_seconds=50.0),  # of an attempt before
        ("a", 2): steps(out_seconds=30.0),
        ("b", 2): steps(uploading=NOW),
    }
    seconds = {"a": 60.0, "b": 60.0, "c": 60.0}
    of = [running("a"), running("b"), running("c")]
    assert on_node(of, seen, seconds) == OnNode(50, ("converting, 50 %", "uploading", "starting"))
    assert on_node(of[2:], seen, seconds) is None
    assert on_node(of[:1], seen, {}) == OnNode(None, ("converting",))
