"""Small media files made by ffmpeg, and the ffmpegs that conversions must run on."""

import shutil
import struct
import subprocess
from functools import cache
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from tests.system_programs import apt, found_or_installed

OURS, PACKAGED = "ours", "packaged"
FFMPEGS = [OURS, *([PACKAGED] if shutil.which("ffmpeg") or apt("ffmpeg") else [])]
ENCODERS = {
    "mp4": ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"],
    "mov": ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"],
    "mkv": ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"],
    "webm": ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"],
    "avi": ["-c:v", "mpeg4", "-c:a", "libmp3lame"],
    "ts": ["-c:v", "mpeg2video", "-c:a", "mp2"],
    "flv": ["-c:v", "flv1", "-c:a", "libmp3lame", "-ar", "44100"],
    "wmv": ["-c:v", "wmv2", "-c:a", "wmav2"],
    "mp3": ["-vn", "-c:a", "libmp3lame"],
    "m4a": ["-vn", "-c:a", "aac"],
    "wav": ["-vn"],
    "flac": ["-vn"],
    "ogg": ["-vn", "-c:a", "libvorbis"],
}


@cache
def program(name: str) -> str:
    """One of the FFMPEGS: the one that this computer's nodes use, or the packaged one, installed if need be."""
    if name == OURS:
        return get_ffmpeg_exe()
    return found_or_installed("ffmpeg", lambda: shutil.which("ffmpeg"), apt("ffmpeg"))


def ffmpegs() -> list[str]:
    """All of them, this computer's first."""
    return [program(name) for name in FFMPEGS]


def ffmpeg(*arguments: str | Path) -> None:
    """Runs imageio's ffmpeg; CalledProcessError when it fails."""
    command = [get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    subprocess.run([*command, *map(str, arguments)], check=True, timeout=60)


def clip(
    path: Path,
    seconds: float = 1.0,
    size: str = "160x90",
    *,
    picture: bool = True,
    sound: bool = True,
    channels: int = 2,
    extra: tuple[str | Path, ...] = (),
) -> Path:
    """A clip with a moving picture, a tone, or both, in the format that its extension tells."""
    inputs: list[str | Path] = []
    if picture:
        inputs += ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25"]
    if sound:
        inputs += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
    encoder = ENCODERS[path.suffix[1:]]
    channel_count = ["-ac", str(channels)] if sound else []
    ffmpeg(*inputs, "-t", str(seconds), *encoder, *channel_count, *extra, path)
    return path


def song_with_cover(path: Path) -> Path:
    """An MP3 or M4A with a cover picture, which is no video."""
    ffmpeg(
        *("-f", "lavfi", "-i", "sine=frequency=330", "-f", "lavfi", "-i", "color=red:size=64x64"),
        *("-map", "0:a", "-map", "1:v", "-frames:v", "1", "-t", "1", "-c:v", "mjpeg"),
        *("-disposition:v", "attached_pic", "-pix_fmt", "yuvj420p", path),
    )
    return path


def boxes(data: bytes) -> list[str]:
    """The names of an MP4's outermost boxes in their order."""
    names, position = [], 0
    while position + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[position : position + 8])
        if length == 1:
            length = struct.unpack(">Q", data[position + 8 : position + 16])[0]
        names.append(name.decode("latin-1"))
        position += length or len(data)
    return names
