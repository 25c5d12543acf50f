"""Which files, and how: options in plain words, those that the conversion takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import streamlit as st

from batch_core import conversions, files
from batch_core.conversions import Conversion, Options, Quality, expert
from batch_core.conversions.options import LINES, RATES
from batch_core.conversions.track_names import track_name
from batch_core.errors import InvalidInput
from batch_core.files import VideoFile
from batch_core.jobs import DEFAULT_WALL_CLOCK
from pages.parts.left_out import by_reason
from pages.parts.own_presets import changed, keep_as_preset, set_options
from pages.shell import session, words

QUALITIES = {"small": "Small files", "normal": "Normal", "best": "Best quality"}
LIMITS = {30: "30 minutes", 120: "2 hours", 360: "6 hours", 1440: "24 hours"}
SHOWN, MOST = 5, 100
NAME_MOST = 100  # characters of a run's name
CLOCK = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,4}):)?(\d{1,6}(?:\.\d{1,3})?)")


def choose_files(
    conversion: Conversion, options: Options | None, everything: list[VideoFile]
) -> tuple[list[VideoFile], tuple[tuple[str, str], ...]]:
    """All files or some of them: those that can be converted, and the others with their reasons, which are named."""
    # Streamlit tells options apart by what it shows of them: two of one name would be one.
    shown = files.distinct_names(everything)
    fit = {file.id: conversions.refusal(conversion, file, options) for file in everything if file.probe}
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
    refused = tuple((file.path, fit[file.id] or "") for file in wanted if fit[file.id])
    if refused:
        _name_refused(refused)
    return [file for file in wanted if not fit[file.id]], refused


def _name_refused(refused: Sequence[tuple[str, str]]) -> None:
    lines = by_reason(refused)
    st.warning("\n".join([f"{words.count(len(refused), 'file')} will be left out.\n", *lines[:SHOWN]]))
    if len(lines) > SHOWN:
        with st.expander(f"{len(lines) - SHOWN} more reasons"):
            st.markdown("\n".join(lines[SHOWN:MOST]))
            if len(lines) > MOST:
                st.caption(f"and {len(lines) - MOST:,} more")


def choose_options(conversion: Conversion, everything: list[VideoFile]) -> Options | None:
    """What the conversion takes, in plain words, folded, with how many are not as usual: they stay from run to run.
    None while what was typed can't be read."""
    arguments = _arguments() if conversion.group == "Expert" else ""
    others = changed(conversion)
    with st.expander("Options"):  # a fold with another label would close while it is filled in
        options = _fields(conversion, everything, arguments)
    if others:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{words.count(others, 'option')} changed", width="content")
            st.button(
                "As usual",
                key="convert_usual",
                type="tertiary",
                icon=":material/undo:",
                help="Sets all options to what they are to begin with.",
                on_click=partial(set_options, Options()),
            )
    return options


def _fields(conversion: Conversion, everything: list[VideoFile], arguments: str | None) -> Options | None:
    takes = set(conversion.takes)
    chosen: dict[str, Any] = {}
    start = end = None
    if "quality" in takes:
        chosen["quality"] = _quality()
    if "part" in takes:
        with st.container(horizontal=True):
            start = _clock("From", "the beginning", "convert_from")
            end = _clock("To", "the end", "convert_to_time")
    if start is not None and end is not None and start >= end >= 0:
        st.error("“From” has to be before “To”.")
        return None
    if -1 in (start, end):
        return None
    with st.grid("auto", min_column_width=190):
        chosen |= _picture(takes) | _tracks(takes, everything)
    options = Options(start=start, end=end, arguments=arguments or "", **chosen)
    try:
        conversions.check_options(options)
    except InvalidInput as error:
        session.show_error(error)
        return None
    if arguments is None:
        return None
    keep_as_preset(conversion, options)
    return conversions.only_taken(conversion, options)


def _quality() -> Quality:
    quality = st.segmented_control(
        "Quality",
        list(QUALITIES),
        default="normal",
        format_func=QUALITIES.__getitem__,
        required=True,
        key="convert_quality",
        persist_state="session",
    )
    return quality or "normal"


def _picture(takes: set[str]) -> dict[str, Any]:
    """Size, frame rate, and how often a picture is taken."""
    chosen: dict[str, Any] = {}
    if "size" in takes:
        chosen["lines"] = _one_of("Size", LINES, "convert_lines", "As usual", "{} lines at most".format)
    if "fps" in takes:
        chosen["fps"] = _one_of("Frame rate", RATES, "convert_fps", "As usual", "{} frames a second".format)
    if "every" in takes:
        chosen["every"] = st.number_input(
            "Seconds from picture to picture", 0.1, 3600.0, 10.0, key="convert_every", persist_state="session"
        )
    if "volume" in takes:
        louder = st.slider(
            "Louder or softer", -30, 30, 0, format="%d dB", key="convert_volume", persist_state="session"
        )
        chosen["volume"] = louder or None
    return chosen


def _tracks(takes: set[str], everything: list[VideoFile]) -> dict[str, Any]:
    """Which track, where a file has several. One that a preset brings is kept, also where no file has it: then these
    are left out with that reason."""
    chosen: dict[str, Any] = {}
    probes = [file.probe for file in everything if file.probe]
    for kind, label in (("audio", "Sound track"), ("subtitle", "Subtitle track")):
        key = f"convert_{kind}"
        counts = [sum(s.kind == kind for s in probe.streams) for probe in probes]
        most = max(*counts, st.session_state.get(key) or 0, 0)
        if kind in takes and (most > 1 or st.session_state.get(key)):
            told = partial(track_name, kind=kind, probes=probes)
            chosen[kind] = _one_of(label, range(1, most + 1), key, "The first that fits", told)
    return chosen


def _one_of(
    label: str, values: Iterable[int], key: str, usual: str, told: Callable[[int], str]
) -> int | None:
    choices = [None, *values]
    if st.session_state.get(key) not in choices:
        st.session_state[key] = None
    return st.selectbox(
        label,
        choices,
        format_func=lambda value: usual if value is None else told(value),
        key=key,
        persist_state="session",
    )


def _arguments() -> str | None:
    """An expert's arguments as they are run; None, with the reason on the page, while they can't be taken."""
    typed = st.text_area(
        "ffmpeg arguments",
        key="convert_arguments",
        placeholder="-c:v libx264 -crf 20 -c:a copy",
        max_chars=2000,
        persist_state="session",
        help="What stands between the input and the result. Files, addresses and filters that read them are not taken.",
    )
    if not typed.strip():
        st.caption(
            "Type what stands between the input and the result, such as: `-c:v libx264 -crf 20 -c:a copy`"
        )
        return None
    try:
        return expert.parse(typed)
    except InvalidInput as error:
        session.show_error(error)
        return None


def choose_name(usual: str, nonce: str) -> str:
    """What the run is called; the next run, which has another `nonce`, begins with its usual name again."""
    typed = st.text_input(
        "Name of the run",
        key=f"convert_name_{nonce}",
        placeholder=usual,
        max_chars=NAME_MOST,
        persist_state="session",
        help="By this name you find it on Monitor and Results; its archive has it, too.",
    )
    return typed.strip() or usual


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
