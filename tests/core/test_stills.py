"""Results that are no films: nothing good is called bad, nothing bad good."""

from pathlib import Path

import pytest
from PIL import Image

from batch_core.conversions import Options, Promise, promise
from batch_core.probe import check_decodes
from tests.core.media import clip, ffmpeg
from tests.core.shapes import judged

SRT = "1\n00:00:00,500 --> 00:00:02,000\nHello\n\n2\n00:01:03,000 --> 00:01:04,250\nthere\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("stills")
    film = clip(folder / "film.mp4", 1, "256x144")
    ffmpeg("-i", film, "-vf", "fps=10", "-an", folder / "a.gif")
    ffmpeg("-i", film, "-vf", "fps=10", "-an", "-c:v", "libwebp_anim", folder / "a.webp")
    ffmpeg("-i", film, "-frames:v", "1", folder / "a.jpg")
    (folder / "a.srt").write_text(SRT, encoding="utf-8")
    return {name: folder / f"a.{name}" for name in ("gif", "webp", "jpg", "srt")} | {"film": film}


KINDS = [
    ("gif", "animation", 1.0),
    ("webp", "animation", 1.0),
    ("jpg", "picture", 0.0),
    ("srt", "subtitles", 64.25),
]


@pytest.mark.parametrize(("name", "kind", "seconds"), KINDS)
def test_what_is_whole_is_good_and_its_length_is_known(
    name: str, kind: str, seconds: float, made: dict[str, Path]
) -> None:
    path = made[name]
    found = check_decodes(path, path.stat().st_size, kind=kind)
    assert found == (True, pytest.approx(seconds, abs=0.02), "")


@pytest.mark.parametrize(("name", "kind", "_"), KINDS[:3])
def test_what_is_cut_anywhere_is_bad(
    name: str, kind: str, _: float, made: dict[str, Path], tmp_path: Path
) -> None:
    data, cut = made[name].read_bytes(), tmp_path / "cut"
    for length in (10, len(data) // 3, len(data) * 9 // 10, len(data) - 1):
        cut.write_bytes(data[:length])
        good, _seconds, reason = judged(cut, kind)
        assert not good, length
        assert reason.endswith(".")


@pytest.mark.parametrize("kind", ["animation", "picture", "subtitles"])
def test_what_is_something_else_is_bad(kind: str, made: dict[str, Path]) -> None:
    fitting = {"animation": {"gif", "webp"}, "picture": {"jpg"}, "subtitles": {"srt"}}[kind]
    for name, path in made.items():
        assert judged(path, kind)[0] == (name in fitting), name


def test_a_picture_that_unpacks_to_too_much_is_bad(tmp_path: Path) -> None:
    Image.new("1", (30_000, 30_000)).save(tmp_path / "bomb.png")
    good, _, reason = check_decodes(
        tmp_path / "bomb.png", (tmp_path / "bomb.png").stat().st_size, kind="picture"
    )
    assert (good, reason) == (False, "Its picture is too large.")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"1\n00:00:05,000 --> 00:00:04,000\nx\n", "follow"),
        (SRT.encode() + b"\n3\n00:00:03,000 --> 00:00:04,000\nx\n", "follow"),
        (b"only words\n", "no subtitles"),
        (b"\xff\xfe\x00", "no text"),
    ],
)  # fmt: skip
def test_subtitles_that_are_none(text: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes(text)
    good, _, why = judged(tmp_path / "a.srt", "subtitles")
    assert not good
    assert reason in why


@pytest.mark.parametrize(
    ("expected", "seconds", "size", "reason"),
    [
        (Promise("animation", 10.0), 10.4, 1, ""),
        (Promise("animation", 10.0), 8.0, 1, "2.0 s shorter"),
        (Promise("subtitles", 60.0), 3.0, 1, ""),
        (Promise("subtitles", 60.0), 62.0, 1, "2.0 s longer"),
        (Promise("picture"), 0.0, 1, ""),
        (Promise("film", 10.0, 25_000_000), 10.0, 25_000_000, ""),
        (Promise("film", 10.0, 25_000_000), 10.0, 25_600_000, "25.6 MB, and was to have 25 MB at most"),
    ],
)
def test_what_was_promised_is_kept(expected: Promise, seconds: float, size: int, reason: str) -> None:
    _, why = expected.broken(seconds, size)
    assert bool(why) is bool(reason)
    assert reason in why


def test_promises() -> None:
    part = Options(start=2.5, end=99)
    assert promise("mp3", part, 10.0) == Promise("film", 7.5)
    assert promise("mp4-25mb", Options(), 10.0) == Promise("film", 10.0, 25_000_000)
    assert promise("gif", Options(), 10.0) == Promise("animation", 10.0)
    assert promise("frames", Options(every=4), 10.0) == Promise("pictures", pictures=3)
    assert Promise("pictures", pictures=3).broken(0, 1, 4) == ("", "")
    assert Promise("pictures", pictures=3).broken(0, 1, 5) == ("pictures", "5 of 3 pictures are there.")
    assert promise("thumbnail", part, 10.0) == Promise("picture", pictures=1)
    assert promise("subtitles", part, 10.0) == Promise("subtitles", 10.0), "it takes no part"
    assert promise("expert-mp4", Options(arguments="-c:v copy"), 10.0).seconds == 10.0
    assert promise("expert-mp4", Options(arguments="-t 3 -c:v copy"), 10.0).seconds is None
    assert promise("made by a later version", part, 10.0) == Promise("film", 7.5)
