"""Steps that a press takes: those that lose nothing at once, those that end or remove something after a question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from batch_core.errors import DashboardError
from pages.shell import session, words

ASKED = "step_asked"  # the Step of this session that waits for its question's answer
LOOKS_ONLY = "This account is connected to look only."
DONE = "step_done"  # the one that was taken after its question: a page that is drawn anew would take the word away
NAMED = 5  # things that a question names, of more the number


@dataclass(frozen=True)
class Step:
    """What a button does, and what is said of it then.

    With `asks`, the text of a question, it is done only after that; `named` says in the question what the button
    beside its thing says in short.
    """

    label: str
    icon: str
    work: Callable[[], None]
    said: str
    asks: str = ""
    named: str = ""


def step_button(
    step: Step, key: str, why_not: str = "", type: Literal["primary", "secondary"] = "secondary"
) -> None:
    """A button that takes the step, or asks first; `why_not` says why it can't be taken."""
    icon = f":material/{step.icon}:"
    if not st.button(step.label, icon=icon, key=key, type=type, disabled=bool(why_not), help=why_not or None):
        return
    if step.asks:
        st.session_state[ASKED] = step
        st.rerun()  # the dialog belongs to the page: what is refreshed would take it away again
    if _take(step):
        _say(step)


def ask_first() -> None:
    """The question before a step, from the press of its button until it is answered; for a whole run of a page."""
    if (done := st.session_state.pop(DONE, None)) is not None:
        _say(done)
    step: Step | None = st.session_state.get(ASKED)
    if step is not None:
        st.dialog(f"{step.named or step.label}?", on_dismiss=_answered)(_question)(step)


def _question(step: Step) -> None:
    """Only its own button takes the step."""
    st.markdown(step.asks)
    with st.container(horizontal=True):
        sure = st.button(
            step.named or step.label, key="step_do", type="primary", icon=f":material/{step.icon}:"
        )
        leave = st.button("Leave it as it is", key="step_leave")
    if sure and _take(step):
        st.session_state[DONE] = step
    elif not leave:
        return
    _answered()
    st.rerun()


def _take(step: Step) -> bool:
    """Do it, or show why it can't be done."""
    try:
        step.work()
    except DashboardError as error:
        session.show_error(error)
        return False
    return True


def _say(step: Step) -> None:
    st.toast(step.said, icon=f":material/{step.icon}:")


def _answered() -> None:
    st.session_state.pop(ASKED, None)


def names(of: Sequence[str]) -> str:
    """What a question is about, by name: the first few of many, and how many more there are."""
    told = [f"**{words.plain(name)}**" for name in of[:NAMED]]
    more = len(of) - len(told)
    if more:
        return f"{', '.join(told)} and {words.count(more, 'other')}"
    return " and ".join([", ".join(told[:-1])] * (len(told) > 1) + told[-1:])
