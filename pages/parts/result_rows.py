"""One file of a run on the Results page: done, on its way, or failed."""

from __future__ import annotations

import streamlit as st

from batch_core import jobs, storage
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.results import Result
from pages.components.download import download_button
from pages.shell import session, signing, uploads, words


def _state(row: Result) -> str:
    """The checked mark, or what the file waits for, in words and a glyph."""
    if row.state == "waiting":
        return ":gray[:material/schedule: waiting]"
    if row.state == "converting":
        return ":blue[:material/play_circle: converting]"
    if row.checked is None:
        return ":gray[:material/pending: being checked]"
    if row.checked:
        return ":green[:material/check_circle: plays to its end]"
    return f":red[:material/error: {words.plain(row.reason)}]"


def result_row(account: Account, row: Result) -> None:
    """One file: name, before → after, mark, player, download."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(gap=None, width="stretch"):
                st.markdown(f"**{words.plain(row.name)}** {_state(row)}")
                before = f"{words.size(row.source_size)}, {words.length(row.source_duration)}"
                after = (
                    f"{words.size(row.size)}, {words.length(row.duration)}" if row.state == "done" else "…"
                )
                st.caption(f"{words.plain(row.source_name)}: {before} → {after}")
            if row.state != "done":
                return
            playing = st.session_state.get("results_playing") == row.blob
            st.button(
                "Close" if playing else "Play",
                key=f"play_{row.task_id}",
                icon=":material/close:" if playing else ":material/play_arrow:",
                on_click=lambda: st.session_state.update(results_playing=None if playing else row.blob),
            )
            download_button(
                f"Download {row.name}", _address(account, row, row.name), key=f"download_{row.task_id}"
            )
        if playing:
            player = st.audio if row.content_type.startswith("audio/") else st.video
            player(_address(account, row), format=row.content_type)


def _address(account: Account, row: Result, save_as: str | None = None) -> str:
    """Where the browser gets a result: storage itself, or this app's own stream where it can't reach that."""
    if uploads.reaches_storage(account):
        return storage.read_url(
            account, storage.RESULTS, row.blob, name=save_as, content_type=row.content_type
        )
    params = {"container": storage.RESULTS, "blob": row.blob} | ({"name": save_as} if save_as else {})
    return session.origin() + signing.signed_url("blob", account, **params)


def failed_row(account: Account, run_id: str, row: Result) -> None:
    """One file that was not converted: the cause, and on request the end of its log."""
    with st.container(border=True):
        st.markdown(f":red[:material/error:] **{words.plain(row.source_name)}**: {words.plain(row.reason)}")
        log = st.expander("Exit code and the end of its log", key=f"log_{row.task_id}", on_change="rerun")
        if log.open:
            with log:
                try:
                    failure = jobs.failure(account, run_id, row.task_id)
                except DashboardError as error:
                    session.show_error(error)
                    return
                st.markdown(
                    f"Exit code {failure.exit_code}" if failure.exit_code is not None else failure.message
                )
                st.code(failure.end_of_log or "The log is empty.", language=None, wrap_lines=True)
