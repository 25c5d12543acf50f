"""What outlives one run of a page: the account, the ids in the URL, the shared recorders.

Every page takes its account from here. Whatever is kept for the whole process is keyed by the account's
fingerprint, so two sessions with different accounts never share anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import streamlit as st

from batch_core import pools, storage, unfinished
from batch_core.account import Account, AccountKind
from batch_core.errors import DashboardError
from batch_core.local_cloud import LocalCloud, app_home
from pages.shell import readings, words
from pages.shell.errands import Errands
from pages.shell.headers import BROWSER_COOKIE

if TYPE_CHECKING:
    from batch_core.monitor import Recorder

URL_IDS = ("run", "pool", "job", "account")
BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
NO_BROWSER_ORIGIN = "http://127.0.0.1:8501"


def home() -> Path:
    """The folder that everything the app keeps lies under."""
    return app_home()


def _release(cloud: LocalCloud) -> None:
    cloud.release()


@st.cache_resource(show_spinner=False, on_release=_release)
def _started_cloud(data_home: str) -> LocalCloud:
    cloud = LocalCloud(Path(data_home))
    cloud.start()
    return cloud


def local_cloud() -> LocalCloud:
    """This computer's own cloud, one for the whole process; the first call starts it and returns at once."""
    return _started_cloud(str(home()))


def account() -> Account | None:
    """This session's account: the Azure one when connected, else this computer's as soon as it is ready.

    None also when the URL names an Azure account that this browser has not connected: see `disconnected()`.
    """
    asked = current_id("account")
    if asked is None:
        return local_cloud().account()
    connected: Account | None = st.session_state.get("azure_account")
    if connected is None or connected.handle != asked:
        connected = _remembered().get((_browser(), asked))
        st.session_state["azure_account"] = connected
    return connected


def disconnected() -> bool:
    """Whether the URL is about an Azure account that has to be connected again."""
    return current_id("account") is not None and account() is None


def use_azure(connected: Account) -> None:
    """Work with an Azure account from now on, in this session and when its page is loaded again."""
    _forget_ids()
    st.session_state["azure_account"] = connected
    set_id("account", connected.handle)
    if _browser():
        _remembered()[_browser(), connected.handle] = connected


def use_local() -> None:
    """Work with this computer from now on, and forget the Azure account's keys."""
    _remembered().pop((_browser(), current_id("account") or ""), None)
    st.session_state.pop("azure_account", None)
    set_id("account", None)
    _forget_ids()


@st.cache_resource(show_spinner=False)
def _remembered() -> dict[tuple[str, str], Account]:
    """Azure accounts by browser and handle: a page that is loaded again is a new session to Streamlit."""
    return {}


def _browser() -> str:
    """The random name in this browser's cookie; empty where it takes none, and then nothing is remembered."""
    return st.context.cookies.get(BROWSER_COOKIE, "")


def require_account() -> Account:
    """The session's account, ready for work; until there is one, shows why not and ends the page run."""
    current = account()
    if current is None:
        _connect_again() if disconnected() else _starting()
        st.stop()
    try:
        _prepared(current.fingerprint, current.kind, current.look_only, current)
    except DashboardError as error:
        show_error(error)
        st.page_link("pages/connect.py", label="See the connection", icon=":material/cable:")
        st.stop()
    return current


def prepare_again() -> None:
    """Make what every page relies on once more: called after containers have been deleted."""
    _prepared.clear()


@st.cache_resource(show_spinner=False, max_entries=64)
def _prepared(fingerprint: str, kind: AccountKind, look_only: bool, _account: Account) -> bool:
    """Containers, this computer's pool, and launches that were cut off: once for an account and its use."""
    if not _account.look_only:
        storage.ensure_containers(_account)
        pools.ensure_local_pool(_account)
        in_background(("half-made launches", fingerprint), unfinished.finish_half_made, _account)
        in_background(("launches never made", fingerprint), unfinished.forget_never_made, _account)
    return True


def _connect_again() -> None:
    st.markdown(
        "This page is about an Azure account that is no longer connected. Connect it again to see it."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link("pages/connect.py", label="Connect", icon=":material/cable:")
        st.button("Use this computer", icon=":material/computer:", on_click=use_local)


@st.fragment(run_every=0.5)
def _starting() -> None:
    """How far this computer's cloud is with its start; the page goes on by itself when it is there."""
    cloud = local_cloud()
    if cloud.account() is not None:
        st.rerun()
    status = cloud.status()
    if status.phase == "stopped":
        cloud.start()
        status = cloud.status()
    if status.phase == "failed":
        st.error(status.sentence, icon=":material/error:")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Try again", icon=":material/refresh:", on_click=cloud.start)
            st.page_link("pages/connect.py", label="Use an Azure account", icon=":material/cable:")
        return
    if status.fraction is None:
        st.caption(f":material/hourglass_top: {status.sentence}")
    else:
        st.progress(min(1.0, max(0.0, status.fraction)), text=status.sentence)
    if status.phase == "installing":
        st.caption("This is done once. The page goes on by itself.")


def recorder(pool_id: str | None, job_id: str | None) -> Recorder:
    """The one recorder of a pool and job, shared by every session that has this account."""
    current = require_account()
    return _recorder(current.fingerprint, pool_id, job_id, str(home()), current)


def _end(ended: Recorder) -> None:
    ended.stop()


@st.cache_resource(show_spinner=False, max_entries=32, on_release=_end)
def _recorder(
    fingerprint: str, pool_id: str | None, job_id: str | None, data_home: str, _account: Account
) -> Recorder:
    from batch_core.monitor import Recorder

    made = Recorder(_account, pool_id, job_id, Path(data_home))
    made.start()
    return made


def _close(errands: Errands) -> None:
    errands.close()


@st.cache_resource(show_spinner=False, on_release=_close)
def _errands() -> Errands:
    return Errands()


def in_background(key: Hashable, work: Callable[..., Any], *given: Any) -> Future[Any]:
    """Begin this work once for its key, in a thread that outlives the page run; the key names the account.

    The work must not call Streamlit. What it raises is kept in the Future.
    """
    return _errands().begin(key, work, *given)


def close() -> None:
    """End what runs for the whole process: errands, readings, recorders, and the hold on this computer's cloud."""
    _errands.clear()
    readings.close()
    _recorder.clear()
    _started_cloud.clear()


def show_error(error: DashboardError) -> None:
    """What went wrong and what to do about it; the service's request id is folded away."""
    said, hint = words.sentence(error.user_message), words.sentence(error.hint)
    st.error(f"{said}  \n{hint}" if hint else said)
    if error.request_id:
        with st.expander("For a support request"):
            st.code(error.request_id, language=None)


def current_id(name: str) -> str | None:
    """The "run", "pool", "job" or "account" that this session is about."""
    return st.session_state.get(f"id_{name}")


def set_id(name: str, value: str | None) -> None:
    """Choose a "run", "pool" or "job"; the URL carries it, so that a reload comes back to it."""
    st.session_state[f"id_{name}"] = value
    _unconfirmed()[name] = False
    if value:
        st.query_params[name] = value
    elif name in st.query_params:
        del st.query_params[name]


def remember_ids() -> None:
    """Take over the ids of a URL that was opened, at the start of a whole run of the app.

    What a browser asks for while a new id is on its way to it still carries the old URL, so an id chosen here
    stands until the browser has shown it once. A page switch empties the URL, which chooses nothing.
    """
    unconfirmed = _unconfirmed()
    for name in URL_IDS:
        asked = st.query_params.get(name)
        if unconfirmed.get(name) is False:
            unconfirmed[name] = True  # chosen in a callback of this very run: what is asked is our own word
        elif asked == current_id(name):
            unconfirmed.pop(name, None)
        elif asked and name not in unconfirmed and BATCH_ID.fullmatch(asked):
            st.session_state[f"id_{name}"] = asked


def keep_ids_in_url() -> None:
    """Put the chosen ids back into the URL, which a page switch empties."""
    for name in URL_IDS:
        chosen = current_id(name)
        if chosen and st.query_params.get(name) != chosen:
            st.query_params[name] = chosen
            _unconfirmed()[name] = True
        elif chosen is None and name in st.query_params:
            del st.query_params[name]


def _unconfirmed() -> dict[str, bool]:
    """The ids whose last choice has not come back from the browser yet, and whether a run has begun since."""
    names: dict[str, bool] = st.session_state.setdefault("ids_unconfirmed", {})
    return names


def _forget_ids() -> None:
    for name in URL_IDS:
        if name != "account":
            set_id(name, None)


def current_run() -> str | None:
    """The run (its job's id) that Results, Monitor and the address bar are about."""
    return current_id("run")


def set_run(run_id: str | None) -> None:
    """Make this run the current one."""
    set_id("run", run_id)


def origin() -> str:
    """The scheme, host and port under which the browser has opened the app: what a CORS rule names."""
    parts = urlsplit(st.context.url or NO_BROWSER_ORIGIN)
    return f"{parts.scheme}://{parts.netloc}"
