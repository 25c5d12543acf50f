"""What every benchmark needs: an app of its own on a local cloud of its own, a browser, and memory readings."""

import os
import platform
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import imageio_ffmpeg
import psutil
from platformdirs import user_data_path
from playwright.sync_api import Page, sync_playwright

from batch_core.account import Account
from batch_core.files import VideoFile, list_files, metadata_of
from batch_core.local_cloud import LocalCloud
from batch_core.probe import probe
from batch_core.storage import INPUTS, ensure_containers
from tests.browser import chromium
from tests.browser.conftest import answers, free_port
from tests.waiting import until

PROJECT = Path(__file__).parents[2]
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
MIB = 1024 * 1024


@dataclass(frozen=True)
class Rig:
    """A running dashboard: its address, its process, its account, and how to stop and start it again."""

    url: str
    server: psutil.Process
    account: Account
    home: Path


@contextmanager
def running_app() -> Iterator[Rig]:
    """The dashboard and its local cloud in a new home; both are ended at the exit."""
    with running_cloud() as (account, home):
        server, url = start_server(home)
        try:
            yield Rig(url, server, account, home)
        finally:
            stop_server(server)


@contextmanager
def running_cloud() -> Iterator[tuple[Account, Path]]:
    """A local cloud in a new home, ended at the exit: its account, and the home."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        node = user_data_path("batch-video-dashboard") / "node"
        node.mkdir(parents=True, exist_ok=True)
        (home / "node").symlink_to(node, target_is_directory=True)
        cloud = LocalCloud(home)
        cloud.start()
        try:
            yield cloud.wait(180), home
        finally:
            cloud.release()
            service = service_process(home)
            if service:
                service.terminate()
                service.wait(30)


def start_server(
    home: Path, port: int | None = None, notes: Path | None = None
) -> tuple[psutil.Process, str]:
    """Start `streamlit run dashboard.py`, on a free port if none is given; returns when the health page answers.

    With `notes` it writes its recorders' calls into that file.
    """
    port = port or free_port()
    program = ["streamlit"] if notes is None else ["tests.benchmarks.counting", str(notes)]
    command = [sys.executable, "-m", *program, "run", "dashboard.py"]
    options = ["--server.port", str(port), "--server.headless", "true"]
    environment = {**os.environ, "BATCH_DASHBOARD_HOME": str(home)}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([*command, *options], cwd=PROJECT, env=environment, stdout=quiet, stderr=quiet)
    url = f"http://127.0.0.1:{port}"
    until(lambda: answers(f"{url}/_stcore/health"), seconds=60, what="the dashboard's health page")
    return psutil.Process(process.pid), url


def stop_server(server: psutil.Process) -> None:
    """End the dashboard and wait for its end."""
    server.terminate()
    server.wait(30)


def service_process(home: Path) -> psutil.Process | None:
    """The process of the local cloud in a home, while it runs."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "local_azure" in command and str(home / "local-azure") in command:
            return process
    return None


@contextmanager
def browser_page() -> Iterator[Page]:
    """A page of a fresh headless Chromium, 1280x800."""
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
        context.set_default_timeout(600_000)
        yield context.new_page()
        browser.close()


class PeakMemory:
    """The largest resident size, in bytes, that a process has had at any of the readings."""

    def __init__(self, process: psutil.Process) -> None:
        self.process = process
        self.before = process.memory_info().rss
        self.peak = self.before

    def read(self) -> None:
        self.peak = max(self.peak, self.process.memory_info().rss)

    @property
    def growth_mib(self) -> float:
        return (self.peak - self.before) / MIB


def make_clip(path: Path, seconds: int, size: str = "640x360") -> Path:
    """Make a video clip with sound."""
    source = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25", "-f", "lavfi", "-i", "sine=frequency=440"]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-t", str(seconds)]
    subprocess.run([FFMPEG, "-v", "error", "-y", *source, *coding, str(path)], check=True)
    return path


def make_film(path: Path, seconds: int, size: str = "640x360") -> Path:
    """Make a clip such as video sites send: H.264 at 700 kbit/s, sound in stereo, AAC at 128 kbit/s."""
    picture = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25"]
    left = ["-f", "lavfi", "-i", "anoisesrc=color=pink:amplitude=0.2:seed=1,aformat=channel_layouts=mono"]
    right = ["-f", "lavfi", "-i", "sine=frequency=440"]
    stereo = [
        "-filter_complex",
        "[1:a][2:a]join=inputs=2:channel_layout=stereo[a]",
        "-map",
        "0:v",
        "-map",
        "[a]",
    ]
    coding = ["-c:v", "libx264", "-b:v", "700k", "-c:a", "aac", "-b:a", "128k", "-t", str(seconds)]
    command = [FFMPEG, "-v", "error", "-y", *picture, *left, *right, *stereo, *coding, str(path)]
    subprocess.run(command, check=True)
    return path


def upload_copies(account: Account, clip: Path, count: int) -> list[VideoFile]:
    """The same clip `count` times in the account under names of their own, looked into once."""
    return upload_clips(account, [clip] * count)


def upload_clips(account: Account, clips: Sequence[Path]) -> list[VideoFile]:
    """These clips in the account under names of their own, each looked into once."""
    ensure_containers(account)
    found = {clip: probe(clip, clip.stat().st_size) for clip in dict.fromkeys(clips)}

    def upload(number: int, clip: Path) -> None:
        id, name, content = uuid.uuid4().hex, f"clip-{number:04}{clip.suffix}", clip.read_bytes()
        file = VideoFile(id, f"{id}/{name}", name, len(content), datetime.now(UTC), found[clip])
        blob = account.blobs.get_blob_client(INPUTS, file.blob)
        blob.upload_blob(content, metadata=metadata_of(file))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(upload, range(1, len(clips) + 1), clips))
    return list_files(account)


def machine() -> str:
    """The machine in a few words, for the head of the table."""
    memory = psutil.virtual_memory().total / 1024**3
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"
