"""The nodes that convert: see them, add pools, resize and delete them."""

from __future__ import annotations

import time
from datetime import timedelta

import pandas as pd
import streamlit as st

from batch_core import pools
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.monitor import Snapshot
from batch_core.pools import PoolInfo
from pages.charts.labels import duration, node_name
from pages.parts.pool_form import attempt, new_pool, number
from pages.shell import session, words

REFRESH_SECONDS = 2


def page() -> None:
    """One pool with its nodes and what can be done with it; the form for another."""
    st.title("Pool")
    account = session.require_account()
    try:
        there = {pool.id: pool for pool in pools.list_pools(account)}
    except DashboardError as error:
        session.show_error(error)
        st.stop()
    if there:
        chosen = choose(there)
        st.fragment(run_every=REFRESH_SECONDS)(detail)(account, chosen, time.monotonic())
        actions(account, there[chosen])
    else:
        st.markdown("There is no pool yet. Add one below, or let Convert make one that goes away by itself.")
        st.page_link("pages/convert.py", label="Convert", icon=":material/swap_horiz:")
    with st.expander("Add a pool", icon=":material/add:", expanded=not there):
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
        format_func=lambda pool_id: f"{name(pool_id)} · {nodes_in_words(there[pool_id])}",
        key="pool_shown",
        on_change=lambda: session.set_id("pool", st.session_state["pool_shown"]),
    )
    session.set_id("pool", chosen)
    return chosen


def name(pool_id: str) -> str:
    """What people call a pool."""
    return "This computer" if pool_id == pools.LOCAL_POOL else pool_id


def nodes_in_words(pool: PoolInfo) -> str:
    """How many nodes there are, and of how many when more are coming."""
    now, wanted = pool.dedicated + pool.spot, pool.target_dedicated + pool.target_spot
    return words.count(now, "node") if now == wanted else f"{now} of {words.count(wanted, 'node')}"


def detail(account: Account, pool_id: str, listed_at: float) -> None:
    """The pool's state and its nodes, from the shared recorder.

    `listed_at` (time.monotonic) is when the pool was there: an older picture without it is of one before it that
    had its name.
    """
    snapshot = session.recorder(pool_id, None).snapshot()
    pool = snapshot.pool if snapshot else None
    if snapshot and snapshot.error is not None:
        session.show_error(snapshot.error)
    elif snapshot and pool is None and snapshot.age() < time.monotonic() - listed_at:  # it has been deleted
        session.set_id("pool", None)
        st.rerun()
    if snapshot is None or pool is None:
        st.caption(":material/hourglass_top: Asking for the nodes")
        return
    doing = {
        "steady": ":green[● ready]",
        "resizing": ":orange[● resizing]",
        "stopping": ":orange[● stopping]",
    }
    state = doing.get(pool.allocation_state, pool.allocation_state)
    if pool.state != "active":
        state = ":orange[● being deleted]"
    kinds = f"{words.count(pool.dedicated, 'dedicated node')} · {words.count(pool.spot, 'Spot node')}"
    st.caption(f"{state} · {kinds} · {pool.vm_size} · {words.count(pool.slots, 'task')} at once on a node")
    for problem in pool.errors:
        st.warning(problem)
    ran = pools.node_time((node.allocated for node in snapshot.nodes), snapshot.taken_at)
    if ran:
        st.caption(f"{words.count(ran.nodes, 'node')} {words.node_time(ran)}")
    if not snapshot.nodes:
        st.caption(f"No nodes yet: {nodes_in_words(pool)}.")
        return
    st.dataframe(node_table(snapshot), hide_index=True, key="pool_nodes", alt="The nodes of the pool")


def node_table(snapshot: Snapshot) -> pd.DataFrame:
    """A row a node, in the order in which they came."""
    now = snapshot.taken_at
    rows = [
        {
            "node": node_name(node.id, node.order),
            "state": node.state,
            "for": duration(max(now - node.since, timedelta())),
            "kind": "dedicated" if node.dedicated else "Spot",
            "tasks run": node.tasks_run,
            "error": node.error,
            "id": node.id,
        }
        for node in snapshot.nodes
    ]
    table = pd.DataFrame(rows)
    return table if table["error"].any() else table.drop(columns="error")


def actions(account: Account, pool: PoolInfo) -> None:
    """Resize and delete."""
    with st.container(horizontal=True):
        with st.popover("Resize", icon=":material/open_in_full:", disabled=account.look_only):
            dedicated = number(
                "Dedicated nodes", pool.target_dedicated, f"resize_dedicated_{pool.id}", keep=False
            )
            spot = number("Spot nodes", pool.target_spot, f"resize_spot_{pool.id}", keep=False)
            if st.button("Resize the pool", type="primary"):
                attempt(lambda: pools.resize(account, pool.id, dedicated, spot), "The pool is being resized.")
        if st.button(
            "Delete", icon=":material/delete:", disabled=account.look_only or pool.state == "deleting"
        ):
            confirm_delete(account, pool)


@st.dialog("Delete this pool?")
def confirm_delete(account: Account, pool: PoolInfo) -> None:
    """Names the pool; only its own button deletes."""
    st.markdown(
        f"**{words.plain(name(pool.id))}** and its {words.count(pool.dedicated + pool.spot, 'node')} go away. "
        "Tasks that run on them go back to waiting. Inputs and results in storage stay."
    )
    if pool.id == pools.LOCAL_POOL:
        st.caption("This computer's pool is made again when a conversion needs it.")
    if st.button("Delete the pool", type="primary", icon=":material/delete:"):
        attempt(lambda: pools.delete(account, pool.id), f"{name(pool.id)} is being deleted.")


page()
