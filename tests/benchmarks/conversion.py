"""From the click on Convert to the last result on Results, against bare ffmpeg on the same files."""

import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

from playwright.sync_api import Page, expect

from batch_core.conversions import Options, command_line, conversion
from batch_core.files import list_files
from batch_core.probe import probe
from tests.benchmarks.rig import FFMPEG, Rig, browser_page, make_clip, running_app
from tests.waiting import until

FILES = 5
ROUNDS = 3
LISTED = """(count) => {
  const rows = [...document.querySelectorAll("*")].flatMap((host) => [...(host.shadowRoot?.querySelectorAll("button") ?? [])]);
  return rows.filter((button) => button.ariaLabel?.startsWith("Download clip-")).length === count;
}"""
LOOK_EVERY = 50  # ms; `expect` looks once a second after a while
CLIP_SECONDS = 600  # ten minutes of video each


def run() -> list[tuple[str, ...]]:
    """Convert five clips to MP3 by the page and by bare ffmpeg in turn, ROUNDS times each."""
    with tempfile.TemporaryDirectory() as folder, running_app() as rig, browser_page() as page:
        clips = _clips(Path(folder))
        page.goto(rig.url)
        page.get_by_label("Choose files").set_input_files([str(clip) for clip in clips])
        until(lambda: _ready(rig) == FILES, seconds=300, what="the clips, uploaded and looked into")
        ours, bare = [], []
        for _ in range(ROUNDS):
            ours.append(_by_page(rig, page))
            _settle(page)
            bare.append(by_ffmpeg(clips, cpu_count() or 1))
    ratio = statistics.median(mine / other for mine, other in zip(ours, bare, strict=True))
    return [
        (
            f"{FILES} files of {CLIP_SECONDS // 60} min to MP3, click on Convert to the last result on Results",
            f"{statistics.median(ours):.2f} s",
            f"bare ffmpeg, {cpu_count()} at once: {statistics.median(bare):.2f} s",
            f"{ratio:.2f}",
            "at most 1.5",
        )
    ]


def _ready(rig: Rig) -> int:
    return sum(1 for file in list_files(rig.account) if file.probe and file.probe.ok)


def _clips(folder: Path) -> list[Path]:
    first = make_clip(folder / "clip-1.mp4", CLIP_SECONDS)
    others = [folder / f"clip-{number}.mp4" for number in range(2, FILES + 1)]
    for other in others:
        other.write_bytes(first.read_bytes())
    return [first, *others]


def _by_page(rig: Rig, page: Page) -> float:
    page.goto(f"{rig.url}/convert")
    button = page.get_by_role("button", name=f"Convert {FILES} files").first
    expect(button).to_be_enabled(timeout=120_000)
    begun = time.monotonic()
    button.click()
    page.wait_for_url("**/monitor**")
    page.get_by_role("link", name="Results").first.click()
    page.wait_for_function(LISTED, arg=FILES, polling=LOOK_EVERY)
    return time.monotonic() - begun


def _settle(page: Page) -> None:
    """Let the app finish checking the results and close its page, so that nothing of it runs beside ffmpeg."""
    expect(page.get_by_text("plays to its end")).to_have_count(FILES, timeout=600_000)
    page.goto("about:blank")


def by_ffmpeg(clips: list[Path], at_once: int, wanted: str = "mp3") -> float:
    """Seconds for the very commands of the tasks on local files, `at_once` at a time.

    Each in a session of its own, as a task is: Linux shares the processor between sessions.
    """
    looked_at = probe(clips[0], clips[0].stat().st_size)
    arguments = command_line(conversion(wanted), Options(), looked_at).split()[1:]

    def convert(clip: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, f"input.{looked_at.extension}").symlink_to(clip)
            subprocess.run(
                [FFMPEG, *arguments], cwd=folder, check=True, capture_output=True, start_new_session=True
            )

    begun = time.monotonic()
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(convert, clips))
    return time.monotonic() - begun
