"""Small true videos for tests, made by ffmpeg and put into the input container as a browser would."""

import subprocess
import uuid
from pathlib import Path

import imageio_ffmpeg

from batch_core.account import Account
from batch_core.files import VideoFile, encode_name, list_files, probe_file, safe_name
from batch_core.storage import INPUTS, ensure_containers


def clip(path: Path, seconds: float = 1.0, *, sound: bool = True) -> Path:
    """A test picture of 160x120 with a tone, or silent."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size=160x120:rate=10:duration={seconds}"]
    if sound:
        inputs += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}", "-c:a", "aac"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *inputs, "-c:v", "libx264"]
    subprocess.run([*command, "-preset", "ultrafast", str(path)], check=True)
    return path


def uploaded(account: Account, path: Path, name: str | None = None) -> VideoFile:
    """The file in the input container, looked into."""
    ensure_containers(account)
    name = name or path.name
    blob = f"{uuid.uuid4().hex}/{safe_name(name)}"
    client = account.blobs.get_blob_client(INPUTS, blob)
    client.upload_blob(path.read_bytes(), metadata={"name": encode_name(name)})
    (file,) = [file for file in list_files(account) if file.blob == blob]
    return probe_file(account, file)
