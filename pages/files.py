"""Files: bring videos, see what is in them, take some out again."""

from __future__ import annotations

import streamlit as st

from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.files import VideoFile
from pages.parts.browser_access import offer_direct
from pages.parts.file_table import is_ready, left_out, summary, table
from pages.parts.from_storage import add_from_storage
from pages.shell import session, uploads, words
from pages.shell.video_work import Work, work

FEW = 5  # files with which the button at the page's head is still in sight at its end


def show() -> None:
    """The page."""
    account = session.require_account()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Add your videos")
        place = st.container(width="content")
    if account.look_only:
        st.info("This account is connected to look only, so nothing can be added or deleted here.")
    else:
        uploads.drop_zone(account)
        offer_direct(account)
        add_from_storage(account)
    # A fragment also when nothing goes on: a press that is on its way names the fragment it was made in.
    busy = work(account).busy
    st.fragment(_videos, run_every=1.0 if busy else None)(account, watching=busy)
    with place:
        _convert("top", bool(work(account).known))


def _videos(account: Account, *, watching: bool) -> None:
    """Summary, table and what can be done with the files."""
    going_on = work(account)
    if watching != going_on.busy:  # a press in here draws only this again: the page has to begin to watch
        st.rerun()
    try:
        found = going_on.files()
    except DashboardError as error:
        session.show_error(error)
        return
    if not watching and not going_on.looking.error and any(file.probe is None for file in found):
        going_on.look()
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        nothing = (
            "There are no videos in this account."
            if account.look_only
            else "No videos yet. Drop some above, or begin with samples."
        )
        st.markdown(f"**{summary(found)}**" if found else nothing)
        if not account.look_only:
            _samples(going_on)
    _progress(going_on)
    if found:
        left_out(found)
        _delete(account, table(found))
        _convert("end", len(found) > FEW and any(map(is_ready, found)))


def _progress(going_on: Work) -> None:
    for task, doing in (
        (going_on.sampling, "Making sample videos"),
        (going_on.copying, "Copying files"),
        (going_on.looking, "Looking into the videos"),
    ):
        if task.busy:
            done, total = task.progress.done, task.progress.total
            st.progress(
                done / total if total else 0.0, text=f"{doing}: {done} of {total}" if total else doing
            )
        elif task.error:
            session.show_error(task.error)
            if task is not going_on.copying:  # what to copy is chosen anew
                st.button("Try again", icon=":material/refresh:", key=f"again_{doing}", on_click=task.start)


def _samples(going_on: Work) -> None:
    st.button(
        "Try sample videos",
        icon=":material/movie_creation:",
        disabled=going_on.sampling.busy,
        on_click=going_on.sampling.start,
        help="Five short clips, made here: nothing is downloaded.",
    )


def _delete(account: Account, chosen: list[VideoFile]) -> None:
    if account.look_only:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Delete", icon=":material/delete:", disabled=not chosen):
            _confirm(account, chosen)
        st.caption(
            f"{words.count(len(chosen), 'file')} selected" if chosen else "Select rows to delete them."
        )


@st.dialog("Delete from storage")
def _confirm(account: Account, chosen: list[VideoFile]) -> None:
    them = "it" if len(chosen) == 1 else "them"
    st.write(f"{words.count(len(chosen), 'file')} will be deleted for good. Results made of {them} stay.")
    with st.container(height=200 if len(chosen) > 6 else "content"):
        for file in chosen[:200]:
            st.text(f"{file.path} · {words.size(file.size)}")
    if len(chosen) > 200:
        st.caption(f"and {words.count(len(chosen) - 200, 'more file')}")
    with st.container(horizontal=True):
        confirmed = st.button("Delete", type="primary", icon=":material/delete:", key="delete_confirmed")
        kept = st.button("Keep")
    if confirmed and not _deleted(account, chosen):
        return
    if confirmed or kept:
        st.rerun()


def _deleted(account: Account, chosen: list[VideoFile]) -> bool:
    bar = st.progress(0.0, text="Deleting")
    try:
        work(account).delete(
            chosen, lambda done, total: bar.progress(done / total, text=f"Deleting: {done:,} of {total:,}")
        )
    except DashboardError as error:
        bar.empty()
        session.show_error(error)
        return False
    return True


def _convert(place: str, ready: bool) -> None:
    """The way on, once something is ready."""
    if ready and st.button(
        "Convert", type="primary", icon=":material/arrow_forward:", key=f"convert_{place}"
    ):
        st.switch_page("pages/convert.py")


show()
