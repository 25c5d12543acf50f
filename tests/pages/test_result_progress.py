"""What Results says of files while they are converted."""

from datetime import UTC, datetime

import pytest

from batch_core.snapshot import Steps
from pages.parts.result_progress import told

NOW = datetime(2026, 1, 5, 14, 0, tzinfo=UTC)


def steps(**known: object) -> Steps:
    facts = {"converting": NOW, "uploading": None, "out_seconds": None, "speed": None, **known}
    return Steps("file-0001", 1, seen=NOW, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "expected", "words"),
    [
        (None, 60.0, "starting"),
        (steps(converting=None), 60.0, "starting"),
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
