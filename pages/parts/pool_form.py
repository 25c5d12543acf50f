"""The form for another pool, and the fields that it shares with others."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from batch_core import images, pools
from batch_core.account import Account, AccountKind
from batch_core.errors import DashboardError, InvalidInput
from batch_core.images import ImageRef
from batch_core.pools import PoolSpec
from pages.parts.pool_words import badge
from pages.shell import session, words

REFRESH_SECONDS = 2
MADE, TAKEN = "pool_made", "pool_name_taken"


def attempt(work: Callable[[], None], said: str) -> None:
    """Do it and say so, or show why not; the page is drawn again after success."""
    try:
        work()
    except DashboardError as error:
        session.show_error(error)
        return
    st.toast(said)
    st.rerun()


def made() -> str | None:
    """The id of the pool that was made last on this page, as long as it is the one that is shown."""
    last: str | None = st.session_state.get(MADE)
    return last if last is not None and last == session.current_id("pool") else None


def new_pool(account: Account) -> None:
    """The form for another pool; its fields are kept while pages are switched."""
    azure = account.kind is AccountKind.AZURE
    if st.session_state.pop(TAKEN, False):
        st.session_state["pool_id"] = ""  # the name is taken now
    pool_id = st.text_input("Name", key="pool_id", placeholder="converters", persist_state="session")
    try:
        image, agent = choose_image(account)
    except DashboardError as error:
        session.show_error(error)
        image = None
    with st.grid(4, min_column_width=150):
        size = st.text_input("VM size", pools.DEFAULT_VM_SIZE, key="pool_size", persist_state="session")
        dedicated = number("Dedicated nodes", 0, "pool_dedicated")
        spot = number("Spot nodes", 2, "pool_spot", "Cheap nodes that Azure may take back.")
        slots = number("Tasks at once on a node", 1, "pool_slots", least=1)
    start_task = st.text_area(
        "Start task",
        pools.INSTALL_FFMPEG if azure else "",
        key=f"pool_start_{account.kind}",
        help=(
            "A command that every node runs before its first task"
            + (", as administrator" if azure else "")
            + '. It gets no shell: for several commands write /bin/bash -c "…". Empty: none.'
        ),
        persist_state="session",
    )
    if st.button("Create pool", type="primary", disabled=image is None or account.look_only):
        spec = PoolSpec(
            id=pool_id.strip(),
            vm_size=size.strip(),
            image=image,
            agent=agent,
            dedicated=dedicated,
            spot=spot,
            slots=slots,
            start_task=start_task.strip() or None,
        )
        with st.spinner("Asking for the pool"):
            attempt(lambda: _make(account, spec), f"The pool {spec.id} is being made.")
    if (pool_id := made()) is not None:
        st.fragment(run_every=REFRESH_SECONDS)(_what_came_of_it)(pool_id)


def _make(account: Account, spec: PoolSpec) -> None:
    pools.create(account, spec)
    session.set_id("pool", spec.id)
    st.session_state[MADE], st.session_state[TAKEN] = spec.id, True


def _what_came_of_it(pool_id: str) -> None:
    """Beside the button: that the pool is there, where to see it, and what it is doing."""
    snapshot = session.recorder(pool_id, None).snapshot()
    now = f" {badge(snapshot)}" if snapshot and snapshot.pool else ""
    st.success(
        f"The pool {words.plain(pool_id)} is made; its nodes show at the top of this page.{now}",
        icon=":material/check_circle:",
    )


def number(
    label: str, value: int, key: str, help: str | None = None, *, least: int = 0, keep: bool = True
) -> int:
    """A count of nodes or slots; `keep` it while pages are switched."""
    return int(
        st.number_input(
            label,
            min_value=least,
            max_value=10_000,
            value=value,
            step=1,
            key=key,
            help=help,
            persist_state="session" if keep else None,
        )
    )


@st.cache_data(ttl=3600, max_entries=16, show_spinner="Asking which images there are")
def _images(fingerprint: str, _account: Account) -> list[images.ImageChoice]:
    return images.supported(_account)


def choose_image(account: Account) -> tuple[ImageRef, str]:
    """An image and the node agent that fits it. Raises InvalidInput for one that was typed and can't be read."""
    typed = st.segmented_control(
        "Image",
        ["From the list", "Typed"],
        default="From the list",
        required=True,
        key="pool_image_from",
        persist_state="session",
    )
    if typed == "Typed":
        text = st.text_input(
            "Publisher/offer/sku, or the id of a gallery image",
            key="pool_image_typed",
            placeholder=str(images.DEFAULT_IMAGE),
            persist_state="session",
        )
        agent = st.text_input("Node agent", images.DEFAULT_AGENT, key="pool_agent", persist_state="session")
        return images.parse_image(text or str(images.DEFAULT_IMAGE)), agent.strip()
    choices = _images(account.fingerprint, account)
    if not choices:
        raise InvalidInput("The service lists no image.", "Type one instead.")
    index = st.selectbox(
        "Image from the service's list",
        range(len(choices)),
        format_func=lambda position: choices[position].label,
        key="pool_image",
        persist_state="session",
    )
    return choices[index].image, choices[index].agent
