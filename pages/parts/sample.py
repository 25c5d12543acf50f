"""Ten seconds first: a try of one file or of each, its result, and what it tells of all files."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import timedelta

import streamlit as st

from batch_core import jobs, pools, results, sampling
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.jobs import Plan
from batch_core.results import Result
from batch_core.sampling import Projection
from pages.charts.labels import duration
from pages.components.download import download_button
from pages.parts.players import UNPLAYED, address
from pages.shell import session, words

TRIED = "convert_sample"  # the id of the sample's run, and what was to be converted then
LOOK_SECONDS = 1
SHOWN = 3
SECONDS = f"{sampling.SECONDS:.0f} seconds"


def offer_sample(account: Account, plan: Plan) -> None:
    """Buttons that try, and under them what came of the last try of the same choices."""
    if not sampling.worth_a_sample(plan):
        return
    with st.container(horizontal=True):
        one = _button(account, f"Try {SECONDS} of one file", "try_one")
        each = len(plan.files) > 1 and _button(account, f"Try {SECONDS} of each", "try_each")
    if one or each:
        _try(account, plan, each=each)
    run_id, of = st.session_state.get(TRIED, (None, None))
    if run_id and of == _choices(plan):
        over = st.session_state.get("convert_sample_over") == run_id
        st.fragment(run_every=None if over else LOOK_SECONDS)(outcome)(account, plan, run_id)


def _button(account: Account, label: str, key: str) -> bool:
    return st.button(label, key=key, icon=":material/labs:", disabled=account.look_only, width="stretch")


def _choices(plan: Plan) -> Hashable:
    """What a try is about: other files, another conversion, options or pool need another."""
    return tuple(file.id for file in plan.files), plan.conversion, plan.options, plan.pool_id, plan.spec


def _try(account: Account, plan: Plan, *, each: bool) -> None:
    try:
        if plan.pool_id == pools.LOCAL_POOL:
            pools.ensure_local_pool(account)
        run = jobs.launch(account, sampling.sample_plan(plan, each=each))
    except DashboardError as error:
        session.show_error(error)
        return
    st.session_state[TRIED] = (run.id, _choices(plan))


def outcome(account: Account, plan: Plan, run_id: str) -> None:
    """How far the try is; when it is over, its results and what they tell of all files."""
    try:
        run = jobs.get_run(account, run_id)
        if not run.over:
            st.progress(results.made(account, run_id) / max(run.total, 1), text="Trying")
            return
        found = sampling.samples_of(account, run_id)
        projection = sampling.project(account, plan, found) if found else None
        rows = {row.task_id: row for row in results.list_results(account, run_id)}
    except DashboardError as error:
        session.show_error(error)
        return
    st.session_state["convert_sample_over"] = run_id
    if projection is None:
        reason = next((row.reason for row in rows.values() if row.reason), "")
        st.warning(f"The try has no result. {words.sentence(reason)}", icon=":material/error:")
        return
    st.markdown(told(plan, projection))
    for sample in found[:SHOWN]:
        row = rows[sample.task_id]
        st.caption(
            f"{words.plain(sample.name)}: {words.length(sample.seconds)} became {words.size(sample.size)}"
        )
        _show(account, row)
    if len(found) > SHOWN:
        st.caption(
            f"and {words.count(len(found) - SHOWN, 'more sample')}; Results has them all, under “All runs”."
        )


def _show(account: Account, row: Result) -> None:
    """The sample to look at or to listen to, or to download where browsers don't play its kind."""
    url = address(account, row.blob, row.content_type)
    if row.content_type in UNPLAYED:
        st.caption("Browsers don't play this kind of file. Download it to play it on your computer.")
        download_button(
            f"Download {row.name}",
            address(account, row.blob, save_as=row.name),
            key=f"sample_{row.task_id}",
            shown="Download the sample",
        )
    elif row.content_type.startswith("image/"):
        st.image(url, width="content", alt=row.name)
    else:
        player = st.audio if row.content_type.startswith("audio/") else st.video
        player(url, format=row.content_type)


def told(plan: Plan, projection: Projection) -> str:
    """What all files may come to, as ranges with their ground."""
    (small, large), (quick, slow) = projection.size, projection.took
    least, most = duration(timedelta(seconds=quick)), duration(timedelta(seconds=max(slow, 1)))
    time = f"**{most}**" if least == most else f"**{least} to {most}**"
    size = (
        words.size(large)
        if words.size(small) == words.size(large)
        else f"{words.size(small)} to {words.size(large)}"
    )
    sentences = [
        f"All {words.count(len(plan.files), 'file')}: about {time} of work and **{size}** of results"
        if len(plan.files) > 1
        else f"The whole file: about {time} of work and **{size}**",
        f"by {words.count(projection.samples, 'sample')} of {SECONDS}",
    ]
    if projection.unknown:
        sentences.append(f"without {words.count(projection.unknown, 'file')} of unknown length")
    return ", ".join(sentences) + "."
