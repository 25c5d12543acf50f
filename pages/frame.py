"""The frame around every page: navigation, the account at the sidebar's foot, the strip that uploads."""

from __future__ import annotations

import streamlit as st

from batch_core import pools
from batch_core.account import Account, AccountKind
from batch_core.errors import DashboardError
from pages import session, uploads

NODES_SECONDS = 5


def navigation() -> st.Page:
    """All pages in their sections; the one that the visitor has opened is returned."""
    page = st.Page
    return st.navigation(
        {
            "CONVERT": [
                page(
                    "pages/files.py",
                    title="Files",
                    icon=":material/video_library:",
                    default=True,
                    help="Add videos and see what is in them.",
                ),
                page(
                    "pages/convert.py",
                    title="Convert",
                    icon=":material/swap_horiz:",
                    help="Choose what to make of the videos, and start.",
                ),
                page(
                    "pages/results.py",
                    title="Results",
                    icon=":material/task_alt:",
                    help="Play and download what was made.",
                ),
            ],
            "FLEET": [
                page(
                    "pages/monitor.py",
                    title="Monitor",
                    icon=":material/monitoring:",
                    help="Every node and task while it works.",
                ),
                page(
                    "pages/pool.py",
                    title="Pool",
                    icon=":material/dns:",
                    help="The nodes that convert: see, add, resize, delete.",
                ),
            ],
            "ACCOUNT": [
                page(
                    "pages/connect.py",
                    title="Connect",
                    icon=":material/cable:",
                    help="Work on this computer or with an Azure account.",
                ),
                page(
                    "pages/cleanup.py",
                    title="Clean up",
                    icon=":material/mop:",
                    url_path="cleanup",
                    help="What is left, what would cost money, and deleting it.",
                ),
            ],
        },
        expanded=True,
    )


def show() -> None:
    """One run of the app: the frame, and the page in it."""
    st.set_page_config(page_title="Batch Video", page_icon=":material/movie:", layout="wide")
    page = navigation()
    session.keep_ids_in_url()
    with st.sidebar:
        current = session.account()
        if current is not None:
            uploads.mount(current)
        _foot()
    page.run()


@st.fragment(run_every=NODES_SECONDS)
def _foot() -> None:
    """Which account this is, whether it works, and what costs money in it."""
    current = session.account()
    if current is None:
        st.markdown(":material/computer: **This computer**")
        st.caption(f":orange[●] {session.local_cloud().status().sentence}")
        return
    local = current.kind is AccountKind.LOCAL
    st.markdown(f":material/{'computer' if local else 'cloud'}: **{current.name}**")
    try:
        nodes = _nodes(current.fingerprint, current)
    except DashboardError as error:
        st.caption(f":red[●] {error.user_message}")
        return
    state = "look only" if current.look_only else "ready"
    st.caption(f":green[●] {state} · {nodes} {'node' if nodes == 1 else 'nodes'}")
    st.caption("Nothing costs money" if local else _charge(nodes))


@st.cache_data(ttl=NODES_SECONDS, max_entries=64, show_spinner=False)
def _nodes(fingerprint: str, _account: Account) -> int:
    """Nodes in all pools of an account (its fingerprint is the key)."""
    return sum(pool.dedicated + pool.spot for pool in pools.list_pools(_account))


def _charge(nodes: int) -> str:
    if not nodes:
        return "No nodes: Azure charges for storage only"
    return f"Azure charges for {nodes} {'node' if nodes == 1 else 'nodes'} and storage"
