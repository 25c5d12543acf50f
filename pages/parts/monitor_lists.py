"""The Monitor's lists: what needs attention, what runs, waits and is done."""

from __future__ import annotations

import numpy as np
import streamlit as st

from batch_core import jobs
from batch_core.account import Account
from batch_core.monitor import Snapshot, TaskRow
from pages.charts.palette import DONE, ERROR, IDLE, RUNNING, STARTING
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_tables import task_table
from pages.parts.monitor_work import Work, work_of
from pages.shell import readings, words

OPEN_FAILURES = 3
FAILURES = 20
LAST_LINES = 8


def lists(account: Account, watched: Watched, snapshot: Snapshot) -> None:
    """Tasks by what became of them; what needs a person comes first."""
    work = work_of(account.fingerprint, watched, snapshot)
    tasks = work.tasks
    attention(account, watched, work)
    running = tasks.in_family(RUNNING, STARTING)
    if running.any():
        st.subheader(f"Running ({np.count_nonzero(running):,})")
        task_table("monitor_running", running, work)
    folded = [
        ("idle", "Waiting", tasks.in_family(IDLE)),
        ("stopped", "Stopped", tasks.in_family(ERROR, stopped=True)),
        ("done", "Done", tasks.in_family(DONE)),
    ]
    for id, title, chosen in folded:
        if chosen.any():
            label = f"{title} ({np.count_nonzero(chosen):,})"
            fold = st.expander(label, key=f"monitor_{id}", on_change="rerun")
            if fold.open:
                with fold:
                    task_table(f"monitor_{id}_rows", chosen, work)


def attention(account: Account, watched: Watched, work: Work) -> None:
    """Failed tasks, newest first: exit code, reason, and the end of what they wrote to stderr."""
    failed = work.tasks.in_family(ERROR)
    count = int(np.count_nonzero(failed))
    if not count:
        return
    st.subheader(f"Needs attention ({count:,})")
    for place, task in enumerate(work.tasks.newest(0, FAILURES, failed)):
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
    if count > FAILURES:
        with st.expander(f"All {count:,} that failed", key="monitor_failed_all", on_change="rerun") as rest:
            if rest.open:
                task_table("monitor_failed_rows", failed, work)


def why(account: Account, watched: Watched, task: TaskRow, lines: int | None = None) -> None:
    """Why a task failed, in words and by the end of its log (its last `lines`, or all that was kept)."""
    job_id = watched.job_id or ""
    key = ("failure", account.fingerprint, job_id, task.id, task.ended)
    reading = readings.look(
        key, lambda: jobs.failure(account, job_id, task.id)
    )  # once: a log stays as it ended
    found = reading.value if reading.say() else None
    st.markdown(words.plain((found and found.message) or task.failure or "Batch gives no reason."))
    if found is None:
        return
    log = found.end_of_log.splitlines()[-lines if lines else 0 :]
    st.code(
        "\n".join(log) or "Nothing was written to stderr.", language=None, wrap_lines=True, height="content"
    )
