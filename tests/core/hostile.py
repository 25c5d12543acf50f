"""What strangers upload to reach beyond their file: the traps that tell when it worked, and the tricks."""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.core.media import clip

ID3 = b"ID3\x04\0\0\0\0\0\x0a" + b"\0" * 10


@dataclass
class Outside:
    """A file and a port that are none of a task's business; `touched` has a word for each time one was opened.

    The file is a pipe where the system has them: opening it is seen, whatever is read. Elsewhere it is a video.
    """

    folder: Path
    port: int = 0
    touched: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def watches(self) -> set[str]:
        return {"port", "file"} if hasattr(os, "mkfifo") else {"port"}

    @property
    def file(self) -> Path:
        return self.folder / "canary.ts"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/canary.ts"

    def watch_file(self, content: bytes) -> None:
        while True:
            pipe = os.open(self.file, os.O_WRONLY)  # waits for a reader
            if self.over.is_set():
                os.close(pipe)
                return
            self.touched.append("file")
            with suppress(BrokenPipeError):
                os.write(pipe, content)
            os.close(pipe)

    def watch_port(self, server: socket.socket) -> None:
        while True:
            caller, _ = server.accept()
            with caller:
                if self.over.is_set():
                    return
                self.touched.append("port")
                caller.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@contextmanager
def outside(folder: Path) -> Iterator[Outside]:
    """The traps, set."""
    canary = Outside(folder)
    content = clip(folder / "canary-source.ts", 0.4).read_bytes()
    has_pipes = "file" in canary.watches
    if has_pipes:
        os.mkfifo(canary.file)
    else:
        canary.file.write_bytes(content)
    with socket.create_server(("127.0.0.1", 0)) as server:
        canary.port = server.getsockname()[1]
        watchers = [threading.Thread(target=canary.watch_port, args=(server,), daemon=True)]
        if has_pipes:
            watchers.append(threading.Thread(target=canary.watch_file, args=(content,), daemon=True))
        for watcher in watchers:
            watcher.start()
        try:
            yield canary
        finally:
            canary.over.set()
            socket.create_connection(("127.0.0.1", canary.port)).close()
            if has_pipes:
                os.close(os.open(canary.file, os.O_RDONLY | os.O_NONBLOCK))
            for watcher in watchers:
                watcher.join(10)


def texts(canary: Outside) -> dict[str, str]:
    """Files that are nothing but pointers to others, under their honest names."""
    file, url = canary.file.as_posix(), canary.url
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{url}\n#EXTINF:2,\n{file}\n#EXT-X-ENDLIST\n"
    return {
        "list.m3u8": hls,
        "keys.m3u8": hls.replace("#EXTINF", f'#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF', 1),
        "relative.m3u8": hls.replace(url, "canary.ts").replace(file, "canary.ts"),
        "hidden.mp3": ID3.decode("latin-1") + hls,
        "list.ffconcat": f"ffconcat version 1.0\nfile '{file}'\nfile {url}\n",
        "commented.concat": f"# a list\nfile '{file}'\nfile '{url}'\n",
        "stream.sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {canary.port} RTP/AVP 96\n",
        "manifest.mpd": '<?xml version="1.0"?><MPD profiles="urn:mpeg:dash:profile:isoff-main:2011" type="static">'
        f'<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{url}</BaseURL>'
        "<SegmentBase/></Representation></AdaptationSet></Period></MPD>",
        "picture.svg": '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/'
        f'xlink" width="9" height="9"><image x:href="{url}"/><image x:href="file://{file}"/></svg>',
        "old.asx": f'<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
        "old.asf": f"[Reference]\r\nRef1={url}\r\nRef2={file}\r\n",
        "old.ram": f"{url}\nfile://{file}\n",
        "old.pls": f"[playlist]\nFile1={url}\nFile2={file}\nNumberOfEntries=2\n",
        "subtitles.srt": f'1\n00:00:00,000 --> 00:00:01,000\n<img src="{url}">\n',
        "subtitles.vtt": f'WEBVTT\n\nSTYLE\n::cue {{ background: url("{url}") }}\n\n00:00.000 --> 00:01.000\nx\n',
        "subtitles.ass": f"[Script Info]\nScriptType: v4.00+\n\n[Fonts]\nfontname: {file}\n\n[Events]\n"
        r"Dialogue: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,{\fnCanary}x",
        "subtitles.idx": f"# VobSub index file, v7 (do not modify this line!)\nsize: 720x576\nid: en, index: 0\nfile: {file}\n",
        "script.avs": f'DirectShowSource("{file}")\n',
        "script.vpy": f"open({file!r}).read()\n",
    }


def film_that_refers(canary: Outside, folder: Path, *, beside: bool = False) -> bytes:
    """A QuickTime film with sound of its own whose picture lies, as its alias record says, in the canary file.

    It tells where that is from the root of the disk, or as a file `beside` the film.
    """
    data = clip(folder / "whole.mov", 0.4).read_bytes()
    boxes = [struct.pack(">I4sI", 12, kind, 1) for kind in (b"url ", b"alis")]
    own = next(box for box in boxes if box in data)
    return _grown(data, own, _alias(canary.file.as_posix().encode(), int(beside)))


def _alias(path: bytes, levels: int) -> bytes:
    """A `dref` entry with a Macintosh alias record, as FFmpeg's mov.c reads it: type 2 is the absolute path,
    of which only so many levels count when there are some."""
    name = path.rpartition(b"/")[2]
    record = b"\0" * 10 + bytes([1]) + b"x".ljust(27, b"\0") + b"\0" * 12
    record += bytes([len(name)]) + name.ljust(63, b"\0") + b"\0" * 16
    record += struct.pack(">HH", levels, levels) + b"\0" * 16
    padded = path + b"\0" * (len(path) % 2)
    record += struct.pack(">HH", 2, len(path)) + padded + struct.pack(">HH", 0xFFFF, 0)
    record = record.ljust(150, b"\0")
    return struct.pack(">I4sI", 12 + len(record), b"alis", 0) + record


def _grown(data: bytes, old: bytes, new: bytes) -> bytes:
    """`data` with one box replaced by a longer one, and the boxes around it made longer too."""
    position, more = data.index(old), len(new) - len(old)
    changed = bytearray(data.replace(old, new, 1))
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = data.rindex(name, 0, position) - 4
        length = struct.unpack(">I", data[at : at + 4])[0]
        changed[at : at + 4] = struct.pack(">I", length + more)
    return bytes(changed)


def film_with_a_playlist_for_subtitles(canary: Outside, folder: Path) -> bytes:
    """An AVI with a subtitle stream (GAB2) that is a playlist: it made converters read other files once."""
    data = clip(folder / "whole.avi", 0.4).read_bytes()
    playlist = texts(canary)["list.m3u8"].encode()
    gab2 = b"GAB2\0" + struct.pack("<HIHI", 2, 0, 4, len(playlist)) + playlist
    header = struct.pack(
        "<4s4sIHHIIIIIIIIhhhh", b"txts", b"\0" * 4, 0, 0, 0, 0, 1, 25, 0, 10, 2000, 0, 0, 0, 0, 0, 0
    )
    stream = _chunk(b"LIST", b"strl" + _chunk(b"strh", header) + _chunk(b"strf", b""))
    lists = data.index(b"LIST", 12)
    (length,) = struct.unpack("<I", data[lists + 4 : lists + 8])
    body = bytearray(data[lists + 8 : lists + 8 + length])
    body[12 + 24 : 12 + 28] = struct.pack("<I", 3)  # avih: so many streams
    movi = data.index(b"movi")
    (size,) = struct.unpack("<I", data[movi - 4 : movi])
    frames = data[movi + 4 : movi - 4 + 4 + size]
    inside = (
        b"AVI "
        + _chunk(b"LIST", bytes(body) + stream)
        + _chunk(b"LIST", b"movi" + _chunk(b"02tx", gab2) + frames)
    )
    return _chunk(b"RIFF", inside)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def film_with_many_frames(folder: Path, frames: int) -> bytes:
    """A film of a few kilobytes whose index claims so many frames of one byte."""
    data = bytearray(clip(folder / "few.mp4", 0.4, sound=False).read_bytes())
    for name, at in ((b"stts", 12), (b"stsz", 12)):
        start = data.index(name) + 4
        if name == b"stsz":
            data[start + 4 : start + 8] = struct.pack(">I", 1)
            data[start + 8 : start + 12] = struct.pack(">I", frames)
        else:
            data[start + at - 4 : start + at] = struct.pack(">I", frames)
    return bytes(data)
