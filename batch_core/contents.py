"""What tells two files of the same content from others, whatever they are called: a fingerprint made of little of it."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from batch_core.account import Account
from batch_core.errors import translated
from batch_core.storage import INPUTS

WHOLE = 1024 * 1024  # bytes up to which a file is read whole
RANGES, RANGE = (
    8,
    128 * 1024,
)  # of a larger one: how many, spread evenly from its start to its end, and their bytes
_FINGERPRINT = re.compile(r"\d{1,15}-[0-9a-f]{64}")
Read = Callable[[int, int], bytes]


def fingerprint(size: int, read: Read) -> str:
    """A file's size in bytes and the SHA-256 of fixed ranges of it; `read` hands out (offset, length).

    Films whose size, start, end and six places between are the same are taken for the same: encoders put what
    describes a film at its start or end, and none makes another film of the same length in bytes otherwise.
    """
    digest = hashlib.sha256()
    for offset, length in ranges(size):
        digest.update(read(offset, length))
    return f"{size}-{digest.hexdigest()}"


def ranges(size: int) -> Iterator[tuple[int, int]]:
    """Offset and length of what is read of a file of this size."""
    if size <= WHOLE:
        if size:
            yield 0, size
        return
    for number in range(RANGES):
        yield (size - RANGE) * number // (RANGES - 1), RANGE


def of_input(account: Account, blob: str, size: int) -> str:
    """The fingerprint of a blob of the input container. Raises NotFound when it is gone."""
    client = account.blobs.get_blob_client(INPUTS, blob)

    def read(offset: int, length: int) -> bytes:
        return client.download_blob(offset=offset, length=length).readall()

    with translated("tell the file from others"):
        return fingerprint(size, read)


def of_path(path: Path) -> str:
    """The fingerprint of a file on this computer. Raises OSError."""
    with path.open("rb") as data:

        def read(offset: int, length: int) -> bytes:
            data.seek(offset)
            return data.read(length)

        return fingerprint(path.stat().st_size, read)


def known(text: str | None) -> str:
    """A fingerprint as it was kept; nothing where the text is none."""
    return text if text and _FINGERPRINT.fullmatch(text) else ""
