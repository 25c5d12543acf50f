"""Long lists of results: a search in the names, and pages."""

from __future__ import annotations

import streamlit as st

from batch_core.results import Result
from pages.shell import words

ROWS = 25


def found(rows: list[Result]) -> list[Result]:
    """Those with what was typed in their names; there is something to type in only where rows have pages."""
    if len(rows) <= ROWS:
        return rows
    typed = st.text_input(
        "Find a file", key="results_find", icon=":material/search:", placeholder="part of its name"
    )
    wanted = typed.strip().casefold()
    some = [row for row in rows if wanted in row.name.casefold() or wanted in row.source_name.casefold()]
    if wanted:
        st.caption(f"{len(some):,} of {words.count(len(rows), 'file')} found.")
    return some


def paged(rows: list[Result], key: str) -> list[Result]:
    """The rows of the page that is chosen; without a chooser when they all fit on one."""
    pages = -(-len(rows) // ROWS)
    if pages <= 1:
        return rows
    with st.container(horizontal=True, vertical_alignment="center"):
        first = (st.pagination(pages, key=f"results_page_{key}") - 1) * ROWS
        st.caption(f"showing {first + 1:,}–{min(first + ROWS, len(rows)):,} of {len(rows):,}")
    return rows[first : first + ROWS]
