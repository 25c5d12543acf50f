"""Every node and task while it works: of a run, of any job, or of a pool alone."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from batch_core import jobs
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.monitor import Snapshot
from batch_core.pools import LOCAL_POOL
from pages.charts.labels import duration
from pages.parts.monitor_charts import charts
from pages.parts.monitor_choice import Watched, choose, listed
from pages.parts.monitor_lists import lists, selected
from pages.parts.monitor_words import elapsed, settled, state_line
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
    if watched.job_id is None:
        nothing_runs()
    if watched.job_id is None and watched.pool_id is None:
        return
    first = picture(watched)
    paused = header(account, watched, first)
    at_rest = paused or (first is not None and settled(first))
    st.fragment(run_every=None if at_rest else REFRESH_SECONDS)(live)(account, watched, first, at_rest)


def nothing_runs() -> None:
    """What to do when no job is watched."""
    st.markdown("No job is chosen. Add videos and convert them, and every step of it shows here.")
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


def header(account: Account, watched: Watched, snapshot: Snapshot | None) -> bool:
    """Which job this is, and what can be done with it; returns whether the page is paused."""
    job = snapshot.job if snapshot else None
    with st.container(horizontal=True, vertical_alignment="center"):
        about = [f"on {words.plain(account.name)}"]
        if job:
            about.insert(0, f"started {words.when(job.created)}")
        st.caption(" · ".join(about), width="stretch")
        if job and job.over:
            if job.ours:
                st.page_link("pages/results.py", label="See the results", icon=":material/task_alt:")
            return False
        paused = st.toggle("Pause", key="monitor_paused", help="Hold the picture. Nothing stops working.")
        fixed = job is None or job.state == "terminating" or account.look_only
        if watched.job_id and st.button("Stop the job", icon=":material/stop_circle:", disabled=fixed):
            confirm_stop(account, watched, snapshot)
    return paused


@st.dialog("Stop this job?")
def confirm_stop(account: Account, watched: Watched, snapshot: Snapshot) -> None:
    counts = snapshot.counts
    st.markdown(
        f"**{words.plain(snapshot.job.name)}**: {words.count(counts.running, 'running task')} will be ended, "
        f"{words.count(counts.active, 'waiting task')} will not be started. What is done stays."
    )
    with st.container(horizontal=True):
        if st.button("Stop the job", key="monitor_stop", type="primary", icon=":material/stop_circle:"):
            try:
                jobs.stop(account, watched.job_id)
            except DashboardError as error:
                session.show_error(error)
                return
            st.rerun()
        if st.button("Go on"):
            st.rerun()


def live(account: Account, watched: Watched, first: Snapshot | None, at_rest: bool) -> None:
    """All that changes; drawn again every two seconds until everything is over or the page is paused."""
    snapshot = picture(watched)
    if snapshot is None:
        st.caption(":material/hourglass_top: Asking for the nodes and tasks")
        return
    if (settled(snapshot) and not at_rest) or (first is None or first.job is None) != (snapshot.job is None):
        listed.clear()
        st.rerun()  # what stands above the picture is out of date
    freshness(snapshot, at_rest)
    metrics(snapshot)
    if line := state_line(snapshot, local=watched.pool_id == LOCAL_POOL):
        getattr(st, line.kind)(line.text, icon=line.icon)
    charts(account.fingerprint, watched, snapshot)
    selected(account, watched, snapshot)
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
