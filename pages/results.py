"""What a run has made: play it, download it, and see why a file failed."""

from __future__ import annotations

import streamlit as st

from batch_core import jobs
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.jobs import Run
from batch_core.results import Result
from pages.components.download import download_button
from pages.parts.launch import go_on_after_launch
from pages.parts.result_list import OPEN, REFRESH_SECONDS, check_new, listed, unsettled
from pages.parts.result_rows import causes, lost_groups, lost_row, result_row
from pages.parts.retry import retry_asked, retry_button, tries_of
from pages.shell import session, signing, words

ROWS = 25


def page() -> None:
    """The run's picker, and its results."""
    st.title("Results")
    account = session.require_account()
    go_on_after_launch()
    try:
        runs = jobs.list_runs(account)
    except DashboardError as error:
        session.show_error(error)
        st.stop()
    if not runs:
        st.markdown("Nothing has been converted yet. Start a conversion, and what it makes is listed here.")
        st.page_link("pages/convert.py", label="Convert", icon=":material/swap_horiz:")
        return
    run = choose_run(runs)
    tries_of(run, runs)
    # A fragment also when nothing changes any more: a press that is on its way names the fragment it was made in.
    st.fragment(listing, run_every=REFRESH_SECONDS if unsettled(account, run) else None)(account, run.id)
    retry_asked(account)


def choose_run(runs: list[Run]) -> Run:
    """The run in the URL, else the newest; another one by the picker."""
    known = {run.id: run for run in runs}
    asked = session.current_run()
    if asked and asked not in known:
        st.warning(f"The run {asked} is not in this account. The newest one is shown.")
    if st.session_state.get("results_run") != asked or asked not in known:
        st.session_state["results_run"] = asked if asked in known else runs[0].id
    chosen = st.selectbox(
        "Run",
        list(known),
        format_func=lambda run_id: title(known[run_id]),
        key="results_run",
        on_change=lambda: session.set_run(st.session_state["results_run"]),
    )
    session.set_run(chosen)
    return known[chosen]


def title(run: Run) -> str:
    """A run in one line of the picker."""
    state = "" if run.over else " · still running"
    return f"{run.name} · {words.count(run.total, 'file')} · {words.when(run.created)}{state}"


def listing(account: Account, run_id: str) -> None:
    """Totals and a row a file; drawn again until the run has ended and every result is checked."""
    try:
        rows = listed(account.fingerprint, run_id, account)
        run = jobs.get_run(account, run_id)
    except DashboardError as error:
        session.show_error(error)
        return
    done = [row for row in rows if row.state == "done"]
    lost = [row for row in rows if row.lost]
    totals(account, run, rows, done)
    if lost:
        retry_button(account, run, lost)
    for state, heading, group in lost_groups(account, lost):
        st.subheader(f"{heading} ({len(group):,})")
        causes(group)
        for row in paged(group, state):
            lost_row(account, run_id, row)
    open_rows = [row for row in rows if row.state in OPEN]
    if lost and (done or open_rows):
        st.subheader(
            f"Done or on the way ({len(done + open_rows):,})" if open_rows else f"Done ({len(done):,})"
        )
    for row in paged(done + open_rows, "done"):
        result_row(account, row)
    check_new(account, run, done)
    if not unsettled(account, run) and st.session_state.get("results_live") == run_id:
        del st.session_state["results_live"]
        st.rerun()
    if unsettled(account, run):
        st.session_state["results_live"] = run_id


def totals(account: Account, run: Run, rows: list[Result], done: list[Result]) -> None:
    """How far it is, what was saved, and everything as one ZIP."""
    before = sum(row.source_size for row in done)
    after = sum(row.size or 0 for row in done)
    unchecked = sum(row.checked is None for row in done)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(f"**{len(done):,} of {words.count(len(rows), 'file')} done**")
            if done:
                change = "saved" if after <= before else "more"
                checks = f" · {unchecked:,} not checked yet" if unchecked else ""
                st.caption(
                    f"{words.size(before)} → {words.size(after)}: "
                    f"{words.size(abs(before - after))} {change}{checks}"
                )
        if done:
            url = signing.signed_url("zip", account, run=run.id)
            download_button("Download all", url, key="download_all", primary=True)
    if not run.over and rows:
        st.progress(len(done) / len(rows), text="Still converting; finished files appear by themselves.")


def paged(rows: list[Result], key: str) -> list[Result]:
    """The rows of the page that is chosen; without a chooser when they all fit on one."""
    pages = -(-len(rows) // ROWS)
    if pages <= 1:
        return rows
    chosen = st.pagination(pages, key=f"results_page_{key}")
    return rows[(chosen - 1) * ROWS : chosen * ROWS]


page()
