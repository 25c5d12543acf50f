"""What stands above the Monitor's picture: which job this is, pausing the picture, stopping the job."""

from __future__ import annotations

import streamlit as st

from batch_core import holding, jobs
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.jobs import Run
from batch_core.monitor import Snapshot
from pages.components import finish
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_playback import offer
from pages.shell import session, words

RUNNING: dict[holding.Running, str] = {  # what becomes of running tasks, in Batch's words and ours
    "requeue": "Goes back to waiting and begins anew later",
    "wait": "May end first",
    "terminate": "Is ended for good",
}


def header(account: Account, watched: Watched, snapshot: Snapshot | None) -> bool:
    """Which job this is, and what can be done with it; returns whether the page is paused."""
    job = snapshot.job if snapshot else None
    with st.container(horizontal=True, vertical_alignment="center"):
        offer(watched, snapshot)
        if job and job.over:
            if job.ours:
                st.page_link("pages/results.py", label="See the results", icon=":material/task_alt:")
            return False
        if job and job.state != "terminating":
            finish.ask_button(job.id)
        paused = st.toggle("Pause", key="monitor_paused", help="Hold the picture. Nothing stops working.")
        fixed = job is None or job.state == "terminating" or account.look_only
        if (
            job
            and job.state == "active"
            and st.button("Disable the job", icon=":material/pause_circle:", disabled=account.look_only)
        ):
            ask_to_disable(account, job)
        if watched.job_id and st.button("Stop the job", icon=":material/stop_circle:", disabled=fixed):
            confirm_stop(account, watched, snapshot)
    return paused


def state(snapshot: Snapshot | None) -> str:
    """The job's state: another one has another head."""
    return snapshot.job.state if snapshot and snapshot.job else ""


@st.dialog("Disable this job?")
def ask_to_disable(account: Account, job: Run) -> None:
    """Names the job and asks what becomes of running tasks; only its own button disables it."""
    st.markdown(
        f"**{words.plain(job.name)}**: no task starts until the job is enabled again. What is done stays."
    )
    how = st.radio("What runs now", list(RUNNING), format_func=RUNNING.__getitem__, key="monitor_disable_how")
    st.caption("The job's time limit goes on counting meanwhile.")
    with st.container(horizontal=True):
        if st.button(
            "Disable the job", key="monitor_disable", type="primary", icon=":material/pause_circle:"
        ):
            try:
                holding.disable(account, job.id, how)
            except DashboardError as error:
                session.show_error(error)
                return
            st.rerun()
        if st.button("Keep it running", key="monitor_disable_not"):
            st.rerun()


@st.dialog("Stop this job?")
def confirm_stop(account: Account, watched: Watched, snapshot: Snapshot) -> None:
    """Names the job and what would be ended; only its own button stops it."""
    counts = snapshot.counts
    goes = [f"{words.count(counts.running, 'running task')} will be ended"] * bool(counts.running)
    goes += [f"{words.count(counts.active, 'waiting task')} will not be started"] * bool(counts.active)
    told = (
        f"{', '.join(goes)}. What is done stays." if goes else "all its tasks have ended; it takes no more."
    )
    st.markdown(f"**{words.plain(snapshot.job.name)}**: {told}")
    with st.container(horizontal=True):
        if st.button("Stop the job", key="monitor_stop", type="primary", icon=":material/stop_circle:"):
            try:
                jobs.stop(account, watched.job_id)
            except DashboardError as error:
                session.show_error(error)
                return
            st.rerun()
        if st.button("Keep it running"):
            st.rerun()
