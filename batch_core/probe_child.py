"""The child process of `probe`: `python -m batch_core.probe_child`, an order as JSON on stdin, JSON on stdout.

Imports nothing heavy at the top: starting it is most of what a probe costs.
"""

import base64
import contextlib
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from batch_core.ranged_file import RangedFile, SourceLost
from batch_core.sizes import size_text

MEMORY = 1024**3  # bytes
PICTURE_BYTES = 8 * 1024**2  # of a source that are fetched for a small picture of it
MOST_PIXELS = 8192 * 8192  # of one picture; the largest that cameras and screens have is 8K
UNREACHABLE, OUT_OF_MEMORY, GONE, NO_READER = 3, 4, 5, 6  # exit codes besides 0

# demuxer as libavformat names it -> (name for ffmpeg's -f, extension of the task's input)
FORMATS: dict[str, tuple[str, str]] = {
    "mov,mp4,m4a,3gp,3g2,mj2": ("mov", "mp4"),
    "matroska,webm": ("matroska", "mkv"),
    "avi": ("avi", "avi"),
    "mpegts": ("mpegts", "ts"),
    "mpeg": ("mpeg", "mpg"),
    "flv": ("flv", "flv"),
    "asf": ("asf", "wmv"),
    "ogg": ("ogg", "ogg"),
    "mxf": ("mxf", "mxf"),
    "dv": ("dv", "dv"),
    "rm": ("rm", "rm"),
    "ivf": ("ivf", "ivf"),
    "wav": ("wav", "wav"),
    "w64": ("w64", "w64"),
    "mp3": ("mp3", "mp3"),
    "aac": ("aac", "aac"),
    "flac": ("flac", "flac"),
    "aiff": ("aiff", "aiff"),
    "au": ("au", "au"),
    "caf": ("caf", "caf"),
    "ac3": ("ac3", "ac3"),
    "eac3": ("eac3", "eac3"),
    "amr": ("amr", "amr"),
    "wv": ("wv", "wv"),
}

_PICTURE = "it is a picture"
_PLAYLIST = "it is a playlist: it only points at other files"
_SUBTITLES = "it holds subtitles only"
_HEADS: tuple[tuple[str, str], ...] = (
    (r"\xff\xd8\xff|\x89PNG|GIF8|BM.{4}\0\0\0\0|II\*\0|MM\0\*|RIFF.{4}WEBP|8BPS|\0\0\0\x0cjP  ", _PICTURE),
    (r".{4}ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1|avif|avis)", _PICTURE),
    (
        r"\s*(\xef\xbb\xbf)?\s*(#EXTM3U|ffconcat|<\?xml.{0,300}<(MPD|SmoothStreamingMedia)\b|<MPD\b)",
        _PLAYLIST,
    ),
    (r"\s*(\xef\xbb\xbf)?\s*(\[playlist\]|<asx\b|RTSPtext)", _PLAYLIST),
    (
        r"(\xef\xbb\xbf)?\s*(WEBVTT|\[Script Info\]|\d+\r?\n\d\d:\d\d:\d\d[,.]\d{3} --> |\{\d+\}\{\d+\})",
        _SUBTITLES,
    ),
    (
        r"%PDF-|PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b|\xfd7zXZ|\xd0\xcf\x11\xe0",
        "it is a document or an archive",
    ),
    (r"\s*(<!doctype html|<html|<\?xml|<svg)", "it is a web page or a text"),
    (r"MZ|\x7fELF|\xcf\xfa\xed\xfe", "it is a program"),
)


class Refused(Exception):
    """Why the file is left out; completes "is not a video that we can read (…)."""


def refuse_by_head(source: IO[bytes], size: int) -> None:
    """Raises Refused for what is known not to be media from its first bytes, or cut off by its own account."""
    source.seek(0)
    head = source.read(4096)
    text = head.decode("latin-1")
    for pattern, why in _HEADS:
        if re.match(pattern, text, re.DOTALL | re.IGNORECASE):
            raise Refused(why)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        _refuse_cut_mp4(source, size)
    source.seek(0)


def _refuse_cut_mp4(source: IO[bytes], size: int) -> None:
    """Walks the outermost boxes (ISO/IEC 14496-12 §4.2): each tells its length, so a cut shows."""
    position, seen = 0, set()
    for _ in range(64):
        if position + 8 > size:
            break
        source.seek(position)
        header = source.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        seen.add(kind)
        if length == 0:
            break
        if length < 8:
            return  # not boxes after all: the demuxer decides
        position += length
        if position > size:
            raise Refused(f"it ends after {size_text(size)}")
    if b"moov" not in seen and position <= size and b"mdat" in seen and position >= size:
        raise Refused("its index is missing, as when recording was broken off")


def open_container(source: IO[bytes]) -> Any:
    """PyAV's container with everything shut that could reach beyond this one file. Raises Refused."""
    import av

    def refuse(url: str, flags: int, options: dict[str, str]) -> IO[bytes]:
        raise Refused("it points at other files")

    try:
        return av.open(
            source,
            mode="r",
            metadata_errors="replace",
            io_open=refuse,
            buffer_size=256 * 1024,
            container_options={
                "format_whitelist": ",".join(FORMATS),
                "protocol_whitelist": "none",
                "max_streams": "64",
            },
        )
    except av.error.MemoryError:
        raise MemoryError from None
    except av.error.InvalidDataError:
        raise Refused("no kind of video or sound is found in it") from None
    except (av.error.FFmpegError, ValueError):
        raise Refused("it is of a kind that is not converted") from None


def probe(source: IO[bytes], size: int) -> dict[str, Any]:
    """The fields of a `Probe` that is ok. Raises Refused."""
    refuse_by_head(source, size)
    with open_container(source) as container:
        if container.format.name not in FORMATS:
            raise Refused("it is of a kind that is not converted")
        name, extension = FORMATS[container.format.name]
        rows = {stream.index: _stream_row(stream) for stream in container.streams if _is_content(stream)}
        kinds = {row["kind"] for row in rows.values()}
        _refuse_huge(rows.values())
        if not kinds & {"video", "audio"}:
            raise Refused(_SUBTITLES if "subtitle" in kinds else "there is no picture and no sound in it")
        duration = _duration(container)
        _decode_beginnings(container, rows)
        return {
            "ok": True,
            "format": name,
            "extension": extension,
            "duration": duration,
            "streams": list(rows.values()),
        }


def _refuse_huge(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        width, height = row.get("width") or 0, row.get("height") or 0
        if width * height > MOST_PIXELS:
            raise Refused(f"its picture of {width} × {height} is too large")


def _is_content(stream: Any) -> bool:
    from av.stream import Disposition

    cover = bool(stream.disposition & (Disposition.attached_pic | Disposition.still_image))
    return stream.type in ("video", "audio", "subtitle") and not cover


def _stream_row(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    row: dict[str, Any] = {
        "kind": stream.type,
        "codec": context.codec.canonical_name if context is not None else "unknown",
        "language": (stream.metadata.get("language") or "")[:8],
    }
    if stream.type == "video" and context is not None:
        rate = stream.average_rate
        row |= {"width": context.width, "height": context.height, "fps": float(rate) if rate else None}
        row |= _depth(context.format, context.color_trc)
    if stream.type == "audio" and context is not None:
        row["channels"] = context.channels
    return row


def _depth(pixels: Any, transfer: Any) -> dict[str, Any]:
    """Bits a colour where they are more than 8, and the transfer function of HDR (ITU-T H.273 table 3)."""
    bits = max((component.bits for component in pixels.components), default=8) if pixels else 8
    hdr = {16: "pq", 18: "hlg"}.get(int(transfer or 0))
    return ({"bits": bits} if bits > 8 else {}) | ({"hdr": hdr} if hdr else {})


def _duration(container: Any) -> float | None:
    if container.duration:
        return float(container.duration / 1_000_000)
    lengths = [float(s.duration * s.time_base) for s in container.streams if s.duration and s.time_base]
    return max(lengths, default=None)


def _decode_beginnings(container: Any, rows: dict[int, dict[str, Any]]) -> None:
    """Decodes until the first picture and the first sound are there; none at all is a refusal."""
    import av

    waiting = {}
    for kind in ("video", "audio"):
        for stream in container.streams:
            if rows.get(stream.index, {}).get("kind") == kind and stream.codec_context is not None:
                waiting[stream.index] = stream
                break
    found = False
    if waiting:
        for packet, _ in zip(container.demux(*waiting.values()), range(600), strict=False):
            if packet.stream.index not in waiting:
                continue
            with contextlib.suppress(av.error.InvalidDataError, av.error.EOFError):
                for frame in packet.decode():
                    found = True
                    row = rows[packet.stream.index]
                    if packet.stream.type == "video":
                        row |= _depth(frame.format, frame.color_trc)
                        row |= {"interlaced": True} if frame.interlaced_frame else {}
                    if packet.stream.type == "video" and frame.rotation % 180:
                        row["width"], row["height"] = row["height"], row["width"]
                    waiting.pop(packet.stream.index)
                    break
            if not waiting:
                break
    if not found:
        raise Refused("nothing in it can be decoded")


def decode(source: IO[bytes]) -> dict[str, Any]:
    """Every frame of every stream: {"good", "seconds", "reason"}."""
    import av

    try:
        with open_container(source) as container:
            streams = [s for s in container.streams if s.type in ("video", "audio") and _is_content(s)]
            clocks = {stream.index: _Clock(stream) for stream in streams}
            if not clocks:
                return {"good": False, "seconds": 0.0, "reason": "There is no picture and no sound in it."}
            for stream in streams:
                stream.thread_type = "AUTO"
                stream.codec_context.thread_count = 2
            try:
                for packet in container.demux(*streams):
                    for frame in packet.decode():
                        clocks[packet.stream.index].count(frame)
            except av.error.MemoryError:
                raise MemoryError from None
            except av.error.FFmpegError:
                at = max(clock.seconds for clock in clocks.values())
                return {"good": False, "seconds": at, "reason": f"It can't be decoded after {at:.1f} s."}
    except Refused:
        return {"good": False, "seconds": 0.0, "reason": "It can't be decoded."}
    seconds = max(clock.seconds for clock in clocks.values())
    empty = [clock.kind for clock in clocks.values() if not clock.frames]
    reason = f"Its {'picture' if empty[0] == 'video' else 'sound'} is empty." if empty else ""
    return {"good": not empty, "seconds": seconds, "reason": reason}


def _decode(order: dict[str, Any], source: IO[bytes]) -> dict[str, Any]:
    """The decoder for the kind of result that the order names."""
    kind = order["task"].rpartition(" ")[2]
    if kind == "film":
        return decode(source)
    from batch_core import stills

    return stills.JUDGES[kind](source, order["size"])


class _Clock:
    """How long a stream turned out to be: samples for sound, the last picture's end for pictures."""

    def __init__(self, stream: Any) -> None:
        self.kind = stream.type
        self.frames = 0
        self.seconds = 0.0
        self._first: float | None = None
        self._usual = (
            float(1 / stream.average_rate) if stream.type == "video" and stream.average_rate else 0.0
        )

    def count(self, frame: Any) -> None:
        """Adds a decoded frame to what the stream has so far."""
        self.frames += 1
        if self.kind == "audio":
            self.seconds += frame.samples / frame.sample_rate
            return
        if frame.time is None:
            self.seconds += self._usual
            return
        self._first = frame.time if self._first is None else self._first
        length = float(frame.duration * frame.time_base) if frame.duration else self._usual
        self.seconds = max(self.seconds, frame.time - self._first + length)


def _limit_memory() -> None:
    """Address space where the system can limit it, else a look at the resident size ten times a second."""
    try:
        import resource
    except ModuleNotFoundError:
        limited = False
    else:
        limited = sys.platform == "linux"
        for what, most in (
            (resource.RLIMIT_AS, MEMORY),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(what, (most, most))
    if not limited:
        threading.Thread(target=_watch_memory, daemon=True).start()


def _watch_memory() -> None:
    import psutil

    me = psutil.Process()
    while me.memory_info().rss < MEMORY:
        time.sleep(0.1)
    os._exit(OUT_OF_MEMORY)


@contextlib.contextmanager
def _opened(order: dict[str, Any], most: int | None = None) -> Iterator[IO[bytes]]:
    if order["url"]:
        yield RangedFile(order["source"], order["size"], most)  # type: ignore[misc]
    else:
        with Path(order["source"]).open("rb") as file:
            yield file


def _tell_pictures(wanted: dict[str, Any]) -> None:
    """A line for each small picture that can be made. The verdict is out: what goes wrong here costs a picture only."""
    import av

    lost = (Refused, SourceLost, MemoryError, OSError, ValueError, SyntaxError, av.error.FFmpegError)
    for side, order in wanted.items():
        with contextlib.suppress(*lost), _opened(order, PICTURE_BYTES) as source:
            if made := _small(source, order["kind"]):
                _say({"side": side, "jpeg": base64.b64encode(made).decode()})


def _small(source: IO[bytes], kind: str) -> bytes | None:
    from batch_core import thumbnails

    if kind != "film":
        return thumbnails.still(source)
    with open_container(source) as container:
        films = [s for s in container.streams.video if _is_content(s) and s.codec_context is not None]
        return thumbnails.film(container, films[0]) if films else None


def _say(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Does the order on stdin; the exit code."""
    order = json.loads(sys.stdin.buffer.read())
    _limit_memory()
    try:
        import av

        av.logging.set_level(None)
        with _opened(order) as source:
            try:
                result = probe(source, order["size"]) if order["task"] == "probe" else _decode(order, source)
            except Refused as refused:
                result = {"ok": False, "reason": f"is not a video that we can read ({refused})."}
            if isinstance(source, RangedFile) and source.lost:
                raise source.lost
    except MemoryError:
        return OUT_OF_MEMORY
    except ImportError:
        return NO_READER
    except SourceLost as lost:
        return GONE if lost.gone else UNREACHABLE
    except FileNotFoundError:
        return GONE
    except OSError:
        return UNREACHABLE
    _say(result)
    if result.get("good"):
        _tell_pictures(order.get("pictures", {}))
    return 0


if __name__ == "__main__":
    sys.stdout.flush()
    code = main()
    sys.stdout.flush()
    os._exit(code)  # nothing of a hostile file's decoder runs again
