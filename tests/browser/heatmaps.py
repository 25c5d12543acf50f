"""The heatmap on a page: its tiles by their place, and what is said of them."""

from playwright.sync_api import Locator


def point(chart: Locator, place: int, columns: int) -> tuple[float, float]:
    """The middle of the tile at a place, in px of the page."""
    x, y = chart.evaluate(
        """(chart, [column, row]) => {
            const { xaxis, yaxis } = chart._fullLayout;
            const box = chart.getBoundingClientRect();
            return [box.left + xaxis._offset + xaxis.d2p(column + 0.44),
                    box.top + yaxis._offset + yaxis.d2p(row + 0.7)];
        }""",
        [place % columns, place // columns],
    )
    return x, y


def press(chart: Locator, place: int, columns: int = 5) -> None:
    """Press the tile at a place."""
    chart.scroll_into_view_if_needed()
    chart.page.mouse.click(*point(chart, place, columns))


def colour(chart: Locator, place: int, columns: int) -> str:
    """The colour that is painted near the foot of a tile: the fill of the last path that covers it, and its opacity."""
    return chart.evaluate(
        """(chart, [x, y]) => {
            const paths = [...chart.querySelectorAll(".shapelayer path")].reverse();
            for (const path of paths) {
                if (path.style.fill === "none" || path.style.fillOpacity === "0") continue;
                const at = path.getScreenCTM().inverse();
                if (path.isPointInFill(new DOMPoint(x, y).matrixTransform(at))) {
                    return `${path.style.fill} ${path.style.opacity || path.getAttribute("opacity") || 1}`;
                }
            }
            return "";
        }""",
        list(point(chart, place, columns)),
    )
