"""The list from which the thing is picked whose details are shown; charts, tables and buttons choose it, too."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.components.live_chart import Click


def details_picker(options: Mapping[Click, str], kept_in: str, placeholder: str) -> Click | None:
    """Shows the list with what the session keeps under `kept_in`; what is no option any more is let go.

    The widget has another key whenever something else than itself has chosen. A refresh that the browser asked for
    before it knew of that still carries the old value, which would else undo the choice.
    """
    if st.session_state.get(kept_in) not in options:
        st.session_state[kept_in] = None
    shown: Click | None = st.session_state[kept_in]
    number, said = st.session_state.get(f"{kept_in}_picker", (0, None))
    if said != shown:
        number += 1
    st.session_state[f"{kept_in}_picker"] = (number, shown)
    key = f"{kept_in}_{number}"
    things = list(options)
    st.selectbox(
        "Details",
        things,
        index=things.index(shown) if shown else None,
        format_func=lambda thing: options.get(thing, ""),
        key=key,
        placeholder=placeholder,
        on_change=_picked,
        args=(key, kept_in, number),
    )
    return shown


def _picked(key: str, kept_in: str, number: int) -> None:
    if st.session_state[f"{kept_in}_picker"][0] != number:
        return  # a value of before, on its way while something else chose
    picked = st.session_state[key]
    st.session_state[kept_in] = picked
    st.session_state[f"{kept_in}_picker"] = (number, picked)
