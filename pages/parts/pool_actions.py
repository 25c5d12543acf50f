"""What can be done to a pool: resize it, stop that, delete it."""

from __future__ import annotations

import streamlit as st

from batch_core import pools
from batch_core.account import Account
from batch_core.pools import PoolInfo
from pages.parts.pool_form import attempt, number
from pages.shell import words


def name(pool_id: str) -> str:
    """What people call a pool."""
    return "This computer" if pool_id == pools.LOCAL_POOL else pool_id


def stop_resizing(account: Account, pool: PoolInfo) -> None:
    """Lets a resize be."""
    if st.button("Stop resizing", icon=":material/stop_circle:", disabled=account.look_only):
        attempt(lambda: pools.stop_resize(account, pool.id), "The pool keeps the nodes that it has by now.")


def actions(account: Account, pool: PoolInfo) -> None:
    """Resize and delete."""
    fixed = account.look_only or pool.state == "deleting"
    with st.container(horizontal=True):
        with st.popover("Resize", icon=":material/open_in_full:", disabled=fixed):
            dedicated = number(
                "Dedicated nodes", pool.target_dedicated, f"resize_dedicated_{pool.id}", keep=False
            )
            spot = number("Spot nodes", pool.target_spot, f"resize_spot_{pool.id}", keep=False)
            if st.button("Resize the pool", type="primary"):
                attempt(lambda: pools.resize(account, pool.id, dedicated, spot), "The pool is being resized.")
        if st.button("Delete", icon=":material/delete:", disabled=fixed):
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
