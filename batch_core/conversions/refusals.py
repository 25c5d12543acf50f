"""Why a file can't become something, told before anything runs."""

from batch_core.conversions import tracks
from batch_core.conversions.budget import budget, longest
from batch_core.conversions.options import Options, only_taken, seconds_of
from batch_core.conversions.recipe import Conversion
from batch_core.conversions.table import MOST_PICTURES
from batch_core.files import VideoFile
from batch_core.probe import Probe
from batch_core.sizes import size_text

# The filter that draws subtitles opens the input anew and guesses its format. Matroska is known by its first bytes;
# what passes for an MP4 and for a list of other files at once has to be larger than this (the list's first word is
# the length of an MP4's first box).
MOST_MP4_TO_BURN = 500_000_000  # bytes
EVERY = 10.0  # seconds from picture to picture, unless told


def refusal(wanted: Conversion, file: VideoFile, options: Options | None = None) -> str | None:
    """Why this file can't become that, as a sentence; None when it can, or was not looked into yet."""
    if file.probe is None:
        return None
    if wanted.id == "burned" and file.probe.format == "mov" and file.size > MOST_MP4_TO_BURN:
        return f"Subtitles are burned in from MP4 files of {size_text(MOST_MP4_TO_BURN)} at most; MKV files may be larger."
    return refused(wanted, file.probe, options or Options())


def refused(wanted: Conversion, probe: Probe, options: Options) -> str | None:
    """The same from what is in the file alone."""
    if not probe.ok:
        return f"It {probe.reason}"
    options = only_taken(wanted, options)
    return (
        _no_stream(wanted, probe)
        or _no_track(probe, options)
        or _no_text(wanted, probe, options)
        or _no_such_part(options, probe.duration)
        or _too_small(wanted, probe)
        or _too_long(wanted, probe, options)
    )


def _no_stream(wanted: Conversion, probe: Probe) -> str | None:
    if wanted.needs == "audio" and not probe.has_audio:
        return f"No sound in it: {wanted.label} needs some."
    if wanted.needs == "video" and not probe.has_video:
        return f"No moving picture in it: {wanted.label} needs one."
    if wanted.needs == "subtitles" and not tracks.of_kind(probe, "subtitle"):
        return "No subtitles in it."
    if wanted.id == "burned" and not probe.has_video:
        return f"No moving picture in it: {wanted.label} needs one."
    return None


def _no_track(probe: Probe, options: Options) -> str | None:
    for kind, name, chosen in (("audio", "sound", options.audio), ("subtitle", "subtitle", options.subtitle)):
        found = tracks.of_kind(probe, kind)
        if chosen is None or not found:
            continue
        if chosen > len(found):
            has = f"1 {name} track" if len(found) == 1 else f"{len(found)} {name} tracks"
            return f"It has {has}: there is no track {chosen}."
        if not found[chosen - 1].readable:
            return f"Its {name} track {chosen} is of a kind that can't be read."
    return None


def _no_text(wanted: Conversion, probe: Probe, options: Options) -> str | None:
    if wanted.needs != "subtitles":
        return None
    if wanted.id == "burned" and probe.format not in ("matroska", "mov"):
        return "Subtitles are burned in from MKV, WebM, MP4 and MOV files only."
    if tracks.subtitle(probe, options) is None:
        which = (
            "Its subtitles are" if options.subtitle is None else f"Its subtitle track {options.subtitle} is"
        )
        cannot = "drawn in" if wanted.id == "burned" else "made into text"
        return f"{which} made of pictures, which can't be {cannot}."
    return None


def _no_such_part(options: Options, duration: float | None) -> str | None:
    if duration is not None and options.start and options.start >= duration:
        return f"It is {duration:.1f} s long, and the part begins at {options.start:g} s."
    return None


def _too_small(wanted: Conversion, probe: Probe) -> str | None:
    found, (width, height) = tracks.picture(probe), wanted.smallest
    if not wanted.recipe.video or found is None:
        return None
    if (found.width or 0) < width or (found.height or 0) < height:
        return f"Its picture of {found.width} × {found.height} is too small: {wanted.label} needs {width} × {height}."
    return None


def _too_long(wanted: Conversion, probe: Probe, options: Options) -> str | None:
    seconds = seconds_of(options, probe.duration)
    if seconds is None:
        unsaid = wanted.most_bytes or wanted.recipe.pictures
        return f"How long it is can't be told: {wanted.label} needs to know." if unsaid else None
    if wanted.longest and seconds > wanted.longest:
        return (
            f"It is too long for a {wanted.label}: {_minutes(wanted.longest)} at most. Choose a part of it."
        )
    if wanted.most_bytes and budget(wanted.most_bytes, seconds) is None:
        most = _minutes(longest(wanted.most_bytes))
        return f"It is too long: {size_text(wanted.most_bytes)} hold about {most}. Choose a part of it."
    if wanted.result == "pictures" and seconds / (options.every or EVERY) > MOST_PICTURES:
        return f"That would be more than {MOST_PICTURES:,} pictures. Take one less often, or a part of it."
    return None


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds <= 120 else f"{int(seconds / 60)} minutes"
