"""What pages that list an account's things have in common at their head."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from batch_core.errors import DashboardError
from pages.shell import session

T = TypeVar("T")


def asked(question: Callable[[], T]) -> T:
    """The services' answer; shows why there is none, and ends the page run."""
    try:
        return question()
    except DashboardError as error:
        session.show_error(error)
        st.stop()


def nothing_there(sentence: str, page: str, label: str, icon: str) -> None:
    """What is missing, and the link to where it comes from; `icon` is a Material icon's name."""
    st.markdown(sentence)
    st.page_link(f"pages/{page}.py", label=label, icon=f":material/{icon}:")
