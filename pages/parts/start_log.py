"""The last lines of a start task beside the sentence that tells of it; read in the background."""

from __future__ import annotations

import streamlit as st

from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.failures import start_task_log
from batch_core.monitor import NodeRow, Snapshot
from pages.charts.labels import node_name
from pages.shell import session, words

LINES = 3
FRESH_SECONDS = 5
KEPT = "start_log"  # of this session: the last text that was read, by node and its boot
HEIGHT = 96  # room for the lines from the start on: what is below does not move when they come


def last_lines(account: Account, pool_id: str, node: NodeRow, snapshot: Snapshot) -> None:
    """What a node's start task wrote last to stderr; the call to Batch is made in another thread."""
    about = (account.fingerprint, pool_id, node.id, node.since)
    ended = node.state == "starttaskfailed"
    moment = 0 if ended else int(snapshot.taken_at.timestamp()) // FRESH_SECONDS
    reading = session.in_background(("start log", *about, moment), start_task_log, account, pool_id, node.id)
    kept, text = st.session_state.get(KEPT, (None, None))
    text = text if kept == about else None
    if reading.done():
        try:
            text = reading.result()
        except DashboardError as error:
            text = error.user_message
        st.session_state[KEPT] = about, text
    said = "Reading its last lines" if text is None else "\n".join(text.splitlines()[-LINES:])
    st.code(
        said or "Nothing has been written to stderr.",
        language=None,
        height=HEIGHT,
    )
    st.caption(f"The end of stderr.txt of {words.plain(node_name(node.id, node.order))}")
