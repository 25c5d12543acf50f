"""The legend of a chart: families with their colour, glyph, word and, where there is one, count."""

from collections.abc import Iterable

from pages.charts.palette import Family

Entry = dict[str, str]
SPOT: Entry = {"id": "", "colour": "", "edge": "", "text": "Spot node"}  # a sample with stripes


def legend(families: Iterable[tuple[Family, str]]) -> list[Entry]:
    """Entries for families and their words, as the live chart shows them under the figure.

    One whose family (its `id`) is drawn somewhere in the figure is a filter.
    """
    return [
        {
            "id": family.id,
            "colour": family.colour,
            "edge": family.edge,
            "text": f"{family.glyph} {words}",
        }
        for family, words in families
    ]
