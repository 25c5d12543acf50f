"""What a run has made: play it, download it, and see why a file failed."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from batch_core import known_runs
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.jobs import Run
from batch_core.results import Result
from pages.components.download import download_button
from pages.parts.launch import go_on_after_launch
from pages.parts.left_out import NAMED as EACH
from pages.parts.left_out import by_reason
from pages.parts.page_head import asked, nothing_there
from pages.parts.result_causes import causes
from pages.parts.result_list import OPEN, check_new, explained, listed, manifest, refresh_seconds, unsettled
from pages.parts.result_pages import found, paged
from pages.parts.result_progress import progress
from pages.parts.result_rows import lost_groups, lost_row, result_row
from pages.parts.retry import retry_asked, retry_button, tries_of
from pages.parts.run_choice import choose_run, runs_of
from pages.parts.run_list import run_list
from pages.shell import badges, session, signing, words

NAMED = 50


def page() -> None:
    """The run's picker, and its results."""
    st.title("Results")
    account = session.require_account()
    go_on_after_launch()
    runs = asked(runs_of(account.fingerprint, account).all)
    if not runs:
        nothing_there(
            "Nothing has been converted yet. Start a conversion, and what it makes is listed here.",
            "convert",
            "Convert",
            "swap_horiz",
        )
        return
    run = choose_run(runs)
    run_list(account, runs)
    tries_of(run, runs)
    # A fragment also when nothing changes any more: a press that is on its way names the fragment it was made in.
    st.fragment(listing, run_every=refresh_seconds(account, run))(account, run.id)
    retry_asked(account)


def listing(account: Account, run_id: str) -> None:
    """Totals and a row a file; drawn again until the run has ended and every result is checked."""
    try:
        rows = explained(account, run_id, listed(account.fingerprint, run_id, account))
        kept = manifest(account.fingerprint, run_id, account)
        run = known_runs.run_of(account, kept)
    except DashboardError as error:
        session.show_error(error)
        return
    badges.see(account, run)
    done = [row for row in rows if row.state == "done"]
    totals(account, run, rows, done)
    left_out(kept.left_out)
    if lost := [row for row in rows if row.lost]:
        retry_button(account, run, lost)
    groups(account, run, found(rows))
    check_new(account, run, done)
    if unsettled(account, run):
        st.session_state["results_live"] = run_id
    elif st.session_state.pop("results_live", None) == run_id:
        st.rerun()


def groups(account: Account, run: Run, rows: list[Result]) -> None:
    """What nothing good came of, a group a kind with its causes; then what is done or on the way."""
    lost = [row for row in rows if row.lost]
    for state, heading, group in lost_groups(lost):
        st.subheader(f"{heading} ({len(group):,})")
        causes(account, run, group)
        for row in paged(group, state):
            lost_row(account, run.id, row)
    others = [row for row in rows if not row.lost]
    others.sort(key=lambda row: row.state in OPEN)
    if lost and others:
        on_the_way = others[-1].state in OPEN
        st.subheader(f"{'Done or on the way' if on_the_way else 'Done'} ({len(others):,})")
    shown = paged(others, "done")
    how_far = progress(run, shown)
    for row in shown:
        result_row(account, row, how_far.get(row.task_id, ""))


def left_out(files: Sequence[tuple[str, str]]) -> None:
    """The files that were no part of the run from the beginning, and why."""
    if not files:
        return
    be = "was" if len(files) == 1 else "were"
    with st.expander(f"{words.count(len(files), 'file')} {be} left out before the run began"):
        st.markdown("\n".join(by_reason(files)[:NAMED]))
        if len(files) > EACH:
            st.caption("“Download all” names them all.")


def totals(account: Account, run: Run, rows: list[Result], done: list[Result]) -> None:
    """How far it is, what was saved, and everything as one ZIP."""
    before = sum(row.source_size for row in done)
    after = sum(row.size or 0 for row in done)
    unchecked = sum(row.checked is None for row in done)
    hurt = sum(bool(row.damage) for row in done)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(f"**{len(done):,} of {words.count(len(rows), 'file')} done**")
            if done:
                change = "saved" if after <= before else "more"
                checks = f" · {hurt:,} of damaged sources" if hurt else ""
                checks += f" · {unchecked:,} not checked yet" if unchecked else ""
                st.caption(
                    f"{words.size(before)} → {words.size(after)}: "
                    f"{words.size(abs(before - after))} {change}{checks}"
                )
        if done:
            url = signing.signed_url("zip", account, run=run.id)
            download_button("Download all", url, key="download_all", primary=True)
        if run.over:
            download_button("Report", signing.signed_url("report", account, run=run.id), key="report")
            retry_button(account, run, rows, "Run again…", "run_again", "Run again")
    if not run.over and rows:
        st.progress(len(done) / len(rows), text="Still converting; finished files appear by themselves.")


page()
