"""A sentence about a pool on the screen, with the ways that it offers."""

from __future__ import annotations

import streamlit as st

from pages.components.live_chart import Click
from pages.parts.monitor_tables import SHOWN
from pages.parts.pool_words import Line


def say(line: Line, kept_in: str = SHOWN, *, here: bool = False) -> None:
    """Show it; a node that tells more is one button away (its details go to `kept_in`), and so is the page Pool,
    unless that is `here`."""
    getattr(st, line.kind)(line.text, icon=line.icon)
    if not line.node_id and (here or not line.pool):
        return
    with st.container(horizontal=True):
        if line.node_id:
            st.button(
                "See the node",
                icon=":material/dns:",
                key=f"{kept_in}_from_line",
                on_click=lambda: st.session_state.update({kept_in: Click("node", line.node_id)}),
            )
        if line.pool and not here:
            st.page_link("pages/pool.py", label="Pool", icon=":material/dns:")
