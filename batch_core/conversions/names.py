"""Names of results: nice ones for people, harmless ones for paths."""

import re
import unicodedata
from collections.abc import Collection, Iterable

from batch_core.conversions.recipe import Conversion
from batch_core.files import VideoFile
from batch_core.texts import visible

_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_UNSAFE = re.compile(r'[/\\:*?"<>|]')  # what some disk would not take
_NOT_IN_PATHS = re.compile(r"[#%&+]")  # what means something in an address, if it is decoded once too often
_NAME_BYTES = 255  # of a file's name, on almost every disk


def result_names(files: Iterable[VideoFile], wanted: Conversion) -> dict[str, str]:
    """A name for each file's result, by the file's id: its own, unique in its folder, fit for any disk.

    Of files with one name, also where only case or the form of accents differs, the oldest keeps it.
    """
    names: dict[str, str] = {}
    taken: set[tuple[str, str]] = set()
    numbers: dict[tuple[str, str], int] = {}
    for file in sorted(files, key=lambda file: file.uploaded):
        folder, stem = _folded(folder_path(file.folder)), _stem(file.name)
        number = numbers.get((folder, _folded(stem)), 1)
        while (folder, _folded(name := _numbered(stem, number, wanted))) in taken:
            number += 1
        numbers[folder, _folded(stem)] = number + 1
        taken.add((folder, _folded(name)))
        names[file.id] = name
    return names


def namesakes(files: Collection[VideoFile]) -> int:
    """How many results get a number, for others in their folder have the same name."""
    return len(files) - len(
        {(_folded(folder_path(file.folder)), _folded(_stem(file.name))) for file in files}
    )


def path_name(result_name: str) -> str:
    """A result's name as part of a blob's path; it is downloaded under the name itself."""
    return _NOT_IN_PATHS.sub("_", result_name)


def folder_path(folder: str) -> str:
    """A folder as any disk takes it: none of its parts leads out of it, has a forbidden name or is too long."""
    parts = [_fit(part, "folder") for part in folder.split("/")] if folder else []
    return "/".join(_cut(part, _NAME_BYTES) for part in parts)


def _numbered(stem: str, number: int, wanted: Conversion) -> str:
    tail = "" if number == 1 else f" ({number})"
    tail += (
        "" if wanted.result == "pictures" else f".{wanted.extension}"
    )  # several lie in a folder of that name
    room = _NAME_BYTES - len(tail)
    return _cut(stem, room) + tail


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore").rstrip(" .")


def _folded(name: str) -> str:
    """Equal for names that are one and the same to a disk that ignores case or the form of accents."""
    return unicodedata.normalize("NFC", name.casefold())


def _stem(name: str) -> str:
    """The name without its extension, as any disk takes it."""
    base = name.rsplit("/", 1)[-1]
    head, dot, extension = base.rpartition(".")
    if dot and head and re.fullmatch(r"[A-Za-z0-9]{1,8}", extension):
        base = head
    return _fit(base, "video")


def _fit(text: str, otherwise: str) -> str:
    """The text without what a blob's path or a file system would not take."""
    shown = visible(unicodedata.normalize("NFC", text))
    kept = re.sub(r"\s+", " ", _UNSAFE.sub("_", shown)).strip(" .")
    return f"{otherwise} {kept}".strip() if not kept or _RESERVED.fullmatch(kept) else kept
