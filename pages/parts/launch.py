"""Handing a plan over to Batch with its progress shown: for the first try of files and for later ones."""

from __future__ import annotations

from uuid import uuid4

import streamlit as st

from batch_core import jobs, pools
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.jobs import Plan
from pages.shell import session, words


def launch(account: Account, plan: Plan) -> bool:
    """Hands the tasks over; False after showing why that failed. A second press, or a run of the page that was cut
    off by it, finds the same plan's launch and goes on with it."""
    bar = st.progress(0.0, text="Making the run")

    def progress(done: int, total: int) -> None:
        bar.progress(done / max(total, 1), text=f"Handed over {done} of {words.count(total, 'task')}")

    try:
        if plan.pool_id == pools.LOCAL_POOL:
            pools.ensure_local_pool(account)
        run = jobs.launch(account, plan, progress)
    except DashboardError as error:
        bar.empty()
        session.show_error(error)
        return False
    st.session_state.update(launched=run.id, convert_nonce=uuid4().hex)
    return True


def go_on_after_launch() -> None:
    """To the Monitor page with the new run, also when a second press has ended the page run that made it."""
    run_id = st.session_state.get("launched")
    if run_id:
        session.set_run(run_id)
        del st.session_state["launched"]
        st.switch_page("pages/monitor.py")
