"""Told when finished: the tab's title counts along, and a browser notification comes when somebody asked for it.

One part has nothing to see and is on every page; the other is the button that asks the browser for permission.
What was asked for is kept by the browser tab, by job: a reload or another page forgets nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "finish",
    html="<div></div>",
    css=(_HERE / "finish.css").read_text(encoding="utf-8"),
    js=(_HERE / "finish.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Told:
    """What the browser is told of a job: before the page's own title, and when it is over in a notification."""

    job: str
    over: bool
    title: str
    headline: str = ""
    text: str = ""


def tell(told: Told | None) -> None:
    """The part without anything to see; None: no job is watched, the title is the page's own."""
    _mount(
        key="finish_told", data={"told": asdict(told) if told else None}, width="content", height="content"
    )


def ask_button(job: str) -> None:
    """The button "Tell me when it is finished" for a job that is under way."""
    _mount(key=f"finish_ask_{job}", data={"ask": job}, width="content", height="content")
