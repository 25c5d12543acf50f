"""Where a run's tasks work: a pool that is there, or one that goes away by itself."""

from __future__ import annotations

import streamlit as st

from batch_core import pools
from batch_core.account import Account, AccountKind
from batch_core.errors import DashboardError
from batch_core.pools import PoolInfo, PoolSpec
from pages.parts.pool_form import number
from pages.shell import session

AUTO = "a pool that goes away by itself"


def choose_pool(account: Account) -> tuple[str | None, PoolSpec | None]:
    """The id of a pool that is there, or what an auto pool shall be; the other of the two is None."""
    try:
        there = [pool.id for pool in pools.list_pools(account) if usable(pool)]
    except DashboardError as error:
        session.show_error(error)
        st.stop()
    ids = [*there, AUTO]
    local = account.kind is AccountKind.LOCAL
    usual = pools.LOCAL_POOL if local and pools.LOCAL_POOL in there else AUTO
    ids.sort(key=lambda pool_id: pool_id != usual)
    key = f"convert_pool_{account.fingerprint}"  # another account's pool of the same name is not what was chosen
    if st.session_state.get(key) not in ids:
        st.session_state[key] = usual
    chosen = st.selectbox(
        "Pool",
        ids,
        format_func=label,
        key=key,
        persist_state="session",
    )
    if chosen != AUTO:
        return chosen, None
    return None, _auto_pool(account)


def usable(pool: PoolInfo) -> bool:
    """Whether another run may work in it: not while it is deleted, and not in another run's own pool."""
    return pool.state == "active" and not pool.auto


def label(pool_id: str) -> str:
    """What people call a pool. Nothing in it changes: Streamlit knows by it what was chosen."""
    if pool_id == AUTO:
        return "A pool that goes away by itself"
    return "This computer" if pool_id == pools.LOCAL_POOL else pool_id


def _auto_pool(account: Account) -> PoolSpec:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        spot = number(
            "Spot nodes", 5, "convert_spot", "Cheap nodes that Azure may take back; tasks then start again."
        )
        dedicated = number(
            "Dedicated nodes", 0, "convert_dedicated", "Nodes that stay until the work is done."
        )
        size = st.text_input("VM size", pools.DEFAULT_VM_SIZE, key="convert_size", persist_state="session")
    azure = account.kind is AccountKind.AZURE
    start_task = pools.INSTALL_FFMPEG if azure else None
    return PoolSpec(id="auto", vm_size=size.strip(), dedicated=dedicated, spot=spot, start_task=start_task)
