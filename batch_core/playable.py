"""Which originals a browser plays by itself: what all current browsers can, told from the formats and codecs inside."""

from batch_core.probe import Probe, Stream

# by format: content type of films and of sound alone, codecs of the picture, codecs of the sound
_KINDS: dict[str, tuple[str, str, set[str], set[str]]] = {
    "mov": ("video/mp4", "audio/mp4", {"h264", "av1", "vp9"}, {"aac", "mp3", "opus", "flac"}),
    "matroska": ("video/webm", "audio/webm", {"vp8", "vp9", "av1"}, {"opus", "vorbis"}),
    "mp3": ("", "audio/mpeg", set(), {"mp3"}),
    "aac": ("", "audio/aac", set(), {"aac"}),
    "flac": ("", "audio/flac", set(), {"flac"}),
    "ogg": ("", "audio/ogg", set(), {"vorbis", "opus", "flac"}),
    "wav": ("", "audio/wav", set(), {"pcm_s16le", "pcm_s24le", "pcm_u8", "pcm_f32le"}),
}
_NAMES = {"mov": "MP4 or MOV", "matroska": "Matroska", "mpegts": "MPEG-TS", "mpeg": "MPEG", "asf": "WMV"}


def played_as(found: Probe) -> str:
    """The content type under which every current browser plays it, or nothing."""
    film, sound, pictures, sounds = _KINDS.get(found.format, ("", "", set(), set()))
    streams = _shown(found)
    if all(_plays(stream, pictures, sounds) for stream in streams):
        return film if any(stream.kind == "video" for stream in streams) else sound
    return ""


def made_of(found: Probe) -> str:
    """Its format and codecs in short, as in "AVI: mpeg4, mp3"."""
    name = _NAMES.get(found.format, found.format.upper())
    return f"{name}: {', '.join(stream.codec for stream in _shown(found))}"


def _shown(found: Probe) -> list[Stream]:
    """The streams that a player takes: the first picture and the first sound."""
    firsts: dict[str, Stream] = {}
    for stream in found.streams:
        if stream.kind != "subtitle":
            firsts.setdefault(stream.kind, stream)
    return list(firsts.values())


def _plays(stream: Stream, pictures: set[str], sounds: set[str]) -> bool:
    if stream.kind == "audio":
        return stream.codec in sounds
    return stream.codec in pictures and not (stream.codec == "h264" and stream.bits)
