"""What to make: the conversions as cards, a tab for each group; own presets and own arguments in the last one."""

from __future__ import annotations

from itertools import groupby

import streamlit as st

from batch_core import conversions
from batch_core.conversions import CONVERSIONS, EXPERT, Conversion
from pages.parts.own_presets import own_cards, own_files
from pages.shell import words

OWN = "Own"
EXPERT_CARD = "expert"
CHOSEN = "convert_to"


def choose_conversion() -> Conversion:
    """The conversion that was chosen, the first one to begin with."""
    state = st.session_state
    if state.get(CHOSEN) not in {EXPERT_CARD, *(one.id for one in CONVERSIONS)}:
        state[CHOSEN] = CONVERSIONS[0].id
    groups = {group: list(members) for group, members in groupby(CONVERSIONS, key=lambda one: one.group)}
    chosen = next((one for one in CONVERSIONS if one.id == state[CHOSEN]), None)
    tabs = st.tabs([*groups, OWN], default=chosen.group if chosen else OWN)
    for tab, members in zip(tabs, groups.values(), strict=False):
        with tab, st.grid("auto", min_column_width=190):
            for conversion in members:
                card(conversion.id, conversion.label, conversion.line)
    with tabs[-1]:
        with st.grid("auto", min_column_width=190):
            card(EXPERT_CARD, "Own arguments", "for those who know ffmpeg")
            own_cards(CHOSEN)
        own_files()
    if chosen is None:
        return _expert()
    keeps, costs = (text[:1].lower() + text[1:] for text in (chosen.keeps, chosen.costs))
    st.caption(f"**{chosen.label}** keeps {words.plain(keeps)} It takes {words.plain(costs)}")
    return chosen


def card(id: str, label: str, line: str) -> None:
    """One conversion; a press chooses it."""
    chosen = st.session_state[CHOSEN] == id

    def choose() -> None:
        st.session_state[CHOSEN] = id

    with st.container(border=True, height="stretch", gap="xsmall"):
        st.button(
            f":blue[**{label}**]" if chosen else f"**{label}**",
            key=f"choose_{id}",
            type="tertiary",
            icon=":material/radio_button_checked:" if chosen else ":material/radio_button_unchecked:",
            on_click=choose,
        )
        st.caption(line)


def _expert() -> Conversion:
    """The container for own arguments; the arguments themselves are an option."""
    extension = st.selectbox(
        "Container",
        [one.extension for one in EXPERT],
        format_func=lambda extension: (
            f"{conversions.conversion(f'expert-{extension}').label.partition(' (')[0]} (.{extension})"
        ),
        key="convert_container",
        persist_state="session",
    )
    return conversions.conversion(f"expert-{extension}")
