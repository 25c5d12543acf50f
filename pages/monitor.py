"""Every node and task while it works: of a run, of any job, or of a pool alone."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.monitor import Snapshot
from batch_core.pools import LOCAL_POOL
from pages.charts.labels import duration
from pages.parts.monitor_charts import charts
from pages.parts.monitor_choice import Watched, choose, listed
from pages.parts.monitor_details import details
from pages.parts.monitor_head import header, held
from pages.parts.monitor_lists import lists
from pages.parts.monitor_words import elapsed, settled, state_line
from pages.parts.node_panel import ask_to_remove
from pages.parts.pool_line import say
from pages.shell import session, words

REFRESH_SECONDS = 2
STALE_SECONDS = 3 * REFRESH_SECONDS


def page() -> None:
    st.title("Monitor")
    account = session.require_account()
    try:
        watched = choose(account)
    except DashboardError as error:
        session.show_error(error)
        st.stop()
    if watched.job_id is None and watched.pool_id is None:
        nothing_runs()
        return
    ask_to_remove(account)
    first = picture(watched)
    paused = header(account, watched, first)
    at_rest = paused or (first is not None and settled(first))
    st.fragment(run_every=None if at_rest else REFRESH_SECONDS)(live)(account, watched, first, at_rest)


def nothing_runs() -> None:
    """What to do when there is neither a pool nor a job."""
    st.markdown("Nothing runs here yet. Add videos and convert them, and every step of it shows here.")
    with st.container(horizontal=True):
        st.page_link("pages/files.py", label="Files", icon=":material/video_library:")
        st.page_link("pages/convert.py", label="Convert", icon=":material/swap_horiz:")


def picture(watched: Watched) -> Snapshot | None:
    """The newest snapshot, or while paused the one that was shown last."""
    kept, key = st.session_state.get("monitor_picture", (None, None))
    if st.session_state.get("monitor_paused") and key == watched and kept is not None:
        return kept
    newest = session.recorder(watched.pool_id, watched.job_id).snapshot()
    st.session_state["monitor_picture"] = (newest, watched)
    return newest


def live(account: Account, watched: Watched, first: Snapshot | None, at_rest: bool) -> None:
    """All that changes; drawn again every two seconds until everything is over or the page is paused."""
    snapshot = picture(watched)
    if snapshot is None:
        st.caption(":material/hourglass_top: Asking for the nodes and tasks")
        return
    other_head = (first is None or first.job is None) != (snapshot.job is None) or held(first) != held(
        snapshot
    )
    if (settled(snapshot) and not at_rest) or other_head:
        listed.clear()
        st.rerun()  # what stands above the picture is out of date
    freshness(snapshot, at_rest)
    metrics(snapshot)
    if line := state_line(snapshot, local=watched.pool_id == LOCAL_POOL):
        say(account, line, snapshot)
    charts(account.fingerprint, watched, snapshot)
    details(account, watched, snapshot)
    lists(account, watched, snapshot)


def freshness(snapshot: Snapshot, at_rest: bool) -> None:
    """How old the picture is; amber, with the reason, when it is older than it should be."""
    age = snapshot.age()
    if snapshot.error is not None:
        session.show_error(snapshot.error)
    if at_rest:
        st.caption(f"as of {words.when(snapshot.taken_at)}")
    elif age > STALE_SECONDS:
        st.caption(f":orange[:material/warning: updated {duration(timedelta(seconds=age))} ago]")
    else:
        st.caption(f"updated {round(age)} s ago")


def metrics(snapshot: Snapshot) -> None:
    """Tasks by what became of them, and how long it has been going on."""
    counts = snapshot.counts
    if snapshot.job is None:
        return
    whole, stopped = counts.total < 1000, snapshot.stopped
    cards = [
        ("Done", f"{counts.succeeded} / {counts.total}")
        if whole
        else (f"Done of {counts.total:,}", f"{counts.succeeded:,}"),
        ("Running", f"{counts.running:,}"),
        ("Waiting", f"{counts.active:,}"),
        ("Failed · stopped", f"{counts.failed - stopped:,} · {stopped:,}")
        if stopped
        else ("Failed", f"{counts.failed:,}"),
        ("Elapsed", duration(elapsed(snapshot))),
    ]
    grid = st.grid(len(cards), min_column_width=150, gap="xsmall")  # room for "3 min 20 s"
    for label, value in cards:
        grid.metric(label, value, border=True)


page()
