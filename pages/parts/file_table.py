"""The files as people read them: one line for all, a row for each, a sentence for what is left out."""

from __future__ import annotations

import hashlib
import re

import pandas as pd
import streamlit as st

from batch_core.files import VideoFile, distinct_names
from batch_core.probe import Probe
from pages.shell import words

pd.set_option(
    "styler.render.max_elements", 10_000_000
)  # cells; more than there can be files, or it is an error
CHANNELS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
WHY = re.compile(
    r".* \((.*)\)\."
)  # of "is not a video that we can read (it is empty)." what a narrow column shows
COLUMNS = {  # what says whether a file is fine comes first: a phone shows the first two
    "name": st.column_config.TextColumn("Name", width=180),
    "state": st.column_config.TextColumn("State", width=90),
    "length": st.column_config.NumberColumn("Length"),
    "picture": st.column_config.TextColumn("Picture"),
    "sound": st.column_config.TextColumn("Sound"),
    "size": st.column_config.NumberColumn("Size"),
    "why": st.column_config.TextColumn("Why it is left out", width="large"),
}
# Names are long then: the state stays in sight on a phone.
WITH_FOLDERS = ["state", "name", *list(COLUMNS)[2:]]


def is_ready(file: VideoFile) -> bool:
    """Whether it can be converted."""
    return bool(file.probe and file.probe.ok)


def summary(found: list[VideoFile]) -> str:
    """5 files · 10 min of video · 13 MB"""
    ready = [file.probe for file in found if file.probe and file.probe.ok]
    parts = [words.count(len(found), "file")]
    seconds = sum(probe.duration or 0 for probe in ready)
    if seconds:
        kind = "video" if any(probe.has_video for probe in ready) else "sound"
        parts.append(f"{_rounded(seconds)} of {kind}")
    return " · ".join([*parts, words.size(sum(file.size for file in found))])


def _rounded(seconds: float) -> str:
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _sound(probe: Probe) -> str:
    tracks = [stream for stream in probe.streams if stream.kind == "audio"]
    if not tracks:
        return "none"
    first = tracks[0]
    channels = CHANNELS.get(first.channels or 0) or (f"{first.channels} channels" if first.channels else "")
    more = f"{len(tracks)} tracks" if len(tracks) > 1 else ""
    return ", ".join(part for part in (channels, first.codec, more) if part)


def _state(file: VideoFile) -> str:
    if file.probe is None:
        return "checking…"
    return "ready" if file.probe.ok else "left out"


def _why(file: VideoFile) -> str:
    if file.probe is None or file.probe.ok:
        return ""
    why = WHY.fullmatch(file.probe.reason)
    return why[1] if why else file.probe.reason


def _row(file: VideoFile, name: str) -> dict[str, object]:
    known = file.probe if is_ready(file) else None
    return {
        "name": name,
        "state": _state(file),
        "length": round(known.duration) if known and known.duration is not None else None,
        "picture": (known.picture or "none") if known else "",
        "sound": _sound(known) if known else "",
        "size": file.size,
        "why": _why(file),
    }


def table(found: list[VideoFile]) -> list[VideoFile]:
    """Shows the files and returns those selected.

    Its key changes with the files, for a selection is by row number, and when all are looked into: a table keeps
    the widths that its columns had when it was first drawn.
    """
    known = all(file.probe for file in found)
    ids = hashlib.sha256(f"{known}{''.join(file.id for file in found)}".encode()).hexdigest()[:12]
    names = distinct_names(found)
    rows = pd.DataFrame([_row(file, names[file.id]) for file in found]).astype({"length": "float"})
    shown = rows if rows["why"].any() else rows.drop(columns="why")
    folders = any(file.folder for file in found)
    chosen = st.dataframe(
        # numbers, so that they sort as such, that look as on other pages
        shown.style.format({"length": words.length, "size": words.size}, na_rep=""),
        key=f"files_{ids}",
        column_config=COLUMNS | ({"name": st.column_config.TextColumn("Name", width=320)} if folders else {}),
        column_order=[column for column in (WITH_FOLDERS if folders else COLUMNS) if column in shown],
        hide_index=True,
        placeholder="",
        on_select="rerun",
        selection_mode="multi-row",
        alt="The videos: name, state, length, picture, sound and size of each",
    )
    return [found[row] for row in chosen.selection.rows if row < len(found)]


def left_out(found: list[VideoFile]) -> None:
    """Names what can't be converted, and why, before anything runs."""
    refused = [file for file in found if file.probe and not file.probe.ok]
    if len(refused) == 1:
        sentence = f"{words.plain(refused[0].path)} {words.plain(refused[0].probe.reason)} It is left out"
    elif refused:
        sentence = (
            f"{len(refused)} files are not videos that we can read; the table says why. They are left out"
        )
    else:
        return
    others = "; the others are fine." if len(refused) < len(found) else "."
    st.warning(sentence + others, icon=":material/warning:")
