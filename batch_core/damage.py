"""Whether a result was made of a source that is hurt or cut off: ffmpeg makes a good one of what it can read of it."""

import re

from batch_core.account import Account
from batch_core.causes import plain
from batch_core.errors import NotFound, translated
from batch_core.sizes import size_text
from batch_core.storage import INPUTS

_SAID = re.compile(
    r"corrupt input packet|corrupt decoded frame|file ended prematurely|partial file|invalid nal unit"
    r"|error splitting the input|error submitting packet to decoder|error while decoding stream|decoding error:"
    r"|decode_frame\(\) failed",
    re.IGNORECASE,
)
_SLACK = 1024  # some programs count their own head or a last odd byte
_OPEN_END = 0xFFFFFFFF  # the size that a file has which was written without going back to its start


def of_source(account: Account, log: str, blob: str, size: int) -> str:
    """A sentence that tells of the damage of a source, by the log of its task and its own start; empty without any."""
    if line := in_log(log):
        return f"ffmpeg said of its source: “{line}”."
    try:
        with translated("look at the start of a source"):
            head = account.blobs.get_blob_client(INPUTS, blob).download_blob(offset=0, length=8).readall()
    except NotFound:
        return ""
    return cut_short(head, size)


def in_log(log: str) -> str:
    """The first line of a log that names damage of what was read; its other warnings mean no harm."""
    lines = (line.strip() for line in log.splitlines())
    return next((plain(line) for line in lines if _SAID.search(line)), "")


def cut_short(head: bytes, size: int) -> str:
    """Of AVI and WAV, whose end ffmpeg does not miss: that they are shorter than their own start tells."""
    told = int.from_bytes(head[4:8], "little")
    if head[:4] != b"RIFF" or told == _OPEN_END or told <= size + _SLACK:
        return ""
    return f"Its source has {size_text(size)}; its own start tells of {size_text(told + 8)}."
