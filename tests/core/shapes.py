"""Media in the shapes that hurt, made once a session, and what a node does with them."""

import shlex
import subprocess
from pathlib import Path

from batch_core import damage, probe_child, stills
from batch_core.conversions import Conversion, Options, command_line
from batch_core.probe import Probe
from tests.core.media import clip, ffmpeg, song_with_cover

SIZE = "256x144"
HOURS = 7200.0  # seconds of what is long
WORDS = "1\n00:00:00,100 --> 00:00:00,900\nHello\n\n2\n00:00:01,000 --> 00:00:01,500\nthere\n"


def shapes(folder: Path) -> dict[str, Path]:
    """Short clips by what is odd about them."""
    made = {
        name: folder / name for name in ("plain.mkv", "turned.mp4", "tracks.mkv", "unsteady.mkv", "hdr.mkv")
    }
    words = folder / "words.srt"
    words.write_text(WORDS)
    base = clip(folder / "base.mkv", 1.6, SIZE)
    ffmpeg("-i", base, "-i", words, "-c", "copy", "-c:s", "srt", made["plain.mkv"])
    ffmpeg("-display_rotation", "90", "-i", base, "-c", "copy", made["turned.mp4"])
    tags = ("-metadata", "title=Ünser “Film” ✈ 東京", "-metadata:s:a:0", "language=deu")
    many = ("-map", "0:v", "-map", "0:a", "-map", "0:a", "-map", "1", "-map", "1")
    ffmpeg(
        "-i",
        base,
        "-i",
        words,
        *many,
        "-c",
        "copy",
        "-c:s:0",
        "srt",
        "-c:s:1",
        "ass",
        *tags,
        made["tracks.mkv"],
    )
    drop = (
        "-vf",
        "select=not(mod(n\\,3))+lt(n\\,9)",
        "-fps_mode",
        "vfr",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
    )
    ffmpeg("-i", base, *drop, "-c:a", "copy", made["unsteady.mkv"])
    hdr = (
        "-pix_fmt",
        "yuv420p10le",
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        "log-level=error",
    )
    colours = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")
    tagged = ("-vf", "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc")
    ffmpeg("-i", base, *tagged, *hdr, *colours, "-c:a", "copy", made["hdr.mkv"])
    made["woven.ts"] = folder / "woven.ts"
    moments = ("-f", "lavfi", "-i", "testsrc2=size=352x288:rate=50", "-f", "lavfi", "-i", "sine", "-t", "1")
    ffmpeg(*moments, "-vf", "interlace", "-flags", "+ildct+ilme", "-b:v", "8M", made["woven.ts"])
    made["subtitles.mp4"] = folder / "subtitles.mp4"
    ffmpeg("-i", made["plain.mkv"], "-map", "0", "-c", "copy", "-c:s", "mov_text", made["subtitles.mp4"])
    made["misnamed.mov"] = folder / "misnamed.mov"
    made["misnamed.mov"].write_bytes(base.read_bytes())
    made["cut.ts"] = folder / "cut.ts"
    whole = clip(folder / "whole.ts", 1.6, SIZE).read_bytes()
    made["cut.ts"].write_bytes(whole[: len(whole) * 2 // 3])
    return made | {
        "surround.mkv": clip(folder / "surround.mkv", 1, SIZE, channels=6),
        "wide.mov": clip(folder / "wide.mov", 1, SIZE, channels=8, extra=("-c:a", "pcm_s24le")),
        "silent.mp4": clip(folder / "silent.mp4", 1, SIZE, sound=False),
        "sound.flac": clip(folder / "sound.flac", 1, picture=False),
        "odd.mkv": clip(folder / "odd.mkv", 1, SIZE, extra=("-vf", "scale=321:181", "-pix_fmt", "yuv444p")),
        "frame.mp4": clip(folder / "frame.mp4", 0.04, SIZE, sound=False),
        "cover.mp3": song_with_cover(folder / "cover.mp3"),
    }  # fmt: skip


def long_ones(folder: Path) -> dict[str, Path]:
    """Two hours of film and of sound that cost a second or two: a picture every ten seconds, and a coarse tone."""
    film, sound = folder / "hours.mkv", folder / "hours.flac"
    words = folder / "last.srt"
    words.write_text("1\n01:59:50,000 --> 01:59:58,000\nThe end\n")
    picture = ("-f", "lavfi", "-i", f"testsrc2=size={SIZE}:rate=1/10")
    ffmpeg(*picture, "-i", words, "-t", str(HOURS), "-c:v", "libx264", "-preset", "ultrafast", film)
    ffmpeg("-f", "lavfi", "-i", "sine=sample_rate=8000", "-t", str(HOURS), sound)
    return {path.name: path for path in (film, sound)}


def convert(
    tool: str, source: Path, found: Probe, wanted: Conversion, options: Options, folder: Path
) -> list[Path]:
    """Does what a node does; the files that it made, in their order."""
    folder.mkdir(parents=True)
    (folder / f"input.{found.extension}").symlink_to(source)
    words = shlex.split(command_line(wanted, options, found))
    done = subprocess.run(
        [tool, *words[1:]], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{wanted.id}: {done.stderr}"
    assert source.name == "cut.ts" or not damage.in_log(done.stderr), "what is whole is not called damaged"
    assert "progress=end" in (folder / "progress.txt").read_text()
    return sorted(folder.glob("output*"))


def judged(path: Path, kind: str = "film") -> tuple[bool, float, str]:
    """What the check of results finds, without a process of its own."""
    with path.open("rb") as file:
        judge = stills.JUDGES.get(kind)
        found = judge(file, path.stat().st_size) if judge else probe_child.decode(file)
    return found["good"], found["seconds"], found["reason"]
