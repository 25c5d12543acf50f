"""What is in a media file, found out in a child process, because what strangers upload may be hostile.

The child (`probe_child`) has a time and a memory limit and hands PyAV a file object that does ranged reads
of this one file. libavformat gets no protocols, may open nothing else, and only the demuxers of `FORMATS`: a
playlist named .mp4 would otherwise make it read other files and addresses.
"""

import base64
import binascii
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from batch_core import pictures
from batch_core.errors import NotFound, ServiceFailure, Unreachable
from batch_core.pictures import Side
from batch_core.probe_child import FORMATS, GONE, NO_READER, OUT_OF_MEMORY, UNREACHABLE

PROBE_SECONDS = 20.0
MOST_OUTPUT = 128 * 1024  # bytes that are believed: a verdict and two small pictures
_EXTENSIONS = dict(FORMATS.values())
_TOKEN = re.compile(r"[a-z0-9_]{1,32}")
Kind = Literal["video", "audio", "subtitle"]
Hdr = Literal["pq", "hlg"]


@dataclass(frozen=True)
class Stream:
    """One stream; sizes in pixels as shown (a phone's rotation applied), fps on average.

    `bits` are a picture's for each colour, told only when there are more than 8; `hdr` is its transfer function;
    `interlaced` is told of pictures that are woven of two moments, as broadcasts and camcorders make them.
    """

    kind: Kind
    codec: str
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    channels: int | None = None
    language: str | None = None
    bits: int | None = None
    hdr: Hdr | None = None
    interlaced: bool | None = None

    @property
    def readable(self) -> bool:
        """Whether there is a decoder for it."""
        return self.codec != "unknown"


@dataclass(frozen=True)
class Probe:
    """What a file holds. Not `ok`: `reason` goes on after the file's name and says why not.

    `format` is ffmpeg's name for -f, `extension` has no dot, `duration` is in seconds.
    """

    ok: bool
    reason: str = ""
    format: str = ""
    extension: str = ""
    duration: float | None = None
    streams: tuple[Stream, ...] = ()

    @property
    def has_video(self) -> bool:
        """Moving pictures; the cover of a song is none."""
        return any(s.kind == "video" and s.readable for s in self.streams)

    @property
    def has_audio(self) -> bool:
        return any(s.kind == "audio" and s.readable for s in self.streams)

    @property
    def picture(self) -> str:
        """Width and height of the first picture stream, as in "1280 × 720", or nothing."""
        for s in self.streams:
            if s.kind == "video" and s.width and s.height:
                return f"{s.width} × {s.height}"
        return ""

    def to_json(self) -> str:
        """As short as it can be: it is kept in a blob's metadata, which holds 8 KiB at most."""
        fields = {key: value for key, value in asdict(self).items() if value not in ("", None, ())}
        fields["streams"] = [
            {key: value for key, value in stream.items() if value is not None}
            for stream in fields.get("streams", ())
        ]
        return json.dumps(fields, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Probe":
        """Reads what `to_json` or the child wrote, believing nothing. Raises ValueError."""
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError("not an object")
        if not data.get("ok"):
            return cls(ok=False, reason=str(data.get("reason", ""))[:300])
        extension, name = str(data.get("extension")), str(data.get("format"))
        if _EXTENSIONS.get(name) != extension:
            raise ValueError("not a format that is read")
        streams = tuple(_stream(item) for item in list(data.get("streams", ()))[:16])
        return cls(True, "", name, extension, _number(data.get("duration"), 1e8), streams)


def probe(source: Path | str, size: int) -> Probe:
    """What is in the file at a path or URL of `size` bytes; a bad file is an answer, not an error.

    Raises NotFound when the source is gone, Unreachable when it can't be read, ServiceFailure when PyAV is missing.
    """
    if size == 0:
        return unreadable("it is empty")
    code, out = _run_child("probe", source, size, PROBE_SECONDS)
    if code is None:
        return unreadable(f"looking into it took more than {PROBE_SECONDS:.0f} s")
    if code == OUT_OF_MEMORY:
        return unreadable("looking into it takes more than 1 GB of memory")
    try:
        return Probe.from_json(out)
    except (ValueError, TypeError):
        return unreadable("it makes the reader stumble")


def check_decodes(
    source: Path | str,
    size: int,
    seconds: float | None = None,
    kind: str = "film",
    *,
    original: tuple[Path | str, int] | None = None,
    keep: Callable[[Side, bytes], None] | None = None,
) -> tuple[bool, float, str]:
    """Decodes every stream to its end: (good, length in seconds, why not).

    `kind` is what it should be: a film (also without picture), an animation, a picture, or subtitles. Takes at most `seconds`, by default a minute and one more for each 30 MB. Raises Unreachable when the
    source can't be read, ServiceFailure when the time does not suffice: then nothing is known.
    Of what is good, and of the `original` (with its size) that it was made from, `keep` is given small pictures:
    each costs little, and is left out when it can't be made.
    """
    if size == 0:
        return False, 0.0, "It is empty."
    limit = seconds or 60 + size / 500_000
    wanted = {}
    if keep and kind != "subtitles":
        wanted["after"] = _where(source, size) | {"kind": kind}
    if keep and original:
        wanted["before"] = _where(*original) | {"kind": "film"}
    code, out = _run_child(f"decode {kind}", source, size, limit, wanted)
    verdict, *lines = out.splitlines() or [""]
    if code is None and not verdict:
        raise ServiceFailure(f"Checking it took more than {limit:.0f} s.", "Play it to see if it is whole.")
    if keep:
        for line in lines:
            _hand_on(line, keep)
    try:
        data = json.loads(verdict)
        return bool(data["good"]), float(data["seconds"]), str(data["reason"])[:300]
    except (ValueError, TypeError, KeyError):
        return False, 0.0, "It can't be decoded."


def _hand_on(line: str, keep: Callable[[Side, bytes], None]) -> None:
    """Gives `keep` the picture that the child tells of in a line, where it is one."""
    try:
        told = json.loads(line)
        side, data = told["side"], base64.b64decode(told["jpeg"], validate=True)
    except (binascii.Error, ValueError, TypeError, KeyError):
        return  # cut off, or nonsense: a picture less
    if side in pictures.SIDES and pictures.is_one(data):
        keep(side, data)


def unreadable(why: str) -> Probe:
    """The refusal that goes on after a file's name; `why` completes "it …" in brackets."""
    return Probe(ok=False, reason=f"is not a video that we can read ({why}).")


def _where(source: Path | str, size: int) -> dict[str, Any]:
    return {"source": str(source), "size": size, "url": isinstance(source, str)}


def _run_child(
    task: str, source: Path | str, size: int, seconds: float, wanted: dict[str, Any] | None = None
) -> tuple[int | None, str]:
    """Exit code (None: out of time) and output. The source, maybe a signed URL, goes by stdin, not argv.

    `wanted` are the small pictures to make after a good verdict.
    """
    names = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "SSL_CERT_FILE", "LD_LIBRARY_PATH")
    proxies = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
    environment = {name: os.environ[name] for name in (*names, *proxies) if name in os.environ}
    order = json.dumps({"task": task, **_where(source, size), "pictures": wanted or {}})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "batch_core.probe_child"],
            input=order.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            cwd=Path(__file__).resolve().parent.parent,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"")[:MOST_OUTPUT].decode("utf-8", "replace")
    if done.returncode == NO_READER:
        raise ServiceFailure(
            "The part of this app that looks into videos (PyAV) is missing or broken.",
            "Install the app's requirements again: python -m pip install -r requirements.txt",
        )
    if done.returncode == GONE:
        raise NotFound("The file is no longer in storage.", "Add it again.")
    if done.returncode == UNREACHABLE:
        raise Unreachable("The file could not be read from storage.", "Try again in a minute.")
    return done.returncode, done.stdout[:MOST_OUTPUT].decode("utf-8", "replace")


def _stream(item: Any) -> Stream:
    kind, codec = item["kind"], str(item["codec"])
    if kind not in ("video", "audio", "subtitle") or not _TOKEN.fullmatch(codec):
        raise ValueError("not a stream")
    language = str(item.get("language") or "")
    return Stream(
        kind=kind,
        codec=codec,
        width=_whole(item.get("width"), 65536),
        height=_whole(item.get("height"), 65536),
        fps=_number(item.get("fps"), 100_000),
        channels=_whole(item.get("channels"), 1024),
        language=language if re.fullmatch(r"[a-z]{2,3}", language) else None,
        bits=_whole(item.get("bits"), 16),
        hdr=item["hdr"] if item.get("hdr") in get_args(Hdr) else None,
        interlaced=True if item.get("interlaced") is True else None,
    )


def _number(value: Any, most: float) -> float | None:
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 < value <= most:
        return None
    return float(value)


def _whole(value: Any, most: int) -> int | None:
    number = _number(value, most)
    return None if number is None else int(number)
