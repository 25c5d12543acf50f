"""Which account the session works with: this computer, or an Azure account by name, key and URL."""

from __future__ import annotations

import json

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from batch_core.account import AccountKind, connect, endpoint
from batch_core.errors import DashboardError
from batch_core.verdicts import Verdict, check
from pages.parts.browser_access import offer_direct
from pages.shell import session
from pages.shell.headers import allow_host


def page() -> None:
    """Which account it is now, and the two that it can be."""
    st.title("Connect")
    current = session.account()
    azure = current is not None and current.kind is AccountKind.AZURE
    if azure:
        st.markdown(
            f"This session works with **{current.name}** at `{current.batch_endpoint.url}`"
            f"{', to look only' if current.look_only else ''}."
        )
    else:
        st.markdown("This session works on **this computer**. No sign-up, and nothing costs money.")
    show_verdicts(st.session_state.get("connect_verdicts", ()) if azure else ())
    if azure:
        offer_direct(current)
    here, there = st.columns([2, 3], gap="medium")
    with here, st.container(border=True):
        this_computer(azure)
    with there, st.container(border=True):
        azure_account()


def show_verdicts(verdicts: tuple[Verdict, ...]) -> None:
    """A plain sentence for each of the two services."""
    for verdict in verdicts:
        if verdict.ok:
            st.success(f"{verdict.service}: {verdict.sentence}", icon=":material/check_circle:")
        else:
            st.error(f"{verdict.service}: {verdict.sentence}  \n{verdict.hint}", icon=":material/error:")


def this_computer(azure: bool) -> None:
    """The local cloud: use it, its speed, and what other programs need to use it too."""
    st.subheader("This computer")
    cloud = session.local_cloud()
    local = cloud.account()
    status = cloud.status()
    if status.disk_full:
        st.warning(status.sentence, icon=":material/warning:")
    else:
        ready = "Ready: its own Batch service and storage, for you alone."
        st.caption(status.sentence if local is None else ready)
    if azure and st.button("Use this computer", icon=":material/computer:"):
        session.use_local()
        st.rerun()
    if cloud.status().phase == "failed":
        st.button("Try again", icon=":material/refresh:", on_click=cloud.start)
    if local is None:
        return
    st.session_state["cloud_speed"] = cloud.realistic is not None
    st.toggle(
        "Cloud speed",
        key="cloud_speed",
        help="New nodes take as long to come and to boot as people see on Azure. Off: they are there at once.",
        on_change=set_speed,
    )
    if st.toggle("Show the names and keys for other programs"):
        st.caption(
            "Whoever has these keys can run programs on this computer. They are good on this computer only."
        )
        ends = {"batch": local.batch_endpoint, "storage": local.storage_endpoint}
        shown = {
            service: {"account": end.account, "key": end.key, "url": end.url} for service, end in ends.items()
        }
        st.code(json.dumps(shown, indent=2), language="json", wrap_lines=True)


def set_speed() -> None:
    """The switch's value becomes the local cloud's."""
    session.local_cloud().realistic = 1.0 if st.session_state["cloud_speed"] else None


def azure_account() -> None:
    """The form; both services are asked before the session changes over."""
    st.subheader("An Azure account")
    with st.form("azure", border=False):
        left, right = st.columns(2)
        batch = endpoint_fields(left, "Batch", "https://NAME.REGION.batch.azure.com")
        stored = endpoint_fields(right, "Storage", "https://NAME.blob.core.windows.net (if empty)")
        look_only = st.checkbox("Look only", help="Nothing in the account can be changed from here.")
        pressed = st.form_submit_button("Connect", type="primary", icon=":material/cable:")
    st.caption(
        "Keys stay in the app's memory until it ends or you go back to this computer; they are written nowhere."
    )
    if pressed:
        try_to_connect(batch, stored, look_only)


def endpoint_fields(place: DeltaGenerator, service: str, url: str) -> tuple[str, str, str]:
    """Name, key and URL of one of the two services; the key is forgotten when the page is left or has connected."""
    label, key = f"{service} account", f"azure_{service.lower()}"
    secret = f"{key}_key_{st.session_state.setdefault('connect_count', 0)}"
    return (
        place.text_input(f"{label} name", key=f"{key}_name", persist_state="session"),
        place.text_input(f"{label} key", key=secret, type="password", autocomplete="off"),
        place.text_input(f"{label} URL", key=f"{key}_url", placeholder=url, persist_state="session"),
    )


def try_to_connect(batch: tuple[str, str, str], stored: tuple[str, str, str], look_only: bool) -> None:
    """Change over to the account when both of its services answer; else say which one does not, and why."""
    try:
        wanted = connect(endpoint("batch", *batch), endpoint("storage", *stored), look_only=look_only)
    except DashboardError as error:
        session.show_error(error)
        return
    with st.spinner("Asking Batch and Storage"):
        verdicts = check(wanted)
    if not all(verdict.ok for verdict in verdicts):
        show_verdicts(verdicts)
        return
    allow_host(wanted.storage_endpoint.url)
    session.use_azure(wanted)
    st.session_state["connect_verdicts"] = verdicts
    st.session_state["connected_times"] = st.session_state.get("connected_times", 0) + 1
    st.session_state["connect_count"] += 1  # fresh, empty fields for the keys
    st.rerun()


page()
