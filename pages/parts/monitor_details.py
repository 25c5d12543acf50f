"""Details of one node or task: of what was clicked in a chart, chosen in a table, or picked from the list."""

from __future__ import annotations

import streamlit as st

from batch_core.account import Account
from batch_core.monitor import Snapshot, TaskRow
from pages.charts.labels import node_name
from pages.charts.palette import ERROR, node_family
from pages.components.live_chart import DETAILS_PANEL, Click
from pages.parts.details_picker import details_picker
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_tables import SHOWN
from pages.parts.monitor_work import Work, found, once, work_of
from pages.parts.node_panel import node_details
from pages.parts.pickers import distinct
from pages.parts.task_panel import task_details
from pages.shell import words

NODES, TASKS = 1000, 300  # how many of each the list holds


def details(account: Account, watched: Watched, snapshot: Snapshot) -> None:
    """The list to pick a node or task from, and the panel of the one that is shown."""
    options = _options(work_of(account.fingerprint, watched, snapshot))
    if not options:
        st.session_state[SHOWN] = None
        return
    shown = details_picker(options, SHOWN, "Choose a node or a task, or click it in a chart or a table")
    node = found(snapshot.nodes, shown.id) if shown and shown.kind == "node" else None
    task = found(snapshot.tasks, shown.id) if shown and shown.kind == "task" else None
    if node is None and task is None:
        return
    with st.container(border=True, key=DETAILS_PANEL):
        with st.container(horizontal=True, vertical_alignment="center"):
            name = node_name(node.id, node.order) if node else task.name
            st.markdown(f"**{words.plain(name)}**", width="stretch")
            st.button("Close", icon=":material/close:", on_click=_close, key="monitor_close")
        if node:
            node_details(account, node, snapshot)
        else:
            task_details(account, watched, task, snapshot)


def _close() -> None:
    st.session_state[SHOWN] = None


def _options(work: Work) -> dict[Click, str]:
    """Nodes, those with a problem first, then tasks, the newest change first; what is shown is always among them.

    A label stays the same while its thing changes: Streamlit forgets a choice whose label is another now.
    """
    shown: Click | None = st.session_state.get(SHOWN)
    snapshot = work.snapshot
    options = once(("options",), work, lambda: _listed(work))
    if shown is None or shown in options:
        return options
    node = found(snapshot.nodes, shown.id) if shown.kind == "node" else None
    task = found(snapshot.tasks, shown.id) if shown.kind == "task" else None
    if node is None and task is None:
        return options
    return {**options, shown: node_name(node.id, node.order) if node else _task_label(task)}


def _listed(work: Work) -> dict[Click, str]:
    """What the list always holds; the same for all who look."""
    nodes = sorted(work.snapshot.nodes, key=lambda node: (node_family(node.state) is not ERROR, node.order))
    labels = {Click("node", node.id): node_name(node.id, node.order) for node in nodes[:NODES]}
    labels |= {Click("task", task.id): _task_label(task) for task in work.tasks.newest(0, TASKS)}
    return distinct(labels, {thing: f"{thing.kind} {thing.id}" for thing in labels})


def _task_label(task: TaskRow) -> str:
    return task.name if task.name == task.id else f"{task.name} · {task.id}"
