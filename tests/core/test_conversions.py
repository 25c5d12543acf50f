"""Every conversion, really run on the ffmpeg of this computer's nodes and on a packaged one."""

import shlex
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import av
import pytest

from batch_core.conversions import (
    CONVERSIONS,
    Options,
    command_line,
    conversion,
    refusal,
    result_names,
    seconds_of,
)
from batch_core.conversions.track_names import track_name
from batch_core.errors import InvalidInput, NotFound
from batch_core.files import VideoFile
from batch_core.probe import Probe, Stream, check_decodes, probe
from batch_core.probe_child import FORMATS
from tests.core.media import boxes, clip, ffmpeg, ffmpegs, song_with_cover

pytestmark = pytest.mark.timeout(120)


def run(ffmpeg_path: str, source: Path, made: str, options: Options, folder: Path) -> Path:
    """Does on `source` what a node does; the output's path."""
    found = probe(source, source.stat().st_size)
    assert found.ok, found.reason
    line = command_line(conversion(made), options, found)
    folder.mkdir()
    (folder / f"input.{found.extension}").symlink_to(source)
    words = shlex.split(line)
    done = subprocess.run(
        [ffmpeg_path, *words[1:]], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "progress=end" in (folder / "progress.txt").read_text()
    output = folder / words[-1]
    good, _, reason = check_decodes(output, output.stat().st_size)
    assert good, reason
    return output


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sources as people have them, with what tends to trip a converter up."""
    folder = tmp_path_factory.mktemp("sources")
    upright = folder / "upright.mp4"
    clip(folder / "flat.mp4", size="1920x1080")
    ffmpeg("-display_rotation", "90", "-i", folder / "flat.mp4", "-c", "copy", upright)
    subtitles = folder / "s.srt"
    subtitles.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    with_subtitles = folder / "subtitles.mkv"
    ffmpeg("-i", folder / "flat.mp4", "-i", subtitles, "-c:v", "copy", "-c:a", "copy", with_subtitles)
    return {
        "plain": clip(folder / "plain.mp4", 2),
        "large": folder / "flat.mp4",
        "upright": upright,
        "odd": clip(folder / "odd.avi", size="321x181"),
        "silent": clip(folder / "silent.mkv", sound=False),
        "surround": clip(folder / "surround.mkv", channels=6),
        "deep": clip(folder / "deep.mkv", size="160x90", extra=("-pix_fmt", "yuv444p10le")),
        "subtitles": with_subtitles,
        "webm": clip(folder / "web.webm"),
        "song": song_with_cover(folder / "song.mp3"),
        "wave": clip(folder / "wave.wav", picture=False, extra=("-ar", "96000")),
        "windows": clip(folder / "old.wmv"),
        "broadcast": clip(folder / "tv.ts", size="720x576"),
    }


WAYS = [
    *product(["mp3"], ["song", "wave", "windows"]),
    *product(["m4a"], ["surround", "webm"]),
    *product(["mp4-720p"], ["large", "upright", "deep", "broadcast"]),
]


@pytest.mark.parametrize(("made", "source"), WAYS)
def test_every_source_becomes_what_is_asked(
    tool: str, made: str, source: str, sources: dict[str, Path], tmp_path: Path
) -> None:
    output = run(tool, sources[source], made, Options(), tmp_path / "task")
    found = probe(output, output.stat().st_size)
    before = probe(sources[source], sources[source].stat().st_size)
    assert found.ok
    assert found.has_video == (made == "mp4-720p")
    assert found.has_audio == before.has_audio
    assert found.duration == pytest.approx(before.duration, abs=0.2)
    assert all(s.channels is None or s.channels <= 2 for s in found.streams)
    if made != "mp3":
        order = boxes(output.read_bytes())
        assert order.index("moov") < order.index("mdat"), "playing must not need the whole file"


@pytest.mark.parametrize(
    ("source", "picture"),
    [
        ("plain", "160 × 90"),
        ("large", "1280 × 720"),
        ("upright", "720 × 1280"),
        ("odd", "320 × 180"),
        ("deep", "160 × 90"),
        ("broadcast", "720 × 576"),
    ],
)
def test_a_picture_is_never_enlarged_and_plays_everywhere(
    source: str, picture: str, sources: dict[str, Path], tmp_path: Path
) -> None:
    output = run(ffmpegs()[0], sources[source], "mp4-720p", Options(), tmp_path / "task")
    assert probe(output, output.stat().st_size).picture == picture
    with av.open(str(output)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")


@pytest.mark.parametrize("made", ["mp3", "m4a", "mp4-720p"])
@pytest.mark.parametrize("quality", ["small", "best"])
def test_quality_and_a_part(
    tool: str, made: str, quality: str, sources: dict[str, Path], tmp_path: Path
) -> None:
    options = Options(quality=quality, start=0.4, end=1.6)
    output = run(tool, sources["plain"], made, options, tmp_path / "task")
    _, seconds, _ = check_decodes(output, output.stat().st_size)
    assert seconds == pytest.approx(1.2, abs=0.12)


def test_better_quality_makes_larger_files(sources: dict[str, Path], tmp_path: Path) -> None:
    for made in ("mp3", "m4a", "mp4-720p"):
        sizes = [
            run(ffmpegs()[0], sources["plain"], made, Options(quality=q), tmp_path / f"{made}-{q}").stat().st_size
            for q in ("small", "normal", "best")
        ]  # fmt: skip
        assert sizes == sorted(set(sizes)), made


def test_command_lines_read_alike_on_every_system() -> None:
    streams = (
        Stream("video", "hevc", 1919, 1079, 59.94, bits=10, hdr="hlg"),
        Stream("audio", "aac", channels=6),
        Stream("subtitle", "subrip"),
    )
    formats = [
        *product(FORMATS.values(), CONVERSIONS, ("normal",)),
        *product([("mov", "mp4")], CONVERSIONS, ("small", "best")),
    ]
    for (name, extension), made, quality in formats:
        found = Probe(True, "", name, extension, 10.0, streams)
        options = Options(
            quality, 0.123456, 9.5, lines=360, fps=24, audio=1, subtitle=1, volume=-6, every=2.5
        )
        if refusal(made, file("x", found), options):
            assert (made.id, name in ("matroska", "mov")) == ("burned", False)
            continue
        line = command_line(made, options, found)
        words = line.split(" ")
        assert shlex.split(line) == words
        # A lone % is itself to every shell, and numbers pictures.
        line = line.replace(" output-%04d.jpg", "")
        assert not set(line) & set("\"'\\%^&|<>$`*?!;()\t\n~#{}[]")
        assert all(words)
        assert words[words.index("-protocol_whitelist") + 1] == "file"
        assert words.index("-protocol_whitelist") < words.index("-f") < words.index("-i")


def test_a_hostile_probe_makes_no_command() -> None:
    streams = (Stream("audio", "aac"),)
    for name, extension in (("mov -i /etc/passwd", "mp4"), ("mov", 'mp4" x'), ("mov;", "mp4")):
        found = Probe(True, "", name, extension, 10.0, streams)
        with pytest.raises(InvalidInput):
            command_line(conversion("mp3"), Options(), found)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (Options(start=-1), "times between"),
        (Options(start=float("nan")), "times between"),
        (Options(end=float("inf")), "times between"),
        (Options(start=5, end=5), "must come after"),
        (Options(start=12), "starts at 12 s"),
        (Options(quality="loud"), "Quality is"),  # type: ignore[arg-type]
    ],
)
def test_options_that_make_no_sense_are_refused(options: Options, sentence: str) -> None:
    found = Probe(True, "", "mov", "mp4", 10.0, (Stream("audio", "aac", channels=2),))
    with pytest.raises(InvalidInput, match=sentence):
        command_line(conversion("mp3"), options, found)


def test_an_unknown_conversion_is_not_found() -> None:
    with pytest.raises(NotFound):
        conversion("mp5")


def test_how_long_a_part_is() -> None:
    assert seconds_of(Options(), 10.0) == 10.0
    assert seconds_of(Options(start=2.5), 10.0) == 7.5
    assert seconds_of(Options(start=2.5, end=99), 10.0) == 7.5
    assert seconds_of(Options(end=3), None) is None


def file(name: str, found: Probe | None = None, number: int = 0) -> VideoFile:
    return VideoFile(f"{number:032x}", f"{number:032x}/x", name, 1, datetime.now(UTC), found)


def test_refusals_are_sentences() -> None:
    silent = Probe(True, "", "mov", "mp4", 1.0, (Stream("video", "h264", 16, 16),))
    sound = Probe(True, "", "mp3", "mp3", 1.0, (Stream("audio", "mp3", channels=2),))
    undecodable = replace(sound, streams=(Stream("audio", "unknown", channels=2),))
    assert refusal(conversion("mp3"), file("a", silent)) == "No sound in it: MP3 needs some."
    assert refusal(conversion("mp3"), file("a", undecodable)) == "No sound in it: MP3 needs some."
    assert refusal(conversion("mp4-720p"), file("a", sound)) == "No moving picture in it: MP4 720p needs one."
    assert refusal(conversion("mp4-720p"), file("a", silent)) is None
    assert refusal(conversion("mp3"), file("a", None)) is None
    bad = Probe(False, "is not a video that we can read (it is empty).")
    told = refusal(conversion("mp3"), file("a.mp4", bad))
    assert told == "It is not a video that we can read (it is empty)."


def test_the_first_sound_that_can_be_read_is_taken() -> None:
    streams = (Stream("audio", "unknown"), Stream("audio", "aac", channels=2))
    line = command_line(conversion("mp3"), Options(), Probe(True, "", "mov", "mp4", 1.0, streams))
    assert "-map 0:a:1 " in line


def test_tracks_are_called_by_what_files_agree_in() -> None:
    def film(*sounds: Stream) -> Probe:
        return Probe(True, "", "matroska", "mkv", 1.0, (*sounds, Stream("subtitle", "subrip", language="en")))

    english = Stream("audio", "aac", channels=2, language="eng")
    german = Stream("audio", "ac3", channels=6, language="ger")
    one, other = film(english, german), film(english, replace(german, codec="eac3", language="deu"))
    assert track_name(2, "audio", [one]) == "Track 2: German, 5.1 (AC-3)"
    assert track_name(2, "audio", [one, other]) == "Track 2: German, 5.1", "codecs differ"
    assert track_name(1, "audio", [one, film(replace(english, language="xx"))]) == "Track 1: stereo (AAC)"
    assert track_name(2, "audio", [one, film(english)]) == "Track 2: German, 5.1 (AC-3)", "one has none"
    assert track_name(1, "subtitle", [one]) == "Track 1: English (SRT)"
    assert track_name(9, "audio", [one]) == "Track 9"


def test_result_names_are_nice_unique_and_harmless() -> None:
    names = [
        "Holiday.mp4",
        "holiday.MOV",
        "../../etc/passwd",
        'a<b>:"c|?*.mkv',
        "con.mp4",
        "…",
        "  .mp4",
        "Ünser Ürlaub.mp4",
        "no extension",
        "x" * 300 + ".mp4",
        "v1.2 final.mp4",
        "tab\tand\u202eturned.mp4",
    ]
    files = [file(name, number=number) for number, name in enumerate(names)]
    made = list(result_names(files, conversion("mp3")).values())
    assert made[:3] == ["Holiday.mp3", "holiday (2).mp3", "passwd.mp3"]
    assert made[3:8] == ["a_b___c___.mp3", "video con.mp3", "….mp3", "video.mp3", "Ünser Ürlaub.mp3"]
    assert made[8:] == ["no extension.mp3", "x" * 251 + ".mp3", "v1.2 final.mp3", "tab andturned.mp3"]
    assert len({name.casefold() for name in made}) == len(names)
    folders = list(result_names(files[:2], conversion("frames")).values())
    assert folders == ["Holiday", "holiday (2)"], "several pictures lie in a folder"
