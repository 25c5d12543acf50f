"""Every run of the account as a table, newest first; a chosen row is the run that the page is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from batch_core import conversions
from batch_core.errors import NotFound
from batch_core.jobs import Run
from pages.charts.labels import duration
from pages.shell import session, words

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
}


def run_list(runs: Sequence[Run]) -> None:
    """The table, folded; choosing a row opens that run."""
    shown = st.expander(f"All runs ({len(runs):,})", key="all_runs", on_change="rerun")
    if not shown.open:
        return
    with shown:
        st.dataframe(
            table(runs, datetime.now(UTC)),
            key="runs",
            hide_index=True,
            height="content" if len(runs) <= ROWS_HIGH else 36 * (ROWS_HIGH + 1),
            on_select=lambda: _open([run.id for run in runs]),
            selection_mode="single-row",
        )
        st.caption("Choose a row to open its run. The page's address leads to the open run from anywhere.")


def _open(shown: list[str]) -> None:
    """Only a choice opens a run: later the same row stays marked, whatever the page is about."""
    rows = st.session_state["runs"].selection.rows
    if rows and rows[0] < len(shown):
        session.set_run(shown[rows[0]])


def table(runs: Sequence[Run], now: datetime) -> pd.DataFrame:
    """A row a run: its name, state, what it makes, how many files, when it began and how long it took."""
    rows = [
        {
            "Run": run.name,
            "State": state(run),
            "Makes": made(run),
            "Files": run.total,
            "Started": words.when(run.created, seconds=True),
            "Took": duration((run.ended or now) - run.created),
        }
        for run in runs
    ]
    return pd.DataFrame(rows)


def state(run: Run) -> str:
    """A run's state in words, and for one that is over what ended it."""
    if run.state != "completed":
        return STATES.get(run.state, run.state)
    return "could not start" if run.error else ENDINGS.get(run.reason, "ended")


def made(run: Run) -> str:
    """What the run makes of its files; its id for a conversion that this version does not know."""
    try:
        return conversions.conversion(run.conversion).label
    except NotFound:
        return run.conversion
