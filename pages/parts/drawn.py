"""A chart that is drawn once however many people look at it, and how a chart or its table is chosen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
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


class Slot:
    """What was made last for a key, and of what; who comes while it is made waits for it instead of making it, too."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.made: Any = None
        self.made_of: Any = None


@lru_cache(maxsize=512)  # Streamlit's caches hash such a key for 0.3 ms, dozens of times in a refresh
def slot_of(key: tuple[Any, ...]) -> Slot:
    """Where what was made last for a key is kept, for all sessions that have the account (it is in the key)."""
    return Slot()


def once(key: tuple[Any, ...], made_of: tuple[Any, ...], draw: Callable[[], PackedChart]) -> PackedChart:
    """The chart that was drawn of the same things before, else a new one."""
    slot = slot_of(("chart", *key))
    with slot.lock:
        if slot.made is None or slot.made_of != made_of:
            slot.made, slot.made_of = draw(), made_of
        chart: PackedChart = slot.made
        return chart
