"""A chart that is drawn once however many people look at it, and how a chart or its table is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.components.live_chart import PackedChart

CHART, TABLE = "Chart", "Table"


def choice(label: str, options: list[str], key: str) -> str:
    """One of a few, the first at first; kept while pages are switched."""
    return st.segmented_control(
        label,
        options,
        default=options[0],
        required=True,
        key=key,
        label_visibility="collapsed",
        persist_state="session",
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _slot(key: tuple[Any, ...]) -> dict[str, Any]:
    """Where the last chart for a key is kept, for all sessions that have the account."""
    return {}


def once(key: tuple[Any, ...], made_of: tuple[Any, ...], draw: Callable[[], PackedChart]) -> PackedChart:
    """The chart that was drawn of the same things before, else a new one."""
    slot = _slot(key)
    kept = slot.get("chart")
    if kept is None or kept[0] != made_of:
        kept = slot["chart"] = (made_of, draw())
    return kept[1]
