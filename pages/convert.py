"""Choose what to make of the videos, see in words what will happen, start."""

from __future__ import annotations

from pathlib import PurePath
from uuid import uuid4

import streamlit as st

from batch_core import conversions, files, jobs, pools
from batch_core.account import Account
from batch_core.conversions import Conversion
from batch_core.errors import DashboardError
from batch_core.files import VideoFile
from batch_core.jobs import Plan
from pages import session, words
from pages.options import choose_conversion, choose_options
from pages.pool_choice import choose_pool

SHOWN = 5


def page() -> None:
    st.title("Convert")
    account = session.require_account()
    go_on_after_launch()
    try:
        everything = looked_into(account)
    except DashboardError as error:
        session.show_error(error)
        st.stop()
    if not any(file.probe and file.probe.ok for file in everything):
        nothing_yet(bool(everything))
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        conversion = choose_conversion()
        ready = choose_files(conversion, everything)
        options = choose_options()
        pool_id, spec = choose_pool(account)
    with right:
        if options is not None:
            nonce = st.session_state.setdefault("convert_nonce", uuid4().hex)
            plan = Plan(
                files=tuple(ready),
                conversion=conversion.id,
                options=options,
                pool_id=pool_id,
                spec=spec,
                name=run_name(ready, conversion),
                nonce=nonce,
            )
            offer(account, plan)


def looked_into(account: Account) -> list[VideoFile]:
    """All files of the account; what nobody has looked into yet is looked into now."""
    listed = files.list_files(account)
    new = [file for file in listed if file.probe is None]
    if not new or account.look_only:
        return listed
    bar = st.progress(0.0, text=f"Looking into {words.count(len(new), 'new file')}")
    for done, _ in enumerate(files.probe_new(account, new), start=1):
        bar.progress(done / len(new), text=f"Looked into {done} of {words.count(len(new), 'new file')}")
    bar.empty()
    return files.list_files(account)


def nothing_yet(some: bool) -> None:
    if some:
        st.markdown("None of the files is a video or a sound that can be read. Add others to convert them.")
    else:
        st.markdown("There are no videos yet. Add some, then choose here what to make of them.")
    st.page_link("pages/files.py", label="Add videos", icon=":material/video_library:")


def choose_files(conversion: Conversion, everything: list[VideoFile]) -> list[VideoFile]:
    """All files that are ready, or some of them; what can't be converted is named before anything runs."""
    names = {file.id: file.name for file in everything if file.probe and file.probe.ok}
    st.session_state["convert_only"] = [
        file_id for file_id in st.session_state.get("convert_only", []) if file_id in names
    ]
    only = st.multiselect(
        "Files",
        list(names),
        format_func=lambda file_id: words.plain(names[file_id]),
        key="convert_only",
        placeholder=f"All {words.count(len(names), 'file')} that are ready",
        help="Choose some to convert only these.",
        persist_state="session",
    )
    wanted = [file for file in everything if file.id in only] if only else everything
    reasons = [(file, conversions.refusal(conversion, file)) for file in wanted]
    refused = [(file, reason) for file, reason in reasons if reason]
    if refused:
        name_refused(refused)
    return [file for file, reason in reasons if not reason]


def name_refused(refused: list[tuple[VideoFile, str]]) -> None:
    lines = [f"- **{words.plain(file.name)}**: {reason}" for file, reason in refused]
    st.warning("\n".join([f"{words.count(len(refused), 'file')} will be left out.\n", *lines[:SHOWN]]))
    if len(lines) > SHOWN:
        with st.expander(f"{len(lines) - SHOWN} more that will be left out"):
            st.markdown("\n".join(lines[SHOWN:]))


def run_name(ready: list[VideoFile], conversion: Conversion) -> str:
    """What the run is called: after its file, or how many there are."""
    what = PurePath(ready[0].name).stem if len(ready) == 1 else words.count(len(ready), "file")
    return f"{what} to {conversion.label}"


def offer(account: Account, plan: Plan) -> None:
    """What will happen, the button that starts it, and the exact command."""
    if not plan.files:
        st.markdown("No file is left to convert. Choose another conversion or other files.")
        return
    with st.container(border=True):
        st.subheader("What will happen")
        st.markdown("\n".join(f"- {sentence}" for sentence in jobs.what_will_happen(account, plan)))
        pressed = st.button(
            f"Convert {words.count(len(plan.files), 'file')}",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            key=f"launch_{plan.nonce}",
            disabled=account.look_only,
            help="This account is connected to look only." if account.look_only else None,
        )
        if pressed:
            launch(account, plan)
    with st.expander("The exact command"):
        first = plan.files[0]
        st.caption(
            f"What a node runs for {words.plain(first.name)}; the nice names come back with the results."
        )
        conversion = conversions.conversion(plan.conversion)
        st.code(
            conversions.command_line(conversion, plan.options, first.probe), language="bash", wrap_lines=True
        )


def launch(account: Account, plan: Plan) -> None:
    """Hands the tasks over. The button's key is the plan's nonce: a second press, or a run that was cut off by
    it, finds this launch and goes on with it."""
    bar = st.progress(0.0, text="Making the run")

    def progress(done: int, total: int) -> None:
        bar.progress(done / max(total, 1), text=f"Handed over {done} of {words.count(total, 'task')}")

    try:
        if plan.pool_id == pools.LOCAL_POOL:
            pools.ensure_local_pool(account)
        run = jobs.launch(account, plan, progress)
    except DashboardError as error:
        bar.empty()
        session.show_error(error)
        return
    st.session_state.update(convert_launched=run.id, convert_nonce=uuid4().hex)
    go_on_after_launch()


def go_on_after_launch() -> None:
    """To the Monitor page with the new run, also when a second press has ended the page run that made it."""
    run_id = st.session_state.get("convert_launched")
    if run_id:
        session.set_run(run_id)
        del st.session_state["convert_launched"]
        st.switch_page("pages/monitor.py")


page()
