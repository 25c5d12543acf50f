"""Whether results that are no films are whole: pictures, animations, subtitles. Runs in the child of `probe`."""

import re
from collections.abc import Callable
from typing import IO, Any

MOST_SUBTITLES = 16 * 1024**2  # bytes; a long film has a tenth of a megabyte
_MOST_PIXELS = 16384 * 16384  # of a contact sheet or a picture that is not a film's
_CUE = re.compile(r"^(\d+):(\d\d):(\d\d),(\d{3}) --> (\d+):(\d\d):(\d\d),(\d{3})[^\n]*$", re.MULTILINE)
_ENDS = {"JPEG": b"\xff\xd9", "GIF": b"\x3b"}


def picture(source: IO[bytes], size: int) -> dict[str, Any]:
    """A JPEG or PNG with all its rows: {"good", "seconds", "reason"}."""
    return _frames(source, size, ["JPEG", "PNG"])


def animation(source: IO[bytes], size: int) -> dict[str, Any]:
    """A GIF or WebP with all frames; `seconds` is how long they show together, once."""
    return _frames(source, size, ["GIF", "WEBP"])


def _frames(source: IO[bytes], size: int, formats: list[str]) -> dict[str, Any]:
    from PIL import Image, ImageSequence, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
    seconds = 0.0
    try:
        with Image.open(source, formats=formats) as image:
            for frame in ImageSequence.Iterator(image):
                frame.load()
                seconds += frame.info.get("duration", 0) / 1000
            end = _ENDS.get(image.format or "", b"")
    except UnidentifiedImageError:
        return _bad("It is no picture that can be shown.")
    except Image.DecompressionBombError:
        return _bad("Its picture is too large.")
    except (OSError, SyntaxError, ValueError, EOFError):
        return _bad(
            f"It can't be decoded after {seconds:.1f} s." if seconds else "It can't be decoded.", seconds
        )
    source.seek(size - len(end))
    if source.read(len(end)) != end:
        return _bad("It is cut off.", seconds)
    return {"good": True, "seconds": seconds, "reason": ""}


def subtitles(source: IO[bytes], size: int) -> dict[str, Any]:
    """An SRT of UTF-8 with at least one line whose times follow one another; `seconds` is when the last ends."""
    if size > MOST_SUBTITLES:
        return _bad("It is too large for subtitles.")
    try:
        text = source.read().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return _bad("It is no text.")
    last, began = 0.0, 0.0
    cues = list(_CUE.finditer(text))
    for cue in cues:
        numbers = list(map(int, cue.groups()))
        start, end = (h * 3600 + m * 60 + s + ms / 1000 for h, m, s, ms in (numbers[:4], numbers[4:]))
        if end < start or start < began:
            return _bad("Its times do not follow one another.", last)
        began, last = start, max(last, end)
    if not cues:
        return _bad("There are no subtitles in it.")
    return {"good": True, "seconds": last, "reason": ""}


def _bad(reason: str, seconds: float = 0.0) -> dict[str, Any]:
    return {"good": False, "seconds": seconds, "reason": reason}


JUDGES: dict[str, Callable[[IO[bytes], int], dict[str, Any]]] = {
    "picture": picture,
    "pictures": picture,
    "animation": animation,
    "subtitles": subtitles,
}
