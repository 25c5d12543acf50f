"""What waits where, beside the pages' names: files that are ready, results nobody has seen, work that goes on.

Counted by the part of the frame that refreshes by itself, from lists that all sessions of an account share.
"""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from batch_core import jobs, known_runs
from batch_core.account import Account
from batch_core.jobs import Run
from batch_core.known_runs import Outcome
from pages.shell.video_work import work

FRESH_SECONDS = 5
SEEN = "results_seen"  # of this session: by account, the ended runs whose results it has shown, or found at its start


def counted(account: Account) -> dict[str, str]:
    """What stands beside the names of these pages, as Markdown. Raises DashboardError."""
    runs = _runs(account.fingerprint, account)
    ended = {run.id: run for run in runs if run.over and not run.sample}
    seen = st.session_state.setdefault(SEEN, {}).setdefault(account.handle, set(ended))
    unseen = [run for id, run in ended.items() if id not in seen]
    new = sum(one.done for one in outcomes(account, unseen).values())
    going_on = work(account)
    if going_on.known is None:
        going_on.counting.start()
    return {
        "files": _number(going_on.known or 0),
        "results": _number(new),
        "monitor": "" if all(run.over for run in runs) else " :blue[●]",
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


def outcomes(account: Account, runs: Iterable[Run]) -> dict[str, Outcome]:
    """What each of these runs has come to, by id; of one that has ended it is asked once."""
    kept, runs = _of_ended(account.fingerprint), list(runs)
    found = known_runs.outcomes(account, [run.id for run in runs if run.id not in kept])
    kept.update({run.id: found[run.id] for run in runs if run.over and run.id in found})
    return {run.id: kept[run.id] for run in runs if run.id in kept} | found


@st.cache_resource(max_entries=64, show_spinner=False)
def _of_ended(fingerprint: str) -> dict[str, Outcome]:
    """What the ended runs of an account have come to (its fingerprint is the key)."""
    return {}
