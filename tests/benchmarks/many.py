"""Two thousand files: from the press on Convert to the Monitor, and what watching them costs."""

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from azure.batch import models
from playwright.sync_api import Page, expect

from batch_core import jobs, pools
from batch_core.account import Account
from tests.benchmarks.rig import PeakMemory, Rig, browser_page, make_clip, running_app, upload_copies
from tests.waiting import until

FILES = 2000
LOOKS = 10  # refreshes that are measured, of one every two seconds
OPENINGS = 3
REFRESH_SECONDS = 2
TASK_SECONDS = 0.5
TIMELINE = ".live-chart-plot[data-refreshes][aria-label^='Timeline']"  # once it is drawn
DONE_BEFORE = 300  # tasks of the running job that have ended before it is looked at


def run() -> list[tuple[str, ...]]:
    """Launch a run of FILES files on a pool without nodes and watch it; then watch as many tasks that run."""
    with tempfile.TemporaryDirectory() as folder, running_app() as rig, browser_page() as page:
        upload_copies(rig.account, make_clip(Path(folder) / "clip.mp4", 1, "160x120"), FILES)
        pools.ensure_local_pool(rig.account)
        _resize(rig.account, 0)
        launched, launching = _launch(rig, page)
        (run_id,) = [run.id for run in jobs.list_runs(rig.account)]
        waiting = _watch(rig, page, run_id)
        jobs.stop(rig.account, run_id)
        job_id = _start_short_tasks(rig.account)
        _resize(rig.account, 5)
        until(lambda: _done(rig.account, job_id) > DONE_BEFORE, seconds=120, what="the first tasks")
        running = _watch(rig, page, job_id)
        left = FILES - _done(rig.account, job_id)
    assert left > 0, "all tasks had ended before the last refresh"
    tasks = f"Monitor of {FILES:,} tasks"
    return [
        (
            f"{FILES:,} files, press on Convert until the Monitor opens (pool without nodes)",
            f"{launched:.1f} s, {launching:.0f} MiB more",
            "-",
            "-",
            "under 10 s",
        ),
        *_rows(f"{tasks} that wait (pool without nodes)", waiting),
        *_rows(f"{tasks} that run and end at once ({left:,} were left at the end)", running),
    ]


@dataclass(frozen=True)
class Watched:
    """What it took: seconds to open the page; ms of the server's processor time for that and for a refresh, and KiB sent then."""

    opening: float
    page_run: float
    refresh: float
    payload: float
    more: float


def _rows(what: str, watched: Watched) -> list[tuple[str, ...]]:
    server = "ms of the server's processor time"
    opening = f"{watched.opening:.1f} s, {watched.page_run:.0f} {server}, {watched.more:.0f} MiB more"
    refresh = f"{watched.refresh:.0f} {server}, {watched.payload:.0f} KiB"
    return [
        (f"{what}: opened and drawn", opening, "-", "-", "under 3 s"),
        (f"{what}: a refresh", refresh, "-", "-", "under 1,000 ms"),
    ]


def _launch(rig: Rig, page: Page) -> tuple[float, float]:
    """Seconds from the press until the Monitor's address, and by how many MiB the server grew meanwhile."""
    page.goto(f"{rig.url}/convert")
    button = page.get_by_role("button", name=f"Convert {FILES:,} files").first
    expect(button).to_be_enabled(timeout=120_000)
    memory = PeakMemory(rig.server)
    begun = time.monotonic()
    button.click()
    until(
        lambda: memory.read() or "/monitor" in page.evaluate("location.href"), seconds=200, what="the Monitor"
    )
    return time.monotonic() - begun, memory.growth_mib


def _watch(rig: Rig, page: Page, job_id: str) -> Watched:
    memory = PeakMemory(rig.server)
    openings, page_runs = [], []
    for _ in range(OPENINGS):
        page.goto("about:blank")
        begun, used = time.monotonic(), _processor_seconds(rig)
        page.goto(f"{rig.url}/monitor?job={job_id}")
        page.locator(TIMELINE).wait_for(timeout=120_000)
        openings.append(time.monotonic() - begun)
        page_runs.append(_processor_seconds(rig) - used)
        memory.read()
    sent: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sent.append(len(frame))))
    page.reload()
    page.locator(TIMELINE).wait_for(timeout=120_000)
    _rest(page)
    sent.clear()
    used = _processor_seconds(rig)
    _rest(page)
    memory.read()
    return Watched(
        opening=statistics.median(openings),
        page_run=statistics.median(page_runs) * 1000,
        refresh=(_processor_seconds(rig) - used) / LOOKS * 1000,
        payload=sum(sent) / LOOKS / 1024,
        more=memory.growth_mib,
    )


def _rest(page: Page) -> None:
    """LOOKS refreshes."""
    page.wait_for_timeout(LOOKS * REFRESH_SECONDS * 1000)


def _processor_seconds(rig: Rig) -> float:
    times = rig.server.cpu_times()
    return times.user + times.system


def _start_short_tasks(account: Account) -> str:
    """A job of FILES tasks that do nothing for a moment, on this computer's pool."""
    command = f'"{sys.executable}" -ISc "import time; time.sleep({TASK_SECONDS})"'
    job_id = f"short-{uuid4().hex[:8]}"
    pool = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    account.batch.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=pool))
    tasks = [
        models.BatchTaskCreateOptions(id=f"task-{number:04}", command_line=command)
        for number in range(1, FILES + 1)
    ]
    account.batch.create_tasks(job_id, tasks)
    return job_id


def _done(account: Account, job_id: str) -> int:
    return account.batch.get_job_task_counts(job_id).task_counts.completed


def _resize(account: Account, nodes: int) -> None:
    """Give this computer's pool so many nodes, and wait for it."""
    pools.resize(account, pools.LOCAL_POOL, nodes, 0)

    def there() -> bool:
        pool = pools.get_pool(account, pools.LOCAL_POOL)
        return pool.allocation_state == "steady" and pool.dedicated == nodes

    until(there, seconds=60, what=f"a pool of {nodes} nodes")
