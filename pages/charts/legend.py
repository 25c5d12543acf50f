"""The legend under a chart: families with their colour, glyph, word and count."""

from typing import Any

from pages.charts.palette import Family

LEGEND_HEIGHT = 48  # px, room for two rows


def legend_entry(family: Family, name: str) -> dict[str, Any]:
    """A trace that draws nothing and puts a family into the legend."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [None],
        "y": [None],
        "marker": {
            "color": family.colour,
            "symbol": "square",
            "size": 10,
            "line": {"color": family.edge, "width": 1},
        },
        "name": f"{family.glyph} {name}",
        "hoverinfo": "skip",
        "showlegend": True,
    }


def legend_layout() -> dict[str, Any]:
    """One row of legend under a chart; a click on it does nothing."""
    return {
        "orientation": "h",
        "x": 0,
        "xanchor": "left",
        "y": 0,
        "yref": "container",
        "yanchor": "bottom",
        "itemclick": False,
        "itemdoubleclick": False,
        "bgcolor": "rgba(0,0,0,0)",
    }
