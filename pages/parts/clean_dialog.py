"""Deleting what was chosen on Clean up: the dialog that names it, and what became of it."""

from __future__ import annotations

import streamlit as st

from batch_core import cleanup
from batch_core.account import Account
from batch_core.cleanup import Item, Outcome
from batch_core.errors import DashboardError
from batch_core.pools import LOCAL_POOL
from pages.shell import session, words
from pages.shell.video_work import work

NAMED, MOST = 12, 200


def key_of(item: Item) -> str:
    """Where the session keeps whether a thing is chosen."""
    return f"clean_{item.kind}_{item.id}"


def title_of(item: Item) -> str:
    """What people call a thing."""
    return "This computer" if item.kind == "pool" and item.id == LOCAL_POOL else item.title


@st.dialog("Delete these?")
def confirm(account: Account, chosen: list[Item]) -> None:
    """Names the things; only its own button deletes."""
    lines = [f"- {words.plain(title_of(item))} ({words.plain(item.detail)})" for item in chosen]
    st.markdown("\n".join(lines[:NAMED]))
    if len(lines) > NAMED:
        with st.expander(f"and {len(lines) - NAMED:,} more"):
            st.markdown("\n".join(lines[NAMED:MOST]))
            if len(lines) > MOST:
                st.caption(f"and {len(lines) - MOST:,} more")
    if any(not item.ours for item in chosen):
        st.warning("Some of these were made by another program.")
    st.markdown("They can't be brought back.")
    if st.button(f"Delete {words.count(len(chosen), 'thing')}", type="primary", icon=":material/delete:"):
        bar = st.progress(0.0, text="Deleting")

        def progress(done: int, total: int) -> None:
            bar.progress(done / total, text=f"Deleting: {done:,} of {total:,}")

        try:
            outcomes = cleanup.delete(account, chosen, progress)
        except DashboardError as error:
            bar.empty()
            session.show_error(error)
            return
        _forget(account, chosen)
        st.session_state["cleanup_outcomes"] = outcomes
        st.rerun()


def _forget(account: Account, chosen: list[Item]) -> None:
    """The boxes of what is gone, and what the next pages have to list or make again."""
    for item in chosen:
        st.session_state.pop(key_of(item), None)
    work(account).forget()
    if any(item.kind == "container" for item in chosen):
        session.prepare_again()


def show_outcomes() -> bool:
    """What the last deletion came to, once; whether there was one."""
    outcomes: list[Outcome] = st.session_state.pop("cleanup_outcomes", [])
    good = [outcome for outcome in outcomes if outcome.ok]
    if good:
        st.success(f"{words.count(len(good), 'thing')} deleted.", icon=":material/check_circle:")
    for sentence in sorted({outcome.sentence for outcome in good} - {"Deleted."}):
        number = sum(outcome.sentence == sentence for outcome in good)
        st.caption(sentence if number == 1 else f"{number:,} of them: {sentence}")
    for outcome in outcomes:
        if not outcome.ok:
            st.error(
                f"{words.plain(outcome.item.title)}: {words.sentence(outcome.sentence)}",
                icon=":material/error:",
            )
    return bool(outcomes)
