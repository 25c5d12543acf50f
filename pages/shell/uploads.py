"""The app's side of uploads: where browsers put blobs, and what happens when they have.

The uploads themselves run in the browser tab (pages/components/uploader) and go on over every page.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from batch_core import files, storage
from batch_core.account import Account, is_loopback
from batch_core.errors import DashboardError
from pages.components import uploader
from pages.shell import session
from pages.shell.signing import signed_url
from pages.shell.video_work import work

STRIP, ZONE = "upload_strip", "upload_zone"
TARGET = "upload_target"
FRESH_MS = 3600 * 1000  # the browser asks for another signature long before one ends


def mount(account: Account) -> None:
    """The strip with the total, at the foot of the sidebar of every page; it tells of finished uploads."""
    if not account.look_only:
        with st.sidebar:
            uploader.total_strip(STRIP, _target(account), lambda: work(account).look(), _renew)


def drop_zone(account: Account) -> None:
    """The place on Files where videos are dropped or chosen."""
    if reaches_storage(account):
        note = "They go straight to storage; this page keeps no copy."
    else:
        note = "They pass through this app on their way to storage; it keeps no copy."
    uploader.drop_zone(ZONE, _target(account), note, lambda: work(account).look(), _renew)


def _renew() -> None:
    st.session_state.pop(TARGET, None)


def _target(account: Account) -> uploader.Target:
    """Where this session's browser uploads to; the same until it asks for a fresh one or the way changes."""
    direct = reaches_storage(account)
    way = (account.fingerprint, direct)
    known, target = st.session_state.get(TARGET, (None, None))
    if known != way:
        if direct:
            given = files.upload_target(account)
            url, query = given.container_url, given.sas
        else:
            url, query = signed_url("upload", account).split("?")
        target = uploader.Target(account.fingerprint, url, query, FRESH_MS)
        st.session_state[TARGET] = way, target
    return target


def reaches_storage(account: Account) -> bool:
    """Whether the visitor's browser can talk to the account's storage itself; else uploads go through the app."""
    origin = session.origin()
    storage_here = is_loopback(urlsplit(account.storage_endpoint.url).hostname or "")
    if storage_here and not is_loopback(urlsplit(origin).hostname or ""):
        return False
    try:
        return _allowed(account.fingerprint, origin, account)
    except DashboardError:
        return False


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def _allowed(fingerprint: str, origin: str, _account: Account) -> bool:
    """What the storage account's CORS rules say (its fingerprint is the key)."""
    return storage.cors_allows(_account, origin)


def can_be_allowed(account: Account) -> bool:
    """Whether a CORS rule would help: this computer's storage can never be reached from another one."""
    return not is_loopback(urlsplit(account.storage_endpoint.url).hostname or "")


def forget_reach() -> None:
    """Look again which accounts the browser reaches: called after CORS rules have changed."""
    _allowed.clear()
    _renew()
