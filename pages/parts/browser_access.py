"""Storage that does not let this page upload to it and play from it: its CORS rules are changed only when asked."""

from __future__ import annotations

import streamlit as st

from batch_core import storage
from batch_core.account import Account
from batch_core.errors import DashboardError
from pages.shell import session, uploads


def offer_direct(account: Account) -> None:
    """Says that videos take the way through this app, and offers the shorter one; nothing where that is taken."""
    if uploads.reaches_storage(account) or not uploads.can_be_allowed(account):
        return
    origin = session.origin()
    with st.container(border=True):
        st.markdown(
            f"Storage does not let pages at `{origin}` upload and play yet. Until it does, videos go through this "
            "app, which is slower. Allowing it adds one CORS rule; the rules that are there stay."
        )
        pressed = st.button(
            "Allow it",
            icon=":material/lock_open:",
            disabled=account.look_only,
            help="This account is connected to look only." if account.look_only else None,
        )
    if pressed:
        _allow(account, origin)


def _allow(account: Account, origin: str) -> None:
    try:
        allowed = storage.allow_browser(account, [origin])
    except DashboardError as error:
        session.show_error(error)
        return
    if not allowed:
        st.warning(
            "The storage account has five CORS rules already, and can't have more. Take one out first."
        )
        return
    uploads.forget_reach()
    st.rerun()
