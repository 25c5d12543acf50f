"""Choose what to make of the videos, see in words what will happen, start."""

from __future__ import annotations

import streamlit as st

from batch_core import conversions, jobs, manifests
from batch_core.account import Account
from batch_core.files import VideoFile
from batch_core.jobs import Plan
from pages.parts.conversion_choice import choose_conversion
from pages.parts.launch import go_on_after_launch, launch, nonce_of
from pages.parts.options import choose_files, choose_name, choose_options, choose_wall_clock
from pages.parts.page_head import asked, nothing_there
from pages.parts.pool_choice import choose_pool
from pages.parts.sample import offer_sample
from pages.parts.skip import leave_out
from pages.shell import session, words
from pages.shell.video_work import Work, work


def page() -> None:
    """Choices on the left, what will happen and the button on the right."""
    st.title("Convert")
    account = session.require_account()
    go_on_after_launch()
    everything = asked(lambda: work(account).files())
    new_files(account, everything)
    if not any(file.probe and file.probe.ok for file in everything):
        if not work(account).busy:
            nothing_yet(bool(everything))
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        conversion = choose_conversion()
        names = st.container()
        options = choose_options(conversion, everything)
        with names:  # stands above the options, and depends on the part that they choose
            ready, refused = choose_files(conversion, options, everything)
            to_do = leave_out(account, conversion, options, ready) if options is not None else None
        pool_id, spec = choose_pool(account)
        limit = choose_wall_clock()
        nonce = nonce_of(account)
        ready, left_out = to_do or (ready, ())
        usual = manifests.run_name(ready, conversion) if ready else ""
        name = choose_name(usual, nonce)
    with right:
        if options is not None and to_do is not None:
            plan = Plan(
                files=tuple(ready),
                conversion=conversion.id,
                options=options,
                pool_id=pool_id,
                spec=spec,
                name=name,
                nonce=nonce,
                wall_clock=limit,
                left_out=refused + left_out,
            )
            offer(account, plan)
        elif options is None:
            what = (
                "What is typed as arguments"
                if conversion.group == "Expert"
                else "The part of each file, “From” and “To” under Options,"
            )
            st.markdown(f"{what} can't be read yet.")


def new_files(account: Account, everything: list[VideoFile]) -> None:
    """While files are being made or looked into, says so, and draws the page again when that is done."""
    going_on = work(account)
    if going_on.looking.error is None and any(file.probe is None for file in everything):
        going_on.look()
    if going_on.busy:
        st.fragment(run_every=1)(watch)(going_on)


def watch(going_on: Work) -> None:
    """How far it is with the new files."""
    if not going_on.busy:
        st.rerun()
    tasks = (
        (going_on.sampling, "Making sample videos"),
        (going_on.copying, "Copying files"),
        (going_on.looking, "Looking into new files"),
    )
    for task, doing in tasks:
        done, total = task.progress.done, task.progress.total
        if task.busy and total:
            st.progress(done / total, text=f"{doing}: {done} of {total}")


def nothing_yet(some: bool) -> None:
    """Why nothing can be converted, and where to go."""
    if some:
        sentence = "None of the files is a video or a sound that can be read. Add others to convert them."
    else:
        sentence = "There are no videos yet. Add some, then choose here what to make of them."
    nothing_there(sentence, "files", "Add videos", "video_library")


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
        )
        if account.look_only:
            st.caption("This account is connected to look only.")
        if pressed and launch(account, plan):
            go_on_after_launch()
    offer_sample(account, plan)
    with st.expander("The exact command"):
        first = plan.files[0]
        st.caption(
            f"What a node runs for {words.plain(first.name)}; the nice names come back with the results."
        )
        conversion = conversions.conversion(plan.conversion)
        st.code(
            conversions.command_line(conversion, plan.options, first.probe), language="bash", wrap_lines=True
        )


page()
