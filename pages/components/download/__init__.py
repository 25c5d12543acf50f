"""A button that downloads from a signed address, in the page that is open.

`st.download_button` holds the whole file in this process; `st.link_button` opens an empty tab for the download.
"""

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "download",
    html='<button type="button"></button><p role="alert" hidden></p>',
    css=(_HERE / "download.css").read_text(encoding="utf-8"),
    js=(_HERE / "download.js").read_text(encoding="utf-8"),
)


def download_button(label: str, url: str, *, key: str, shown: str = "", primary: bool = False) -> None:
    """Show a button named `label` that saves what `url` answers as an attachment.

    `shown` is what stands on it where its place already says the rest of its name.
    An address that is no longer valid gets a sentence beside the button; the page stays where it is.
    """
    data = {"label": label, "shown": shown or label, "url": url, "primary": primary}
    _mount(key=key, data=data, width="content", height="content")
