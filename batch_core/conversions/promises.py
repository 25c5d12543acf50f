"""What a result has to be, to be called good."""

import math
from dataclasses import dataclass
from typing import Literal

from batch_core.conversions import expert
from batch_core.conversions.options import Options, only_taken, seconds_of
from batch_core.conversions.recipe import Kind
from batch_core.conversions.refusals import EVERY
from batch_core.conversions.table import conversion
from batch_core.errors import NotFound
from batch_core.sizes import size_text

Flaw = Literal["", "pictures", "too-large", "shorter", "longer"]


@dataclass(frozen=True)
class Promise:
    """`seconds` is how long it plays (of subtitles: the last moment they may show), `bytes` its most size, `pictures`
    how many there are, give or take one; None where nothing is promised."""

    kind: Kind = "film"
    seconds: float | None = None
    bytes: int | None = None
    pictures: int | None = None

    def broken(self, seconds: float, size: int, pictures: int = 1) -> tuple[Flaw, str]:
        """What is not as promised, and a sentence with its numbers; both empty when all is. Lengths may be off by a second or one percent."""
        if self.pictures is not None and abs(pictures - self.pictures) > 1:
            return "pictures", f"{pictures:,} of {self.pictures:,} pictures are there."
        if self.bytes is not None and size > self.bytes:
            return "too-large", f"It has {size_text(size)}, and was to have {size_text(self.bytes)} at most."
        if self.seconds is None:
            return "", ""
        off, most_off = seconds - self.seconds, max(1.0, self.seconds / 100)
        early = self.kind == "subtitles"  # the last words may be spoken at any time
        if off <= most_off and (early or -off <= most_off):
            return "", ""
        kind: Flaw = "shorter" if off < 0 else "longer"
        return kind, f"It is {seconds:.1f} s long, {abs(off):.1f} s {kind} than it should be."


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
