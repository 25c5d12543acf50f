"""What is left in the account, what of it would cost money on Azure, and deleting it."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime

import streamlit as st

from batch_core import cleanup
from batch_core.account import Account
from batch_core.cleanup import Item
from pages.parts.clean_dialog import confirm, key_of, show_outcomes, title_of
from pages.parts.page_head import asked, nothing_there
from pages.shell import costs, session, words

GROUPS = {
    "pool": (
        "Pools",
        "On Azure, a pool's nodes cost money as long as they exist, also while they do nothing.",
    ),
    "job": ("Runs and jobs", "Jobs themselves cost nothing."),
    "files": ("Input videos", "On Azure, storage costs money by the month."),
    "results": ("Results", "On Azure, storage costs money by the month."),
    "container": ("Containers", "A container goes with all that is in it. Empty ones cost nothing."),
}
COUNTED = {
    "pool": ("pool",),
    "job": ("run or job", "runs and jobs"),
    "files": ("input video",),
    "results": ("run's results", "runs' results"),
    "container": ("container",),
}
SHOWN = 50
MANY, KEPT_SECONDS = (
    500,
    30.0,
)  # things from which on their list is kept for a while: it takes seconds to make


def page() -> None:
    """What is left in groups with boxes, and one button for what is chosen."""
    st.title("Clean up")
    account = session.require_account()
    left, counted = inventory(account, anew=show_outcomes())
    if not left:
        nothing_there(
            "Nothing is left in this account, and nothing in it costs money.",
            "files",
            "Add videos",
            "video_library",
        )
        return
    summary(account, left, counted)
    chosen = [
        item for kind in GROUPS for item in group(account, kind, [item for item in left if item.kind == kind])
    ]
    with st.bottom, st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Delete",
            type="primary",
            icon=":material/delete:",
            disabled=not chosen or account.look_only,
            help="This account is connected to look only." if account.look_only else None,
        )
        st.caption(f"{words.count(len(chosen), 'thing')} chosen" if chosen else "Choose what to delete.")
    if pressed:
        confirm(account, chosen)


def inventory(account: Account, *, anew: bool) -> tuple[list[Item], datetime]:
    """What is left as the services list it, and when they did."""
    whose, taken, left, counted = st.session_state.get("cleanup_list", ("", 0.0, [], None))
    age = time.monotonic() - taken
    if anew or counted is None or whose != account.fingerprint or len(left) < MANY or age > KEPT_SECONDS:
        left, counted = asked(lambda: cleanup.inventory(account)), datetime.now(UTC)
        st.session_state["cleanup_list"] = (account.fingerprint, time.monotonic(), left, counted)
    return left, counted


def summary(account: Account, left: list[Item], counted: datetime) -> None:
    """How much is left, and how much of it costs, as the services have just listed it."""
    costly = sum(item.costs for item in left)
    stored = sum(item.size or 0 for item in left)
    said = f"{words.count(len(left), 'thing')} left, {words.size(stored)} in storage. "
    if costs.free(account):
        said += "Nothing costs money on this computer."
        if costly:
            said += f" On Azure, {costly:,} of them would: those marked {costs.mark(account)}"
    elif costly:
        verb = "costs" if costly == 1 else "cost"
        said += f"{costly:,} of them {verb} money while they exist: those marked {costs.mark(account)}"
    else:
        said += "None of it costs money."
    st.markdown(said)
    kinds = Counter(item.kind for item in left)
    st.caption(
        f"Counted at {words.when(counted, seconds=True)}: "
        + ", ".join(words.count(kinds[kind], *COUNTED[kind]) for kind in GROUPS if kinds[kind])
    )


def group(account: Account, kind: str, items: list[Item]) -> list[Item]:
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
    first = 0
    if pages > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            first = (st.pagination(pages, key=f"cleanup_page_{kind}") - 1) * SHOWN
            st.caption(f"showing {first + 1:,}–{min(first + SHOWN, len(items)):,} of {len(items):,}")
    with st.container(border=True, gap="xsmall"):
        for item in items[first : first + SHOWN]:
            box(account, item, everything and item.ours)
    kept = st.session_state
    return [item for item in items if (everything and item.ours) or kept.get(key_of(item))]


def box(account: Account, item: Item, covered: bool) -> None:
    """A thing's box, with marks below it; ticked and fixed while “all” covers it."""
    facts = [words.label(title_of(item)), words.label(item.detail)]
    facts += [words.node_time(item.ran)] if item.ran else []
    facts += [words.size(item.size)] if item.size is not None else []
    marks = [costs.mark(account)] if item.costs else []
    marks += [] if item.ours else [":gray-badge[made by another program]"]
    if covered:
        st.checkbox(" · ".join(facts), value=True, disabled=True, key=f"covered_{key_of(item)}")
    else:
        st.checkbox(" · ".join(facts), key=key_of(item), persist_state="session")
    if marks:
        st.markdown(" ".join(marks))


page()
