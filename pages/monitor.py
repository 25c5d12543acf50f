"""Every node and task while it works: of a run, of any job, or of a pool alone."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.monitor import Snapshot
from batch_core.pools import LOCAL_POOL
from pages.charts.labels import duration
from pages.parts import numbers
from pages.parts.monitor_cards import cards
from pages.parts.monitor_charts import charts
from pages.parts.monitor_choice import Watched, choose, listed, picture
from pages.parts.monitor_details import details
from pages.parts.monitor_head import header, state
from pages.parts.monitor_lists import lists
from pages.parts.monitor_numbers import flags, over_time
from pages.parts.monitor_playback import plays
from pages.parts.monitor_tables import SHOWN
from pages.parts.monitor_words import settled, state_line
from pages.parts.monitor_work import once, work_of
from pages.parts.pool_line import say
from pages.parts.steps import ask_first
from pages.shell import readings, session, told, words

REFRESH_SECONDS = 2
DRAWN = "monitor_drawn"  # whose details the page shows now
FIRST_SECONDS = 1.0  # that the page waits for a first picture, and then asks for it again
STALE_SECONDS = 3 * REFRESH_SECONDS
LARGE = 1000  # nodes and tasks from which on the lists follow more slowly, as long as no panel is open
SLOW_SECONDS = 10


def page() -> None:
    title, *places = st.columns(
        [2, 3, 5], vertical_alignment="bottom"
    )  # one row: the charts are what one came for
    title.title("Monitor")
    account = session.require_account()
    try:
        watched = choose(account, places)
    except DashboardError as error:
        session.show_error(error)
        st.stop()
    if watched.job_id is None and watched.pool_id is None:
        nothing_runs()
        return
    told.watch(watched.pool_id, watched.job_id)
    if plays(account, watched):
        return
    ask_first()
    first = picture(watched, patience=FIRST_SECONDS)
    paused = header(account, watched, first)
    at_rest = paused or (first is not None and settled(first))
    soon = FIRST_SECONDS if first is None else REFRESH_SECONDS
    st.session_state[DRAWN] = st.session_state.get(SHOWN)
    st.fragment(run_every=None if at_rest else soon)(live)(account, watched, first, at_rest)
    if first is not None:
        slowly = len(first.nodes) + len(first.tasks) >= LARGE and st.session_state[DRAWN] is None
        often = SLOW_SECONDS if slowly else REFRESH_SECONDS
        still = at_rest and not readings.awaited()  # what is being read comes though all else rests
        st.fragment(run_every=None if still else often)(below)(account, watched, slowly, at_rest)


def nothing_runs() -> None:
    """What to do when there is neither a pool nor a job."""
    st.markdown("Nothing runs here yet. Add videos and convert them, and every step of it shows here.")
    with st.container(horizontal=True):
        st.page_link("pages/files.py", label="Files", icon=":material/video_library:")
        st.page_link("pages/convert.py", label="Convert", icon=":material/swap_horiz:")


def live(account: Account, watched: Watched, first: Snapshot | None, at_rest: bool) -> None:
    """What goes on, at a glance; drawn again every two seconds until everything is over or the page is paused."""
    _all_show_the_same()
    snapshot = picture(watched)
    if snapshot is None:
        st.caption(":material/hourglass_top: Asking for the nodes and tasks")
        return
    other_head = (
        first is None or (first.job is None) != (snapshot.job is None) or state(first) != state(snapshot)
    )
    if (settled(snapshot) and not at_rest) or other_head:
        listed.clear()
        st.rerun()  # what stands above the picture is out of date
    known = numbers.of(account, watched, snapshot) if snapshot.job else None
    local, work = watched.pool_id == LOCAL_POOL, work_of(account.fingerprint, watched, snapshot)
    freshness(account, snapshot, at_rest)
    cards(snapshot, known, once(("slots",), work, lambda: numbers.slots_there(snapshot)))
    if line := once(("line", local), work, lambda: state_line(snapshot, local=local)):
        say(account, line, snapshot)
    charts(account.fingerprint, watched, snapshot)
    _all_show_the_same()


def below(account: Account, watched: Watched, slowly: bool, at_rest: bool) -> None:
    """What one reads: a node's or task's panel, and the lists. Nobody follows each change in thousands of rows, which
    cost the server as much as all that stands above them: without a panel they may come `slowly`."""
    _all_show_the_same()
    awaited = readings.begin()
    snapshot = picture(watched)
    if snapshot is None:
        return
    known = numbers.of(account, watched, snapshot) if snapshot.job else None
    details(account, watched, snapshot)
    st.session_state[DRAWN] = st.session_state.get(SHOWN)  # what is gone is shown no more
    if slowly and not at_rest and snapshot.job:
        as_of = words.when(snapshot.taken_at, seconds=True)
        st.caption(f"The lists below are as of {as_of}; long ones are read anew every {SLOW_SECONDS} s.")
    flags(snapshot, known)
    lists(account, watched, snapshot)
    over_time(account.fingerprint, watched, snapshot, known)
    if at_rest and readings.awaited() != awaited:
        st.rerun()  # to be drawn again until all is read, or no more


def _all_show_the_same() -> None:
    """What was chosen in one part of the page is to be seen in the other at once, too."""
    if st.session_state.get(SHOWN) != st.session_state.get(DRAWN):
        st.rerun()


def freshness(account: Account, snapshot: Snapshot, at_rest: bool) -> None:
    """Since when it goes on, and how old the picture is; amber, with the reason, when it is older than it should be."""
    age = snapshot.age()
    if snapshot.error is not None:
        session.show_error(snapshot.error)
    if snapshot.asking:
        told = f"as last seen at {words.when(snapshot.taken_at)}, asking now"
    elif at_rest:
        told = f"as of {words.when(snapshot.taken_at)}"
    elif age > STALE_SECONDS:
        told = f":orange[:material/warning: updated {duration(timedelta(seconds=age))} ago]"
    else:
        told = f"updated {round(age)} s ago"
    started = [f"started {words.when(snapshot.job.created)}"] if snapshot.job else []
    st.caption(" · ".join([*started, f"account: {words.plain(account.name)}", told]))


page()
