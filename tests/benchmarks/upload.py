"""2 GiB from the browser to storage: the server's memory, and the speed against the SDK's own upload."""

import tempfile
import time
from pathlib import Path

from batch_core.files import list_files
from batch_core.storage import INPUTS
from tests.benchmarks.rig import MIB, PeakMemory, Rig, browser_page, running_app
from tests.waiting import until

SIZE = 2048 * MIB


def run() -> list[tuple[str, ...]]:
    """Upload a 2 GiB file by the page, then the same file by the SDK to the same storage."""
    with tempfile.TemporaryDirectory() as folder, running_app() as rig, browser_page() as page:
        source = Path(folder, "large.bin")
        with source.open("wb") as file:
            file.truncate(SIZE)
        page.goto(rig.url)
        chooser = page.get_by_label("Choose files")
        chooser.wait_for(state="attached")
        memory = PeakMemory(rig.server)
        ours = _by_page(rig, chooser, source, memory)
        sdk = _by_sdk(rig, source)
    speed, baseline = SIZE / MIB / ours, SIZE / MIB / sdk
    return [
        (
            "Server memory while 2 GiB are uploaded",
            f"{memory.growth_mib:.0f} MiB more",
            f"{memory.before / MIB:.0f} MiB before",
            "-",
            "at most 30 MiB more",
        ),
        (
            "Upload speed, 2 GiB",
            f"{speed:.0f} MiB/s",
            f"the SDK, 4 at once: {baseline:.0f} MiB/s",
            f"{speed / baseline:.2f}",
            "at least 0.7",
        ),
    ]


def _by_page(rig: Rig, chooser: object, source: Path, memory: PeakMemory) -> float:
    begun = time.monotonic()
    chooser.set_input_files(str(source))

    def arrived() -> bool:
        memory.read()
        return any(file.name == source.name for file in list_files(rig.account))

    until(arrived, seconds=900, what="the uploaded file in storage")
    return time.monotonic() - begun


def _by_sdk(rig: Rig, source: Path) -> float:
    blob = rig.account.blobs.get_blob_client(INPUTS, "benchmark/by-sdk.bin")
    begun = time.monotonic()
    with source.open("rb") as file:
        blob.upload_blob(file, length=SIZE, max_concurrency=4)
    return time.monotonic() - begun
