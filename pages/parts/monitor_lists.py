"""The Monitor's lists: what needs attention, what runs, waits and is done."""

from __future__ import annotations

import streamlit as st

from batch_core import jobs
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.jobs import Failure
from batch_core.monitor import Snapshot, TaskRow
from pages.charts.palette import task_family
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_tables import task_table
from pages.shell import session, words

OPEN_FAILURES = 3
FAILURES = 20
LAST_LINES = 8


def lists(account: Account, watched: Watched, snapshot: Snapshot) -> None:
    """Tasks by what became of them; what needs a person comes first."""
    by_family: dict[str, list[TaskRow]] = {}
    for task in snapshot.tasks:
        family = "stopped" if task.stopped else task_family(task.state, task.result).id
        by_family.setdefault(family, []).append(task)
    attention(account, watched, by_family.get("error", []))
    running = [*by_family.get("running", ()), *by_family.get("starting", ())]
    if running:
        st.subheader(f"Running ({len(running):,})")
        task_table("monitor_running", running, snapshot)
    for family, title in (("idle", "Waiting"), ("stopped", "Stopped"), ("done", "Done")):
        if rows := by_family.get(family):
            with st.expander(f"{title} ({len(rows):,})", key=f"monitor_{family}"):
                task_table(f"monitor_{family}_rows", rows, snapshot)


def attention(account: Account, watched: Watched, failed: list[TaskRow]) -> None:
    """Failed tasks, newest first: exit code, reason, and the end of what they wrote to stderr."""
    if not failed:
        return
    st.subheader(f"Needs attention ({len(failed):,})")
    newest = sorted(failed, key=lambda task: task.since, reverse=True)
    for place, task in enumerate(newest[:FAILURES]):
        code = "" if task.exit_code is None else f" · exit code {task.exit_code}"
        row = st.expander(
            f"**{words.plain(task.name)}**{code}",
            expanded=place < OPEN_FAILURES,
            icon=":material/error:",
            key=f"monitor_failed_{task.id}",
            on_change="rerun",
        )
        if row.open:
            with row:
                why(account, watched, task, LAST_LINES)
    if len(failed) > FAILURES:
        st.caption(f"and {len(failed) - FAILURES:,} more; all of them are on Results.")


def why(account: Account, watched: Watched, task: TaskRow, lines: int | None = None) -> None:
    """Why a task failed, in words and by the end of its log (its last `lines`, or all that was kept)."""
    ended = task.ended.isoformat() if task.ended else ""
    try:
        found = failure(account.fingerprint, watched.job_id or "", task.id, ended, account)
    except DashboardError as error:
        session.show_error(error)
        return
    st.markdown(words.plain(found.message or task.failure or "Batch gives no reason."))
    log = found.end_of_log.splitlines()[-lines if lines else 0 :]
    st.code(
        "\n".join(log) or "Nothing was written to stderr.", language=None, wrap_lines=True, height="content"
    )


@st.cache_data(max_entries=256, show_spinner=False)
def failure(fingerprint: str, job_id: str, task_id: str, ended: str, _account: Account) -> Failure:
    """Asked for once for every end of a task: a log does not change any more."""
    return jobs.failure(_account, job_id, task_id)
