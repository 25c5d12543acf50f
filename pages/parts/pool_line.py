"""A sentence about a pool or job on the screen, with the fix beside it."""

from __future__ import annotations

import streamlit as st

from batch_core.account import Account
from batch_core.monitor import Snapshot
from pages.components.live_chart import Click
from pages.parts import start_log
from pages.parts.fixes import fix
from pages.parts.monitor_tables import SHOWN
from pages.parts.pool_words import Line


def say(account: Account, line: Line, snapshot: Snapshot, kept_in: str = SHOWN) -> None:
    """Show it, and below it what can be done about it; the details of what is looked at go to `kept_in`."""
    getattr(st, line.kind)(line.text, icon=line.icon)
    found = line.holdup
    if found is None:
        return
    fix(account, found, snapshot, kept_in)
    told_below = found.nodes and st.session_state.get(kept_in) == Click("node", found.nodes[0].id)
    if snapshot.pool and found.kind.startswith("start task") and not told_below:
        start_log.last_lines(account, snapshot.pool.id, found.nodes[0], snapshot)
