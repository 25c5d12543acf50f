"""kill -9 of app, Batch service and storage in turn, at random moments of runs that a person starts by the page."""

import hashlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import Page, expect

from batch_core import jobs, pools
from batch_core.errors import DashboardError
from batch_core.jobs import Run
from batch_core.results import list_results
from batch_core.storage import RESULTS
from tests.benchmarks.rig import (
    Rig,
    browser_page,
    make_clip,
    running_cloud,
    start_server,
    stop_server,
    upload_copies,
)
from tests.waiting import until

T = TypeVar("T")
ROUNDS = 50
SEED = 20
FILES = 20
LATEST = 3.0  # seconds after the press at most; the run takes about that long
NEW_RUN_WITHIN = 10  # seconds; a person who sees no run by then presses again
PATIENCE = 180
VICTIMS = {
    "the app": ("streamlit", "run"),
    "the Batch service": ("local_azure", "--data"),
    "storage": ("launch.mjs",),
}


@dataclass
class Tally:
    """What has been found in all rounds."""

    right: list[int] = field(default_factory=list)  # of FILES, a round
    doubled: int = 0
    left_over: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)  # from a kill to the run's end


def run(rounds: int = ROUNDS) -> list[tuple[str, ...]]:
    """Rounds on one local cloud: start a run, kill, wait for the run's end, look at everything that is there."""
    tally, chance = Tally(), random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder, running_cloud() as (account, home), browser_page() as page:
        server, url = start_server(home)
        rig = Rig(url, server, account, home)
        page.set_default_timeout(PATIENCE * 1000)
        upload_copies(rig.account, make_clip(Path(folder) / "clip.mp4", 1, "160x120"), FILES)
        pools.ensure_local_pool(rig.account)
        _press(rig, page)
        good = _digests(rig, _ended(rig, page, set())[0])
        assert len(good) == FILES, "results are missing without a kill"
        assert len(set(good)) == 1, "the same clip has become different results"
        for number in range(rounds):
            victim = list(VICTIMS)[number % len(VICTIMS)]
            rig = _round(rig, page, victim, chance.uniform(0, LATEST), good[0], tally)
            found = f"{tally.right[-1]} of {FILES} right, doubled {tally.doubled}, {dict(tally.left_over)}"
            print(f"{number + 1}: {victim}, {tally.seconds[-1]:.1f} s: {found}", file=sys.stderr, flush=True)
        stop_server(rig.server)
    return _rows(tally, rounds)


def _rows(tally: Tally, rounds: int) -> list[tuple[str, ...]]:
    what = f"kill -9 of app, Batch service and storage in turn at {rounds} moments of {FILES}-file runs"
    whole = sum(right == FILES for right in tally.right)
    lost = sum(FILES - right for right in tally.right)
    left = ", ".join(f"{count} {kind}" for kind, count in sorted(tally.left_over.items())) or "0"
    slowest = f"slowest {max(tally.seconds, default=0):.0f} s from the kill to the run's end"
    return [
        (f"{what}: rounds with {FILES} right results", f"{whole} of {rounds}", slowest, "-", "all"),
        ("The same: results lost", f"{lost}", "-", "-", "0"),
        ("The same: runs, tasks or results doubled", f"{tally.doubled}", "-", "-", "0"),
        ("The same: processes, pools, jobs left over", left, "-", "-", "0"),
    ]


def _round(rig: Rig, page: Page, victim: str, moment: float, good: str, tally: Tally) -> Rig:
    known = {run.id for run in jobs.list_runs(rig.account)}
    _press(rig, page)
    time.sleep(moment)
    for process in _processes(rig, *VICTIMS[victim]):
        process.kill()
        process.wait(20)
    begun = time.monotonic()
    if victim == "the app":
        server, url = start_server(rig.home, urlsplit(rig.url).port)
        rig = Rig(url, server, rig.account, rig.home)
        page.goto(url)
    try:
        made = _ended(rig, page, known)
        digests = until(lambda: _asked(lambda: _digests(rig, made[0])), seconds=60, what="the results")
    except AssertionError:
        tally.right.append(0)
        tally.left_over["runs without an end"] += 1
    else:
        tally.right.append(sum(digest == good for digest in digests))
        tally.doubled += len(made) - 1 + max(0, len(digests) - FILES) + _doubled_tasks(rig, made[0])
    tally.seconds.append(time.monotonic() - begun)
    tally.left_over += _left_over(rig)
    return rig


def _press(rig: Rig, page: Page) -> None:
    page.goto(f"{rig.url}/convert")
    button = page.get_by_role("button", name=f"Convert {FILES} files")
    expect(button).to_be_enabled(timeout=PATIENCE * 1000)
    button.click(no_wait_after=True)


def _ended(rig: Rig, page: Page, known: set[str]) -> list[Run]:
    """The runs that are new, when all have ended; presses again when there is none after a while."""
    pressed = time.monotonic()

    def over() -> list[Run] | None:
        nonlocal pressed
        made = _asked(lambda: [run for run in jobs.list_runs(rig.account) if run.id not in known])
        if made == [] and time.monotonic() - pressed > NEW_RUN_WITHIN:
            pressed = time.monotonic()
            try:
                _press(rig, page)
            except BrowserError:
                return None
        page.evaluate("true")
        return made if made and all(run.over for run in made) else None

    return until(over, seconds=PATIENCE, what="the run's end")


def _asked(question: Callable[[], T]) -> T | None:
    """The answer; None while a service is away."""
    try:
        return question()
    except DashboardError:
        return None


def _digests(rig: Rig, made: Run) -> list[str]:
    """What is stored as results of a run, one a file that counts as done, and others that lie beside."""
    container = rig.account.blobs.get_container_client(RESULTS)
    done = {row.blob for row in list_results(rig.account, made.id) if row.state == "done"}
    stored = {
        name for name in container.list_blob_names(name_starts_with=f"{made.id}/") if name.endswith(".mp3")
    }
    return [
        hashlib.sha256(container.download_blob(name).readall()).hexdigest() for name in sorted(done | stored)
    ]


def _doubled_tasks(rig: Rig, made: Run) -> int:
    return max(0, len(list(rig.account.batch.list_tasks(made.id))) - FILES)


def _left_over(rig: Rig) -> Counter[str]:
    """What should not be there once a run has ended and everything is up again, given half a minute to go."""
    deadline = time.monotonic() + 30
    while (left := _asked(lambda: _now_left(rig))) != Counter() and time.monotonic() < deadline:
        time.sleep(0.1)
    return Counter({"services that do not answer": 1}) if left is None else left


def _now_left(rig: Rig) -> Counter[str]:
    idle = sum(1 for _ in rig.account.batch.list_nodes(pools.LOCAL_POOL, filter="state eq 'idle'"))
    services = [len(_processes(rig, *words)) for words in VICTIMS.values()]
    return +Counter(
        {
            "processes": sum(max(0, count - 1) for count in services) + len(_processes(rig, "ffmpeg")),
            "pools": sum(pool.id != pools.LOCAL_POOL for pool in pools.list_pools(rig.account)),
            "jobs": sum(not run.over for run in jobs.list_runs(rig.account)),
            "nodes not idle": pools.get_pool(rig.account, pools.LOCAL_POOL).target_dedicated - idle,
        }
    )


def _processes(rig: Rig, *words: str) -> list[psutil.Process]:
    """Processes of this app's home with these words in their command line."""
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            ours = any(str(rig.home) in part for part in command) or _home_of(process) == str(rig.home)
            if ours and all(any(word in part for part in command) for word in words):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _home_of(process: psutil.Process) -> str:
    """The app's home that a process was started with, or the folder of a task's process."""
    home = process.environ().get("BATCH_DASHBOARD_HOME")
    return home or process.environ().get("HOME", "").partition("/local-azure")[0]
