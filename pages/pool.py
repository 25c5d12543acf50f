"""The nodes that convert: see them, add pools, resize and delete them."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from batch_core import pools
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.pools import PoolInfo
from pages import session, words
from pages.pool_form import attempt, new_pool, number

REFRESH_SECONDS = 2


def page() -> None:
    st.title("Pool")
    account = session.require_account()
    try:
        there = {pool.id: pool for pool in pools.list_pools(account)}
    except DashboardError as error:
        session.show_error(error)
        st.stop()
    if there:
        chosen = choose(there)
        st.fragment(run_every=REFRESH_SECONDS)(detail)(account, chosen)
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
    return "This computer" if pool_id == pools.LOCAL_POOL else pool_id


def nodes_in_words(pool: PoolInfo) -> str:
    now, wanted = pool.dedicated + pool.spot, pool.target_dedicated + pool.target_spot
    return words.count(now, "node") if now == wanted else f"{now} of {words.count(wanted, 'node')}"


def detail(account: Account, pool_id: str) -> None:
    """The pool's state and its nodes, from the shared recorder."""
    snapshot = session.recorder(pool_id, None).snapshot()
    if snapshot is None or (snapshot.pool is None and snapshot.error is None):
        st.caption(":material/hourglass_top: Asking for the nodes")
        return
    if snapshot.error is not None:
        session.show_error(snapshot.error)
    pool = snapshot.pool
    if pool is None:
        return
    with st.container(horizontal=True, gap="small"):
        state = pool.state if pool.state != "active" else pool.allocation_state
        st.badge(state, color="gray" if state == "steady" else "orange")
        st.caption(
            f"{pool.dedicated} dedicated · {pool.spot} Spot · {pool.vm_size} · tasks at once a node: {pool.slots}"
        )
    for problem in pool.errors:
        st.warning(problem)
    if not snapshot.nodes:
        st.caption(f"No nodes yet: {nodes_in_words(pool)}.")
        return
    now = datetime.now(UTC)
    st.dataframe(
        pd.DataFrame(
            {
                "node": [node.id for node in snapshot.nodes],
                "state": [node.state for node in snapshot.nodes],
                "for": [
                    words.length(max(0.0, (now - node.since).total_seconds())) for node in snapshot.nodes
                ],
                "kind": ["dedicated" if node.dedicated else "Spot" for node in snapshot.nodes],
                "tasks run": [node.tasks_run for node in snapshot.nodes],
                "error": [node.error for node in snapshot.nodes],
            }
        ),
        hide_index=True,
        key="pool_nodes",
    )


def actions(account: Account, pool: PoolInfo) -> None:
    """Resize and delete."""
    with st.container(horizontal=True):
        with st.popover("Resize", icon=":material/open_in_full:", disabled=account.look_only):
            dedicated = number("Dedicated nodes", pool.target_dedicated, f"resize_dedicated_{pool.id}")
            spot = number("Spot nodes", pool.target_spot, f"resize_spot_{pool.id}")
            if st.button("Resize the pool", type="primary"):
                attempt(lambda: pools.resize(account, pool.id, dedicated, spot), "The pool is being resized.")
        if st.button(
            "Delete", icon=":material/delete:", disabled=account.look_only or pool.state == "deleting"
        ):
            confirm_delete(account, pool)


@st.dialog("Delete this pool?")
def confirm_delete(account: Account, pool: PoolInfo) -> None:
    st.markdown(
        f"**{words.plain(name(pool.id))}** and its {words.count(pool.dedicated + pool.spot, 'node')} go away. "
        "Tasks that run on them go back to waiting. Inputs and results in storage stay."
    )
    if pool.id == pools.LOCAL_POOL:
        st.caption("This computer's pool is made again when a conversion needs it.")
    if st.button("Delete the pool", type="primary", icon=":material/delete:"):
        attempt(lambda: pools.delete(account, pool.id), f"{name(pool.id)} is being deleted.")


page()
