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


_JS = _source("files.js", "engine.js", "views.js")
_CSS = _source("uploader.css")
_zone = st.components.v2.component("upload_zone", html=_source("zone.html"), css=_CSS, js=_JS)
_strip = st.components.v2.component("upload_strip", html=_source("strip.html"), css=_CSS, js=_JS)


@dataclass(frozen=True)
class Target:
    """Where the browser puts the blobs of an account: `url/BLOB?query`, for `lifetime` ms after it first saw it.

    `made` (epoch in ns) tells a fresh target from the one before it.
    """

    account: str
    url: str
    query: str = field(repr=False)
    lifetime: int
    made: str = field(default_factory=lambda: str(time.time_ns()))


def drop_zone(key: str, target: Target, note: str, on_done: Callable[[], None], on_renew: Callable[[], None]):
    """The place for drops, the "Choose files" button and a bar a file; `note` says where the files go.

    `on_done` runs when files have been uploaded, `on_renew` when the browser needs a fresh target; what the
    browser said stands in the session state under `key`: `done` is {"count", "files": [{"blob", "account"}]}.
    """
    data = {"account": target.account, "target": asdict(target), "note": note}
    return _zone(key=key, data=data, on_done_change=on_done, on_renew_change=on_renew)


def total_strip(key: str, target: Target | None, on_done: Callable[[], None], on_renew: Callable[[], None]):
    """One bar for all uploads, there only while something is uploaded; callbacks as for `drop_zone`."""
    data = {"target": asdict(target) if target else None}
    return _strip(key=key, data=data, on_done_change=on_done, on_renew_change=on_renew)
