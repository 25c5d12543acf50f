"""All about one node: what it does, what it said when it failed, what ran on it, and what can be done to it."""

from __future__ import annotations

import streamlit as st

from batch_core import nodes
from batch_core.account import Account
from batch_core.monitor import NodeRow, Snapshot
from pages.charts.labels import duration, node_name
from pages.charts.palette import STARTING, node_family, node_words
from pages.parts.node_facts import facts
from pages.parts.steps import LOOKS_ONLY, Step, step_button
from pages.shell import words


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
    fixed = LOOKS_ONLY if account.look_only else ""
    with st.container(horizontal=True):
        if node.accepts:
            not_up = "" if up else "Only a node that is up can be switched off for tasks."
            _act(_take_no_more(account, pool_id, node), node, fixed or not_up)
        else:
            _act(_take_again(account, pool_id, node), node, fixed)
        not_up = "" if up else f"The node is {node_words(node.state)}: it can't be restarted now."
        _act(_restart(account, pool_id, node), node, fixed or not_up)
        not_now = "The pool is being resized: wait until it is done, or stop that first."
        why_not = "The node is leaving already." if leaving else "" if steady else not_now
        _act(_remove(account, pool_id, node), node, fixed or why_not)


def _act(step: Step, node: NodeRow, why_not: str) -> None:
    step_button(step, f"node_{step.icon}_{node.id}", why_not)


def _take_no_more(account: Account, pool_id: str, node: NodeRow) -> Step:
    return Step(
        "Take no more tasks",
        "block",
        lambda: nodes.disable_scheduling(account, pool_id, node.id),
        "The node takes no more tasks; what runs on it ends first.",
    )


def _take_again(account: Account, pool_id: str, node: NodeRow) -> Step:
    return Step(
        "Take tasks again",
        "play_arrow",
        lambda: nodes.enable_scheduling(account, pool_id, node.id),
        "The node takes tasks again.",
    )


def _restart(account: Account, pool_id: str, node: NodeRow) -> Step:
    name = node_name(node.id, node.order)
    return Step(
        "Restart",
        "restart_alt",
        lambda: nodes.reboot(account, pool_id, node.id),
        f"{name} is restarting.",
        f"{_named(node)} starts anew. {_what_runs(node)} goes back to waiting and begins again, here or on another "
        "node.",
        "Restart the node",
    )


def _remove(account: Account, pool_id: str, node: NodeRow) -> Step:
    return Step(
        "Remove",
        "delete",
        lambda: nodes.remove(account, pool_id, node.id),
        f"{node_name(node.id, node.order)} is being removed.",
        f"{_named(node)} leaves the pool, which then has one node less. {_what_runs(node)} goes back to waiting.",
        "Remove the node",
    )


def _named(node: NodeRow) -> str:
    return f"**{words.plain(node_name(node.id, node.order))}** ({words.plain(node.id)})"


def _what_runs(node: NodeRow) -> str:
    used = f" ({words.count(node.slots_used, 'slot')} in use)" if node.slots_used else ""
    return f"What runs on it{used}"
