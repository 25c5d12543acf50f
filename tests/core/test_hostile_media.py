"""Files made to reach beyond themselves or to use everything up, in the probe and in the very commands of tasks.

A canary file and a listening port stand for all that is outside: nothing may open either.
"""

import shlex
import struct
import subprocess
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import psutil
import pytest

from batch_core import files, jobs, pools, results
from batch_core import probe as probing
from batch_core.account import Account
from batch_core.conversions import CONVERSIONS, Options, command_line, conversion, refusal
from batch_core.conversions.refusals import refused
from batch_core.files import VideoFile
from batch_core.jobs import Plan
from batch_core.probe import Probe, Stream, check_decodes, probe
from batch_core.probe_child import FORMATS
from batch_core.storage import INPUTS, ensure_containers
from tests.core.hostile import (
    Outside,
    film_that_refers,
    film_with_a_playlist_for_subtitles,
    film_with_many_frames,
    outside,
    texts,
)
from tests.core.media import clip, ffmpegs
from tests.waiting import until

BELIEVED = (
    Stream("video", "h264", 320, 180, 25.0),
    Stream("audio", "aac", channels=2),
    Stream("subtitle", "subrip"),
)
ALL_MEMORY = 700 * 1024**2  # bytes that a task may take for a small picture


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    with outside(tmp_path_factory.mktemp("outside")) as traps:
        yield traps


@pytest.fixture(autouse=True)
def _untouched(canary: Outside) -> None:
    canary.touched.clear()


def believed(format: str, extension: str) -> Probe:
    """What a probe would say if it had been deceived, or if somebody had written its answer himself."""
    return Probe(True, "", format, extension, 1.0, BELIEVED)


def look(path: Path) -> Probe:
    return probe(path, path.stat().st_size)


def put(account: Account, name: str, data: bytes) -> VideoFile:
    ensure_containers(account)
    blob = f"{uuid.uuid4().hex}/{files.safe_name(name)}"
    account.blobs.get_blob_client(INPUTS, blob).upload_blob(data, metadata={"name": files.encode_name(name)})
    return next(file for file in files.list_files(account) if file.blob == blob)


def as_task(tool: str, found: Probe, folder: Path, made: str = "mp3") -> subprocess.CompletedProcess[bytes]:
    """The command of a task, in its folder."""
    words = shlex.split(command_line(conversion(made), Options(), found))
    return subprocess.run([tool, *words[1:]], cwd=folder, capture_output=True, timeout=60, check=False)


def test_the_traps_catch_a_careless_command(tool: str, canary: Outside, tmp_path: Path) -> None:
    """What the other tests rest on: without our options the same files do open the canary and the port."""

    def careless(*words: str | Path) -> None:
        command = [tool, "-nostdin", *words, "-t", "1", "-f", "null", "-"]
        subprocess.run(command, capture_output=True, timeout=30, check=False)

    (tmp_path / "list.m3u8").write_text(texts(canary)["list.m3u8"])
    careless("-protocol_whitelist", "file,http,tcp", "-i", tmp_path / "list.m3u8")
    assert set(canary.touched) == canary.watches
    for beside in (False, True):
        canary.touched.clear()
        film = canary.folder / "film.mov"
        film.write_bytes(film_that_refers(canary, tmp_path, beside=beside))
        careless("-enable_drefs", "1", "-use_absolute_path", "1", "-i", film)
        assert set(canary.touched) == canary.watches - {"port"}


def test_no_pointer_is_taken_for_media_whatever_it_is_called(canary: Outside, account: Account) -> None:
    for name, text in texts(canary).items():
        data = text.encode("latin-1")
        honest = canary.folder / name
        honest.write_bytes(data)
        assert not look(honest).ok, name
        assert not check_decodes(honest, len(data))[0], name
        file = put(account, f"{name}.mp4", data)
        found = files.probe_file(account, file)
        assert found.probe is not None
        assert not found.probe.ok, name
        assert found.probe.reason.startswith("is not a video that we can read (")
        assert all(refusal(wanted, found) for wanted in CONVERSIONS)
        files.delete_files(account, [file])
    assert canary.touched == []


def test_no_command_of_ours_opens_what_a_pointer_names(tool: str, canary: Outside) -> None:
    """Every text as an input of every sixth format, and the worst two of every one."""
    formats = list(FORMATS.values())
    for number, (name, text) in enumerate(texts(canary).items()):
        for place, (format, extension) in enumerate(formats):
            if (number + place) % 6 == 0 or name in ("list.m3u8", "list.ffconcat"):
                (canary.folder / f"input.{extension}").write_text(text, encoding="latin-1")
                can = [one for one in CONVERSIONS if not refused(one, believed(format, extension), Options())]
                made = can[place % len(can)].id
                as_task(tool, believed(format, extension), canary.folder, made)
                assert canary.touched == [], f"{name} as {format}"


def test_the_filter_that_opens_the_input_anew_opens_no_pointer(tool: str, canary: Outside) -> None:
    """It would guess the format; the input, whose format is told, has to be opened before."""
    worst = {"list.m3u8", "hidden.mp3", "list.ffconcat", "manifest.mpd", "subtitles.ass", "subtitles.idx"}
    for name, text in texts(canary).items():
        for format, extension in (("matroska", "mkv"), ("mov", "mp4")) if name in worst else ():
            (canary.folder / f"input.{extension}").write_text(text, encoding="latin-1")
            done = as_task(tool, believed(format, extension), canary.folder, "burned")
            assert done.returncode != 0
            assert canary.touched == [], f"{name} as {format}"


def test_a_film_that_refers_to_other_files_is_read_alone(canary: Outside, tmp_path: Path) -> None:
    films = {
        "absolute.mov": film_that_refers(canary, tmp_path),
        "relative.mov": film_that_refers(canary, tmp_path, beside=True),
        "subtitles.avi": film_with_a_playlist_for_subtitles(canary, tmp_path),
    }
    for name, data in films.items():
        film = canary.folder / name
        film.write_bytes(data)
        found = look(film)
        assert found.ok, found.reason
        check_decodes(film, len(data))
        (canary.folder / f"input.{found.extension}").write_bytes(data)
        for tool in ffmpegs():
            as_task(tool, found, canary.folder, "mp4-720p")
            done = as_task(tool, found, canary.folder)
            assert done.returncode == 0, done.stderr
            made = canary.folder / "output.mp3"
            assert check_decodes(made, made.stat().st_size) == (True, pytest.approx(0.4, abs=0.1), "")
    assert canary.touched == []


def test_tasks_of_the_local_cloud_open_only_their_own_input(
    canary: Outside, account: Account, tmp_path: Path
) -> None:
    """Also when somebody has written a probe's answer of his own beside his upload."""
    pools.ensure_local_pool(account)
    tricks = {
        name: text.encode("latin-1")
        for name, text in texts(canary).items()
        if name.startswith(("list", "hidden"))
    } | {"empty.mp4": b"", "cut.mp4": clip(tmp_path / "whole.mp4", 1).read_bytes()[:2000]}
    deceived = [
        replace(put(account, f"{name}.mp4", data), probe=believed("mov", "mp4"))
        for name, data in tricks.items()
    ]
    film = files.probe_file(account, put(account, "film.mov", film_that_refers(canary, tmp_path)))
    plan = Plan(
        files=(*deceived, film), conversion="mp3", pool_id=pools.LOCAL_POOL, name="x", nonce=uuid.uuid4().hex
    )
    run = jobs.launch(account, plan)
    until(lambda: jobs.get_run(account, run.id).over, seconds=60, what="the run's end")
    assert canary.touched == []
    made = {row.source_name: row for row in results.list_results(account, run.id)}
    assert made["film.mov"].state == "done"
    assert results.check(account, made["film.mov"]).duration == pytest.approx(0.4, abs=0.1)
    for file in deceived:
        assert made[file.name].state == "failed", file.name
        assert made[file.name].reason
    files.delete_files(account, plan.files)


def picture(side: int, bits: int = 16) -> bytes:
    """A PNG of so many pixels each way, of which almost none are there; of 16 `bits` it unpacks to 8 bytes a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    channels, colours = (4, 6) if bits == 16 else (1, 0)
    row = b"\0" * (1 + side * channels * bits // 8)
    header = struct.pack(">IIBBBBB", side, side, bits, colours, 0, 0, 0)
    pixels = zlib.compress(row * (side if bits == 1 else min(side, 64)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def film_of(path: Path, sides: list[int], bits: int = 16) -> Path:
    """A film of such pictures, one a second, that says it is as large as the first."""
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("png", rate=1)
        stream.width = stream.height = sides[0]
        stream.pix_fmt = "rgba64be" if bits == 16 else "monob"
        for number, side in enumerate(sides):
            packet = av.Packet(picture(side, bits))
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 1)
            container.mux(packet)
    return path


def test_a_picture_too_large_for_any_screen_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """Also when it takes little memory: what is made of it would take much."""
    assert look(film_of(tmp_path / "a.mov", [8000], bits=1)).ok
    huge = look(film_of(tmp_path / "b.mov", [10_000], bits=1))
    assert huge.reason == "is not a video that we can read (its picture of 10000 × 10000 is too large)."


def test_a_picture_that_grows_on_the_way_takes_no_memory_of_a_task(tool: str, tmp_path: Path) -> None:
    source = film_of(tmp_path / "input.mp4", [64, 64, 16_000, 64])
    assert source.stat().st_size < 200_000
    found = look(source)
    assert found.ok, found.reason
    assert memory_of(tool, found, "mp4-720p", tmp_path) < ALL_MEMORY


def test_a_file_that_claims_a_billion_frames(tool: str, tmp_path: Path) -> None:
    (tmp_path / "input.mp4").write_bytes(film_with_many_frames(tmp_path, 10**9))
    began = time.monotonic()
    assert not look(tmp_path / "input.mp4").ok
    assert not check_decodes(tmp_path / "input.mp4", 10_000)[0]
    assert memory_of(tool, believed("mov", "mp4"), "mp4-720p", tmp_path) < ALL_MEMORY
    assert time.monotonic() - began < 30


def memory_of(tool: str, found: Probe, made: str, folder: Path) -> int:
    """Bytes that the command of a task had in memory at most."""
    words = shlex.split(command_line(conversion(made), Options(), found))
    most = 0
    with (folder / "log").open("wb") as log:
        task = psutil.Popen([tool, *words[1:]], cwd=folder, stdout=log, stderr=log)
        while task.poll() is None:
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                most = max(most, task.memory_info().rss)
            with suppress(psutil.TimeoutExpired):
                task.wait(0.005)
    return most


@contextmanager
def endless(pattern: bytes) -> Iterator[str]:
    """A URL whose file never ends: any range of it is there, and always the same again."""
    whole = pattern * (16 * 1024**2 // len(pattern))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            length = int(last) - int(first) + 1
            self.send_response_only(206)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            offset = int(first) % len(pattern)
            self.wfile.write(whole[offset : offset + length])

        def handle(self) -> None:
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                return  # the reader was ended

        def log_message(self, format: str, *arguments: object) -> None:
            """Silence: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/film.mp4"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    "pattern",
    [b"\0\0\0\x08free", b"RIFF\xff\xff\xff\x7fAVI " + b"JUNK\0\0\0\0" * 2, b"\x47\x1f\xff\x10" + b"\xff" * 184, b"\0" * 64],
    ids=["boxes", "chunks", "packets", "zeros"],
)  # fmt: skip
def test_a_file_without_an_end_is_looked_into_for_a_while_only(
    pattern: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "PROBE_SECONDS", 2.0)
    began = time.monotonic()
    with endless(pattern) as url:
        found = probe(url, 10**12)
    assert not found.ok
    assert time.monotonic() - began < 10


def test_what_is_cut_off_or_empty_becomes_nothing(tmp_path: Path) -> None:
    whole = {name: clip(tmp_path / f"a.{name}", 1).read_bytes() for name in ("mp4", "mkv", "avi", "ts")}
    for name, data in whole.items():
        for cut in (0, 15, 400):
            path = tmp_path / f"cut.{name}"
            path.write_bytes(data[:cut])
            assert not look(path).ok, f"{name} after {cut} bytes"
    source = tmp_path / "input.mp4"
    for tool in ffmpegs():
        for cut in (0, 400):
            source.write_bytes(whole["mp4"][:cut])
            assert as_task(tool, believed("mov", "mp4"), tmp_path).returncode != 0
