"""The frame around every page: navigation, the account at the sidebar's foot, the strip that uploads."""

from __future__ import annotations

import streamlit as st

from batch_core import pools
from batch_core.account import Account, AccountKind
from batch_core.errors import DashboardError
from batch_core.pools import PoolInfo
from pages.components import back
from pages.shell import costs, session, told, uploads, words
from pages.shell.badges import counted

FOOT_SECONDS = 5
BADGES = "nav_badges"  # what stands beside the pages' names now
MARK = (
    '<rect x="1" y="3" width="26" height="22" rx="5" fill="#0072B2"/>'
    '<path d="M10.5 8.6v10.8L20 14z" fill="#fff"/>'
)
ICON = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28">{MARK}</svg>'
LOGO = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 152 28">{MARK}'
    '<text x="36" y="20.5" font-family="Source Sans Pro,Segoe UI,Helvetica,Arial,sans-serif" font-size="19" '
    'font-weight="600" fill="{ink}">Batch Video</text></svg>'
)
INK = {"light": "#17212B", "dark": "#E8EDF2"}
SECTIONS = {
    "CONVERT": (
        ("files", "Files", "video_library", "Add videos and see what is in them."),
        ("convert", "Convert", "swap_horiz", "Choose what to make of the videos, and start."),
        ("results", "Results", "task_alt", "Play and download what was made."),
    ),
    "FLEET": (
        ("monitor", "Monitor", "monitoring", "Every node and task while it works."),
        ("pool", "Pool", "dns", "The nodes that convert: see, add, resize, delete."),
    ),
    "ACCOUNT": (
        ("connect", "Connect", "cable", "Work on this computer or with an Azure account."),
        ("cleanup", "Clean up", "mop", "What is left, what would cost money, and deleting it."),
    ),
}


def show() -> None:
    """One run of the app: the frame, and the page in it."""
    st.set_page_config(page_title="Batch Video", page_icon=ICON, layout="wide")
    st.logo(
        LOGO.format(ink=INK.get(st.context.theme.type or "light", INK["light"])),
        size="medium",
        icon_image=ICON,
    )
    session.remember_ids()  # before there is a link to press: a press ends this run and empties the URL
    page = _navigation(st.session_state.get(BADGES, {}))
    session.keep_ids_in_url()
    current = session.account()
    if current is not None:
        uploads.mount(current)
    with st.sidebar:
        _foot()
        back.one_step()
    page.run()


def _navigation(badges: dict[str, str]) -> st.Page:
    """The pages' links, each with what waits there. Sent again, it changes their names in place."""
    st.session_state[BADGES] = badges
    return st.navigation(
        {
            section: [_page(*entry, badges.get(entry[0], "")) for entry in pages]
            for section, pages in SECTIONS.items()
        }
    )


def _page(name: str, title: str, icon: str, help: str, badge: str) -> st.Page:
    return st.Page(
        f"pages/{name}.py",
        title=f"{title}{badge}",
        icon=f":material/{icon}:",
        url_path=name,
        default=name == "files",
        help=help,
    )


@st.fragment(run_every=FOOT_SECONDS)
def _foot() -> None:
    """Which account this is, whether it works, and what costs money in it."""
    current = session.account()
    if session.disconnected():
        st.markdown(":material/cloud: **Azure**")
        st.caption(":red[●] not connected")
        return
    if current is None:
        st.markdown(":material/computer: **This computer**")
        failed = session.local_cloud().status().phase == "failed"
        st.caption(":red[●] not running" if failed else ":orange[●] starting")
        return
    local = current.kind is AccountKind.LOCAL
    try:
        there = _pools(current.fingerprint, current)
        nodes = sum(pool.dedicated + pool.spot for pool in there)
        state = f":green[●] {'look only' if current.look_only else 'ready'} · {words.count(nodes, 'node')}"
        cost = "Nothing costs money" if costs.free(current) else costs.charge(there)
        if local and (status := session.local_cloud().status()).disk_full:
            state = f":red[●] {status.sentence}"
        badges = counted(current)
        if badges != st.session_state.get(BADGES):
            _navigation(badges)
    except DashboardError as error:
        state, cost = f":red[●] {error.user_message}", ""
    with st.container(gap="xsmall"):
        st.markdown(f":material/{'computer' if local else 'cloud'}: **{current.name}**")
        st.caption(f"{state}  \n{cost}")
        told.mount(current)


@st.cache_data(ttl=FOOT_SECONDS, max_entries=64, show_spinner=False)
def _pools(fingerprint: str, _account: Account) -> list[PoolInfo]:
    """All pools of an account (its fingerprint is the key)."""
    return pools.list_pools(_account)
