"""Files of a run once more, in a run of their own: choose them, what to make of them, and start."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from batch_core import conversions, jobs, pools, retrying
from batch_core.account import Account
from batch_core.conversions import Conversion, Options
from batch_core.errors import DashboardError, NotFound
from batch_core.jobs import Plan, Run
from batch_core.results import Result
from pages.parts.launch import go_on_after_launch, launch
from pages.parts.own_presets import kept_presets
from pages.parts.pool_choice import choose_pool, usable
from pages.shell import session, words

OWN = "own:"  # before the name of an own preset, where conversions stand by their ids


def tries_of(run: Run, runs: list[Run]) -> None:
    """Which run this one runs again, and which ones ran this one again; a press shows it."""
    earlier = [one for one in runs if one.id == run.parent]
    later = [one for one in runs if one.parent == run.id]
    if run.parent and not earlier:
        st.caption("The run that it runs again has been deleted, with all that it made.")
    with st.container(horizontal=True):
        for one, word in [
            *((one, "Runs again") for one in earlier),
            *((one, "Run again in") for one in later),
        ]:
            st.button(
                f"{word}: {words.plain(one.name)}",
                key=f"go_{one.id}",
                type="tertiary",
                icon=":material/history:" if one in earlier else ":material/replay:",
                on_click=session.set_run,
                args=(one.id,),
            )


def retry_button(
    account: Account,
    run: Run,
    lost: list[Result],
    label: str = "Try again with…",
    key: str = "retry",
    title: str = "Try again",
) -> None:
    """Opens the dialog, from a part of the page that is drawn again by itself: the page has to open it."""
    pressed = st.button(
        label,
        key=key,
        icon=":material/replay:",
        disabled=account.look_only,
        help="This account is connected to look only." if account.look_only else None,
    )
    if pressed:
        _ask(account, run, told_apart(lost), title)


def _ask(account: Account, run: Run, names: dict[str, str], title: str) -> None:
    """Opens the dialog. What tells this try from earlier ones is settled here, so that a second press, or another
    tab with the same dialog, starts nothing twice."""
    try:
        ended = sum(again.over for again in retrying.tries(account, run.id))
    except DashboardError as error:
        session.show_error(error)
        return
    st.session_state["retry_of"] = (title, run, names, f"after {ended}")
    st.rerun()


def told_apart(rows: list[Result]) -> dict[str, str]:
    """A line for each file by its task; of several with one name, each with its task: Streamlit tells options apart
    by what it shows of them."""
    twice = Counter(row.source_name for row in rows)
    return {
        row.task_id: row.source_name if twice[row.source_name] == 1 else f"{row.source_name} ({row.task_id})"
        for row in rows
    }


def retry_asked(account: Account) -> None:
    """The dialog, from the press of its button until it is dismissed: a page that is drawn anew keeps it open."""
    asked = st.session_state.get("retry_of")
    if asked is not None:
        title, *what = asked
        st.dialog(title, on_dismiss=_dismissed)(try_again)(account, *what)


def _dismissed() -> None:
    st.session_state.pop("retry_of", None)


def try_again(account: Account, run: Run, names: dict[str, str], nonce: str) -> None:
    """All of the files or some, the same conversion, another or an own preset; only its own button starts the run."""
    only = st.multiselect(
        "Files",
        list(names),
        format_func=names.__getitem__,
        key=f"retry_only_{run.id}",
        placeholder=f"All {len(names):,} files" if len(names) > 1 else next(iter(names.values())),
    )
    wanted, options = _convert_to(run)
    try:
        plan = _plan(account, run, only or list(names), wanted, options, nonce)
        if plan is None:
            return
        sentences = jobs.what_will_happen(account, plan)
    except DashboardError as error:
        session.show_error(error)
        return
    st.markdown("\n".join(f"- {sentence}" for sentence in sentences))
    st.caption("A new run does it; this one stays as it is.")
    label = f"Convert {words.count(len(plan.files), 'file')} again"
    if st.button(label, key="retry_start", type="primary", icon=":material/replay:") and launch(
        account, plan
    ):
        _dismissed()
        go_on_after_launch()


def _convert_to(run: Run) -> tuple[Conversion, Options]:
    """The conversion to make: with the run's options, or as an own preset has them."""
    known = [one.id for one in (*conversions.CONVERSIONS, *conversions.EXPERT)]
    known = [id for id in known if id == run.conversion or not id.startswith("expert-")]
    own = {f"{OWN}{preset.name}": preset for preset in kept_presets()}
    chosen = st.selectbox(
        "Convert to",
        [*known, *own],
        index=known.index(run.conversion) if run.conversion in known else 0,
        format_func=lambda id: (
            f"{own[id].name} (own preset)" if id in own else conversions.conversion(id).label
        ),
        key=f"retry_to_{run.id}",
    )
    if chosen in own:
        return conversions.conversion(own[chosen].conversion), own[chosen].options
    return conversions.conversion(chosen), run.options


def _plan(
    account: Account, run: Run, task_ids: list[str], wanted: Conversion, options: Options, nonce: str
) -> Plan | None:
    """What can be run again, after naming what can't; None when that is nothing."""
    found = retrying.inputs(account, run.id, task_ids)
    reasons = {video.id: conversions.refusal(wanted, video, options) for video in found.videos}
    left_out = [f"- **{words.plain(name)}**: it is no longer in storage" for name in found.gone]
    left_out += [
        f"- **{words.plain(video.path)}**: {words.plain(reason)}"
        for video in found.videos
        if (reason := reasons[video.id])
    ]
    if left_out:
        st.warning("\n".join([f"{words.count(len(left_out), 'file')} will be left out.\n", *left_out]))
    videos = tuple(video for video in found.videos if not reasons[video.id])
    if not videos:
        st.markdown("No file is left to convert again. Choose another conversion, or add the videos again.")
        return None
    plan = retrying.plan_again(account, run.id, videos, wanted.id, nonce, options=options)
    if _pool_is_there(account, plan):
        if not st.toggle("On another pool", key=f"retry_elsewhere_{run.id}"):
            return plan
    else:
        st.caption("The pool that it ran on does not exist any more.")
    pool_id, spec = choose_pool(account)
    return retrying.plan_again(account, run.id, videos, wanted.id, nonce, pool_id, spec, options)


def _pool_is_there(account: Account, plan: Plan) -> bool:
    if plan.pool_id is None:
        return plan.spec is not None
    if plan.pool_id == pools.LOCAL_POOL:
        return True
    try:
        return usable(pools.get_pool(account, plan.pool_id))
    except NotFound:
        return False
