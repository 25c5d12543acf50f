"""What a result has to be, to be called good."""

import math
from dataclasses import dataclass

from batch_core.conversions import expert
from batch_core.conversions.options import Options, only_taken, seconds_of
from batch_core.conversions.recipe import Kind
from batch_core.conversions.refusals import EVERY
from batch_core.conversions.table import conversion
from batch_core.errors import NotFound


@dataclass(frozen=True)
class Promise:
    """`seconds` is how long it plays (of subtitles: the last moment they may show), `bytes` its most size, `pictures`
    how many there are, give or take one; None where nothing is promised."""

    kind: Kind = "film"
    seconds: float | None = None
    bytes: int | None = None
    pictures: int | None = None


def promise(id: str, options: Options, duration: float | None) -> Promise:
    """What a conversion promises of a source of `duration` seconds; for one that is not known, its length."""
    try:
        wanted = conversion(id)
    except NotFound:
        return Promise(seconds=seconds_of(options, duration))
    options = only_taken(wanted, options)
    seconds = seconds_of(options, duration)
    if wanted.group == "Expert" and expert.changes_length(options.arguments):
        seconds = None
    if wanted.result == "pictures":
        count = None if seconds is None else max(1, math.ceil(seconds / (options.every or EVERY)))
        return Promise("pictures", pictures=count)
    if wanted.result == "picture":
        return Promise("picture", pictures=1)
    return Promise(wanted.result, seconds, wanted.most_bytes)
