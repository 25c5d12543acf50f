"""Files that need no converting: converted before, or twice in what is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from math import inf
from time import monotonic

import streamlit as st

from batch_core import converted
from batch_core.account import Account
from batch_core.conversions import Conversion, Options
from batch_core.converted import Before
from batch_core.errors import DashboardError
from batch_core.files import VideoFile
from pages.shell import session, words

FRESH_SECONDS = 10.0  # how long an answer stands before it is asked for again
PATIENCE_SECONDS = 1.5  # how long the page waits for an answer before it says that it looks
RUNS = 3  # that are named
ANSWER = "convert_before"
KEEP, ONCE = "Keep both, numbered", "Convert it once"
LeftOut = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Answer:
    """What was found for a choice, and what was asked for since."""

    asked: tuple
    found: dict[str, Before] | None
    coming: Future | None
    when: float


def leave_out(
    account: Account, conversion: Conversion, options: Options, ready: Sequence[VideoFile]
) -> tuple[list[VideoFile], LeftOut] | None:
    """The files that are left to convert, and the others with their reasons; None while that is looked up."""
    left, again = _once(ready)
    skip = st.toggle(
        "Skip what was converted before",
        key="convert_skip",
        persist_state="session",
        help="Leaves out files of the same content, whatever they are called, that have a result of this conversion "
        "with these options in storage.",
    )
    if not skip or not left:
        return left, again
    try:
        before = _before(account, conversion, options, left)
    except DashboardError as error:
        session.show_error(error)
        return None
    if before is None:
        return None
    _tell(before)
    reasons = tuple(
        (file.path, f"was converted before: {before[file.id].result} in the run {before[file.id].run_name}.")
        for file in left
        if file.id in before
    )
    return [file for file in left if file.id not in before], again + reasons


def _once(ready: Sequence[VideoFile]) -> tuple[list[VideoFile], LeftOut]:
    """Asks what to do with files that are there twice, when there are any."""
    again = converted.twice(ready)
    if not again:
        return list(ready), ()
    choice = st.segmented_control(
        "The same file twice",
        [KEEP, ONCE],
        default=KEEP,
        required=True,
        key="convert_twice",
        persist_state="session",
        help=f"{words.count(len(again), 'file')} of those chosen have the content of another one of them.",
    )
    if choice != ONCE:
        return list(ready), ()
    st.caption(f"{words.count(len(again), 'file')} left out: the same content is converted once.")
    reasons = tuple(
        (file.path, f"is the same file as {again[file.id].path}.") for file in ready if file.id in again
    )
    return [file for file in ready if file.id not in again], reasons


def _before(
    account: Account, conversion: Conversion, options: Options, wanted: Sequence[VideoFile]
) -> dict[str, Before] | None:
    """What is known of these files; an answer that is old is shown until the next one is there. None: not yet."""
    asked = (account.fingerprint, conversion.id, options, tuple(file.id for file in wanted))
    kept = st.session_state.get(ANSWER)
    if not isinstance(kept, _Answer) or kept.asked != asked:
        kept = _Answer(asked, None, None, -inf)
    if kept.coming is None and monotonic() - kept.when > FRESH_SECONDS:
        key = (ANSWER, asked, int(monotonic()))  # of one second, for all sessions
        find = _earlier(account.fingerprint, account).before
        coming = session.in_background(key, find, list(wanted), conversion.id, options)
        kept = _Answer(asked, kept.found, coming, kept.when)
    if kept.coming is not None:
        wait([kept.coming], PATIENCE_SECONDS if kept.found is None else 0)
        if kept.coming.done():
            st.session_state.pop(ANSWER, None)  # an error is not kept: the next page run asks again
            kept = _Answer(asked, kept.coming.result(), None, monotonic())
    st.session_state[ANSWER] = kept
    if kept.found is None and kept.coming:
        st.fragment(run_every=1)(_watch)(kept.coming)
    return kept.found


def _watch(coming: Future) -> None:
    st.markdown(":material/search: Looking for what was converted before")
    if coming.done():
        st.rerun()


@st.cache_resource(show_spinner=False, max_entries=16)
def _earlier(fingerprint: str, _account: Account) -> converted.Conversions:
    return converted.Conversions(_account)


def _tell(before: dict[str, Before]) -> None:
    """How many files are left out, and the ways to their results."""
    if not before:
        st.caption("None of these files was converted before.")
        return
    runs = {one.run_id: one.run_name for one in before.values()}
    were, them = ("was", "Its result is") if len(before) == 1 else ("were", "Their results are")
    where = "in the run" if len(runs) == 1 else f"in {len(runs):,} runs"
    st.info(
        f"{words.count(len(before), 'file')} {were} converted before and "
        f"{'is' if len(before) == 1 else 'are'} left out. {them} {where}:"
    )
    with st.container(horizontal=True):
        for run_id, name in list(runs.items())[:RUNS]:
            if st.button(
                words.label(name), key=f"before_{run_id}", icon=":material/arrow_forward:", type="tertiary"
            ):
                session.set_run(run_id)
                st.switch_page("pages/results.py")
        if len(runs) > RUNS:
            st.caption(f"and {words.count(len(runs) - RUNS, 'more run')}")
