"""What is left in the account, what of it would cost money on Azure, and deleting it."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from batch_core import cleanup
from batch_core.account import Account
from batch_core.cleanup import Item, Outcome
from batch_core.errors import DashboardError
from batch_core.pools import LOCAL_POOL
from pages.shell import session, words

GROUPS = {
    "pool": ("Pools", "Azure charges for a pool's nodes as long as they exist."),
    "job": ("Runs and jobs", "Jobs themselves cost nothing."),
    "files": ("Input videos", "Azure charges for storage by the month."),
    "results": ("Results", "Azure charges for storage by the month."),
    "container": ("Containers", "A container goes with all that is in it. Empty ones cost nothing."),
}
COUNTED = {
    "pool": ("pool",),
    "job": ("run or job", "runs and jobs"),
    "files": ("input video",),
    "results": ("run's results", "runs' results"),
    "container": ("container",),
}
COSTS = ":orange-badge[:material/payments: costs]"
SHOWN = 50
NAMED = 12


def page() -> None:
    """What is left in groups with boxes, and one button for what is chosen."""
    st.title("Clean up")
    account = session.require_account()
    show_outcomes()
    try:
        left = cleanup.inventory(account)
    except DashboardError as error:
        session.show_error(error)
        st.stop()
    if not left:
        st.markdown("Nothing is left in this account, and nothing in it costs money.")
        st.page_link("pages/files.py", label="Add videos", icon=":material/video_library:")
        return
    summary(left)
    chosen = [item for kind in GROUPS for item in group(kind, [item for item in left if item.kind == kind])]
    with st.bottom, st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Delete", type="primary", icon=":material/delete:", disabled=not chosen or account.look_only
        )
        st.caption(f"{words.count(len(chosen), 'thing')} chosen" if chosen else "Choose what to delete.")
    if pressed:
        confirm(account, chosen)


def summary(left: list[Item]) -> None:
    """How much is left, and how much of it costs, as the services have just listed it."""
    costly = [item for item in left if item.costs]
    stored = sum(item.size or 0 for item in left)
    said = f"{words.count(len(left), 'thing')} left, {words.size(stored)} in storage. "
    if costly:
        verb = "costs" if len(costly) == 1 else "cost"
        said += f"On Azure, {len(costly)} of them {verb} money while they exist: those marked {COSTS}."
    else:
        said += "None of it would cost money on Azure."
    st.markdown(said)
    kinds = Counter(item.kind for item in left)
    st.caption(
        "Counted just now: "
        + ", ".join(words.count(kinds[kind], *COUNTED[kind]) for kind in GROUPS if kinds[kind])
    )


def group(kind: str, items: list[Item]) -> list[Item]:
    """One kind of things with a box each; returns those that are chosen."""
    if not items:
        return []
    title, charge = GROUPS[kind]
    st.subheader(f"{title} ({len(items):,})")
    st.caption(charge)
    ours = [item for item in items if item.ours]
    everything = len(items) > 1 and st.checkbox(
        f"All {len(ours):,} made by this app" if len(ours) < len(items) else f"All {len(items):,}",
        key=f"all_{kind}",
        disabled=not ours,
    )
    pages = -(-len(items) // SHOWN)
    first = (st.pagination(pages, key=f"cleanup_page_{kind}") - 1) * SHOWN if pages > 1 else 0
    with st.container(border=True, gap="xsmall"):
        for item in items[first : first + SHOWN]:
            box(item, everything and item.ours)
    kept = st.session_state
    return [item for item in items if (everything and item.ours) or kept.get(key_of(item))]


def key_of(item: Item) -> str:
    """Where the session keeps whether a thing is chosen."""
    return f"clean_{item.kind}_{item.id}"


def title_of(item: Item) -> str:
    """What people call a thing."""
    return "This computer" if item.kind == "pool" and item.id == LOCAL_POOL else item.title


def box(item: Item, covered: bool) -> None:
    """A thing's box; ticked and fixed while “all” covers it."""
    cost = f" {COSTS}" if item.costs else ""
    other = "" if item.ours else " :gray-badge[made by another program]"
    size = f" · {words.size(item.size)}" if item.size is not None else ""
    ran = f" · {words.node_time(item.ran)}" if item.ran else ""
    label = f"**{words.plain(title_of(item))}** {words.plain(item.detail)}{ran}{size}{cost}{other}"
    if covered:
        st.checkbox(label, value=True, disabled=True, key=f"covered_{key_of(item)}")
    else:
        st.checkbox(label, key=key_of(item), persist_state="session")


@st.dialog("Delete these?")
def confirm(account: Account, chosen: list[Item]) -> None:
    """Names the things; only its own button deletes."""
    lines = [f"- {words.plain(title_of(item))} ({words.plain(item.detail)})" for item in chosen]
    st.markdown("\n".join(lines[:NAMED]))
    if len(lines) > NAMED:
        with st.expander(f"and {len(lines) - NAMED} more"):
            st.markdown("\n".join(lines[NAMED:]))
    if any(not item.ours for item in chosen):
        st.warning("Some of these were made by another program.")
    st.markdown("They can't be brought back.")
    if st.button(f"Delete {words.count(len(chosen), 'thing')}", type="primary", icon=":material/delete:"):
        with st.spinner("Deleting"):
            try:
                outcomes = cleanup.delete(account, chosen)
            except DashboardError as error:
                session.show_error(error)
                return
        forget(chosen)
        st.session_state["cleanup_outcomes"] = outcomes
        st.rerun()


def forget(chosen: list[Item]) -> None:
    """The boxes of what is gone, and the containers that the next page has to make again."""
    for item in chosen:
        st.session_state.pop(key_of(item), None)
    if any(item.kind == "container" for item in chosen):
        session.prepare_again()


def show_outcomes() -> None:
    """What the last deletion came to, once."""
    outcomes: list[Outcome] = st.session_state.pop("cleanup_outcomes", [])
    good = [outcome for outcome in outcomes if outcome.ok]
    if good:
        st.success(f"{words.count(len(good), 'thing')} deleted.", icon=":material/check_circle:")
    for sentence in sorted({outcome.sentence for outcome in good} - {"Deleted."}):
        number = sum(outcome.sentence == sentence for outcome in good)
        st.caption(sentence if number == 1 else f"{number} of them: {sentence}")
    for outcome in outcomes:
        if not outcome.ok:
            st.error(f"{words.plain(outcome.item.title)}: {outcome.sentence}", icon=":material/error:")


page()
