"""The files that a task makes in its folder on its node: what there is, and what is in them."""

from collections.abc import Generator
from dataclasses import dataclass
from itertools import islice

from batch_core.account import Account
from batch_core.errors import Conflict, InvalidInput, NotFound, ServiceFailure, translated
from batch_core.relay import BlobFacts

LISTED, COUNTED = (
    20,
    1000,
)  # files at most that are told by name, and that are counted: a folder may hold any number
PIECE = 1024 * 1024  # bytes handed on at once
_FOLDER = "wd/"


@dataclass(frozen=True)
class NodeFile:
    """A file in a task's folder on its node. Size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class FilesMade:
    """The first files, and how many there are; `more` when there are more than were counted."""

    files: tuple[NodeFile, ...] = ()
    count: int = 0
    more: bool = False


def files_made(account: Account, job_id: str, task_id: str) -> FilesMade:
    """The files in a task's working directory, also while it runs; none when its node is gone."""
    try:
        with translated("list the task's files"):
            listed = account.batch.list_task_files(job_id, task_id, recursive=True)
            inside = (
                NodeFile(file.name[len(_FOLDER) :], file.properties.content_length if file.properties else 0)
                for file in listed
                if not file.is_directory and file.name and file.name.startswith(_FOLDER)
            )
            found = list(islice(inside, COUNTED + 1))
    except (NotFound, Conflict):
        return FilesMade()
    return FilesMade(tuple(found[:LISTED]), min(len(found), COUNTED), len(found) > COUNTED)


def facts(account: Account, job_id: str, task_id: str, name: str) -> BlobFacts:
    """Size and kind of a file that `files_made` tells of. Raises NotFound, Conflict when its node is gone."""
    with translated("find the task's file"):
        found = account.batch.get_task_file_properties(job_id, task_id, _path(name))
    changed = found.last_modified.timestamp() if found.last_modified else 0
    return BlobFacts(found.content_length, found.content_type or "", f"{changed}-{found.content_length}")


def read(account: Account, job_id: str, task_id: str, name: str, start: int, end: int) -> Generator[bytes]:
    """The bytes from `start` up to, not including, `end`. Raises ServiceFailure when there are fewer."""
    left, piece = end - start, bytearray()
    with translated("read the task's file"):
        span = f"bytes={start}-{end - 1}"
        for some in account.batch.download_task_file(job_id, task_id, _path(name), ocp_range=span):
            piece += some
            if len(piece) >= PIECE:
                left -= len(piece)
                yield bytes(piece)
                piece.clear()
    left -= len(piece)
    yield bytes(piece)
    if left:
        raise ServiceFailure("The file ended before its end.", "Start the download again.")


def _path(name: str) -> str:
    if ".." in name.replace("\\", "/").split("/"):
        raise InvalidInput("This is no file of the task.")
    return _FOLDER + name
