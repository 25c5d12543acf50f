"""Everything that a run has made as one ZIP, read from storage while it is sent."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from zipstream import ZIP_STORED, ZipStream

from batch_core import jobs
from batch_core.account import Account
from batch_core.conversions import folder_path
from batch_core.errors import NotFound
from batch_core.reading import read_blob
from batch_core.results import list_results
from batch_core.storage import RESULTS
from batch_core.texts import placed

LEFT_OUT = "Left out.txt"


@dataclass(frozen=True)
class Archive:
    """A ZIP on its way: the name to save it under, its size in bytes, and its bytes as they are read from storage."""

    name: str
    size: int
    pieces: Iterator[bytes]


def zip_stream(account: Account, run_id: str, task_id: str | None = None) -> Archive:
    """Everything that a run, or one task of it, has made as one ZIP, stored and not compressed again.

    What is not done is named in a text beside the results. Memory stays the same however large the run is. Raises
    NotFound when nothing is done yet.
    """
    manifest = jobs.manifest(account, run_id)
    listed = [row for row in list_results(account, run_id, manifest) if task_id in (None, row.task_id)]
    done = [result for result in listed if result.state == "done"]
    if not done:
        raise NotFound("This run has no results yet.", "Come back when the first file is done.")
    archive = ZipStream(compress_type=ZIP_STORED, sized=True)
    left_out = [
        (row.source_name, row.reason or "It is not done yet.") for row in listed if row.state != "done"
    ]
    left_out += manifest.left_out if task_id is None else ()
    places = {file.task_id: folder_path(file.folder) for file in manifest.files} if task_id is None else {}
    *names, note = _unique([*(placed(places.get(row.task_id, ""), row.name) for row in done), LEFT_OUT])
    for result, name in zip(done, names, strict=True):
        for number, (blob, size) in enumerate(result.parts or ((result.blob, result.size or 0),), start=1):
            inside = f"{name}/{number:04}.{blob.rpartition('.')[2]}" if result.parts else name
            archive.add(read_blob(account, RESULTS, blob, 0, size), inside, size=size)
    if left_out:
        archive.add(_named(left_out), note)
    title = _archive_name(manifest.name if task_id is None else listed[0].name) or run_id
    return Archive(f"{title}.zip", len(archive), iter(archive))


def _named(left_out: Iterable[tuple[str, str]]) -> bytes:
    """The files without a good result, a line each, as text that every system's editor opens."""
    lines = [f"{name}: {reason}" for name, reason in left_out]
    return "\r\n".join(["These files are not in this archive:", "", *lines, ""]).encode("utf-8-sig")


def _archive_name(name: str) -> str:
    kept = "".join("_" if c in '\\/:*?"<>|' or not c.isprintable() else c for c in name)
    return kept.strip(" .")[:100]


def _unique(names: list[str]) -> list[str]:
    """The same names, numbered where two would fall onto one file, or a file onto a folder, on a disk that ignores case."""
    taken = {name[: slash.start()].casefold() for name in names for slash in re.finditer("/", name)}
    unique = []
    for name in names:
        folder, slash, base = name.rpartition("/")
        stem, dot, extension = base.rpartition(".")
        candidate, number = name, 1
        while candidate.casefold() in taken:
            number += 1
            numbered = f"{stem or extension} ({number}){dot}{extension if stem else ''}"
            candidate = f"{folder}{slash}{numbered}"
        taken.add(candidate.casefold())
        unique.append(candidate)
    return unique
