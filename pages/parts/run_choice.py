"""Which run a page is about: the one in the address, else the newest; another one by a picker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain

import streamlit as st

from batch_core.account import Account
from batch_core.jobs import Run
from batch_core.known_runs import KnownRuns
from pages.shell import session, words

SAMPLES = "runs_samples"  # of this session: whether samples are offered, too


@st.cache_resource(show_spinner=False, max_entries=16)
def runs_of(fingerprint: str, _account: Account) -> KnownRuns:
    """The runs of an account (its fingerprint is the key)."""
    return KnownRuns(_account)


def titles(runs: Sequence[Run]) -> dict[str, str]:
    """A line for each run by its id, no two alike and the same as long as a run exists: Streamlit tells options
    apart by what it shows of them."""
    ways: tuple[Callable[[Run], str], ...] = (
        lambda run: f"{run.name} · {words.when(run.created)}",
        lambda run: f"{run.name} · {words.when(run.created, seconds=True)}",
        lambda run: f"{run.name} · {words.when(run.created, seconds=True)} · {run.id}",
    )
    said: dict[str, str] = {}
    left = list(runs)
    for way in ways:
        twice = Counter(chain(map(way, left), said.values()))
        said |= {run.id: way(run) for run in left if twice[way(run)] == 1}
        left = [run for run in left if run.id not in said]
    return said


def offered(runs: Sequence[Run]) -> list[Run]:
    """Those of these runs to choose from: a sample only where it is asked for, is open, or there is nothing else."""
    if st.session_state.get(SAMPLES):
        return list(runs)
    current = session.current_run()
    return [run for run in runs if not run.sample or run.id == current] or list(runs)


def choose_run(every: Sequence[Run]) -> Run:
    """The chosen one of these runs, newest first; without a choice the newest that is no sample."""
    runs = offered(every)
    known = {run.id: run for run in runs}
    asked = session.current_run()
    if asked and asked not in known:
        st.warning(f"The run {asked} is not in this account. The newest one is shown.")
    if st.session_state.get("results_run") != asked or asked not in known:
        newest = next((run for run in runs if not run.sample), runs[0])
        st.session_state["results_run"] = asked if asked in known else newest.id
    chosen = st.selectbox(
        "Run",
        list(known),
        format_func=titles(runs).__getitem__,
        key="results_run",
        on_change=_chosen,
        args=(known,),
    )
    session.set_run(chosen)
    return known[chosen]


def _chosen(known: dict[str, Run]) -> None:
    chosen = st.session_state["results_run"]
    if chosen in known:  # else it is no choice: the line of a run that has been deleted meanwhile
        session.set_run(chosen)
