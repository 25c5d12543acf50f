"""What to make of which files: conversions as cards, the choice of files, options in plain words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

import streamlit as st

from batch_core import conversions, files
from batch_core.conversions import Conversion, Options
from batch_core.errors import InvalidInput
from batch_core.files import VideoFile
from batch_core.jobs import DEFAULT_WALL_CLOCK
from pages.shell import session, words

QUALITIES = {"small": "Small files", "normal": "Normal", "best": "Best quality"}
LIMITS = {30: "30 minutes", 120: "2 hours", 360: "6 hours", 1440: "24 hours"}
SHOWN, MOST = 5, 100
CLOCK = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,4}):)?(\d{1,6}(?:\.\d{1,3})?)")


def choose_conversion() -> Conversion:
    """The conversions as cards in their groups; the first one is chosen to begin with."""
    state = st.session_state
    if state.get("convert_to") not in {conversion.id for conversion in conversions.CONVERSIONS}:
        state["convert_to"] = conversions.CONVERSIONS[0].id
    for group, members in groupby(conversions.CONVERSIONS, key=lambda conversion: conversion.group):
        st.subheader(group)
        with st.grid("auto", min_column_width=190):
            for conversion in members:
                _card(conversion, state["convert_to"] == conversion.id)
    return conversions.conversion(state["convert_to"])


def _card(conversion: Conversion, chosen: bool) -> None:
    def choose() -> None:
        st.session_state["convert_to"] = conversion.id

    with st.container(border=True, height="stretch", gap="xsmall"):
        st.button(
            f":blue[**{conversion.label}**]" if chosen else f"**{conversion.label}**",
            key=f"choose_{conversion.id}",
            type="tertiary",
            icon=":material/radio_button_checked:" if chosen else ":material/radio_button_unchecked:",
            on_click=choose,
        )
        st.caption(conversion.line)


def choose_files(
    conversion: Conversion, options: Options | None, everything: list[VideoFile]
) -> tuple[list[VideoFile], tuple[tuple[str, str], ...]]:
    """All files or some of them: those that can be converted, and the others with their reasons, which are named."""
    # Streamlit tells options apart by what it shows of them: two of one name would be one.
    shown = files.distinct_names(everything)
    fit = {file.id: _refusal(conversion, options, file) for file in everything if file.probe}
    names = {file.id: shown[file.id] for file in everything if file.probe and file.probe.ok}
    st.session_state["convert_only"] = [
        file_id for file_id in st.session_state.get("convert_only", []) if file_id in names
    ]
    ready = sum(reason is None for reason in fit.values())
    only = st.multiselect(
        "Files",
        list(names),
        format_func=names.__getitem__,
        key="convert_only",
        placeholder="The one file that is ready" if ready == 1 else f"All {ready:,} files that are ready",
        help="Choose some to convert only these.",
        persist_state="session",
    )
    chosen = set(only)
    wanted = [file for file in everything if file.id in fit and (file.id in chosen or not chosen)]
    refused = tuple((file.name, fit[file.id] or "") for file in wanted if fit[file.id])
    if refused:
        _name_refused(refused)
    return [file for file in wanted if not fit[file.id]], refused


def _refusal(conversion: Conversion, options: Options | None, file: VideoFile) -> str | None:
    """Why this file can't become that, in the part of it that was chosen; None when it can."""
    reason = conversions.refusal(conversion, file)
    if reason is None and options is not None and file.probe:
        try:
            conversions.check_options(options, file.probe.duration)
        except InvalidInput as error:
            return error.user_message
    return reason


def _name_refused(refused: Sequence[tuple[str, str]]) -> None:
    lines = [f"- **{words.plain(name)}**: {words.plain(reason)}" for name, reason in refused]
    st.warning("\n".join([f"{words.count(len(refused), 'file')} will be left out.\n", *lines[:SHOWN]]))
    if len(lines) > SHOWN:
        with st.expander(f"{len(lines) - SHOWN} more that will be left out"):
            st.markdown("\n".join(lines[SHOWN:MOST]))
            if len(lines) > MOST:
                st.caption(f"and {len(lines) - MOST:,} more")


def choose_options() -> Options | None:
    """Quality and the part of each file; None while what was typed can't be read."""
    with st.expander("Options"):
        quality = st.segmented_control(
            "Quality",
            list(QUALITIES),
            default="normal",
            format_func=QUALITIES.__getitem__,
            required=True,
            key="convert_quality",
            persist_state="session",
        )
        with st.container(horizontal=True):
            start = _clock("From", "the beginning", "convert_from")
            end = _clock("To", "the end", "convert_to_time")
        if start is not None and end is not None and start >= end >= 0:
            st.error("“From” has to be before “To”.")
            return None
        if -1 in (start, end):
            return None
        options = Options(quality=quality or "normal", start=start, end=end)
        try:
            conversions.check_options(options)
        except InvalidInput as error:
            session.show_error(error)
            return None
    return options


def choose_wall_clock() -> timedelta:
    """How long the run may take in all; whatever happens, nothing of it runs longer."""
    minutes = st.selectbox(
        "Time limit",
        list(LIMITS),
        index=list(LIMITS).index(int(DEFAULT_WALL_CLOCK.total_seconds() // 60)),
        format_func=LIMITS.__getitem__,
        key="convert_limit",
        persist_state="session",
        help="Counted from the start. What still runs or waits then is stopped, also when this app is closed.",
    )
    return timedelta(minutes=minutes)


def _clock(label: str, empty: str, key: str) -> float | None:
    """A time typed as seconds, m:ss or h:mm:ss; None when empty, -1 when it can't be read."""
    typed = st.text_input(
        label, key=key, placeholder=empty, persist_state="session", help="As in 1:30"
    ).strip()
    if not typed:
        return None
    seconds = clock_seconds(typed)
    if seconds is None:
        st.error(f"“{label}” is a time such as 1:30 or 90.")
        return -1
    return seconds


def clock_seconds(typed: str) -> float | None:
    """Seconds of "90", "1:30", "1:02:03.5"; None when it is no time."""
    match = CLOCK.fullmatch(typed.strip())
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)
