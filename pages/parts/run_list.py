"""Every run of the account as a table, newest first; a chosen row is the run that the page is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from batch_core import conversions
from batch_core.account import Account
from batch_core.errors import DashboardError, NotFound
from batch_core.jobs import DELETED, Run
from batch_core.known_runs import Outcome
from pages.charts.labels import duration
from pages.parts.run_choice import SAMPLES, offered
from pages.shell import badges, session, words

ROWS_HIGH = 8
ENDINGS = {  # by Batch's word for why a job ended
    "AllTasksComplete": "ended",
    "UserTerminate": "stopped",
    "MaxWallClockTimeExpiry": "stopped at its time limit",
}
STATES = {
    "active": "under way",
    "disabled": "disabled",
    "disabling": "being disabled",
    "enabling": "being enabled",
    "terminating": "ending",
    "deleting": "being deleted",
    DELETED: "job deleted",
}


def run_list(account: Account, every: Sequence[Run]) -> None:
    """The table, folded; choosing a row opens that run. Runs that only tried a sample are in it when asked for."""
    runs = offered(every)
    shown = st.expander("All runs", key="all_runs", on_change="rerun")  # another label would fold it
    if not shown.open:
        return
    with shown:
        if any(run.sample for run in every):
            st.toggle("Samples too", key=SAMPLES)
        st.dataframe(
            table(runs, datetime.now(UTC), _outcomes(account, runs)),
            key="runs",
            hide_index=True,
            height="content" if len(runs) <= ROWS_HIGH else 36 * (ROWS_HIGH + 1),
            on_select=lambda: _open([run.id for run in runs]),
            selection_mode="single-row",
        )
        st.caption(
            f"{words.count(len(runs), 'run')}. Choose a row to open its run. The page's address leads to the open run from anywhere."
        )


def _open(shown: list[str]) -> None:
    """Only a choice opens a run: later the same row stays marked, whatever the page is about."""
    rows = st.session_state["runs"].selection.rows
    if rows and rows[0] < len(shown):
        session.set_run(shown[rows[0]])


def _outcomes(account: Account, runs: Sequence[Run]) -> dict[str, Outcome]:
    try:
        return badges.outcomes(account, [run for run in runs if run.state != DELETED])
    except DashboardError as error:
        session.show_error(error)
        return {}


def table(runs: Sequence[Run], now: datetime, outcomes: Mapping[str, Outcome]) -> pd.DataFrame:
    """A row a run: its name, how it went, what it makes, how many files, when it began and how long it took."""
    rows = [
        {
            "Run": run.name,
            "State": state(run, outcomes.get(run.id)),
            "Done / failed": _counts(outcomes.get(run.id)),
            "Makes": made(run),
            "Files": run.total,
            "Started": words.when(run.created, seconds=True),
            "Took": _took(run, now),
        }
        for run in runs
    ]
    return pd.DataFrame(rows)


def _took(run: Run, now: datetime) -> str:
    return "–" if run.state == DELETED else duration((run.ended or now) - run.created)


def _counts(outcome: Outcome | None) -> str:
    return f"{outcome.done:,} / {outcome.failed:,}" if outcome else "–"


def state(run: Run, outcome: Outcome | None) -> str:
    """A run's state in words, and for one that is over what ended it, or how it went."""
    if run.state != "completed":
        return STATES.get(run.state, run.state)
    if run.error:
        return "could not start"
    ending = ENDINGS.get(run.reason, "ended")
    if ending != "ended" or outcome is None or not outcome.done + outcome.failed:
        return ending
    if not outcome.failed:
        return "all done"
    return "ended, some failed" if outcome.done else "ended, all failed"


def made(run: Run) -> str:
    """What the run makes of its files; its id for a conversion that this version does not know."""
    try:
        return conversions.conversion(run.conversion).label
    except NotFound:
        return run.conversion
