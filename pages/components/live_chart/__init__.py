"""A Plotly chart that is refreshed in place: zoom, selection and DOM node survive new data.

`st.plotly_chart` mounts a new chart whenever its data change; this component calls `Plotly.react` on the chart
that is there. plotly.min.js comes from the app's own route, once a page. A figure is packed once (compressed
JSON) and sent as bytes, so that many viewers of one refresh share the work; equal bytes are not drawn again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import streamlit as st

from pages.shell.routes import PLOTLY_URL

_HERE = Path(__file__).parent
DETAILS_PANEL = "details_panel"  # the key of the container that a click opens; it is brought into view


def _source(*names: str) -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


_mount = st.components.v2.component(
    "live_chart",
    html='<div class="live-chart"><div class="live-chart-plot"></div><p></p><ul></ul></div>',
    css=_source("live_chart.css", "tiles.css"),
    js=_source(
        "reveal.js", "legend.js", "tiles.js", "keyboard.js", "bars.js", "pointer.js", "follow.js", "chart.js"
    )
    .replace("{{PLOTLY_URL}}", PLOTLY_URL)
    .replace("{{DETAILS_PANEL}}", DETAILS_PANEL),
    isolate_styles=False,  # plotly.js puts its styles into the document
)


@dataclass(frozen=True)
class PackedChart:
    """A figure ready to be sent: compressed JSON."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True)
class Click:
    """What was clicked: its `kind`, as the trace names it ("place", "node", "task"), and its id."""

    kind: str
    id: str


def pack(figure: Mapping[str, Any], *, alt: str) -> PackedChart:
    """Make a Plotly figure (a plain dict with data, layout and legend, its height in the layout) ready to be sent.

    Colours of the form `var(--st-…)` are taken from the theme in the browser. `layout.uirevision` names the view:
    while it stays the same, zoom is kept. `layout.meta.follow` offers a way back from a zoom to the newest data.
    `bars` is what pages/charts/bars.py draws in it; `layout.meta` has its `events`, so far, whether it is `live`,
    and whether the page is to be told the `window` that is shown (`window_of`). A trace's `meta.kind` and a point's
    `customdata` become the Click. `alt` is the text for screen readers.
    """
    return PackedChart(zlib.compress(orjson.dumps({**figure, "alt": alt})))


def unpack(chart: PackedChart) -> dict[str, Any]:
    """The figure of a packed chart again: a dict with data, layout, legend and alt."""
    return orjson.loads(zlib.decompress(chart.payload))


def live_chart(key: str, chart: PackedChart, on_click: Callable[[], None] = lambda: None) -> Click | None:
    """Show a chart or refresh the one that is there; returns what was clicked since the last run, or None.

    `on_click` runs before the rest of the page does; there `clicked_in(key)` is what was clicked.
    """
    result = _mount(key=key, data=chart.payload, on_clicked_change=on_click, on_window_change=lambda: None)
    return _click(result.clicked)


def clicked_in(key: str) -> Click | None:
    """What was clicked in the chart with this key just now."""
    return _click((st.session_state.get(key) or {}).get("clicked"))


def _click(clicked: object) -> Click | None:
    if not isinstance(clicked, dict) or not clicked.get("id"):
        return None
    return Click(str(clicked.get("kind", "")), str(clicked["id"]))


def window_of(key: str, view: str) -> tuple[int, int] | None:
    """The window that a chart of this `view` shows, in milliseconds since its start; None: all there is."""
    window = (st.session_state.get(key) or {}).get("window")
    if not window or window.get("view") != view:
        return None
    return int(window["from"]), int(window["to"])
