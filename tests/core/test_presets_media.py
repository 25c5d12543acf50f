"""Every preset really made with both ffmpegs, every shape of media with every preset; all pairs as data."""

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import av
import numpy
import pytest

from batch_core.conversions import (
    CONVERSIONS,
    Conversion,
    Options,
    command_line,
    conversion,
    promise,
    refusal,
)
from batch_core.files import VideoFile
from batch_core.probe import Probe, Stream, probe
from tests.core.media import OURS, clip, ffmpeg, ffmpegs, program
from tests.core.shapes import HOURS, SIZE, convert, judged, long_ones, shapes

pytestmark = pytest.mark.timeout(120)
Media = dict[str, tuple[Path, Probe]]
NAMES = [
    *("plain.mkv", "turned.mp4", "tracks.mkv", "unsteady.mkv", "hdr.mkv", "subtitles.mp4", "misnamed.mov", "cut.ts", "woven.ts"),
    *("surround.mkv", "wide.mov", "silent.mp4", "sound.flac", "odd.mkv", "frame.mp4", "cover.mp3"),
]  # fmt: skip
CODECS = {
    "mp3": "mp3float", "m4a": "aac", "podcast": "mp3float", "opus": "opus", "flac": "flac", "wav": "pcm_s16le",
    "mp4-1080p": "h264 aac", "mp4-720p": "h264 aac", "mp4-480p": "h264 aac", "mp4-25mb": "h264 aac",
    "mp4-10mb": "h264 aac", "webm": "vp9 opus", "hevc": "hevc aac", "av1": "av1 aac", "prores": "prores pcm_s16le",
    "dnxhr": "dnxhd pcm_s16le", "ffv1": "ffv1 flac", "burned": "h264 aac",
}  # fmt: skip
HEADS = {
    "gif": b"GIF89a",
    "webp": b"RIFF",
    "thumbnail": b"\xff\xd8\xff",
    "sheet": b"\xff\xd8\xff",
    "subtitles": b"1\n",
}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    made = shapes(tmp_path_factory.mktemp("shapes"))
    return {name: (path, probe(path, path.stat().st_size)) for name, path in made.items()}


def good(made: Conversion, outputs: list[Path], found: Probe, options: Options, *, off: float = 0.15) -> None:
    """Each output decodes to its end, and keeps its promise."""
    expected = promise(made.id, options, found.duration)
    assert outputs
    for output in outputs:
        whole, seconds, reason = judged(output, made.result)
        assert whole, reason
        assert output.stat().st_size <= (expected.bytes or 1e9)
        if expected.seconds is not None:
            assert seconds <= expected.seconds + off
            assert made.result == "subtitles" or seconds >= expected.seconds - off


@pytest.mark.parametrize("made", CONVERSIONS, ids=lambda made: made.id)
def test_every_preset_with_both_ffmpegs(tool: str, made: Conversion, media: Media, tmp_path: Path) -> None:
    source, found = media["plain.mkv"]
    outputs = convert(tool, source, found, made, Options(every=0.5), tmp_path / "task")
    good(made, outputs, found, Options(every=0.5))
    if made.id not in CODECS:
        assert outputs[0].read_bytes().startswith(HEADS.get(made.id, b"\xff\xd8\xff"))
        return
    with av.open(str(outputs[0])) as container:
        kinds = [(s.type, s.codec_context.name.removeprefix("libdav1d") or "av1") for s in container.streams]
        assert [name for _, name in sorted(kinds, reverse=True)] == CODECS[made.id].split(" ")
        assert all((s.width, s.height) == (256, 144) for s in container.streams.video)


@pytest.mark.parametrize("name", NAMES[1:])  # the first is made with both ffmpegs above
@pytest.mark.parametrize("made", CONVERSIONS, ids=lambda made: made.id)
def test_every_shape_with_every_preset(name: str, made: Conversion, media: Media, tmp_path: Path) -> None:
    """It works and keeps what it promises, or it is refused beforehand with a sentence; the ffmpegs take turns."""
    source, found = media[name]
    tool = ffmpegs()[(NAMES.index(name) + CONVERSIONS.index(made)) % len(ffmpegs())]
    assert found.ok, found.reason
    if why := refusal(made, file(name, found)):
        assert why.endswith(".")
        return
    outputs = convert(tool, source, found, made, Options(), tmp_path / "task")
    good(made, outputs, found, Options(), off=0.5 if name == "cut.ts" else 0.15)
    if made.needs == "video" and made.result == "film":
        after = probe(outputs[0], outputs[0].stat().st_size)
        before = next(s for s in found.streams if s.kind == "video")
        shown = next(s for s in after.streams if s.kind == "video")
        assert ((shown.width or 0) > (shown.height or 0)) == ((before.width or 0) > (before.height or 0))
        assert after.has_audio == found.has_audio


LONG_ONES = ["mp3", "mp4-720p", "hevc", "thumbnail", "sheet", "frames", "subtitles", "burned"]


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Media:
    made = long_ones(tmp_path_factory.mktemp("hours"))
    return {path.suffix: (path, probe(path, path.stat().st_size)) for path in made.values()}


@pytest.mark.parametrize("id", LONG_ONES)
def test_two_hours_are_converted_to_their_end(id: str, hours: Media, tmp_path: Path) -> None:
    made = conversion(id)
    source, found = hours[".flac" if made.needs == "audio" else ".mkv"]
    assert found.duration == pytest.approx(HOURS, abs=15)
    outputs = convert(program(OURS), source, found, made, Options(), tmp_path / "task")
    good(made, outputs, found, Options(), off=15)
    if made.id == "subtitles":
        assert "01:59:50,000" in outputs[0].read_text()


def file(name: str, found: Probe, size: int = 1000) -> VideoFile:
    return VideoFile("0" * 32, "0" * 32 + "/x", name, size, datetime.now(UTC), found)


VIDEO, SOUND = Stream("video", "h264", 1920, 1080, 25.0), Stream("audio", "aac", channels=2)
TEXT, PICTURES = Stream("subtitle", "subrip"), Stream("subtitle", "hdmv_pgs_subtitle")
UNKNOWN = Stream("audio", "unknown")
SHAPES: dict[str, Probe] = {
    name: Probe(True, "", kind, {"matroska": "mkv", "mov": "mp4", "mpegts": "ts"}[kind], seconds, streams)
    for name, kind, seconds, streams in (
        ("plain", "mov", 60.0, (VIDEO, SOUND)),
        ("two hours", "matroska", 7200.0, (VIDEO, SOUND, TEXT)),
        ("silent", "mov", 10.0, (VIDEO,)),
        ("sound", "mov", 10.0, (SOUND,)),
        ("nothing to read", "matroska", 10.0, (UNKNOWN,)),
        ("no length", "mpegts", None, (VIDEO, SOUND)),
        ("tiny", "mov", 5.0, (Stream("video", "h264", 32, 18, 25.0),)),
        ("picture subtitles", "matroska", 5.0, (VIDEO, SOUND, PICTURES)),
        ("broadcast subtitles", "mpegts", 5.0, (VIDEO, SOUND, TEXT)),
        ("tracks", "matroska", 5.0, (VIDEO, UNKNOWN, SOUND, SOUND, PICTURES, TEXT)),
        ("size unknown", "matroska", 5.0, (Stream("video", "h264"), SOUND)),
        ("no sound but words", "matroska", 5.0, (TEXT, SOUND)),
        ("HDR", "mov", 5.0, (replace(VIDEO, bits=10, hdr="hlg"), replace(SOUND, channels=8))),
    )
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pair_has_a_command_or_a_sentence(shape: str) -> None:
    found = SHAPES[shape]
    for made in CONVERSIONS:
        why = refusal(made, file("x", found))
        if why:
            assert why.endswith("."), why
            assert why[0].isupper(), why
            with pytest.raises(Exception, match=r"\."):
                command_line(made, Options(), found)
        else:
            line = command_line(made, Options(), found)
            assert shlex.split(line) == line.split(" ")


@pytest.mark.parametrize(
    ("made", "shape", "options", "sentence"),
    [
        ("webm", "sound", {}, "No moving picture in it: WebM needs one."),
        ("podcast", "silent", {}, "No sound in it: Podcast needs some."),
        ("opus", "nothing to read", {}, "No sound in it: Opus needs some."),
        ("subtitles", "plain", {}, "No subtitles in it."),
        ("subtitles", "picture subtitles", {}, "Its subtitles are made of pictures, which can't be made into text."),
        ("burned", "picture subtitles", {}, "Its subtitles are made of pictures, which can't be drawn in."),
        ("burned", "broadcast subtitles", {}, "Subtitles are burned in from MKV, WebM, MP4 and MOV files only."),
        ("burned", "no sound but words", {}, "No moving picture in it: Subtitles in the picture needs one."),
        ("subtitles", "tracks", {"subtitle": 1}, "Its subtitle track 1 is made of pictures, which can't be made into text."),
        ("subtitles", "tracks", {"subtitle": 3}, "It has 2 subtitle tracks: there is no track 3."),
        ("mp3", "tracks", {"audio": 1}, "Its sound track 1 is of a kind that can't be read."),
        ("mp4-720p", "plain", {"audio": 2}, "It has 1 sound track: there is no track 2."),
        ("mp4-25mb", "two hours", {}, "It is too long: 25 MB hold about 20 minutes. Choose a part of it."),
        ("mp4-10mb", "no length", {}, "How long it is can't be told: MP4 up to 10 MB needs to know."),
        ("sheet", "no length", {}, "How long it is can't be told: Contact sheet needs to know."),
        ("gif", "two hours", {}, "It is too long for a GIF: 60 seconds at most. Choose a part of it."),
        ("av1", "tiny", {}, "Its picture of 32 × 18 is too small: MP4 AV1 needs 64 × 64."),
        ("mp3", "plain", {"start": 60.0}, "It is 60.0 s long, and the part begins at 60 s."),
    ],
)  # fmt: skip
def test_what_can_not_be_is_said_before(made: str, shape: str, options: dict, sentence: str) -> None:
    assert refusal(conversion(made), file("x", SHAPES[shape]), Options(**options)) == sentence


@pytest.mark.parametrize(
    ("made", "options"), [("mp4-25mb", Options(end=600)), ("gif", Options(start=10, end=60))]
)
def test_a_part_of_what_is_too_long_can_be_made(made: str, options: Options) -> None:
    assert refusal(conversion(made), file("x", SHAPES["two hours"]), options) is None


def test_subtitles_are_burned_in_from_small_mp4_files_only() -> None:
    found = replace(SHAPES["plain"], streams=(VIDEO, SOUND, TEXT))
    assert refusal(conversion("burned"), file("x", found, 499_000_000)) is None
    assert "500 MB at most" in (refusal(conversion("burned"), file("x", found, 501_000_000)) or "")
    assert refusal(conversion("burned"), file("x", SHAPES["two hours"], 10**11)) is None


def test_a_target_size_is_kept_by_what_is_hard_to_compress(tool: str, tmp_path: Path) -> None:
    hard = clip(tmp_path / "hard.mkv", 4, SIZE, extra=("-vf", "noise=alls=60:allf=t", "-crf", "10"))
    made = replace(conversion("mp4-10mb"), most_bytes=170_000)
    found = probe(hard, hard.stat().st_size)
    (output,) = convert(tool, hard, found, made, Options(), tmp_path / "task")
    assert hard.stat().st_size > 500_000
    assert 90_000 < output.stat().st_size <= 170_000
    assert judged(output)[:2] == (True, pytest.approx(4, abs=0.1))


def test_a_podcast_is_as_loud_whatever_was_recorded(tmp_path: Path) -> None:
    def loudness(path: Path) -> float:
        with av.open(str(path)) as container:
            sound = numpy.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
        return float(20 * numpy.log10(numpy.sqrt((sound**2).mean())))

    made = []
    for number, level in enumerate(("-35dB", "0dB")):
        spoken = clip(tmp_path / f"{number}.wav", 2, picture=False, extra=("-af", f"volume={level}"))
        found = probe(spoken, spoken.stat().st_size)
        made += convert(
            ffmpegs()[-1], spoken, found, conversion("podcast"), Options(), tmp_path / str(number)
        )
    assert abs(loudness(made[0]) - loudness(made[1])) < 3


def strip(path: Path, seconds: float) -> numpy.ndarray:
    """The lower part of the picture at a time, in grey."""
    with av.open(str(path)) as container:
        frame = next(f for f in container.decode(video=0) if (f.time or 0) >= seconds)
        return frame.to_ndarray(format="gray")[100:].astype(int)


@pytest.mark.parametrize("name", ["plain.mkv", "subtitles.mp4"])
def test_words_are_in_the_picture_also_in_a_part(tool: str, name: str, media: Media, tmp_path: Path) -> None:
    source, found = media[name]
    for number, options in enumerate((Options(), Options(start=0.96, end=1.6))):
        (drawn,) = convert(tool, source, found, conversion("burned"), options, tmp_path / f"burned{number}")
        (plain,) = convert(tool, source, found, conversion("mp4-1080p"), options, tmp_path / f"plain{number}")
        good(conversion("burned"), [drawn], found, options)
        changed = abs(strip(drawn, 0.2) - strip(plain, 0.2)) > 60
        assert 20 < changed.sum() < 2000


def test_the_chosen_tracks_are_taken(media: Media, tmp_path: Path) -> None:
    source, found = media["tracks.mkv"]
    (second,) = convert(
        ffmpegs()[0], source, found, conversion("subtitles"), Options(subtitle=2), tmp_path / "s"
    )
    assert "Hello" in second.read_text()
    (all_tracks,) = convert(ffmpegs()[-1], source, found, conversion("ffv1"), Options(), tmp_path / "all")
    (one,) = convert(ffmpegs()[-1], source, found, conversion("ffv1"), Options(audio=2), tmp_path / "one")
    counts = [sum(s.kind == "audio" for s in probe(p, p.stat().st_size).streams) for p in (all_tracks, one)]
    assert counts == [2, 1]


def combs(path: Path) -> float:
    """How much the lines of one moment stand out from those of the other."""
    with av.open(str(path)) as container:
        frame = list(container.decode(video=0))[10].to_ndarray(format="gray").astype(int)
    return float(abs(2 * frame[1:-1] - frame[:-2] - frame[2:]).mean())


@pytest.mark.parametrize("name", ["mp4-720p", "thumbnail", "ffv1"])
def test_pictures_woven_of_two_moments_have_no_combs_on_screens(
    tool: str, name: str, media: Media, tmp_path: Path
) -> None:
    """Editors get what was recorded."""
    source, found = media["woven.ts"]
    assert found.streams[0].interlaced
    plain = replace(found, streams=(replace(found.streams[0], interlaced=None), *found.streams[1:]))
    made = conversion(name)
    (output,) = convert(tool, source, found, made, Options(), tmp_path / "task")
    if made.result == "film":
        (left,) = convert(tool, source, plain, made, Options(), tmp_path / "left")
        assert (combs(output) < 0.6 * combs(left)) == (made.group != "Editing")
    else:
        assert "bwdif" in command_line(made, Options(), found)


def test_lossless_is_without_loss(media: Media, tmp_path: Path) -> None:
    def pictures(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]

    source, found = media["odd.mkv"]
    (made,) = convert(ffmpegs()[0], source, found, conversion("ffv1"), Options(), tmp_path / "task")
    assert pictures(made) == pictures(source)


def test_hdr_is_kept_or_brought_to_what_a_plain_screen_shows(media: Media, tmp_path: Path) -> None:
    source, found = media["hdr.mkv"]
    for tool, (made, bits, transfer) in zip(
        [*ffmpegs(), *ffmpegs()],
        [("hevc", 10, 16), ("mp4-480p", 8, 1), ("av1", 10, 16), ("webm", 8, 1)],
        strict=False,
    ):
        (output,) = convert(tool, source, found, conversion(made), Options(), tmp_path / made)
        with av.open(str(output)) as container:
            frame = next(container.decode(video=0))
        assert (frame.format.components[0].bits, frame.color_trc) == (bits, transfer), made


def test_hdr_is_no_grey_loop(tool: str, media: Media, tmp_path: Path) -> None:
    def first(path: Path) -> numpy.ndarray:
        with av.open(str(path)) as container:
            return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)

    def off(source: Probe, name: str) -> float:
        (made,) = convert(tool, path, source, conversion("gif"), Options(), tmp_path / name)
        return float(abs(first(made) - first(film)).mean())

    path, found = media["hdr.mkv"]
    (film,) = convert(tool, path, found, conversion("mp4-480p"), Options(), tmp_path / "film")
    as_it_is = replace(found, streams=(replace(found.streams[0], hdr=None), *found.streams[1:]))
    assert 2 * off(found, "brought") < off(as_it_is, "left"), "a loop has a film's colours"
    assert "tonemap" not in command_line(conversion("ffv1"), Options(), found)


@pytest.mark.parametrize("codec", ["pcm_f64le", "pcm_f32be", "pcm_s32le", "pcm_s24le"])
def test_wav_keeps_every_sample(tool: str, codec: str, tmp_path: Path) -> None:
    def samples(path: Path) -> numpy.ndarray:
        with av.open(str(path)) as container:
            return numpy.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)

    source = tmp_path / "source.mov"
    ffmpeg("-f", "lavfi", "-i", "anoisesrc=duration=0.2:amplitude=0.01", "-c:a", codec, source)
    (made,) = convert(
        tool, source, probe(source, source.stat().st_size), conversion("wav"), Options(), tmp_path / "task"
    )
    assert len(numpy.unique(samples(source))) > 1000
    assert numpy.array_equal(samples(made), samples(source))


@pytest.mark.parametrize("id", ["m4a", "mp4-480p", "hevc", "ffv1"])
def test_chapters_of_whole_files_stay(tool: str, id: str, media: Media, tmp_path: Path) -> None:
    """Not those of a part: they would make it look as long as they are."""
    told, source = tmp_path / "told", tmp_path / "chapters.mkv"
    told.write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/10\nSTART=0\nEND=5\ntitle=Ünser\n"
        "[CHAPTER]\nTIMEBASE=1/10\nSTART=5\nEND=16\ntitle=Two\n",
        encoding="utf-8",
    )
    ffmpeg("-i", media["plain.mkv"][0], "-i", told, "-map_chapters", "1", "-c", "copy", source)
    found = probe(source, source.stat().st_size)
    for options, titles in ((Options(), ["Ünser", "Two"]), (Options(start=0.2, end=0.8), [])):
        (made,) = convert(tool, source, found, conversion(id), options, tmp_path / f"task{len(titles)}")
        good(conversion(id), [made], found, options)
        with av.open(str(made)) as container:
            assert [chapter["metadata"]["title"] for chapter in container.chapters()] == titles
            starts = [float(chapter["start"] * chapter["time_base"]) for chapter in container.chapters()]
            assert starts == pytest.approx([0.0, 0.5][: len(titles)], abs=0.05)
            assert (container.duration or 0) / 1e6 == pytest.approx(0.6 if not titles else 1.6, abs=0.1)


def test_size_and_frame_rate_and_volume_are_as_chosen(media: Media, tmp_path: Path) -> None:
    source, found = media["plain.mkv"]
    options = Options(fps=10, lines=240, volume=-30)
    (output,) = convert(ffmpegs()[0], source, found, conversion("hevc"), options, tmp_path / "task")
    after = probe(output, output.stat().st_size)
    assert next(s.fps for s in after.streams if s.kind == "video") == pytest.approx(10, abs=0.5)
    line = command_line(conversion("hevc"), Options(lines=720), replace(found, streams=(VIDEO, SOUND)))
    assert "scale=1280:720" in line
    assert "volume=-30dB" in command_line(conversion("mp3"), options, found)


def test_a_cover_is_no_film(media: Media) -> None:
    _, found = media["cover.mp3"]
    assert all(refusal(made, file("x", found)) for made in CONVERSIONS if made.needs != "audio")


def test_the_clips_are_what_their_names_say(media: Media, tmp_path: Path) -> None:
    """Or else the tests above would show nothing."""
    streams = {name: found.streams for name, (_, found) in media.items()}
    assert (streams["hdr.mkv"][0].hdr, streams["hdr.mkv"][0].bits) == ("pq", 10)
    assert (streams["odd.mkv"][0].width, streams["odd.mkv"][0].height) == (321, 181)
    assert (streams["turned.mp4"][0].width, streams["turned.mp4"][0].height) == (144, 256)
    assert [streams[name][-1].channels for name in ("surround.mkv", "wide.mov")] == [6, 8]
    assert media["misnamed.mov"][1].format == "matroska"
    with av.open(str(media["unsteady.mkv"][0])) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert len({round(b - a, 3) for a, b in pairwise(times)}) > 1
    ffmpeg("-i", media["tracks.mkv"][0], "-f", "ffmetadata", tmp_path / "tags")
    assert "東京" in (tmp_path / "tags").read_text(encoding="utf-8")
