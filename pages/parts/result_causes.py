"""Why files of a run failed: one block a cause, with what ffmpeg said, a way out, and a button for just these files."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from batch_core.account import Account
from batch_core.jobs import Run
from batch_core.results import Result
from pages.parts.retry import retry_button
from pages.shell import words

SHOWN = 8


def causes(account: Account, run: Run, group: list[Result]) -> None:
    """The causes of a group of failed files, that of most files first."""
    shared = by_cause(group)
    if len(group) == 1:
        _explain(group[0])
        return
    for number, files in enumerate(shared[:SHOWN]):
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(_told(files), width="stretch")
                if len(shared) > 1:
                    label = (
                        "Try it again with…" if len(files) == 1 else f"Try these {len(files):,} again with…"
                    )
                    retry_button(account, run, files, label, f"retry_cause_{number}")
            _explain(files[0])
    if more := sum(map(len, shared[SHOWN:])):
        st.caption(f"and {words.count(more, 'file')} with other causes; each is told below.")


def by_cause(group: Iterable[Result]) -> list[list[Result]]:
    """The files that share a cause, most first; in their own order where as many."""
    shared: dict[str, list[Result]] = {}
    for row in group:
        shared.setdefault(row.shared, []).append(row)
    return sorted(shared.values(), key=len, reverse=True)


def _told(files: list[Result]) -> str:
    """What files share, as a sentence about them: "3 files have no sound: MP3 needs some."."""
    cause, count = files[0].cause, f"**{words.count(len(files), 'file')}**"
    if len(files) > 1 and cause and cause.many:
        return f"{count} {words.plain(cause.many)}"
    return f"{count}: {words.plain(files[0].shared)}"


def _explain(row: Result) -> None:
    if row.unexplained:
        st.caption("The end of its log, below, tells more.")
    if row.cause is None:
        return
    if row.cause.way_out:
        st.markdown(words.plain(row.cause.way_out))
    if row.cause.line:
        st.code(row.cause.line, language=None, wrap_lines=True)
