"""The probe on good files, on what is no media, and on what was made to do harm."""

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from fractions import Fraction
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import av
import pytest

from batch_core import probe as probing
from batch_core.errors import NotFound, ServiceFailure, Unreachable
from batch_core.probe import Probe, Stream, check_decodes, probe
from batch_core.ranged_file import BLOCK, RangedFile
from tests.core.media import clip, ffmpeg, song_with_cover
from tests.core.stub_server import stub_server


def look(path: Path) -> Probe:
    return probe(path, path.stat().st_size)


@pytest.mark.parametrize(
    ("name", "format", "extension", "codec"),
    [
        ("a.mp4", "mov", "mp4", "h264"),
        ("a.mov", "mov", "mp4", "h264"),
        ("a.mkv", "matroska", "mkv", "h264"),
        ("a.webm", "matroska", "mkv", "vp8"),
        ("a.avi", "avi", "avi", "mpeg4"),
        ("a.ts", "mpegts", "ts", "mpeg2video"),
        ("a.flv", "flv", "flv", "flv1"),
        ("a.wmv", "asf", "wmv", "wmv2"),
    ],
)
def test_videos(tmp_path: Path, name: str, format: str, extension: str, codec: str) -> None:
    found = look(clip(tmp_path / name, 1.2))
    assert found.ok, found.reason
    assert (found.format, found.extension) == (format, extension)
    assert found.has_video
    assert found.has_audio
    assert found.picture == "160 × 90"
    assert found.duration == pytest.approx(1.2, abs=0.15)
    video = next(s for s in found.streams if s.kind == "video")
    sound = next(s for s in found.streams if s.kind == "audio")
    assert video.codec == codec
    assert video.fps == pytest.approx(25, abs=0.1)
    assert sound.channels == 2


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.wav", "a.flac", "a.ogg"])
def test_sound(tmp_path: Path, name: str) -> None:
    found = look(clip(tmp_path / name, 1.0, picture=False))
    assert found.ok, found.reason
    assert (found.has_video, found.has_audio, found.picture) == (False, True, "")
    assert found.duration == pytest.approx(1.0, abs=0.1)


def test_a_cover_is_no_video(tmp_path: Path) -> None:
    found = look(song_with_cover(tmp_path / "song.mp3"))
    assert (found.ok, found.has_video, found.has_audio) == (True, False, True)


def test_a_silent_film_has_no_sound(tmp_path: Path) -> None:
    found = look(clip(tmp_path / "a.mp4", sound=False))
    assert (found.has_video, found.has_audio) == (True, False)


def test_a_phone_held_upright(tmp_path: Path) -> None:
    clip(tmp_path / "flat.mp4")
    ffmpeg("-display_rotation", "90", "-i", tmp_path / "flat.mp4", "-c", "copy", tmp_path / "up.mp4")
    assert look(tmp_path / "up.mp4").picture == "90 × 160"


def test_subtitles_and_languages_are_told(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4")
    (tmp_path / "s.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    ffmpeg(
        *("-i", tmp_path / "a.mp4", "-i", tmp_path / "s.srt", "-map", "0", "-map", "1", "-c:v", "copy"),
        *("-metadata:s:a:0", "language=deu", "-metadata:s:s:0", "language=<script>", tmp_path / "a.mkv"),
    )
    streams = look(tmp_path / "a.mkv").streams
    assert [(s.kind, s.language) for s in streams] == [("video", None), ("audio", "deu"), ("subtitle", None)]


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"Dear diary, " * 50, "no kind of video or sound is found in it"),
        (bytes(range(256)) * 64, "no kind of video or sound is found in it"),
        (PNG + b"\0" * 200, "it is a picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF" + b"\0" * 200, "it is a picture"),
        (b"GIF89a" + b"\0" * 200, "it is a picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 200, "it is a picture"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", "it is a playlist: it only points at other files"),
        (b"\xef\xbb\xbf#EXTM3U\nhttp://x/\n", "it is a playlist: it only points at other files"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "it is a playlist: it only points at other files"),
        (b'<?xml version="1.0"?><MPD xmlns="x"></MPD>', "it is a playlist: it only points at other files"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n", "it holds subtitles only"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n", "it holds subtitles only"),
        (b"[Script Info]\nTitle: x\n", "it holds subtitles only"),
        (b"%PDF-1.7\n" + b"x" * 100, "it is a document or an archive"),
        (b"PK\x03\x04" + b"\0" * 100, "it is a document or an archive"),
        (b"<!DOCTYPE html><html></html>", "it is a web page or a text"),
        (b"MZ\x90\0" + b"\0" * 100, "it is a program"),
    ],
)
def test_what_is_no_media_is_refused_in_a_sentence(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "holiday.mp4").write_bytes(data)
    found = look(tmp_path / "holiday.mp4")
    assert not found.ok
    assert found.reason == f"is not a video that we can read ({why})."
    assert found.streams == ()


def test_a_cut_off_video_says_where_it_ends(tmp_path: Path) -> None:
    whole = clip(tmp_path / "a.mp4", 3, "640x360").read_bytes()
    for cut, said in ((len(whole) - 100, "KB"), (150_000, "it ends after 150 KB")):
        (tmp_path / "cut.mp4").write_bytes(whole[:cut])
        found = look(tmp_path / "cut.mp4")
        assert not found.ok
        assert said in found.reason
    fast = clip(tmp_path / "f.mp4", 3, "640x360", extra=("-movflags", "faststart")).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(fast[:150_000])
    assert look(tmp_path / "cut.mp4").reason == "is not a video that we can read (it ends after 150 KB)."


def test_a_recording_that_was_broken_off(tmp_path: Path) -> None:
    data = clip(tmp_path / "a.mp4").read_bytes()
    index = data.index(b"moov") - 4
    (tmp_path / "b.mp4").write_bytes(data[:index])
    assert "its index is missing" in look(tmp_path / "b.mp4").reason


def test_a_header_without_anything_in_it(tmp_path: Path) -> None:
    clip(tmp_path / "a.avi")
    data = bytearray((tmp_path / "a.avi").read_bytes())
    start = data.index(b"movi") + 4
    data[start:] = b"\0" * (len(data) - start)
    (tmp_path / "b.avi").write_bytes(data)
    found = look(tmp_path / "b.avi")
    assert not found.ok


@pytest.fixture
def folder_server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A web server on the test's folder; its URL and the paths asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, format: str, *arguments: object) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_nothing_outside_the_file_is_read(tmp_path: Path, folder_server: tuple[str, list[str]]) -> None:
    """Playlists that point elsewhere, whichever way they get past a look at the first bytes."""
    url, asked = folder_server
    clip(tmp_path / "part.ts")
    target = tmp_path / "part.ts"
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
    tricks = {
        "http": playlist.format(f"{url}/part.ts"),
        "late": "\n" + playlist.format(f"{url}/part.ts"),
        "file": playlist.format(target),
        "plain": "# \nffconcat version 1.0\nfile part.ts\n",
        "dash": f'\n<MPD profiles="urn:mpeg:dash:profile:x"><Period><BaseURL>{url}/part.ts</BaseURL></Period></MPD>',
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    }
    for name, text in tricks.items():
        trick = tmp_path / f"{name}.mp4"
        trick.write_text(text)
        assert not look(trick).ok, name
    for name in ("http", "file"):
        assert not check_decodes(tmp_path / f"{name}.mp4", len(tricks[name]))[0], name
    assert asked == []


def test_a_film_that_refers_to_another_file(tmp_path: Path) -> None:
    """QuickTime can keep its media in a second file (`dref`); ours is read from nowhere but the first."""
    clip(tmp_path / "a.mp4", sound=False)
    data = (tmp_path / "a.mp4").read_bytes()
    old = struct.pack(">I4sI", 12, b"url ", 1)
    assert old in data
    other = (tmp_path / "other.raw").as_uri().encode() + b"\0"
    new = struct.pack(">I4sI", 12 + len(other), b"url ", 0) + other
    (tmp_path / "b.mp4").write_bytes(grown(data, old, new))
    (tmp_path / "other.raw").write_bytes(data)
    assert isinstance(look(tmp_path / "b.mp4"), Probe)


def grown(data: bytes, old: bytes, new: bytes) -> bytes:
    """`data` with one box replaced by a longer one, and the boxes around it made longer too."""
    position, more = data.index(old), len(new) - len(old)
    changed = bytearray(data.replace(old, new, 1))
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = data.rindex(name, 0, position) - 4
        length = struct.unpack(">I", data[at : at + 4])[0]
        changed[at : at + 4] = struct.pack(">I", length + more)
    return bytes(changed)


def test_looking_into_a_file_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "PROBE_SECONDS", 1.0)
    with stub_server(silent=True) as stub:
        found = probe(f"{stub.url}/film.mp4", 1000)
    assert found.reason == "is not a video that we can read (looking into it took more than 1 s)."
    with stub_server(silent=True) as stub, pytest.raises(ServiceFailure, match="more than 1 s"):
        check_decodes(f"{stub.url}/film.mp4", 1000, seconds=1)


SIDE = 8192  # pixels: the largest picture that is looked into at all


def bomb(path: Path) -> None:
    """A small film whose one picture takes half a gigabyte when it is unpacked, more than the limit here."""
    chunk = lambda kind, data: (  # noqa: E731
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    )
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 6, 0, 0, 0)
    picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("png", rate=1)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "rgba64be"
        packet = av.Packet(picture + chunk(b"IEND", b""))
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 1)
        container.mux(packet)


TIGHT = """import sys
from batch_core import probe_child
probe_child.MEMORY = 400 * 2**20
sys.exit(probe_child.main())
"""


def test_looking_into_a_file_has_a_memory_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is lowered: no picture that is let through needs more than the real one."""
    run = subprocess.run
    monkeypatch.setattr(
        subprocess, "run", lambda command, **options: run([command[0], "-c", TIGHT], **options)
    )
    bomb(tmp_path / "bomb.mov")
    assert (tmp_path / "bomb.mov").stat().st_size < 10_000
    found = look(tmp_path / "bomb.mov")
    assert not found.ok
    if sys.platform == "linux":  # elsewhere only what is really used counts, and this is never used
        assert "takes more than 1 GB of memory" in found.reason


def test_the_child_gets_no_secret_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict = {}

    def spy(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        seen.update(options, command=command)
        return subprocess.CompletedProcess(command, 0, b"{}")

    monkeypatch.setenv("AZURE_BATCH_KEY", "c2VjcmV0")
    monkeypatch.setattr(subprocess, "run", spy)
    probe("http://127.0.0.1:1/x?sig=c2VjcmV0", 1)
    assert "c2VjcmV0" not in str(seen["command"]) + str(seen["env"])


def test_a_source_that_is_gone_says_nothing_about_the_file() -> None:
    with stub_server(404) as stub, pytest.raises(NotFound):
        probe(f"{stub.url}/film.mp4", 1000)
    with stub_server(403) as stub, pytest.raises(Unreachable):
        probe(f"{stub.url}/film.mp4", 1000)
    with pytest.raises(Unreachable):
        check_decodes(f"{stub.url}/film.mp4", 1000)


def test_only_what_is_needed_is_read() -> None:
    data = bytes(range(256)) * 4096 * 6
    with stub_server() as stub:
        calls: list[tuple[int, int]] = []
        file = RangedFile(f"{stub.url}/x", len(data))
        file._fetch = lambda start, end: (calls.append((start, end)), data[start:end])[1]  # type: ignore[method-assign]
        assert file.read(10) == data[:10]
        file.seek(-5, 2)
        assert file.read() == data[-5:]
        assert sum(end - start for start, end in calls) <= 3 * BLOCK
        file.seek(0)
        pieces = []
        while piece := file.read(100_000):
            pieces.append(piece)
        assert b"".join(pieces) == data
        assert len(calls) < 8, "reading straight on reads ahead"


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.mp4", "a.mkv"])
def test_whole_files_decode_to_their_end(tmp_path: Path, name: str) -> None:
    path = clip(tmp_path / name, 2.0)
    good, seconds, reason = check_decodes(path, path.stat().st_size)
    assert (good, reason) == (True, "")
    assert seconds == pytest.approx(2.0, abs=0.1)


def test_damaged_files_do_not(tmp_path: Path) -> None:
    data = bytearray(clip(tmp_path / "a.m4a", 5.0, picture=False).read_bytes())
    middle = data.index(b"mdat") + 20_000
    data[middle : middle + 8000] = b"\xaa" * 8000
    (tmp_path / "b.m4a").write_bytes(data)
    good, seconds, reason = check_decodes(tmp_path / "b.m4a", len(data))
    assert not good
    assert 0 < seconds < 5
    assert "can't be decoded after" in reason
    assert check_decodes(tmp_path / "b.m4a", 0) == (False, 0.0, "It is empty.")
    (tmp_path / "c.mp3").write_bytes(b"nothing")
    assert check_decodes(tmp_path / "c.mp3", 7) == (False, 0.0, "It can't be decoded.")


def test_a_probe_survives_its_json() -> None:
    whole = Probe(
        True,
        "",
        "mov",
        "mp4",
        1.5,
        (Stream("video", "h264", 10, 20, 29.97), Stream("audio", "aac", channels=2)),
    )
    assert Probe.from_json(whole.to_json()) == whole
    bad = Probe(False, "is not a video that we can read (it is empty).")
    assert Probe.from_json(bad.to_json()) == bad


@pytest.mark.parametrize(
    "change",
    [
        {"format": "hls"},
        {"extension": "sh"},
        {"format": "mov -i x"},
        {"streams": [{"kind": "video", "codec": "a b"}]},
        {"streams": [{"kind": "data", "codec": "x"}]},
    ],
)
def test_what_the_child_says_is_not_believed(change: dict) -> None:
    fields = {"ok": True, "format": "mov", "extension": "mp4", "streams": []} | change
    with pytest.raises(ValueError, match="not a"):
        Probe.from_json(json.dumps(fields))


def test_numbers_that_make_no_sense_are_unknown() -> None:
    stream = {"kind": "video", "codec": "h264", "width": -5, "height": 10**9, "fps": 1e300, "language": "<b>"}
    fields = {"ok": True, "format": "mov", "extension": "mp4", "duration": -1, "streams": [stream]}
    found = Probe.from_json(json.dumps(fields))
    assert found.duration is None
    assert found.streams == (Stream("video", "h264"),)
