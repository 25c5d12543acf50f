"""Where a run's tasks work: a pool that is there, or one that goes away by itself; and the choice of an image."""

from __future__ import annotations

import streamlit as st

from batch_core import pools
from batch_core.account import Account, AccountKind
from batch_core.errors import DashboardError, InvalidInput
from batch_core.pools import ImageRef, PoolInfo, PoolSpec
from pages import session, words

AUTO = "a pool that goes away by itself"


def choose_pool(account: Account) -> tuple[str | None, PoolSpec | None]:
    """The id of a pool that is there, or what an auto pool shall be; the other of the two is None."""
    try:
        there = {pool.id: pool for pool in pools.list_pools(account) if usable(pool)}
    except DashboardError as error:
        session.show_error(error)
        st.stop()
    ids = [*there, AUTO]
    usual = pools.LOCAL_POOL if pools.LOCAL_POOL in there else AUTO
    ids.sort(key=lambda pool_id: pool_id != usual)
    if st.session_state.get("convert_pool") not in ids:
        st.session_state["convert_pool"] = usual
    chosen = st.selectbox(
        "Pool",
        ids,
        format_func=lambda pool_id: label(there.get(pool_id)),
        key="convert_pool",
        persist_state="session",
    )
    if chosen != AUTO:
        return chosen, None
    return None, _auto_pool(account)


def usable(pool: PoolInfo) -> bool:
    """Whether another run may work in it: not while it is deleted, and not in another run's own pool."""
    return pool.state == "active" and not pool.auto


def label(pool: PoolInfo | None) -> str:
    """A pool in one line; None is the one that goes away by itself."""
    if pool is None:
        return "A pool that goes away by itself"
    name = "This computer" if pool.id == pools.LOCAL_POOL else pool.id
    return f"{name} · {words.count(pool.dedicated + pool.spot, 'node')}"


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


def number(label: str, value: int, key: str, help: str | None = None, least: int = 0) -> int:
    """A count of nodes or slots."""
    return int(
        st.number_input(
            label,
            min_value=least,
            max_value=10_000,
            value=value,
            step=1,
            key=key,
            help=help,
            persist_state="session",
        )
    )


@st.cache_data(ttl=3600, max_entries=16, show_spinner="Asking which images there are")
def _images(fingerprint: str, _account: Account) -> list[pools.ImageChoice]:
    return pools.images(_account)


def choose_image(account: Account) -> tuple[ImageRef, str]:
    """An image and the node agent that fits it. Raises InvalidInput for one that was typed and can't be read."""
    typed = st.segmented_control(
        "Image", ["From the list", "Typed"], default="From the list", required=True, key="pool_image_from"
    )
    if typed == "Typed":
        text = st.text_input(
            "Publisher/offer/sku, or the id of a gallery image",
            key="pool_image_typed",
            placeholder=str(pools.DEFAULT_IMAGE),
        )
        agent = st.text_input("Node agent", pools.DEFAULT_AGENT, key="pool_agent")
        return pools.parse_image(text or str(pools.DEFAULT_IMAGE)), agent.strip()
    choices = _images(account.fingerprint, account)
    if not choices:
        raise InvalidInput("The service lists no image.", "Type one instead.")
    index = st.selectbox(
        "Image from the service's list",
        range(len(choices)),
        format_func=lambda position: choices[position].label,
        key="pool_image",
    )
    return choices[index].image, choices[index].agent
