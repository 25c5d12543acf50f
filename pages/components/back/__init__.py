"""One step back leaves a page.

Streamlit adds a step to the browser's history whenever the query of the address changes, as it does when a page
puts the id of its run there: the first step back would lead to the same page without it.
"""

from pathlib import Path

import streamlit as st

_mount = st.components.v2.component(
    "back", html="<span hidden></span>", js=(Path(__file__).parent / "back.js").read_text(encoding="utf-8")
)


def one_step() -> None:
    """From now on in this tab, another query of the same page takes the place of the one before it."""
    _mount(key="back", width="content", height="content")
