"""One file of a run on the Results page: done, on its way, or failed."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from batch_core import jobs
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.results import Result
from pages.components.download import download_button
from pages.parts.players import address, players, small_pictures
from pages.parts.result_list import changed
from pages.shell import session, signing, words

LOST = {"failed": "Failed", "stopped": "Stopped", "preempted": "Node lost"}
MARKS = {
    "failed": ":red[:material/error:]",
    "stopped": ":gray[:material/stop_circle:]",
    "preempted": ":violet[:material/undo:]",
}

DAMAGED = "What could be read of it is here; copy it once more from where it came for the rest."


def _state(row: Result, progress: str, *, look_only: bool) -> str:
    """The checked mark, or what the file waits for, in words and a glyph."""
    if row.state == "waiting":
        return f":gray[:material/schedule: {words.plain(row.reason) or 'waiting'}]"
    if row.state == "converting":
        return f":blue[:material/play_circle: {progress or 'converting'}]"
    if row.checked is None:
        return ":gray[not checked]" if look_only else ":gray[:material/pending: being checked]"
    if row.damage:
        return f":orange[:material/warning: {row.found}]"
    return f":green[:material/check_circle: {row.found}]"


def result_row(account: Account, row: Result, progress: str = "") -> None:
    """One file: name, before → after, mark, player, download; while it is converted, its `progress` in words."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(gap=None, width="stretch"):
                st.markdown(
                    f"**{words.plain(row.name)}** {_state(row, progress, look_only=account.look_only)}"
                )
                before = f"{words.size(row.source_size)}, {words.length(row.source_duration)}"
                after = (
                    f"{words.size(row.size)}, {words.length(row.duration)}" if row.state == "done" else "…"
                )
                st.caption(f"{words.plain(row.source_name)}: {before} → {after}")
                if row.damage:
                    st.caption(f"{words.plain(row.damage)} {DAMAGED}")
            if row.state != "done":
                _stop(account, row)
                return
            small_pictures(account, row)
            with st.container(horizontal=True, width="content"):  # a phone keeps the two buttons together
                playing = _play(row)
                _download(account, row)
        if playing:
            players(account, row)


def _download(account: Account, row: Result) -> None:
    """Saves the result; several pictures as a ZIP."""
    if row.parts:
        run_id = row.blob.partition("/")[0]
        url = signing.signed_url("zip", account, run=run_id, task=row.task_id)
    else:
        url = address(account, row.blob, row.content_type, row.name)
    download_button(f"Download {row.name}", url, key=f"download_{row.task_id}", shown="Download")


def _play(row: Result) -> bool:
    """Opens and closes what a browser can show; whether it is open."""
    if row.expected.kind == "subtitles":
        return False
    playing = st.session_state.get("results_playing") == row.blob
    word = "Show" if row.content_type.startswith("image/") else "Play"
    st.button(
        "Close" if playing else word,
        key=f"play_{row.task_id}",
        icon=":material/close:" if playing else ":material/play_arrow:",
        on_click=lambda: st.session_state.update(results_playing=None if playing else row.blob),
    )
    return bool(playing)


def _stop(account: Account, row: Result) -> None:
    """Ends one file's task; the others go on, and it can be tried again."""
    if st.button(
        "Stop",
        key=f"stop_{row.task_id}",
        icon=":material/stop_circle:",
        help="Stop this file; the others go on.",
        disabled=account.look_only,
    ):
        try:
            jobs.stop_task(account, row.blob.partition("/")[0], row.task_id)
        except DashboardError as error:
            session.show_error(error)
            return
        changed()
        st.rerun()


def lost_groups(rows: list[Result]) -> Iterator[tuple[str, str, list[Result]]]:
    """What nothing good has come of: state, heading and files of each group that has some."""
    for state, heading in LOST.items():
        if group := [row for row in rows if row.state == state]:
            yield state, heading, group


def lost_row(account: Account, run_id: str, row: Result) -> None:
    """One file of which nothing good has come: what became of it, the cause, and the end of its log."""
    with st.container(border=True):
        st.markdown(f"{MARKS[row.state]} **{words.plain(row.source_name)}**: {words.plain(row.reason)}")
        log = st.expander("Exit code and the end of its log", key=f"log_{row.task_id}", on_change="rerun")
        if log.open:
            with log:
                try:
                    failure = jobs.failure(account, run_id, row.task_id)
                except DashboardError as error:
                    session.show_error(error)
                    return
                st.markdown(
                    f"Exit code {failure.exit_code}"
                    if failure.exit_code is not None
                    else failure.message or "It never ran."
                )
                st.code(failure.end_of_log or "The log is empty.", language=None, wrap_lines=True)
