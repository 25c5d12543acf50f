"""The slots that were busy over time: one area, a step for each stretch of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pages.charts.axis import Axis, time_axis
from pages.charts.palette import RUNNING

if TYPE_CHECKING:
    from batch_core.load import Stretch

HEIGHT = 170


def slots_chart(stretches: Sequence[Stretch], width: timedelta, axis: Axis, view: str) -> dict[str, Any]:
    """The figure: how many slots were busy on average in each stretch; the last one goes on until now."""
    ends = [axis.at(stretches[-1].start + width)] if stretches else []
    busy = [round(one.busy, 2) for one in stretches]
    area = {
        "type": "scatter",
        "mode": "lines",
        "fill": "tozeroy",
        "x": [axis.at(one.start) for one in stretches] + ends,
        "y": busy + busy[-1:],
        "line": {"width": 1, "color": RUNNING.colour, "shape": "hv"},
        "fillcolor": RUNNING.colour,
        "hovertemplate": "%{y:.3~r} busy<extra></extra>",
        "meta": {},
    }
    layout = {
        "height": HEIGHT,
        "margin": {"l": 8, "r": 12, "t": 8, "b": 40},
        "hovermode": "x",
        "dragmode": False,
        "uirevision": view,
        "showlegend": False,
        "xaxis": {**time_axis(axis), "fixedrange": True},
        "yaxis": {
            "rangemode": "tozero",
            "fixedrange": True,
            "nticks": 4,
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
            "title": {"text": "busy slots", "font": {"size": 11}},
        },
    }
    return {"data": [area], "layout": layout, "legend": []}


def alt_text(stretches: Sequence[Stretch]) -> str:
    """The chart in words."""
    if not stretches:
        return "Busy slots over time: nothing has run yet."
    most = max(one.busy for one in stretches)
    return f"Busy slots over time: {stretches[-1].busy:.3g} at the end, {most:.3g} at most."
