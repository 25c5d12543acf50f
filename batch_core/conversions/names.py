"""Names of results: nice ones for people, harmless ones for paths."""

import re
import unicodedata
from collections.abc import Iterable

from batch_core.conversions.recipe import Conversion
from batch_core.files import VideoFile, visible

_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_UNSAFE = re.compile(r'[/\\:*?"<>|]')  # what some disk would not take
_NOT_IN_PATHS = re.compile(r"[#%&+]")  # what means something in an address, if it is decoded once too often
_NAME_BYTES = 255  # of a file's name, on almost every disk


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
        while _folded(name := _numbered(stem, number, wanted)) in taken:
            number += 1
        numbers[_folded(stem)] = number + 1
        taken.add(_folded(name))
        names[file.id] = name
    return names


def path_name(result_name: str) -> str:
    """A result's name as part of a blob's path; it is downloaded under the name itself."""
    return _NOT_IN_PATHS.sub("_", result_name)


def _numbered(stem: str, number: int, wanted: Conversion) -> str:
    tail = "" if number == 1 else f" ({number})"
    tail += (
        "" if wanted.result == "pictures" else f".{wanted.extension}"
    )  # several lie in a folder of that name
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
