"""What waits where, beside the pages' names: files that are ready, results nobody has seen, work that goes on.

Counted by the part of the frame that refreshes by itself, from lists that all sessions of an account share.
"""

from __future__ import annotations

import streamlit as st

from batch_core import jobs, results
from batch_core.account import Account
from batch_core.jobs import Run
from pages.shell.video_work import work

FRESH_SECONDS = 5
SEEN = "results_seen"  # of this session: by account, the ended runs whose results it has shown, or found at its start


def counted(account: Account) -> dict[str, str]:
    """What stands beside the names of these pages, as Markdown. Raises DashboardError."""
    runs = _runs(account.fingerprint, account)
    ended = {run.id for run in runs if run.over}
    seen = st.session_state.setdefault(SEEN, {}).setdefault(account.handle, ended)
    new = sum(_made(account.fingerprint, run_id, account) for run_id in ended - seen)
    going_on = work(account)
    if going_on.known is None:
        going_on.counting.start()
    return {
        "files": _number(going_on.known or 0),
        "results": _number(new),
        "monitor": "" if len(ended) == len(runs) else " :blue[●]",
    }


def see(account: Account, run: Run) -> None:
    """The results of this run are shown: if they are all there, they are no news any more."""
    if run.over and account.handle in st.session_state.get(SEEN, {}):
        st.session_state[SEEN][account.handle] |= {run.id}


def _number(count: int) -> str:
    return f" :gray[{count:,}]" if count else ""


def runs(account: Account) -> list[Run]:
    """The runs of an account, some seconds old at most. Raises DashboardError."""
    return _runs(account.fingerprint, account)


@st.cache_data(ttl=FRESH_SECONDS, max_entries=64, show_spinner=False)
def _runs(fingerprint: str, _account: Account) -> list[Run]:
    """The runs of an account (its fingerprint is the key)."""
    return jobs.list_runs(_account)


@st.cache_data(max_entries=1000, show_spinner=False)
def _made(fingerprint: str, run_id: str, _account: Account) -> int:
    """How many results an ended run of an account has made (its fingerprint is part of the key)."""
    return results.made(_account, run_id)
