"""What videos can be made into, the command lines that do it, and the names of the results.

A command line holds no text of a user: numbers that were checked, tokens from this file, and file names of
its own making. It uses only characters that POSIX and Windows split alike, and only options that both
ffmpeg 5.1 (as Linux distributions package it) and the current one know.
"""

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from batch_core.errors import InvalidInput, NotFound
from batch_core.files import VideoFile, visible
from batch_core.probe import Probe, Stream
from batch_core.probe_child import FORMATS, MOST_PIXELS

Quality = Literal["small", "normal", "best"]
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_UNSAFE = re.compile(r'[/\\:*?"<>|]')  # what some disk would not take
_NOT_IN_PATHS = re.compile(r"[#%&+]")  # what means something in an address, if it is decoded once too often
_NAME_BYTES = 255  # of a file's name, on almost every disk


@dataclass(frozen=True)
class Conversion:
    """One thing that a file can become; `icon` is a Material icon's name."""

    id: str
    label: str
    group: Literal["Audio", "Video"]
    line: str
    extension: str
    needs: Literal["audio", "video"]
    icon: str
    content_type: str


@dataclass(frozen=True)
class Options:
    """How: `start` and `end` in seconds from the beginning of the source, None for its own."""

    quality: Quality = "normal"
    start: float | None = None
    end: float | None = None


CONVERSIONS: tuple[Conversion, ...] = (
    Conversion(
        "mp3", "MP3", "Audio", "sound only, plays everywhere", "mp3", "audio", "music_note", "audio/mpeg"
    ),
    Conversion(
        "m4a", "M4A", "Audio", "sound only, smaller at the same quality", "m4a", "audio", "headphones", "audio/mp4"
    ),
    Conversion(
        "mp4-720p", "MP4 720p", "Video", "plays on every screen, 720 lines at most", "mp4", "video", "movie", "video/mp4"
    ),
)  # fmt: skip

_MP3_VBR = {"small": "5", "normal": "2", "best": "0"}  # LAME's -V: about 130, 190, 245 kbit/s in stereo
_AAC_RATE = {"small": "96k", "normal": "160k", "best": "256k"}
_X264_CRF = {"small": "28", "normal": "23", "best": "18"}
_SHORT_SIDE, _LONG_SIDE = 720, 1280


def conversion(id: str) -> Conversion:
    """The conversion with this id. Raises NotFound."""
    for candidate in CONVERSIONS:
        if candidate.id == id:
            return candidate
    raise NotFound("This conversion does not exist (any more).", "Choose another one on the Convert page.")


def content_type(id: str) -> str:
    """What a conversion's results are to a browser; also for one that this version does not know."""
    known = {candidate.id: candidate.content_type for candidate in CONVERSIONS}
    return known.get(id, "application/octet-stream")


def refusal(wanted: Conversion, file: VideoFile) -> str | None:
    """Why this file can't become that, as a sentence; None when it can, or was not looked into yet."""
    found = file.probe
    if found is None:
        return None
    if not found.ok:
        return f"It {found.reason}"
    if wanted.needs == "audio" and not found.has_audio:
        return f"No sound in it: {wanted.label} needs some."
    if wanted.needs == "video" and not found.has_video:
        return f"No moving picture in it: {wanted.label} needs one."
    return None


def check_options(options: Options, duration: float | None = None) -> None:
    """Raises InvalidInput for what no command line is made of; `duration` in seconds, where known."""
    if options.quality not in _MP3_VBR:
        raise InvalidInput("Quality is small, normal or best.")
    for value in (options.start, options.end):
        if value is not None and not (math.isfinite(value) and 0 <= value < 360_000):
            raise InvalidInput("From and to are times between 0:00 and 99:59:59.")
    start = options.start or 0.0
    if options.end is not None and options.end - start < 0.1:
        raise InvalidInput("The end must come after the start.", "Set “to” later than “from”.")
    if duration is not None and start >= duration:
        raise InvalidInput(
            f"It starts at {start:g} s, but the file is {duration:.1f} s long.", "Set “from” earlier."
        )


def expected_seconds(options: Options, duration: float | None) -> float | None:
    """How long the result should be, in seconds; None when the source's length is not known."""
    if duration is None:
        return None
    end = duration if options.end is None else min(options.end, duration)
    return max(0.0, end - (options.start or 0.0))


def command_line(wanted: Conversion, options: Options, probe: Probe) -> str:
    """The task's command line, run without a shell in a folder with `input.<ext>`.

    Writes `output.<ext>` and `progress.txt` there. Raises InvalidInput when the file can't become that.
    """
    needed = probe.has_audio if wanted.needs == "audio" else probe.has_video
    known = (probe.format, probe.extension) in FORMATS.values()
    if not (probe.ok and needed and known):
        raise InvalidInput(f"{wanted.label} can't be made of this file.")
    check_options(options, probe.duration)
    words = ["ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-loglevel", "warning", "-y"]
    words += ["-progress", "progress.txt", "-protocol_whitelist", "file", "-f", probe.format]
    if probe.has_video:
        words += ["-max_pixels", str(MOST_PIXELS)]  # also of pictures that grow on the way
    if options.start:
        words += ["-ss", _seconds(options.start)]
    if options.end is not None:
        words += ["-t", _seconds(options.end - (options.start or 0.0))]
    words += ["-i", f"input.{probe.extension}"]
    words += _RECIPES[wanted.id](options, probe)
    words.append(f"output.{wanted.extension}")
    return " ".join(words)


def _mp3(options: Options, probe: Probe) -> list[str]:
    encoder = ["-c:a", "libmp3lame", "-q:a", _MP3_VBR[options.quality], "-id3v2_version", "3"]
    return [*_sound(probe), "-vn", *_ONLY, *encoder, "-f", "mp3"]


def _m4a(options: Options, probe: Probe) -> list[str]:
    encoder = ["-c:a", "aac", "-b:a", _AAC_RATE[options.quality]]
    return [*_sound(probe), "-vn", *_ONLY, *encoder, "-movflags", "faststart", "-f", "ipod"]


def _mp4_720p(options: Options, probe: Probe) -> list[str]:
    # 0:V leaves out cover pictures.
    words = ["-map", "0:V:0"]
    if probe.has_audio:
        words += [*_sound(probe), "-c:a", "aac", "-b:a", _AAC_RATE[options.quality]]
    words += [*_ONLY, "-vf", f"scale={_size_720p(probe)}", "-pix_fmt", "yuv420p"]
    words += ["-c:v", "libx264", "-preset", "fast", "-crf", _X264_CRF[options.quality]]
    return [*words, "-movflags", "faststart", "-f", "mp4"]


_ONLY = ["-sn", "-dn", "-map_chapters", "-1"]
_RECIPES = {"mp3": _mp3, "m4a": _m4a, "mp4-720p": _mp4_720p}


def _sound(probe: Probe) -> list[str]:
    """The first sound that can be read, in stereo at most: neither MP3 nor every player takes more."""
    sounds = [stream for stream in probe.streams if stream.kind == "audio"]
    number = next(index for index, stream in enumerate(sounds) if stream.readable)
    down = ["-ac", "2"] if (sounds[number].channels or 0) > 2 else []
    return ["-map", f"0:a:{number}", *down]


def _size_720p(probe: Probe) -> str:
    """Width and height for the scale filter: even, within 1280 x 720 either way up, never larger."""
    picture = next((s for s in probe.streams if s.kind == "video" and s.width and s.height), None)
    if picture is None:
        return f"-2:{_SHORT_SIDE}"
    width, height = _fitted(picture)
    return f"{width}:{height}"


def _fitted(picture: Stream) -> tuple[int, int]:
    width, height = picture.width or 2, picture.height or 2
    factor = min(1.0, _LONG_SIDE / max(width, height), _SHORT_SIDE / min(width, height))
    return _even(width * factor), _even(height * factor)


def _even(length: float) -> int:
    return max(2, int(length / 2 + 1e-6) * 2)


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def result_names(files: Iterable[VideoFile], wanted: Conversion) -> dict[str, str]:
    """A name for each file's result, by the file's id: its own, unique, fit for any disk.

    Of files with one name, also where only case or the form of accents differs, the oldest keeps it.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    for file in sorted(files, key=lambda file: file.uploaded):
        stem = _stem(file.name)
        number = numbers.get(_folded(stem), 1)
        while _folded(name := _numbered(stem, number, wanted.extension)) in taken:
            number += 1
        numbers[_folded(stem)] = number + 1
        taken.add(_folded(name))
        names[file.id] = name
    return names


def path_name(result_name: str) -> str:
    """A result's name as part of a blob's path; it is downloaded under the name itself."""
    return _NOT_IN_PATHS.sub("_", result_name)


def _numbered(stem: str, number: int, extension: str) -> str:
    tail = f".{extension}" if number == 1 else f" ({number}).{extension}"
    room = _NAME_BYTES - len(tail)
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + tail


def _folded(name: str) -> str:
    """Equal for names that are one and the same to a disk that ignores case or the form of accents."""
    return unicodedata.normalize("NFC", name.casefold())


def _stem(name: str) -> str:
    """The name without its extension, and without what a blob's path or a file system would not take."""
    base = unicodedata.normalize("NFC", name.rsplit("/", 1)[-1])
    head, dot, extension = base.rpartition(".")
    if dot and head and re.fullmatch(r"[A-Za-z0-9]{1,8}", extension):
        base = head
    stem = re.sub(r"\s+", " ", _UNSAFE.sub("_", visible(base))).strip(" .")
    if not stem or _RESERVED.fullmatch(stem):
        stem = f"video {stem}".strip()
    return stem
