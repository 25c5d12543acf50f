"""The Monitor's lists: what needs attention, what runs, waits and is done, and the details of what was clicked."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from batch_core import jobs
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.failures import start_task_log
from batch_core.jobs import Failure
from batch_core.monitor import NodeRow, Snapshot, Span, TaskRow
from pages.charts.labels import duration, node_name
from pages.charts.palette import (
    ERROR,
    OFFLINE,
    node_family,
    node_words,
    outcome_words,
    task_family,
    task_words,
)
from pages.components.live_chart import Click
from pages.parts.monitor_choice import Watched
from pages.shell import session, words

ROWS = 500
OPEN_FAILURES = 3
FAILURES = 20
RECENT = 5
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
    if snapshot.nodes:
        with st.expander(f"Nodes as a table ({len(snapshot.nodes):,})", key="monitor_nodes_table"):
            node_table(snapshot)


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


@st.cache_data(max_entries=256, show_spinner=False)
def start_log(fingerprint: str, pool_id: str, node_id: str, since: str, _account: Account) -> str:
    """Asked for once for every failure of a node's start task."""
    return start_task_log(_account, pool_id, node_id)


def task_table(key: str, rows: Iterable[TaskRow], snapshot: Snapshot) -> None:
    """Tasks as a table, the newest change first."""
    ordered = sorted(rows, key=lambda task: task.since, reverse=True)
    shown = ordered[:ROWS]
    now = snapshot.taken_at
    names = {node.id: node_name(node.id, node.order) for node in snapshot.nodes}
    st.dataframe(
        pd.DataFrame(
            {
                "File": [task.name for task in shown],
                "State": [_task_state(task) for task in shown],
                "Since": [words.when(task.since) for task in shown],
                "Took": [
                    duration((task.ended or now) - task.started) if task.started else "" for task in shown
                ],
                "Node": [names.get(task.node_id or "", task.node_id) for task in shown],
                "Attempts": [task.retries + 1 for task in shown],
                "Task": [task.id for task in shown],
            }
        ),
        hide_index=True,
        key=key,
    )
    if len(ordered) > ROWS:
        st.caption(f"The newest {ROWS:,} of {len(ordered):,}.")


def _task_state(task: TaskRow) -> str:
    if task.stopped:
        return f"{OFFLINE.glyph} stopped"
    if task.lost:
        return f"{OFFLINE.glyph} its node was lost; it starts again by itself"
    return f"{task_family(task.state, task.result).glyph} {task_words(task.state, task.result)}"


def node_table(snapshot: Snapshot) -> None:
    """The heatmap as a table, trouble first."""
    ordered = sorted(snapshot.nodes, key=lambda node: (node_family(node.state) is not ERROR, node.order))
    shown = ordered[:ROWS]
    st.dataframe(
        pd.DataFrame(
            {
                "Node": [node_name(node.id, node.order) for node in shown],
                "State": [f"{node_family(node.state).glyph} {node_words(node.state)}" for node in shown],
                "Since": [words.when(node.since) for node in shown],
                "Slots in use": [f"{node.slots_used} of {snapshot.slots}" for node in shown],
                "Kind": ["dedicated" if node.dedicated else "Spot" for node in shown],
                "Tasks run": [node.tasks_run for node in shown],
                "Address": [node.ip for node in shown],
                "Id": [node.id for node in shown],
                "Problem": [node.error for node in shown],
            }
        ),
        hide_index=True,
        key="monitor_nodes_rows",
    )
    if len(ordered) > ROWS:
        st.caption(f"{ROWS:,} of {len(ordered):,}; those with a problem come first.")


def selected(account: Account, watched: Watched, snapshot: Snapshot) -> None:
    """Details of the tile or bar that was clicked last."""
    shown: Click | None = st.session_state.get("monitor_shown")
    node = next((node for node in snapshot.nodes if shown == Click("node", node.id)), None)
    task = next((task for task in snapshot.tasks if shown == Click("task", task.id)), None)
    if node is None and task is None:
        st.caption(
            "Click a tile or a bar for its details. Drag over the timeline to zoom, double-click to go back."
        )
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            name = node_name(node.id, node.order) if node else task.name
            st.markdown(f"**{words.plain(name)}**", width="stretch")
            st.button(
                "Close", icon=":material/close:", on_click=lambda: st.session_state.pop("monitor_shown", None)
            )
        if node:
            node_details(account, node, snapshot)
        else:
            task_details(account, watched, task)


def node_details(account: Account, node: NodeRow, snapshot: Snapshot) -> None:
    kind = "Dedicated node" if node.dedicated else "Spot node"
    lasted = duration(snapshot.taken_at - node.since)
    st.markdown(
        f"{node_family(node.state).glyph} {node_words(node.state)} since {words.when(node.since)} ({lasted}) · "
        f"{kind} · {node.slots_used} of {words.count(snapshot.slots, 'slot')} in use · "
        f"{words.count(node.tasks_run, 'task')} run so far"
    )
    if node.error:
        st.warning(words.plain(node.error), icon=":material/error:")
    if node.state == "starttaskfailed" and snapshot.pool:
        try:
            log = start_log(account.fingerprint, snapshot.pool.id, node.id, str(node.since), account)
        except DashboardError as error:
            session.show_error(error)
        else:
            st.caption("The last lines of its start task's stderr.txt")
            st.code(log or "Nothing was written to stderr.", language=None, wrap_lines=True, height="content")
    st.caption(f"Node {words.plain(node.id)}")
    own = sorted((span for span in snapshot.spans if span.node_id == node.id), key=lambda span: span.start)
    if own:
        st.markdown("\n".join(f"- {_span_line(span, snapshot)}" for span in reversed(own[-RECENT:])))


def _span_line(span: Span, snapshot: Snapshot) -> str:
    took = duration((span.end or snapshot.taken_at) - span.start)
    return f"{words.plain(span.name)}: {outcome_words(span.outcome)}, {took}"


def task_details(account: Account, watched: Watched, task: TaskRow) -> None:
    facts = [_task_state(task)]
    if task.exit_code is not None:
        facts.append(f"exit code {task.exit_code}")
    if task.node_id:
        facts.append(f"on {words.plain(task.node_id)}")
    if task.started:
        facts.append(f"started {words.when(task.started)}")
    if task.started and task.ended:
        facts.append(f"took {duration(task.ended - task.started)}")
    if task.retries:
        facts.append(words.count(task.retries, "earlier attempt"))
    st.markdown(" · ".join(facts))
    st.caption(f"Task {words.plain(task.id)}")
    if task_family(task.state, task.result) is ERROR:
        why(account, watched, task)
    elif task.state != "completed" and not account.look_only:
        _stop(account, watched, task)


def _stop(account: Account, watched: Watched, task: TaskRow) -> None:
    """Ends one task; the others go on."""
    if st.button("Stop this task", icon=":material/stop_circle:", key=f"monitor_stop_{task.id}"):
        try:
            jobs.stop_task(account, watched.job_id or "", task.id)
        except DashboardError as error:
            session.show_error(error)
            return
        st.toast("The task is stopped; the others go on.")
