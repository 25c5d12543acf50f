"""Which streams of a file are taken."""

from batch_core.conversions.options import Options
from batch_core.probe import Probe, Stream

TEXT = frozenset({"subrip", "ass", "ssa", "mov_text", "webvtt", "text", "microdvd", "subviewer", "ttml"})
_DEEP = (
    "pcm_s24",
    "pcm_s32",
    "pcm_f",
    "flac",
    "alac",
    "wavpack",
    "ape",
    "tta",
    "truehd",
    "mlp",
    "pcm_bluray",
)


def of_kind(probe: Probe, kind: str) -> list[Stream]:
    """The streams of a kind in the order in which ffmpeg numbers them."""
    return [stream for stream in probe.streams if stream.kind == kind]


def sound(probe: Probe, options: Options) -> int | None:
    """The number, from 0, of the sound track that was chosen, else of the first that can be read."""
    return _chosen(of_kind(probe, "audio"), options.audio)


def subtitle(probe: Probe, options: Options) -> int | None:
    """The number, from 0, of the subtitle track that was chosen, else of the first that is text."""
    found = of_kind(probe, "subtitle")
    if options.subtitle is None:
        return next((n for n, stream in enumerate(found) if stream.codec in TEXT), None)
    number = _chosen(found, options.subtitle)
    return number if number is not None and found[number].codec in TEXT else None


def _chosen(streams: list[Stream], chosen: int | None) -> int | None:
    if chosen is not None:
        there = chosen <= len(streams) and streams[chosen - 1].readable
        return chosen - 1 if there else None
    return next((n for n, stream in enumerate(streams) if stream.readable), None)


def picture(probe: Probe) -> Stream | None:
    """The first moving picture whose size is known."""
    return next((s for s in probe.streams if s.kind == "video" and s.width and s.height), None)


def has_deep_samples(stream: Stream) -> bool:
    """Whether 16 bits would lose something of this sound."""
    return stream.codec.startswith(_DEEP)
