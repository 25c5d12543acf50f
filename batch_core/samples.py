"""Five short clips to try the app with, made by ffmpeg on the spot and put among the input files."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContentSettings
from imageio_ffmpeg import get_ffmpeg_exe

from batch_core import contents, files
from batch_core.account import Account
from batch_core.errors import ServiceFailure, translated
from batch_core.files import VideoFile
from batch_core.probe import probe
from batch_core.storage import INPUTS, ensure_containers

CLIP_SECONDS = 60  # for making one; it takes less than one


@dataclass(frozen=True)
class Sample:
    """A clip's name, its lavfi picture and the pitch of its tone in Hz."""

    name: str
    picture: str
    pitch: int
    seconds: int
    content_type: str


SAMPLES: tuple[Sample, ...] = (
    Sample("Test card.mp4", "testsrc2=size=1280x720:rate=30", 440, 8, "video/mp4"),
    Sample("Colour bars.mov", "smptehdbars=size=1920x1080:rate=25", 1000, 6, "video/quicktime"),
    Sample("Fractal.mkv", "mandelbrot=size=640x360:rate=24:maxiter=400", 330, 6, "video/x-matroska"),
    Sample("Game of life.avi", "life=size=320x240:rate=15:ratio=0.3:seed=5", 550, 7, "video/x-msvideo"),
    Sample("Gradients upright.mp4", "gradients=size=360x640:rate=30:speed=0.02:seed=9", 660, 5, "video/mp4"),
)
SAMPLE_NAMES = tuple(sample.name for sample in SAMPLES)


def make_samples(account: Account, progress: Callable[[int, int], None] | None = None) -> list[VideoFile]:
    """Makes and uploads the clips; those that are there from an earlier time are not made again.

    `progress` is called with clips done and clips in all. Raises ServiceFailure when ffmpeg fails.
    """
    account.require_writable()
    ensure_containers(account)
    there = {file.blob: file for file in files.list_files(account)}
    missing = [sample for sample in SAMPLES if _blob(sample) not in there]
    done = len(SAMPLES) - len(missing)
    if progress:
        progress(done, len(SAMPLES))
    with tempfile.TemporaryDirectory(prefix="batch-video-") as folder, ThreadPoolExecutor(2) as makers:
        for sample, file in zip(
            missing, makers.map(lambda s: _make(account, s, Path(folder)), missing), strict=True
        ):
            there[_blob(sample)] = file
            done += 1
            if progress:
                progress(done, len(SAMPLES))
    return [there[_blob(sample)] for sample in SAMPLES]


def _id(sample: Sample) -> str:
    """The same at every time, so that a second wish for samples does not double them."""
    return hashlib.sha256(f"sample:{sample}".encode()).hexdigest()[:32]


def _blob(sample: Sample) -> str:
    return f"{_id(sample)}/{files.safe_name(sample.name)}"


def _make(account: Account, sample: Sample, folder: Path) -> VideoFile:
    path = folder / files.safe_name(sample.name)
    _encode(sample, path)
    size = path.stat().st_size
    found = probe(path, size)
    file = VideoFile(
        _id(sample), _blob(sample), sample.name, size, datetime.now(UTC), found, contents.of_path(path)
    )
    with translated("store a sample video"), path.open("rb") as data:
        try:
            account.blobs.get_blob_client(INPUTS, file.blob).upload_blob(
                data,
                length=size,
                metadata=files.metadata_of(file),
                content_settings=ContentSettings(content_type=sample.content_type),
            )
        except ResourceExistsError:
            return file  # another session was quicker
    return file


def _ffmpeg() -> str:
    """The program that makes them. Raises ServiceFailure when this computer has none."""
    try:
        found = shutil.which(get_ffmpeg_exe())
    except RuntimeError:  # imageio's way to say that there is no binary for this system
        found = None
    if found is None:
        raise ServiceFailure(
            "There is no ffmpeg on this computer to make sample videos with.",
            "Install the app's requirements again (python -m pip install -r requirements.txt), or add a video of "
            "your own.",
        )
    return found


def _encode(sample: Sample, path: Path) -> None:
    command = [_ffmpeg(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    command += ["-f", "lavfi", "-i", sample.picture]
    command += ["-f", "lavfi", "-i", f"sine=frequency={sample.pitch}:beep_factor=2:sample_rate=48000"]
    command += ["-t", str(sample.seconds), "-map", "0:v", "-map", "1:a", "-pix_fmt", "yuv420p"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "26", "-c:a", "aac", "-b:a", "96k"]
    try:
        subprocess.run(
            [*command, str(path)],
            check=True,
            timeout=CLIP_SECONDS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (subprocess.SubprocessError, OSError):
        raise ServiceFailure(
            f"The sample video “{sample.name}” could not be made.", "Add a video of your own instead."
        ) from None
