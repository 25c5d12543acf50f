"""A log to open: stderr or stdout, the end of it while it grows."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from batch_core.failures import LOGS
from pages.shell.readings import Reading

LINES = 14


def log_box(
    title: str, key: str, read: Callable[[str], Reading[str]], *, grows: bool, matters: bool = False
) -> None:
    """The log that `read` finds by its name; open from the start on while it `grows`, or where it `matters`."""
    box = st.expander(
        f"{title}, as it grows" if grows else title,
        expanded=grows or matters,
        key=f"{key}_{grows}",
        on_change="rerun",
    )
    if not box.open:
        return
    with box:
        name = str(
            st.segmented_control(
                title,
                LOGS,
                default=LOGS[0],
                required=True,
                key=f"{key}_name",
                label_visibility="collapsed",
            )
        )
        reading = read(name)
        if not reading.say():
            return
        text = reading.value or ""
        last = "\n".join(text.splitlines()[-LINES:])
        st.code(last or f"Nothing in {name} yet." if grows else text or f"Nothing in {name}.", language=None)
