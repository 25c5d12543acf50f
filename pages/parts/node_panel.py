"""All about one node: what it does, what it said when it failed, what ran on it, and what can be done to it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from batch_core import nodes
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.monitor import NodeRow, Snapshot
from pages.charts.labels import duration, node_name
from pages.charts.palette import STARTING, node_family, node_words
from pages.parts.node_facts import facts
from pages.parts.pool_form import attempt
from pages.shell import session, words

REMOVED = "node_to_remove"  # (pool id, node id, its name) that somebody wants to remove
RESTARTED = "node_to_restart"  # the same of one that somebody wants to restart though it is at work


def node_details(account: Account, node: NodeRow, snapshot: Snapshot) -> None:
    """The node's facts, its start task's last words where they matter, what ran on it, and its actions."""
    kind = "Dedicated node" if node.dedicated else "Spot node"
    lasted = duration(snapshot.taken_at - node.since)
    st.markdown(
        f"{node_family(node.state).glyph} {node_words(node.state, node.accepts)} since {words.when(node.since)} "
        f"({lasted}) · {kind} · {node.slots_used} of {words.count(snapshot.slots, 'slot')} in use · "
        f"{words.count(node.tasks_run, 'task')} run so far"
    )
    if node.error:
        st.warning(words.sentence(node.error), icon=":material/error:")
    if snapshot.pool:
        facts(account, snapshot.pool.id, node, snapshot)
        actions(account, snapshot.pool.id, node, steady=snapshot.pool.allocation_state == "steady")
    st.caption(f"Node {words.plain(node.id)}")


def actions(account: Account, pool_id: str, node: NodeRow, *, steady: bool) -> None:
    """Keep tasks away or let them come, restart, remove."""
    leaving, starting = node.state == "leavingpool", node_family(node.state) is STARTING
    up = not leaving and not starting and node.state in ("idle", "running", "offline", "starttaskfailed")
    fixed = "This account is connected to look only." if account.look_only else ""
    with st.container(horizontal=True):
        if node.accepts:
            _act(
                "Take no more tasks",
                "block",
                lambda: nodes.disable_scheduling(account, pool_id, node.id),
                "The node takes no more tasks; what runs on it ends first.",
                fixed or ("" if up else "Only a node that is up can be switched off for tasks."),
                node,
            )
        else:
            _act(
                "Take tasks again",
                "play_arrow",
                lambda: nodes.enable_scheduling(account, pool_id, node.id),
                "The node takes tasks again.",
                fixed,
                node,
            )
        _act(
            "Restart",
            "restart_alt",
            lambda: _restart(account, pool_id, node),
            "The node is restarting.",
            fixed or ("" if up else f"The node is {node_words(node.state)}: it can't be restarted now."),
            node,
        )
        not_now = "The pool is being resized: wait until it is done, or stop that first."
        why_not = fixed or ("The node is leaving already." if leaving else "" if steady else not_now)
        if st.button(
            "Remove",
            icon=":material/delete:",
            key=f"node_remove_{node.id}",
            disabled=bool(why_not),
            help=why_not or None,
        ):
            st.session_state[REMOVED] = (pool_id, node.id, node_name(node.id, node.order))
            st.rerun()  # the dialog belongs to the page: what is refreshed would take it away again


def _act(label: str, icon: str, work: Callable[[], None], said: str, why_not: str, node: NodeRow) -> None:
    key = f"node_{icon}_{node.id}"
    if st.button(label, icon=f":material/{icon}:", key=key, disabled=bool(why_not), help=why_not or None):
        try:
            work()
        except DashboardError as error:
            session.show_error(error)
            return
        st.toast(said, icon=f":material/{icon}:")


def _restart(account: Account, pool_id: str, node: NodeRow) -> None:
    """At once where nothing runs; else it is asked for first."""
    if node.slots_used:
        st.session_state[RESTARTED] = (pool_id, node.id, node_name(node.id, node.order))
        st.rerun()
    nodes.reboot(account, pool_id, node.id)


def ask_to_remove(account: Account) -> None:
    """The dialog for a node that somebody wants to remove or restart, if there is one; for a whole run of a page."""
    removed, restarted = st.session_state.pop(REMOVED, None), st.session_state.pop(RESTARTED, None)
    if removed is not None:
        _confirm_remove(account, *removed)
    elif restarted is not None:
        _confirm_restart(account, *restarted)


@st.dialog("Restart this node?")
def _confirm_restart(account: Account, pool_id: str, node_id: str, name: str) -> None:
    """Names the node; only its own button restarts."""
    st.markdown(
        f"**{words.plain(name)}** ({words.plain(node_id)}) is at work. What runs on it goes back to waiting and "
        "begins anew, here or on another node."
    )
    with st.container(horizontal=True):
        if st.button("Restart the node", key="node_restart", type="primary", icon=":material/restart_alt:"):
            attempt(lambda: nodes.reboot(account, pool_id, node_id), f"{name} is restarting.")
        if st.button("Let it work", key="node_let_work"):
            st.rerun()


@st.dialog("Remove this node?")
def _confirm_remove(account: Account, pool_id: str, node_id: str, name: str) -> None:
    """Names the node; only its own button removes."""
    st.markdown(
        f"**{words.plain(name)}** ({words.plain(node_id)}) leaves the pool, which then has one node less. "
        "What runs on it goes back to waiting."
    )
    with st.container(horizontal=True):
        if st.button("Remove the node", key="node_remove", type="primary", icon=":material/delete:"):
            attempt(lambda: nodes.remove(account, pool_id, node_id), f"{name} is being removed.")
        if st.button("Keep it", key="node_keep"):
            st.rerun()
