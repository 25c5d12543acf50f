"""A file of a run before and after: small pictures in its row, and both players when it is open."""

from __future__ import annotations

import streamlit as st

from batch_core import files, pictures, playable, storage
from batch_core.account import Account
from batch_core.errors import DashboardError, NotFound
from batch_core.files import VideoFile
from batch_core.results import Result
from pages.components.download import download_button
from pages.shell import session, signing, uploads

SHOWN = 12  # of several pictures
WIDTH = 88  # of a small picture, in pixels; as high as a row's two lines
UNPLAYED = ("video/quicktime", "video/x-matroska")  # results for editing and archives
KNOWN_SECONDS = 20  # for which an original is taken to be still there


def small_pictures(account: Account, row: Result) -> None:
    """What the file looked like before, and after where there is something to see; no place is kept for others."""
    if not row.pictures:
        return
    run_id = row.blob.partition("/")[0]
    with st.container(horizontal=True, width="content", gap="xsmall"):
        for side, name in zip(pictures.SIDES, (row.source_name, row.name), strict=True):
            if side in row.pictures:
                url = address(account, pictures.path(run_id, row.task_id, side), "image/jpeg")
                st.image(url, width=WIDTH, alt=f"{side.capitalize()}: {name}")


def players(account: Account, row: Result) -> None:
    """The original and the result side by side, one above the other on a phone."""
    before, after = st.columns(2)
    with before:
        st.markdown("**Before**")
        _original(account, row)
    with after:
        st.markdown("**After**")
        _result(account, row)


def _original(account: Account, row: Result) -> None:
    """The input's player; a sentence where it is gone, and its download where browsers don't play it."""
    try:
        file = _input(account.fingerprint, row.source_blob, account)
    except DashboardError as error:
        session.show_error(error)
        return
    if file is None:
        st.caption("The original is no longer in storage: it was deleted after the conversion.")
        return
    kind = playable.played_as(file.probe) if file.probe else ""
    if kind:
        _play(kind, address(account, file.blob, kind, container=storage.INPUTS))
        return
    what = f" ({playable.made_of(file.probe)})" if file.probe and file.probe.ok else ""
    st.caption(f"Browsers don't play this kind of file{what}. Download it to play it on your computer.")
    download_button(
        f"Download the original {file.name}",
        address(account, file.blob, save_as=file.name, container=storage.INPUTS),
        key=f"original_{row.task_id}",
        shown="Download the original",
    )


@st.cache_data(ttl=KNOWN_SECONDS, max_entries=64, show_spinner=False)
def _input(fingerprint: str, blob: str, _account: Account) -> VideoFile | None:
    """What is known of an input of an account (its fingerprint is the key), or None when it is gone."""
    try:
        return files.find_file(_account, blob)
    except NotFound:
        return None


def _result(account: Account, row: Result) -> None:
    """The result itself: a player, a picture, or the first of several."""
    if row.content_type in UNPLAYED:
        st.caption("Browsers don't play this kind of file. Download it to play it on your computer.")
        return
    if not row.content_type.startswith("image/"):
        _play(row.content_type, address(account, row.blob, row.content_type), autoplay=True)
        return
    first = [blob for blob, _ in row.parts[:SHOWN]] or [row.blob]
    wide = "content" if not row.parts else 160
    st.image(
        [address(account, blob, row.content_type) for blob in first], width=wide, alt=[row.name] * len(first)
    )
    if len(row.parts) > SHOWN:
        st.caption(f"the first {SHOWN} of {len(row.parts):,}")


def _play(content_type: str, url: str, *, autoplay: bool = False) -> None:
    player = st.audio if content_type.startswith("audio/") else st.video
    player(url, format=content_type, autoplay=autoplay)


def address(
    account: Account,
    blob: str,
    content_type: str = "",
    save_as: str | None = None,
    container: str = storage.RESULTS,
) -> str:
    """Where the browser gets a blob: storage itself, or this app's own stream where it can't reach that."""
    if uploads.reaches_storage(account):
        return storage.read_url(account, container, blob, name=save_as, content_type=content_type or None)
    told = {"name": save_as or "", "type": content_type}
    params = {"container": container, "blob": blob} | {key: text for key, text in told.items() if text}
    return session.origin() + signing.signed_url("blob", account, **params)
