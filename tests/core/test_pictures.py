"""Small pictures of a file before and after: what they show, what they cost, and that a hostile file gets none."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from batch_core import thumbnails
from batch_core.probe import check_decodes
from batch_core.ranged_file import BLOCK, RangedFile, SourceLost
from tests.core.hostile import film_that_refers, outside, texts
from tests.core.media import clip, ffmpeg, song_with_cover
from tests.core.stub_server import stub_server


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two halves, red on the left, blue on the right; black in its first quarter."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=red:size=160x180:rate=10", "-f", "lavfi", "-i", "color=blue:size=160x180:rate=10"),
        *("-filter_complex", "[0][1]hstack,drawbox=c=black:t=fill:enable='lt(t,2)'", "-t", "8", "-g", "10"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", path),
    )  # fmt: skip
    return path


def made(path: Path, original: Path | None = None, kind: str = "film") -> dict[str, Image.Image]:
    """The pictures that a check makes, each within its limits."""
    found: dict[str, bytes] = {}
    before = (original, original.stat().st_size) if original else None
    good, _, reason = check_decodes(
        path, path.stat().st_size, kind=kind, original=before, keep=found.__setitem__
    )
    assert good, reason
    assert all(len(data) <= thumbnails.MOST_BYTES for data in found.values())
    opened = {side: Image.open(io.BytesIO(data), formats=["JPEG"]) for side, data in found.items()}
    assert all(picture.size == thumbnails.SHAPE for picture in opened.values())
    return opened


def colour(picture: Image.Image, x: int, y: int) -> str:
    red, _, blue = picture.getpixel((x, y))
    return "red" if red > 150 > blue else "blue" if blue > 150 > red else "black" if red + blue < 60 else "?"


def test_a_film_is_shown_before_and_after_where_it_is_not_black(film: Path) -> None:
    pictures = made(film, film)
    assert list(pictures) == ["after", "before"]
    for picture in pictures.values():
        assert [colour(picture, x, 90) for x in (60, 260)] == ["red", "blue"]


def test_a_film_that_is_black_all_the_time_is_shown_black(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=black:size=64x36:rate=5", "-t", "1", tmp_path / "a.mp4")
    assert colour(made(tmp_path / "a.mp4")["after"], 160, 90) == "black"


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_film_from_a_turned_phone_stands_upright(film: Path, tmp_path: Path, turned: int) -> None:
    path, shown = tmp_path / "phone.mp4", tmp_path / "shown.png"
    ffmpeg("-display_rotation", str(turned), "-i", film, "-c", "copy", path)
    ffmpeg("-ss", "4", "-i", path, "-frames:v", "1", shown)  # turned as players do
    picture = made(path)["after"]
    with Image.open(shown) as frame:
        frame.thumbnail(thumbnails.SHAPE)
        left, top = (320 - frame.width) // 2, (180 - frame.height) // 2
        seen = picture.crop((left, top, left + frame.width, top + frame.height))
        assert max(ImageStat.Stat(ImageChops.difference(seen, frame.convert("RGB"))).mean) < 12
    if turned != 180:
        assert colour(picture, 5, 90) == "black", "beside what is narrow"


def test_sound_has_none_also_with_a_cover(film: Path, tmp_path: Path) -> None:
    song = song_with_cover(tmp_path / "song.mp3")
    assert made(song, song) == {}
    assert list(made(song, film)) == ["before"]


def test_stills_and_loops_are_shown(film: Path, tmp_path: Path) -> None:
    for name, kind in (("a.jpg", "picture"), ("a.gif", "animation")):
        ffmpeg(
            "-ss",
            "4",
            "-t",
            "1",
            "-i",
            film,
            *(("-frames:v", "1") if kind == "picture" else ()),
            tmp_path / name,
        )
        assert colour(made(tmp_path / name, kind=kind)["after"], 60, 90) == "red"  # fmt: skip


@pytest.mark.parametrize("name", ["a.avi", "a.ts", "a.webm"])
def test_originals_of_many_formats_are_shown(film: Path, tmp_path: Path, name: str) -> None:
    assert "before" in made(film, clip(tmp_path / name, 1.0))


def test_a_hostile_original_gets_none_and_reads_nothing_outside(film: Path, tmp_path: Path) -> None:
    with outside(tmp_path) as canary:
        for name in ("list.m3u8", "list.ffconcat", "manifest.mpd", "old.asf"):
            (tmp_path / name).write_bytes(texts(canary)[name].encode("latin-1"))
            assert list(made(film, tmp_path / name)) == ["after"], name
        (tmp_path / "refers.mov").write_bytes(film_that_refers(canary, tmp_path))
        assert list(made(film, tmp_path / "refers.mov")) == ["after"]
        assert canary.touched == []


def test_a_picture_that_does_not_come_costs_no_verdict(film: Path) -> None:
    kept: dict[str, bytes] = {}
    size = film.stat().st_size
    with stub_server(404) as gone:
        original = f"{gone.url}/film.mp4", 1000
        assert check_decodes(film, size, original=original, keep=kept.__setitem__)[0]
    with stub_server(silent=True) as silent:
        original = f"{silent.url}/film.mp4", 1000
        assert check_decodes(film, size, 4.0, original=original, keep=kept.__setitem__)[0]
    assert list(kept) == ["after"]


def test_a_child_that_was_taken_over_is_not_believed(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = '{"good": true, "seconds": 1, "reason": ""}\n' + "\n".join(
        ['{"side": "after", "jpeg": "PGh0bWw+"}', '{"side": "../x", "jpeg": "/9j/"}', '["after"]', '{"side": "bef']
    )  # fmt: skip
    run, kept = subprocess.run, {}
    taken_over = [sys.executable, "-c", f"print({said!r})"]
    monkeypatch.setattr(subprocess, "run", lambda command, **options: run(taken_over, **options))
    assert check_decodes(film, 1, original=(film, 1), keep=kept.__setitem__) == (True, 1.0, "")
    assert kept == {}


def test_no_more_of_an_original_is_fetched_than_a_picture_may_cost() -> None:
    with stub_server(206, bytes(2 * BLOCK)) as stub:
        file = RangedFile(f"{stub.url}/film.mp4", 8 * BLOCK, most=3 * BLOCK)
        assert len(file.read(2 * BLOCK)) == 2 * BLOCK
        with pytest.raises(SourceLost):
            file.read(1)
    assert len(stub.asked) == 1
