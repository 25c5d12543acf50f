"""What a browser is told of a run: counting along while it is under way, and the end once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from batch_core.conversions import Options
from batch_core.jobs import Run
from batch_core.snapshot import Counts, Snapshot
from pages.components.finish import Told
from pages.shell import told

NOW = datetime(2026, 11, 22, 13, 10, tzinfo=UTC)
JOB = Run("j", "My videos", "active", "mp3", Options(), "p", NOW, None, 50, None, 1, True)


def words(counts: Counts, stopped: int = 0, **job: object) -> Told | None:
    return told.words_for(Snapshot(1, NOW, None, replace(JOB, **job), (), (), (), counts, 1, stopped=stopped))


@pytest.mark.parametrize(
    ("counts", "stopped", "state", "title", "text"),
    [
        (Counts(9, 10, 29, 2), 0, "active", "(31/50)", ""),
        (Counts(0, 1, 49, 0), 0, "completed", "(49/50)", ""),
        (Counts(0, 0, 50, 0), 0, "completed", "Done", "50 of 50 done."),
        (Counts(0, 0, 48, 2), 0, "completed", "2 failed", "48 of 50 done, 2 failed."),
        (Counts(9, 0, 31, 10), 10, "completed", "Stopped", "31 of 50 done, 10 stopped."),
    ],
)
def test_the_title_and_the_words_tell_what_became_of_a_run(
    counts: Counts, stopped: int, state: str, title: str, text: str
) -> None:
    said = words(counts, stopped, state=state)
    assert said is not None
    assert (said.title, said.text, said.over) == (title, text, bool(text))


def test_another_programs_job_is_finished_with_its_last_task_though_it_stays_open() -> None:
    said = words(Counts(0, 0, 3, 1), ours=False)
    assert said is not None
    assert (said.title, said.over) == ("1 failed", True)
    ours = words(Counts(0, 0, 3, 1))
    assert ours is not None
    assert not ours.over, "more of its tasks may be on their way"


def test_a_job_that_is_gone_is_none_to_be_told_of() -> None:
    assert told.words_for(Snapshot(1, NOW, None, None, (), (), (), Counts(), 1)) is None


def test_a_run_that_was_over_before_is_no_news_and_is_not_watched(
    app: Callable[..., AppTest], finished_run: Run
) -> None:
    opened = app("pages/connect.py", run=finished_run.id)
    assert opened.session_state[told.LAST] is None
