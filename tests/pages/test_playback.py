"""A run played back on the Monitor: the same cards, sentence and charts, of the moment that is asked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from batch_core.account import Account
from batch_core.jobs import Run
from batch_core.monitor import Recorder, Snapshot
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_playback import PLAYER, Player
from pages.parts.playback_controls import PROBLEM, SLIDER, ZERO
from tests.core.proxy import door_to
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


def shown_at(opened: AppTest, moment: datetime) -> AppTest:
    opened.session_state[PLAYER].at = moment
    opened.run()
    assert not opened.exception
    return opened


def test_a_run_that_is_over_is_shown_as_it_was_and_then_as_it_is(ended: AppTest) -> None:
    first = min(newest(ended).spans, key=lambda span: span.start)
    opened = looked_back(ended)
    shown_at(opened, first.start + (first.end - first.start) / 2)
    assert "**As it was at 0:0" in text(opened)
    assert metrics(opened)["Running"] in ("1", "2")
    assert metrics(opened)["Done"] == "0 / 2"
    assert opened.info[-1].value.startswith(("1 task runs on", "2 tasks run on"))
    nodes, timeline = charts(opened)
    assert " running" in nodes["alt"]
    assert " running" in timeline["alt"]
    reach = timeline["data"][0]["x"]
    opened.slider(key=SLIDER).set_value(ZERO).run()
    opened.slider(key=SLIDER).set_value(ZERO + whole(opened)).run()
    assert metrics(opened)["Done"] == "2 / 2"
    assert opened.success[-1].value.startswith("All 2 done in ")
    (_, timeline) = charts(opened)
    assert timeline["alt"].endswith("2 done.")
    assert timeline["data"][0]["x"] == reach, "the axis is the whole run's from the start"
    opened.button(key="monitor_now").click().run()
    assert "As it was" not in text(opened)
    assert "results" in links(opened)


def test_in_the_past_nothing_can_be_done(ended: AppTest) -> None:
    opened = looked_back(ended)
    assert "results" not in links(opened)
    keys = {button.key for button in opened.main.button}
    assert keys == {"playback_play", "monitor_now"}, "of a run without problems"
    assert not opened.toggle
    assert not opened.main.expander


def past(account: "Account", watched: "Watched") -> None:
    """A page that is nothing but the past."""
    from pages.parts.monitor_playback import plays

    assert plays(account, watched)


def test_playing_asks_the_batch_service_for_nothing(
    cloud: dict, home: Path, finished_run: Run, tmp_path: Path
) -> None:
    with door_to(cloud) as (through, door):
        recorder = Recorder(through, finished_run.pool_id, finished_run.id, home)
        recorder.start()
        latest = until(
            lambda: (shot := recorder.snapshot()) and len(shot.spans) == 2 and shot, what="the run's picture"
        )
        recorder.stop()
        opened_before = len(door.asked)
        first = min(latest.spans, key=lambda span: span.start)
        player = Player(
            Watched(finished_run.pool_id, finished_run.id),
            latest,
            first.start + (first.end - first.start) / 2,
            playing=False,
        )
        opened = AppTest.from_function(past, args=(through, player.watched), default_timeout=30)
        opened.session_state[PLAYER] = player
        opened.run()
        assert not opened.exception
        assert metrics(opened)["Running"] != "0", (
            "of a run of ours, whose bars live would be looked at closer"
        )
        player.playing = True
        until(lambda: not opened.run().exception and not player.playing, what="the end of the run")
        assert metrics(opened)["Done"] == "2 / 2"
        asked = door.asked[opened_before:]
    assert [one for one in asked if "/localstorage/" not in one] == []


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
    shown_at(opened, newest(opened).job.created)
    assert opened.selectbox(key=PROBLEM).value is None
    opened.selectbox(key=PROBLEM).set_value(0).run()
    assert opened.session_state[PLAYER].at == bad.end
