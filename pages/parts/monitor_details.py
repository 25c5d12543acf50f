"""Details of one node or task: of what was clicked in a chart, chosen in a table, or picked from the list."""

from __future__ import annotations

import streamlit as st

from batch_core.account import Account
from batch_core.monitor import Snapshot
from pages.charts.labels import node_name
from pages.charts.palette import ERROR, node_family
from pages.components.live_chart import Click
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_tables import SHOWN
from pages.parts.monitor_work import Work, found, work_of
from pages.parts.node_panel import node_details
from pages.parts.pickers import distinct
from pages.parts.task_panel import task_details
from pages.shell import words

NODES, TASKS = 1000, 300  # how many of each the list holds


def details(account: Account, watched: Watched, snapshot: Snapshot) -> None:
    """The list to pick a node or task from, and the panel of the one that is shown."""
    options = _options(work_of(account.fingerprint, watched, snapshot))
    if st.session_state.get(SHOWN) not in options:
        st.session_state[SHOWN] = None
    if not options:
        return
    shown: Click | None = st.selectbox(
        "Details",
        list(options),
        format_func=lambda thing: options.get(thing, ""),
        key=SHOWN,
        placeholder="Choose a node or a task, or click it in a chart or a table",
    )
    node = found(snapshot.nodes, shown.id) if shown and shown.kind == "node" else None
    task = found(snapshot.tasks, shown.id) if shown and shown.kind == "task" else None
    if node is None and task is None:
        return
    with st.container(border=True):
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
    nodes = sorted(snapshot.nodes, key=lambda node: (node_family(node.state) is not ERROR, node.order))
    listed_nodes, listed_tasks = nodes[:NODES], work.tasks.newest(0, TASKS)
    if shown and shown.kind == "node" and (node := found(snapshot.nodes, shown.id)):
        listed_nodes.append(node)
    if shown and shown.kind == "task" and (task := found(snapshot.tasks, shown.id)):
        listed_tasks.append(task)
    labels = {Click("node", node.id): node_name(node.id, node.order) for node in listed_nodes}
    for task in listed_tasks:
        labels[Click("task", task.id)] = task.name if task.name == task.id else f"{task.name} · {task.id}"
    return distinct(labels, {thing: f"{thing.kind} {thing.id}" for thing in labels})
