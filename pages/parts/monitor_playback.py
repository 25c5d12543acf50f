"""A run played back on the Monitor: its numbers and charts as they were at any moment, out of the history alone."""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import streamlit as st

from batch_core.account import Account
from batch_core.monitor import Snapshot, history_path
from batch_core.playback import Playback, prepare
from batch_core.pools import LOCAL_POOL
from pages.parts import numbers
from pages.parts.monitor_cards import cards
from pages.parts.monitor_charts import charts
from pages.parts.monitor_choice import Watched, picture
from pages.parts.monitor_words import settled, state_line
from pages.parts.playback_controls import controls, speed
from pages.shell import session

PLAYER = "monitor_player"
TICK = 1.0  # seconds between two pictures while it plays
LONGEST = 3 * TICK  # what a browser that was asleep goes on by at most
KEPT = 4  # runs that are ready to be played, for all sessions
log = logging.getLogger(__name__)


@dataclass
class Player:
    """Where this session is in a run, which ends for it with the `latest` picture that it had when it looked back."""

    watched: Watched
    latest: Snapshot
    at: datetime
    playing: bool = True
    ticked: float | None = None  # when it was shown last

    def go_on(self, played: Playback) -> None:
        """By the time that has passed since, at the chosen speed; it stops at the end."""
        now = time.monotonic()
        passed = 0.0 if self.ticked is None else min(now - self.ticked, LONGEST)
        self.ticked = now
        if self.playing:
            self.at = min(played.end, self.at + timedelta(seconds=passed * speed(played)))
            self.playing = self.at < played.end


def offer(watched: Watched, snapshot: Snapshot | None) -> None:
    """The way into the past of a job."""
    if snapshot is not None and snapshot.job is not None:
        st.button(
            "Play back",
            icon=":material/history:",
            key="monitor_play_back",
            help="Nodes, tasks and numbers as they were at any moment of it.",
            on_click=_look_back,
            args=(watched,),
        )


def _look_back(watched: Watched) -> None:
    """To the start of what is known now; the page's own picture may be older."""
    latest = picture(watched)
    if latest is not None and latest.job is not None:
        st.session_state[PLAYER] = Player(watched, latest, latest.job.created)


def _back_to_now() -> None:
    st.session_state.pop(PLAYER, None)


def plays(account: Account, watched: Watched) -> bool:
    """Whether the past is shown here instead of now; another job than the one that is played has its now."""
    player: Player | None = st.session_state.get(PLAYER)
    if player is None or player.watched != watched:
        _back_to_now()
        return False
    st.fragment(run_every=TICK if player.playing else None)(_past)(account, watched, player.playing)
    return True


def _past(account: Account, watched: Watched, was_playing: bool) -> None:
    """The controls, and the picture of their moment by what draws the one of now; the service is asked for nothing."""
    player: Player | None = st.session_state.get(PLAYER)
    if player is None:
        st.rerun()
    try:
        played = _prepared(account, watched, player.latest)
    except (sqlite3.Error, OSError) as error:
        log.warning("The history can't be played back: %s", error)
        st.error("The history of this run can't be read, so it can't be played back.")
        st.button("Back to now", icon=":material/update:", key="monitor_now", on_click=_back_to_now)
        return
    player.go_on(played)
    if player.playing != was_playing:
        st.rerun()  # with a clock, or without
    snapshot = played.at(player.at)
    controls(player, played, snapshot, _back_to_now)
    cards(snapshot, numbers.of(account, watched, snapshot), numbers.slots_there(snapshot))
    if line := state_line(snapshot, local=watched.pool_id == LOCAL_POOL):
        getattr(st, line.kind)(line.text, icon=line.icon)
    charts(f"{account.fingerprint} past", watched, snapshot)


def _prepared(account: Account, watched: Watched, latest: Snapshot) -> Playback:
    """One for all who look back at a job that is over; else one for all who do so from the same picture."""
    version, born = 0 if settled(latest) else latest.version, latest.job and latest.job.created
    path = str(history_path(session.home(), account))
    return _read(account.fingerprint, watched, born, version, path, latest)


@st.cache_resource(max_entries=KEPT, show_spinner="Reading the history of this run")
def _read(
    fingerprint: str, watched: Watched, born: datetime | None, version: int, path: str, _latest: Snapshot
) -> Playback:
    return prepare(Path(path), _latest)
