"""What a played-back run is steered with: a slider over its time, play and pause, and the problems it had."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING

import streamlit as st

from batch_core.monitor import Snapshot
from batch_core.playback import Playback, Trouble
from pages.charts.labels import node_name
from pages.parts.pickers import distinct
from pages.shell import words

if TYPE_CHECKING:
    from pages.parts.monitor_playback import Player

LISTED = 300  # problems in the list, half of them from before the moment
SPEEDS = {"1×": 1, "10×": 10, "60×": 60}
SPEED, SLIDER, PROBLEM = "playback_speed", "playback_moment", "playback_problem"
SHORT = timedelta(minutes=1)  # a run that is shown in tenths of seconds
DAY = timedelta(days=1)
ZERO = datetime.min.replace(year=2000)  # a slider's way to write how long a run has lasted


def speed(played: Playback) -> int:
    """How many times as fast as it was it goes: as chosen, else so that it takes a few minutes at most."""
    return SPEEDS[st.session_state.get(SPEED) or _fitting(played)]


def _fitting(played: Playback) -> str:
    minutes = (played.end - played.start) / timedelta(minutes=1)
    return next((name for name, times in SPEEDS.items() if minutes <= 2 * times), "60×")


def controls(player: Player, played: Playback, snapshot: Snapshot, back_to_now: Callable[[], None]) -> None:
    """That this is the past, which moment of it, and the ways to another one."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            lasted, whole = (_length(at - played.start) for at in (snapshot.taken_at, played.end))
            clock = words.when(snapshot.taken_at, seconds=True)
            st.markdown(
                f":material/history: **As it was at {lasted} of {whole}** · {clock}. Nothing here is live.",
                width="stretch",
            )
            st.button("Back to now", icon=":material/update:", key="monitor_now", on_click=back_to_now)
        _slider(player, played)
        with st.container(horizontal=True, vertical_alignment="center"):
            _play(player, played)
            _troubles(player, played, snapshot)


def _slider(player: Player, played: Playback) -> None:
    length = played.end - played.start
    step = timedelta(seconds=0.1 if length < SHORT else 1)
    last = ZERO + step * max(1, -(-length // step))
    st.session_state[SLIDER] = min(last, ZERO + step * round((player.at - played.start) / step))

    def move() -> None:
        _go(player, played.start + (st.session_state[SLIDER] - ZERO))

    st.slider(
        "Moment of the run",
        min_value=ZERO,
        max_value=last,
        step=step,
        format="m:ss.S" if length < SHORT else "H:mm:ss" if length < DAY else "[day] D, H:mm",
        key=SLIDER,
        on_change=move,
        label_visibility="collapsed",
    )


def _play(player: Player, played: Playback) -> None:
    """Play or pause, and how fast."""

    def press() -> None:
        player.playing, player.ticked = not player.playing, None
        if player.playing and player.at >= played.end:
            player.at = played.start

    label, icon = ("Pause", "pause") if player.playing else ("Play", "play_arrow")
    st.button(label, icon=f":material/{icon}:", key="playback_play", on_click=press)
    st.segmented_control(
        "Speed",
        list(SPEEDS),
        default=_fitting(played),
        required=True,
        key=SPEED,
        label_visibility="collapsed",
    )


def _troubles(player: Player, played: Playback, snapshot: Snapshot) -> None:
    """The problems, by name and one after the other."""
    if not played.troubles:
        st.caption("It had no problems.")
        return
    ways = (
        ("Previous problem", "skip_previous", played.previous_trouble(player.at)),
        ("Next problem", "skip_next", played.next_trouble(player.at)),
    )
    for label, icon, trouble in ways:
        st.button(
            label,
            icon=f":material/{icon}:",
            key=f"playback_{icon}",
            disabled=trouble is None,
            on_click=lambda to=trouble: _go(player, to.at),
        )
    _list_of_troubles(player, played, snapshot)


def _list_of_troubles(player: Player, played: Playback, snapshot: Snapshot) -> None:
    """Those around the moment; chosen is the last one before it."""
    troubles = played.troubles
    so_far = bisect_right(troubles, player.at, key=attrgetter("at"))
    first = max(0, min(so_far - LISTED // 2, len(troubles) - LISTED))
    places = range(first, min(first + LISTED, len(troubles)))
    labels = distinct(
        {place: _words(troubles[place], played, snapshot) for place in places},
        {place: troubles[place].task_id or troubles[place].node_id or "" for place in places},
    )
    st.session_state[PROBLEM] = so_far - 1 if so_far else None

    def choose() -> None:
        if (chosen := st.session_state[PROBLEM]) is not None:
            _go(player, troubles[chosen].at)

    st.selectbox(
        "Problems",
        places,
        index=None,
        format_func=lambda place: labels.get(place, ""),
        key=PROBLEM,
        placeholder=f"{words.count(len(troubles), 'problem')} from here on",
        on_change=choose,
        label_visibility="collapsed",
        width=320,
    )


def _go(player: Player, at: datetime) -> None:
    """To another moment; when it plays, it plays on from there."""
    player.at, player.ticked = at, time.monotonic()


def _words(trouble: Trouble, played: Playback, snapshot: Snapshot) -> str:
    """When and what, as in "0:42 · beach.mov failed on node 3"."""
    place = snapshot.places.get(trouble.node_id or "")
    node = (trouble.node_id or "") if place is None else node_name(trouble.node_id or "", place)
    said = {
        "failed": f"{trouble.name} failed{f' on {node}' if node else ''}",
        "lost": f"{trouble.name} was lost with {node}",
        "preempted": f"{node} was taken back by Azure",
        "starttaskfailed": f"The start task failed on {node}",
        "unusable": f"{node} was out of order",
    }[trouble.kind]
    return f"{_length(trouble.at - played.start)} · {said}"


def _length(time_of_run: timedelta) -> str:
    return words.length(time_of_run.total_seconds())
