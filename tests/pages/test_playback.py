"""A run played back on the Monitor: the same cards, sentence and charts, of the moment that is asked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from batch_core import monitor
from batch_core.jobs import Run
from batch_core.monitor import Snapshot
from pages.parts.monitor_playback import PLAYER
from pages.parts.playback_controls import PROBLEM, SLIDER, ZERO
from tests.pages import test_monitor
from tests.pages.test_monitor import PAGE, charts, links, metrics, text, watched
from tests.waiting import until

Open = Callable[..., AppTest]
foreign_job = test_monitor.foreign_job


@pytest.fixture
def ended(app: Open, finished_run: Run) -> AppTest:
    """The Monitor with a run that is over."""
    return watched(app(PAGE, run=finished_run.id), lambda page: bool(page.success))


def newest(opened: AppTest) -> Snapshot:
    return opened.session_state["monitor_picture"][0]


def looked_back(opened: AppTest) -> AppTest:
    """The same in its past, paused at its start."""
    opened.button(key="monitor_play_back").click().run()
    opened.button(key="playback_play").click().run()
    assert opened.button(key="playback_play").label == "Play"
    return opened


def whole(opened: AppTest) -> timedelta:
    """How long the run is on its slider."""
    return datetime.fromtimestamp(opened.slider(key=SLIDER).max / 1e6, UTC).replace(tzinfo=None) - ZERO


def moved(opened: AppTest, to: timedelta) -> AppTest:
    opened.slider(key=SLIDER).set_value(ZERO + to).run()
    assert not opened.exception
    return opened


def test_a_run_that_is_over_is_shown_as_it_was_and_then_as_it_is(ended: AppTest) -> None:
    latest = newest(ended)
    start, first = latest.job.created, min(latest.spans, key=lambda span: span.start)
    opened = looked_back(ended)
    moved(opened, first.start + (first.end - first.start) / 2 - start)
    assert "**As it was at 0:0" in text(opened)
    assert metrics(opened)["Running"] in ("1", "2")
    assert metrics(opened)["Done"] == "0 / 2"
    assert opened.info[-1].value.startswith(("1 task runs on", "2 tasks run on"))
    nodes, timeline = charts(opened)
    assert " running" in nodes["alt"]
    assert " running" in timeline["alt"]
    moved(opened, whole(opened))
    assert metrics(opened)["Done"] == "2 / 2"
    assert opened.success[-1].value.startswith("All 2 done in ")
    assert charts(opened)[1]["alt"].endswith("2 done.")
    opened.button(key="monitor_now").click().run()
    assert "As it was" not in text(opened)
    assert "results" in links(opened)


def test_in_the_past_nothing_can_be_done_and_nothing_is_asked_of_the_service(
    ended: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(monitor.Recorder, "look_closer", lambda _, ids: asked.append(list(ids)))
    first = min(newest(ended).spans, key=lambda span: span.start)
    opened = looked_back(ended)
    moved(opened, first.start + (first.end - first.start) / 2 - newest(ended).job.created)
    assert metrics(opened)["Running"] != "0"
    assert not asked
    assert "results" not in links(opened)
    allowed = {"playback_play", "monitor_now", "playback_skip_previous", "playback_skip_next"}
    main = {button.key for button in opened.main.button}
    assert main <= allowed
    assert not opened.toggle


def test_it_plays_to_the_end_and_stops_there(ended: AppTest) -> None:
    opened = looked_back(ended)
    opened.get_by_key("playback_speed").set_value("60×")
    opened.button(key="playback_play").click().run()
    until(
        lambda: opened.run().button(key="playback_play").label == "Play",
        seconds=30,
        what="the end of the run",
    )
    assert metrics(opened)["Done"] == "2 / 2"
    opened.button(key="playback_play").click().run()
    assert opened.slider(key=SLIDER).value == ZERO, "it begins again"


def test_leads_to_the_problems_of_a_job_that_is_still_open(app: Open, foreign_job: str) -> None:
    both = lambda page: metrics(page).get("Failed") == "1" and metrics(page)["Done"] == "1 / 2"  # noqa: E731
    opened = looked_back(watched(app(PAGE, job=foreign_job), both))
    (bad,) = (span for span in newest(opened).spans if span.outcome == "failed")
    assert opened.button(key="playback_skip_previous").disabled
    assert opened.selectbox(key=PROBLEM).value is None
    opened.button(key="playback_skip_next").click().run()
    assert metrics(opened)["Failed"] == "1"
    chosen = opened.selectbox(key=PROBLEM)
    assert chosen.value == 0
    assert "bad failed on node " in chosen.options[0]
    assert opened.button(key="playback_skip_next").disabled
    assert opened.session_state[PLAYER].at == bad.end
    moved(opened, timedelta(0))
    assert opened.selectbox(key=PROBLEM).value is None
    opened.selectbox(key=PROBLEM).set_value(0).run()
    assert opened.session_state[PLAYER].at == bad.end
