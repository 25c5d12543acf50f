"""What ffmpeg writes when it gives up, made for real with every ffmpeg at hand, and what we say of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from batch_core.causes import OTHER, Cause, cause
from batch_core.failures import last_lines
from tests.core.media import clip, ffmpeg

AS_TASKS = ["-nostdin", "-hide_banner", "-nostats", "-loglevel", "warning", "-y"]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files in the shapes that make conversions fail."""
    folder = tmp_path_factory.mktemp("films")
    whole = clip(folder / "whole.mp4", size="64x48")
    clip(folder / "silent.mp4", size="64x48", sound=False)
    clip(folder / "sound.mp3", picture=False)
    ffmpeg(
        "-i", whole, "-vf", "scale=65:49:flags=neighbor,format=yuv444p", "-c:v", "ffv1", folder / "odd.mkv"
    )
    text = folder / "text.srt"
    text.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n", encoding="utf-8")
    ffmpeg("-i", whole, "-i", text, "-c", "copy", "-c:s", "mov_text", folder / "subtitles.mp4")
    data = whole.read_bytes()
    (folder / "cut.mp4").write_bytes(data[:3000])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "unknown.mp4").write_bytes(data.replace(b"avc1", b"zzzz").replace(b"mp4a", b"yyyy"))
    start = data.find(b"mdat") + 100
    (folder / "hurt.mp4").write_bytes(data[:start] + bytes(range(256)) * 20 + data[start + 5120 :])
    (folder / "list.ffconcat").write_text("ffconcat version 1.0\nfile http://192.0.2.1/x.mp4\n")
    return folder


def told(tool: str, folder: Path, arguments: str) -> tuple[Cause, int]:
    """Runs it as a task would, and reads the end of its log as the app does."""
    ended = subprocess.run([tool, *AS_TASKS, *arguments.split()], cwd=folder, capture_output=True, timeout=60)
    return cause(last_lines(ended.stderr), ended.returncode), ended.returncode


FAILURES = [
    ("no-stream", "-i silent.mp4 -map 0:a:0 -vn out.mp3"),
    ("no-stream", "-i silent.mp4 -vn out.mp3"),
    ("damaged", "-f mov -i cut.mp4 out.mp3"),
    ("damaged", "-f mov -i empty.mp4 out.mp3"),
    ("damaged", "-xerror -f mov -i hurt.mp4 -map 0:v:0 -c:v libx264 out.mp4"),
    ("encoder", "-i whole.mp4 -c:v libnosuch out.mp4"),
    ("filter", "-i whole.mp4 -vf nosuchfilter out.mp4"),
    ("option", "-i whole.mp4 -nosuchoption 3 out.mp4"),
    ("dimensions", "-i odd.mkv -c:v libx264 -pix_fmt yuv420p out.mp4"),
    ("pixels", "-i whole.mp4 -c:v libx264 -pix_fmt nosuch out.mp4"),
    ("pixels", "-i whole.mp4 -c:v libx264 -profile:v high -pix_fmt yuv444p out.mp4"),
    ("decoder", "-f mov -i unknown.mp4 -map 0:v:0 -c:v libx264 out.mp4"),
    ("too-large", "-max_pixels 100 -i whole.mp4 out.mp4"),
    ("subtitles", "-i subtitles.mp4 -map 0:s:0 -c:s dvb_subtitle out.mkv"),
    ("container", "-i whole.mp4 -c copy out.webm"),
    ("container", "-i whole.mp4 -map 0 -c copy out.wav"),
    ("outside", "-protocol_whitelist file -f concat -safe 0 -i list.ffconcat out.mp4"),
]


@pytest.mark.parametrize(("kind", "arguments"), FAILURES)
def test_each_failure_is_known_by_what_every_ffmpeg_says(
    films: Path, tool: str, kind: str, arguments: str
) -> None:
    found, exit_code = told(tool, films, arguments)
    assert exit_code != 0
    assert found.kind == kind, found
    assert found.line, "the line that says so is quoted"
    assert found.way_out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("-i silent.mp4 -map 0:a:0 -vn out.mp3", "have no sound: MP3 needs some."),
        ("-i sound.mp3 -map 0:V:0 out.mp4", "have no moving picture: MP3 needs one."),
        ("-i silent.mp4 -map 0:s:0 out.srt", "have no subtitles: MP3 needs some."),
        ("-i whole.mp4 -map 0:a:3 out.mp3", "have no sound track 4, which was asked for."),
    ],
)
def test_a_missing_track_is_named_by_its_kind_and_by_who_needs_it(
    films: Path, tool: str, arguments: str, words: str
) -> None:
    ended = subprocess.run([tool, *AS_TASKS, *arguments.split()], cwd=films, capture_output=True, timeout=60)
    found = cause(last_lines(ended.stderr), ended.returncode, "MP3")
    assert (found.kind, found.many) == ("no-stream", words)
    assert found.words == f"It has {words.removeprefix('have ')}"


def test_a_part_outside_of_the_file_is_told_though_ffmpeg_ends_well(films: Path, tool: str) -> None:
    found, _ = told(tool, films, "-ss 100 -i whole.mp4 out.mp3")
    assert found.kind == "nothing"


if sys.platform == "linux":  # which alone has a device that is always full

    def test_a_full_disk_is_told_before_what_follows_from_it(films: Path, tool: str) -> None:
        found, exit_code = told(tool, films, "-i whole.mp4 -f mp4 /dev/full")
        assert exit_code != 0
        assert found.kind == "disk-full"


if sys.platform != "win32":  # where a process that is ended leaves no signal behind

    def test_one_that_is_killed_says_nothing_and_its_exit_code_does(films: Path, tool: str) -> None:
        arguments = [tool, *AS_TASKS, "-re", "-stream_loop", "-1", "-i", "whole.mp4", "-f", "null", "-"]
        process = subprocess.Popen(arguments, cwd=films, stderr=subprocess.PIPE)
        process.kill()
        said = process.communicate(timeout=60)[1]
        found = cause(last_lines(said), 128 - process.returncode)
        assert found.kind == "killed"


def test_what_nobody_has_foreseen_is_told_in_ffmpegs_own_last_words() -> None:
    found = cause("first\n[mp4 @ 0x55ca] [enc @ 0x1] The moon is in the way\n", 234)
    assert (found.kind, found.words) == (OTHER, "ffmpeg gave up and said: “The moon is in the way”")
    other = cause("[mp4 @ 0x7ffe] The moon is in the way", 1)
    assert other.words == found.words, "the same cause, whatever the address in memory"


UNFORESEEN = [
    ("-i whole.mp4 -vn -c:a libmp3lame -ar 12345 out.mp3", "Specified sample rate 12345 is not supported"),
    ("-i whole.mp4 -vf crop=9000:9000 out.mp4", "Invalid too big or non positive size for width '9000'"),
    ("-i whole.mp4 -c:v libx264 -preset nosuch out.mp4", "Error setting preset/tune nosuch"),
    ("-i whole.mp4 nosuch/out.mp4", "nosuch/out.mp4: No such file or directory"),
]


@pytest.mark.parametrize(("arguments", "telling"), UNFORESEEN)
def test_of_what_nobody_has_foreseen_the_telling_lines_are_shown(
    films: Path, tool: str, arguments: str, telling: str
) -> None:
    """Not what every failure ends with, such as "Conversion failed!"."""
    found, exit_code = told(tool, films, arguments)
    assert exit_code != 0
    assert found.kind == OTHER
    assert telling in found.line
    assert len(found.line.splitlines()) <= 3
    if "nosuch/" not in arguments:
        assert "Error while opening encoder" not in found.line
        assert "received no packets" not in found.line


def test_a_harmless_warning_before_the_failure_is_not_its_cause() -> None:
    harmless = "Error while decoding stream #0:0: Invalid data found when processing input\n"
    end = "".join(f"[enc @ 0x1] The moon is in the way, {number}\n" for number in range(4))
    found = cause(f"{harmless}{end}Conversion failed!\n", 1)
    assert (found.kind, found.line.count("moon")) == (OTHER, 3)
    assert cause(harmless, 137).kind == "killed", "which it was while it went on"
    assert cause(f"{harmless}Conversion failed!\n", 1).kind == "damaged", "nothing else is told"


def test_without_a_word_nothing_is_made_up() -> None:
    assert cause(" \n", 1) == Cause(OTHER, "ffmpeg ended with exit code 1 and said nothing.", "", "")
