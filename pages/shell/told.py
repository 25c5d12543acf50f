"""Told when finished, on every page: which job of this session is watched, and what the browser is told of it."""

from __future__ import annotations

import logging

import streamlit as st

from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.monitor import Snapshot
from pages.components import finish
from pages.components.finish import Told
from pages.shell import badges, session

log = logging.getLogger(__name__)
WATCHED = "told_of"  # of this session: the pool and job that its Monitor shows
LAST = "told_last"  # of this session: what its browser was told last


def watch(pool_id: str | None, job_id: str | None) -> None:
    """The Monitor shows this job: it is the one to be told of."""
    st.session_state[WATCHED] = (pool_id, job_id)


def mount(account: Account) -> None:
    """For the part of the frame that refreshes by itself."""
    try:
        st.session_state[LAST] = _told(account)
    except DashboardError as error:
        log.info("What to tell of the run is not known: %s", error)
    finish.tell(st.session_state.get(LAST))


def _told(account: Account) -> Told | None:
    """What to tell now. A job that was over before this session saw it is none to be told of."""
    job_id = session.current_id("job") or session.current_run()
    last: Told | None = st.session_state.get(LAST)
    if job_id is None:
        return None
    followed = last is not None and last.job == job_id
    if followed and last.over and job_id.startswith("run-"):
        return last  # another program's job may get more tasks
    pool_id, watched = st.session_state.get(WATCHED, (None, None))
    if watched != job_id:
        run = next((run for run in badges.runs(account) if run.id == job_id), None)
        if run is None or (run.over and not followed):
            return None
        pool_id = run.pool_id
    snapshot = session.recorder(pool_id, job_id).snapshot()
    told = words_for(snapshot) if snapshot else None
    return told if told and (followed or not told.over) else None


def words_for(snapshot: Snapshot) -> Told | None:
    """The words for a picture; None when its job is gone."""
    job, counts = snapshot.job, snapshot.counts
    if job is None:
        return None
    failed = counts.failed - snapshot.stopped
    all_ended = counts.total and not counts.active + counts.running
    over = (job.over and not counts.running) or (all_ended and not job.ours)
    if not over:
        return Told(job.id, False, f"({counts.succeeded + counts.failed:,}/{counts.total:,})")
    title = f"{failed:,} failed" if failed else "Stopped" if snapshot.stopped else "Done"
    others = [f"{failed:,} failed"] * bool(failed) + [f"{snapshot.stopped:,} stopped"] * bool(
        snapshot.stopped
    )
    text = ", ".join([f"{counts.succeeded:,} of {counts.total:,} done", *others]) + "."
    return Told(job.id, True, title, f"{job.name} is finished", text)
