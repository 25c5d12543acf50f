"""How something is converted: checked numbers and words from lists, nothing else."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from batch_core.conversions.recipe import Conversion
from batch_core.errors import InvalidInput

Quality = Literal["small", "normal", "best"]
LINES = (2160, 1440, 1080, 720, 540, 480, 360, 240)
RATES = (5, 10, 12, 15, 24, 25, 30, 50, 60)
LOUDEST = 30  # dB, up and down
TRACKS = 64  # as many as are looked at in a file
LEAST_EVERY, MOST_EVERY = 0.1, 3600.0  # seconds
_TAKEN = {"part": ("start", "end")}


@dataclass(frozen=True)
class Options:
    """How: `start` and `end` in seconds from the beginning of the source, None for its own.

    `lines` is the most lines of the picture, `fps` its frames a second, `audio` and `subtitle` a track's number from
    1, `volume` in dB, `every` the seconds from picture to picture; None keeps what the conversion has by itself.
    `arguments` are an expert's, as `expert.parse` returned them.
    """

    quality: Quality = "normal"
    start: float | None = None
    end: float | None = None
    lines: int | None = None
    fps: int | None = None
    audio: int | None = None
    subtitle: int | None = None
    volume: int | None = None
    every: float | None = None
    arguments: str = ""


def options_from(doc: Mapping[str, Any]) -> Options:
    """Options that were stored, believing nothing; what another version knows is passed over. Raises InvalidInput."""
    known = {field.name for field in fields(Options)}
    options = Options(**{name: value for name, value in doc.items() if name in known})
    check_options(options)
    return options


def stored(options: Options) -> dict[str, Any]:
    """What differs from the usual, as it is stored."""
    usual = Options()
    return {name: value for name, value in asdict(options).items() if value != getattr(usual, name)}


def only_taken(wanted: Conversion, options: Options) -> Options:
    """The options without those that the conversion does not take."""
    names = {"size": ("lines",), **_TAKEN}
    taken = {field for name in wanted.takes for field in names.get(name, (name,))}
    if wanted.group == "Expert":
        taken = {"arguments"}
    usual = Options()
    dropped = {f.name: getattr(usual, f.name) for f in fields(Options) if f.name not in taken}
    return replace(options, **dropped)


def check_options(options: Options, duration: float | None = None) -> None:
    """Raises InvalidInput for what no command line is made of; `duration` in seconds, where known."""
    if options.quality not in get_args(Quality):
        raise InvalidInput("Quality is small, normal or best.")
    for value in (options.start, options.end):
        if value is not None and not (_number(value) and 0 <= value < 360_000):
            raise InvalidInput("From and to are times between 0:00 and 99:59:59.")
    _check_numbers(options)
    start = options.start or 0.0
    if options.end is not None and options.end - start < 0.1:
        raise InvalidInput("The end must come after the start.", "Set “to” later than “from”.")
    if duration is not None and start >= duration:
        raise InvalidInput(
            f"It starts at {start:g} s, but the file is {duration:.1f} s long.", "Set “from” earlier."
        )


def _check_numbers(options: Options) -> None:
    whole = ("lines", "fps", "audio", "subtitle", "volume")
    if not all(type(value) is int for name in whole if (value := getattr(options, name)) is not None):
        raise InvalidInput("Size, frame rate, tracks and volume are whole numbers.")
    if options.lines is not None and options.lines not in LINES:
        raise InvalidInput(f"Size is one of {', '.join(map(str, LINES))} lines.")
    if options.fps is not None and options.fps not in RATES:
        raise InvalidInput(f"Frame rate is one of {', '.join(map(str, RATES))} a second.")
    for track in (options.audio, options.subtitle):
        if track is not None and not 1 <= track <= TRACKS:
            raise InvalidInput(f"Tracks are counted from 1 to {TRACKS}.")
    if options.volume is not None and abs(options.volume) > LOUDEST:
        raise InvalidInput(f"Volume goes from -{LOUDEST} to {LOUDEST} dB.")
    if options.every is not None and not (
        _number(options.every) and LEAST_EVERY <= options.every <= MOST_EVERY
    ):
        raise InvalidInput(f"A picture can be taken every {LEAST_EVERY:g} to {MOST_EVERY:,.0f} seconds.")
    if not isinstance(options.arguments, str) or len(options.arguments) > 2000:
        raise InvalidInput("Own arguments are a text of 2,000 characters at most.")


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def seconds_of(options: Options, duration: float | None) -> float | None:
    """How long the chosen part of a source is, in seconds; None when the source's length is not known."""
    if duration is None:
        return None
    end = duration if options.end is None else min(options.end, duration)
    return max(0.0, end - (options.start or 0.0))
