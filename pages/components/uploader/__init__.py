"""Uploads from the browser straight to blob storage: the zone with a bar a file, and the strip with the total.

Both show the same uploads, which live in the browser tab and not in a page. No byte passes this process.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent


def _source(*names: str) -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


_JS = _source(
    "files.js", "memory.js", "upload.js", "answers.js", "ways.js", "app.js", "engine.js", "views.js"
)
_CSS = _source("uploader.css")
_zone = st.components.v2.component("upload_zone", html=_source("zone.html"), css=_CSS, js=_JS)
_strip = st.components.v2.component("upload_strip", html=_source("strip.html"), css=_CSS, js=_JS)


@dataclass(frozen=True)
class Address:
    """The browser PUTs a blob to `url/BLOB?query`."""

    url: str
    query: str = field(repr=False)


@dataclass(frozen=True)
class Target:
    """Where the browser puts the blobs of an account, for `lifetime` ms after it first saw it.

    `direct` is storage itself, None where browsers can't use it; `relay` is the app's own route to it, which takes
    over where this browser turns out not to reach storage. `reach` is another number when that may have changed.
    `made` (epoch in ns) tells a fresh target from the one before it.
    """

    account: str
    direct: Address | None
    relay: Address
    lifetime: int
    reach: int = 0
    made: str = field(default_factory=lambda: str(time.time_ns()))


def drop_zone(key: str, target: Target, note: str, on_done: Callable[[], None], on_renew: Callable[[], None]):
    """The place for drops, "Choose files", "Choose a folder" and a bar a file; `note` says where the files go.

    `on_done` runs when files have been uploaded, `on_renew` when the browser needs a fresh target; what the
    browser said stands in the session state under `key`: `done` is {"count", "files": [{"blob", "account"}]}.
    """
    data = {"account": target.account, "target": asdict(target), "note": note}
    return _zone(key=key, data=data, on_done_change=on_done, on_renew_change=on_renew)


def total_strip(
    key: str, target: Target, blocked: bool, on_done: Callable[[], None], on_renew: Callable[[], None]
):
    """One bar for all uploads, there only while something is uploaded; callbacks as for `drop_zone`.

    When the browser finds storage out of its reach, it says so once: `blocked` is {"account", "reach"} in the
    session state under `key`, and None when it reaches it again. The parameter tells it what is known.
    """
    data = {"target": asdict(target), "blocked": blocked}
    return _strip(
        key=key, data=data, on_done_change=on_done, on_renew_change=on_renew, on_blocked_change=lambda: None
    )
