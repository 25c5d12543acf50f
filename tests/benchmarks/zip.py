"""2 GiB of results as one ZIP through the signed route: the server's memory, and the speed against storage's own."""

import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from azure.batch import models
from playwright.sync_api import Page, expect

from batch_core import jobs, manifests, pools
from batch_core.account import Account
from batch_core.conversions import Options
from batch_core.manifests import Manifest, ManifestFile
from batch_core.storage import APP, RESULTS, ensure_containers, read_url
from tests.benchmarks.rig import FFMPEG, MIB, PeakMemory, browser_page, running_app

FILES, EACH = 8, 256 * MIB
ROUNDS = 3
RUN = "run-00000000000000000002"
CHUNK = 4 * MIB


def run() -> list[tuple[str, ...]]:
    """Download the archive as its button does, and the same bytes file by file from storage, ROUNDS times in turn."""
    with running_app() as rig, browser_page() as page:
        direct = _results(rig.account, _sound())
        link = _archive_link(page, rig.url)
        memory = PeakMemory(rig.server)
        ours, plain = [], []
        for _ in range(ROUNDS):
            ours.append(_seconds(link, memory))
            plain.append(sum(map(_seconds, direct)))
    speed, baseline = (FILES * EACH / MIB / median(seconds) for seconds in (ours, plain))
    ratio = median(other / mine for mine, other in zip(ours, plain, strict=True))
    return [
        (
            "Server memory while a ZIP of 2 GiB is sent",
            f"{memory.growth_mib:.0f} MiB more",
            f"{memory.before / MIB:.0f} MiB before",
            "-",
            "at most 50 MiB more",
        ),
        (
            "Speed of a ZIP of 2 GiB",
            f"{speed:.0f} MiB/s",
            f"plain downloads from storage: {baseline:.0f} MiB/s",
            f"{ratio:.2f}",
            "at least 0.7",
        ),
    ]


def _results(account: Account, sound: bytes) -> list[str]:
    """Put a run and its results into the account, as if it had been made; the results' own URLs."""
    ensure_containers(account)
    pools.ensure_local_pool(account)
    files = tuple(
        ManifestFile(f"file-{n:04}", f"{n:032x}", "", f"{n}.mp4", len(sound), None, f"{n}.mp4", "mp4", "")
        for n in range(1, FILES + 1)
    )
    began, limit = datetime.now(UTC), timedelta(hours=2)
    manifests.keep(
        account,
        Manifest(RUN, "Two GiB", "mp4-720p", Options(), began, limit, None, 1, files, pools.LOCAL_POOL),
    )
    app = models.BatchMetadataItem(name="app", value=APP)
    settings = models.BatchMetadataItem(name="settings", value=f'{{"conversion":"mp4-720p","total":{FILES}}}')
    on_pool = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    account.batch.create_job(
        models.BatchJobCreateOptions(id=RUN, pool_info=on_pool, metadata=[app, settings])
    )
    jobs.stop(account, RUN)
    urls = []
    for file in files:
        blob = f"{RUN}/{file.task_id}/{file.result_name}"
        account.blobs.get_blob_client(RESULTS, blob).upload_blob(sound, length=len(sound))
        urls.append(read_url(account, RESULTS, blob))
    return urls


def _sound() -> bytes:
    """Sound that is not compressed: quickly made, and quickly checked to its end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sound.mp4")
        source = ["-f", "lavfi", "-i", f"sine=r=48000:d={EACH // (48000 * 2 * 2)}", "-ac", "2"]
        command = [FFMPEG, "-v", "error", *source, "-c:a", "pcm_s16le", "-f", "mov", str(path)]
        subprocess.run(command, check=True)
        return path.read_bytes()


def _archive_link(page: Page, url: str) -> str:
    """The link behind "Download all" once every result is checked: only the process that answers it can sign it."""
    page.goto(f"{url}/results?run={RUN}")
    expect(page.get_by_text("plays to its end")).to_have_count(FILES, timeout=300_000)
    with page.expect_download() as begun:
        page.get_by_role("button", name="Download all").click()
    begun.value.cancel()
    page.goto("about:blank")
    return begun.value.url


def _seconds(url: str, memory: PeakMemory | None = None) -> float:
    """Read an answer to its end and throw it away."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    begun = time.monotonic()
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    buffer, read = memoryview(bytearray(CHUNK)), 0
    while count := answer.readinto(buffer):
        read += count
        if memory:
            memory.read()
    connection.close()
    expected = EACH * (FILES if memory else 1) * 0.99  # a whole number of seconds of sound
    if answer.status != 200 or read < expected:
        raise AssertionError(f"the answer was {answer.status} with {read:,} bytes")
    return time.monotonic() - begun
