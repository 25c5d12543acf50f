"""Files that are in storage already, in another container: seen, chosen, and copied among the videos."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from batch_core import containers
from batch_core.account import Account
from batch_core.containers import Contents
from batch_core.errors import DashboardError
from pages.shell import session, words
from pages.shell.video_work import work

SHOWN = 300
KEPT_SECONDS = 30  # how long a list stands
COLUMNS = {
    "name": st.column_config.TextColumn("Name", width=190),
    "size": st.column_config.NumberColumn("Size"),
}


def add_from_storage(account: Account) -> None:
    """Folded until it is wanted: nothing is listed before."""
    folded = st.expander(
        "Add files from storage", icon=":material/folder_open:", key="from_storage", on_change="rerun"
    )
    if not folded.open:
        return
    with folded:
        try:
            _choose(account)
        except DashboardError as error:
            session.show_error(error)


def _choose(account: Account) -> None:
    names = _containers(account.fingerprint, account)
    if not names:
        st.markdown("There are no other containers in this storage account.")
        return
    with st.container(horizontal=True):
        container = st.selectbox("Container", names, key="from_container")
        prefix = st.text_input(
            "Names that begin with", key="from_prefix", placeholder="any, such as trip/2024"
        )
    found = _contents(account.fingerprint, container, prefix.strip(), account)
    if not found.files:
        st.markdown("No files there begin with that." if prefix.strip() else "There are no files in it.")
        return
    chosen = _table(f"{account.fingerprint} {container} {prefix}", found)
    st.caption(_how_many(found))
    _buttons(account, container, found, chosen)


def _table(of: str, found: Contents) -> list[str]:
    """The first files; returns the blobs of those selected."""
    shown = found.files[:SHOWN]
    rows = pd.DataFrame([{"name": file.blob, "size": file.size} for file in shown])
    selected = st.dataframe(
        rows.style.format({"size": words.size}),
        key=f"from_files_{of}_{len(found.files)}",
        column_config=COLUMNS,
        hide_index=True,
        height=260 if len(shown) > 6 else "content",
        on_select="rerun",
        selection_mode="multi-row",
        alt="What is in the container: name and size of each file",
    )
    return [shown[row].blob for row in selected.selection.rows if row < len(shown)]


def _how_many(found: Contents) -> str:
    total = f"{'more than ' if found.more else ''}{words.count(len(found.files), 'file')}"
    size = "" if found.more else f", {words.size(sum(file.size for file in found.files))}"
    if len(found.files) <= SHOWN:
        return f"{total}{size}." + (" Select rows to add only these." if len(found.files) > 1 else "")
    return f"Showing {SHOWN} of {total}{size}. Type how names begin to see others."


def _buttons(account: Account, container: str, found: Contents, chosen: list[str]) -> None:
    wanted = chosen or [file.blob for file in found.files]
    every = "" if chosen or len(wanted) == 1 else "the first " if found.more else "all "
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            f"Add {every}{words.count(len(wanted), 'file')}",
            icon=":material/content_copy:",
            key="from_add",
            disabled=work(account).copying.busy,
        )
        st.caption("They are copied inside storage; nothing changes in the container.")
    if pressed:
        work(account).copy(container, wanted)
        st.rerun()


@st.cache_data(show_spinner=False, ttl=KEPT_SECONDS, max_entries=64)
def _containers(fingerprint: str, _account: Account) -> list[str]:
    return containers.others(_account)


@st.cache_data(show_spinner="Looking into the container", ttl=KEPT_SECONDS, max_entries=16)
def _contents(fingerprint: str, container: str, prefix: str, _account: Account) -> Contents:
    return containers.look(_account, container, prefix)
