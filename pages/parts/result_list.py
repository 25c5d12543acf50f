"""A run's results as they are now: the list, whether it can still change by itself, the checks that are due."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

import streamlit as st

from batch_core import diagnoses, jobs, results
from batch_core.account import Account, AccountKind
from batch_core.causes import Cause
from batch_core.errors import DashboardError
from batch_core.jobs import Manifest, Run
from batch_core.results import Result
from pages.shell import session

REFRESH_SECONDS = 1
MANY, REFRESH_MANY_SECONDS = 300, 10  # a list of 2,000 takes storage and this process a second
OPEN = ("waiting", "converting")


def listed(fingerprint: str, run_id: str, account: Account) -> list[Result]:
    """A run's results, for several looks at once, and apart for every account (its fingerprint is part of the key).

    Kept for less than the time between two looks, so that each look is at something new.
    """
    many = len(manifest(fingerprint, run_id, account).files) > MANY
    return (_long_list if many else _short_list)(fingerprint, run_id, account)


def changed() -> None:
    """Something was done to a run: the next look is at its results as they are now."""
    _long_list.clear()
    _short_list.clear()


@st.cache_data(ttl=REFRESH_SECONDS / 2, max_entries=64, show_spinner=False)
def _short_list(fingerprint: str, run_id: str, _account: Account) -> list[Result]:
    return results.list_results(_account, run_id, manifest(fingerprint, run_id, _account))


@st.cache_data(ttl=REFRESH_MANY_SECONDS * 0.8, max_entries=16, show_spinner=False)
def _long_list(fingerprint: str, run_id: str, _account: Account) -> list[Result]:
    return results.list_results(_account, run_id, manifest(fingerprint, run_id, _account))


@st.cache_resource(max_entries=32, show_spinner=False)
def manifest(fingerprint: str, run_id: str, _account: Account) -> Manifest:
    """What becomes what in a run of an account (its fingerprint is the key); it never changes. Raises NotFound."""
    return jobs.manifest(_account, run_id)


def refresh_seconds(account: Account, run: Run) -> int | None:
    """How often the list is looked at again; None when it can't change by itself."""
    if not unsettled(account, run):
        return None
    return REFRESH_SECONDS if run.total <= MANY else REFRESH_MANY_SECONDS


def unsettled(account: Account, run: Run) -> bool:
    """Whether anything on the page can still change by itself."""
    try:
        rows = listed(account.fingerprint, run.id, account)
    except DashboardError as error:
        session.show_error(error)
        st.stop()
    unchecked = any(row.state == "done" and row.checked is None for row in rows)
    late = any(row.state in OPEN for row in rows)  # listed before the run ended
    searching = any(not _cause(account, run.id, row).done() for row in rows if row.unexplained)
    return not run.over or late or searching or (unchecked and not account.look_only)


def explained(account: Account, run_id: str, rows: list[Result]) -> list[Result]:
    """The rows with the causes that were found since they were listed."""
    return [_explained(account, run_id, row) if row.unexplained else row for row in rows]


def _explained(account: Account, run_id: str, row: Result) -> Result:
    search = _cause(account, run_id, row)
    if not search.done() or search.exception():
        return row
    cause = search.result()
    return replace(row, cause=cause, reason=cause.words)


def _cause(account: Account, run_id: str, row: Result) -> Future[Cause]:
    """Has the log read of a file that failed, behind the page, once."""
    key = (account.fingerprint, run_id, row.task_id, "cause")
    made = manifest(account.fingerprint, run_id, account).conversion
    return session.in_background(key, diagnoses.diagnose, account, run_id, row.task_id, made)


def check_new(account: Account, run: Run, done: list[Result]) -> None:
    """Has what nobody has looked at yet checked, behind the page."""
    if account.look_only or (account.kind is AccountKind.LOCAL and not run.over):
        return  # while it runs here, a check would take the nodes' processors
    for row in done:
        if row.checked is None:
            session.in_background((account.fingerprint, run.id, row.task_id), results.check, account, row)
