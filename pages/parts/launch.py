"""Handing a plan over to Batch with its progress shown: for the first try of files and for later ones."""

from __future__ import annotations

from uuid import uuid4

import streamlit as st

from batch_core import jobs, pools
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.jobs import Plan
from pages.shell import session, words


def nonce_of(account: Account) -> str:
    """What tells the next run of some files from earlier ones: the same in every tab, so that two of them launch
    one run. A session keeps it until it has launched."""
    kept = st.session_state.setdefault("convert_nonce", {})
    return kept.setdefault(account.fingerprint, _nonces().setdefault(account.fingerprint, uuid4().hex))


def _used(account: Account, nonce: str) -> None:
    """From now on a run of the same files is another one, here and in tabs that are opened later."""
    for kept in (_nonces(), st.session_state.get("convert_nonce", {})):
        if kept.get(account.fingerprint) == nonce:
            kept.pop(account.fingerprint, None)


@st.cache_resource(show_spinner=False)
def _nonces() -> dict[str, str]:
    """Of each account, by its fingerprint."""
    return {}


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
    _used(account, plan.nonce)
    st.session_state["launched"] = run.id
    return True


def go_on_after_launch() -> None:
    """To the Monitor page with the new run, also when a second press has ended the page run that made it."""
    run_id = st.session_state.get("launched")
    if run_id:
        session.set_run(run_id)
        del st.session_state["launched"]
        st.switch_page("pages/monitor.py")
