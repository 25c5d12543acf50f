"""The app's side of uploads: where browsers put blobs, and what happens when they have.

The uploads themselves run in the browser tab (pages/components/uploader) and go on over every page.
"""

from __future__ import annotations

from contextlib import suppress
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
TARGET, REACH = "upload_target", "upload_reach"
FRESH_MS = 3600 * 1000  # the browser asks for another signature long before one ends
THROUGH = "They pass through this app on their way to storage; it keeps no copy."


def mount(account: Account) -> None:
    """The strip with the total, at the foot of the sidebar of every page; it tells of finished uploads, and
    finds out for every page whether this browser reaches storage."""
    with st.sidebar:
        blocked = _blocked(account)
        uploader.total_strip(STRIP, _target(account), blocked, lambda: work(account).look(), _renew)
        if blocked:
            st.caption("This browser can't reach storage itself: files pass through this app, both ways.")


def drop_zone(account: Account) -> None:
    """The place on Files where videos are dropped or chosen."""
    note = "They go straight to storage; this page keeps no copy." if reaches_storage(account) else THROUGH
    uploader.drop_zone(ZONE, _target(account), note, lambda: work(account).look(), _renew)


def _renew() -> None:
    """The next run makes another target, and the container again if that is what is missing."""
    _, target = st.session_state.pop(TARGET, (None, None))
    current = session.account()
    if target and current and current.fingerprint == target.account:
        with suppress(DashboardError):  # the browser's next try meets the same trouble, and says so
            storage.ensure_containers(current)


def _target(account: Account) -> uploader.Target:
    """Where this session's browser uploads to; the same until it asks for a fresh one or the way changes."""
    direct = _is_open(account)
    way = (account.handle, direct)
    known, target = st.session_state.get(TARGET, (None, None))
    if known != way:
        target = uploader.Target(
            account.fingerprint,
            _direct(account) if direct else None,
            uploader.Address(*signed_url("upload", account).split("?")),
            FRESH_MS,
            st.session_state.get(REACH, 0),
        )
        st.session_state[TARGET] = way, target
    return target


def _direct(account: Account) -> uploader.Address:
    if account.look_only:  # nothing to upload, but it can be found out whether players reach storage
        return uploader.Address(storage.inputs_url(account), "")
    given = files.upload_target(account)
    return uploader.Address(given.container_url, given.sas)


def reaches_storage(account: Account) -> bool:
    """Whether the visitor's browser can talk to the account's storage itself; else everything goes through the app:
    uploads, players, downloads."""
    return _is_open(account) and not _blocked(account)


def _blocked(account: Account) -> bool:
    """Whether this browser has found that it does not reach the account's storage, though the app does."""
    said = (st.session_state.get(STRIP) or {}).get("blocked")
    return bool(said) and said == {"account": account.fingerprint, "reach": st.session_state.get(REACH, 0)}


def _is_open(account: Account) -> bool:
    """Whether anything that can be known here speaks against the browser reaching storage."""
    origin = session.origin()
    storage_here = is_loopback(urlsplit(account.storage_endpoint.url).hostname or "")
    if storage_here and not is_loopback(urlsplit(origin).hostname or ""):
        return False
    try:
        return _allowed(account.fingerprint, origin, account)
    except DashboardError:  # unknown: the app's own way works with or without rules, and says what is wrong
        return False


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def _allowed(fingerprint: str, origin: str, _account: Account) -> bool:
    """What the storage account's CORS rules say (its fingerprint is the key)."""
    return storage.cors_allows(_account, origin)


def can_be_allowed(account: Account) -> bool:
    """Whether a CORS rule would help: this computer's storage can never be reached from another one."""
    return not is_loopback(urlsplit(account.storage_endpoint.url).hostname or "") and not _is_open(account)


def forget_reach() -> None:
    """Look again which accounts the browser reaches: called after CORS rules have changed."""
    _allowed.clear()
    st.session_state[REACH] = st.session_state.get(REACH, 0) + 1
    _renew()
