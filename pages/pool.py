"""The nodes that convert: see them, add pools, resize and delete them."""

from __future__ import annotations

import time

import streamlit as st

from batch_core import pools
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.monitor import Snapshot
from batch_core.pools import PoolInfo
from pages.charts.labels import node_name
from pages.components.live_chart import Click
from pages.parts.details_picker import details_picker
from pages.parts.monitor_tables import node_table
from pages.parts.node_panel import node_details
from pages.parts.pickers import distinct
from pages.parts.pool_actions import actions, name, stop_resizing
from pages.parts.pool_form import made, new_pool
from pages.parts.pool_line import say
from pages.parts.pool_words import badge, held_up, no_nodes
from pages.parts.steps import ask_first
from pages.shell import readings, session, words

REFRESH_SECONDS = 2
SHOWN = "pool_node"  # the node whose details are open, a Click


def page() -> None:
    """One pool with its nodes and what can be done with it; the form for another."""
    st.title("Pool")
    account = session.require_account()
    try:
        there = {pool.id: pool for pool in pools.list_pools(account)}
    except DashboardError as error:
        session.show_error(error)
        st.stop()
    ask_first()
    if there:
        chosen = choose(there)
        st.fragment(run_every=REFRESH_SECONDS)(detail)(account, there[chosen], time.monotonic())
        actions(account, there[chosen])
    else:
        st.markdown("There is no pool yet. Add one below, or let Convert make one that goes away by itself.")
        st.page_link("pages/convert.py", label="Convert", icon=":material/swap_horiz:")
    with st.expander("Add a pool", icon=":material/add:", expanded=not there or made() is not None):
        new_pool(account)


def choose(there: dict[str, PoolInfo]) -> str:
    """The pool in the URL, else this computer's, else the first one."""
    asked = session.current_id("pool")
    if asked not in there:
        asked = pools.LOCAL_POOL if pools.LOCAL_POOL in there else next(iter(there))
    st.session_state["pool_shown"] = asked
    chosen = st.selectbox(
        "Pool",
        list(there),
        format_func=name,
        key="pool_shown",
        on_change=lambda: session.set_id("pool", st.session_state["pool_shown"]),
    )
    session.set_id("pool", chosen)
    return chosen


def detail(account: Account, listed: PoolInfo, listed_at: float) -> None:
    """The pool's state, its nodes and what can be done with it, from the shared recorder.

    `listed_at` (time.monotonic) is when the pool was there: an older picture is of one before it that had its name.
    """
    readings.begin()
    snapshot = session.recorder(listed.id, None).snapshot()
    pool = snapshot.pool if snapshot else None
    if snapshot and snapshot.error is not None:
        session.show_error(snapshot.error)
    elif snapshot and pool is None and snapshot.age() < time.monotonic() - listed_at:  # it has been deleted
        session.set_id("pool", None)
        st.rerun()
    if (
        snapshot is None
        or pool is None
        or (pool.created and listed.created and pool.created < listed.created)
    ):
        st.caption(":material/hourglass_top: Asking for the nodes")
        return
    about(snapshot, pool)
    local = pool.id == pools.LOCAL_POOL
    if line := held_up(snapshot, local) or no_nodes(snapshot, local):
        say(account, line, snapshot, SHOWN)
    if snapshot.nodes:
        node_table("pool_nodes", snapshot, SHOWN)
        one_node(account, snapshot)
    if pool.allocation_state == "resizing" and pool.state == "active":
        stop_resizing(account, pool)


def about(snapshot: Snapshot, pool: PoolInfo) -> None:
    """The pool in two lines: what it does and has, since when."""
    now, wanted = len(snapshot.nodes), pool.target_dedicated + pool.target_spot
    there = words.count(now, "node") if now == wanted else f"{now:,} of {words.count(wanted, 'node')}"
    kinds = [f"{pool.dedicated:,} dedicated"] * bool(pool.dedicated) + [f"{pool.spot:,} Spot"] * bool(
        pool.spot
    )
    facts = [badge(snapshot), there + (f" ({', '.join(kinds)})" if kinds else ""), pool.vm_size]
    facts.append(f"{words.count(pool.slots, 'task')} at once on a node")
    st.markdown(" · ".join(facts))
    ran = pools.node_time((node.allocated for node in snapshot.nodes), snapshot.taken_at)
    if ran:
        st.caption(f"{words.count(ran.nodes, 'node')} {words.node_time(ran)}")


def one_node(account: Account, snapshot: Snapshot) -> None:
    """The details of a node that was chosen in the table or from the list."""
    titles = {Click("node", node.id): node_name(node.id, node.order) for node in snapshot.nodes}
    options = distinct(titles, {thing: thing.id for thing in titles})
    shown = details_picker(options, SHOWN, "Choose a node here or in the table")
    node = next((node for node in snapshot.nodes if shown == Click("node", node.id)), None)
    if node:
        with st.container(border=True):
            st.markdown(f"**{words.plain(node_name(node.id, node.order))}**")
            node_details(account, node, snapshot)


page()
