"""What was chosen other than usual, in words: for reading before a run starts, and on the cards of own presets."""

from batch_core.conversions.options import Options, only_taken
from batch_core.conversions.recipe import Conversion
from batch_core.conversions.refusals import EVERY
from batch_core.sizes import length_text

_QUALITIES = {"small": "small files", "best": "best quality"}


def changes(wanted: Conversion, options: Options) -> tuple[str, ...]:
    """Each option that is not as usual and that the conversion takes, such as "20 dB softer"."""
    chosen = only_taken(wanted, options)
    told = (
        _part(chosen.start, chosen.end),
        f"sound track {chosen.audio}" if chosen.audio else "",
        f"subtitle track {chosen.subtitle}" if chosen.subtitle else "",
        f"{abs(chosen.volume)} dB {'louder' if chosen.volume > 0 else 'softer'}" if chosen.volume else "",
        _QUALITIES.get(chosen.quality, ""),
        f"{chosen.lines} lines at most" if chosen.lines else "",
        f"{chosen.fps} frames a second" if chosen.fps else "",
        f"a picture every {chosen.every:g} s" if chosen.every not in (None, EVERY) else "",
    )
    return tuple(words for words in told if words)


def _part(start: float | None, end: float | None) -> str:
    if end is None:
        return f"from {_moment(start)} to the end" if start else ""
    return f"from {_moment(start or 0.0)} to {_moment(end)}"


def _moment(seconds: float) -> str:
    return length_text(seconds) if seconds == int(seconds) else f"{seconds:g} s"
