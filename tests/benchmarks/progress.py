"""A hundred running tasks on screen: the calls a second that it costs to tell how far they are, and when nobody looks."""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from playwright.sync_api import Page, expect

from batch_core import pools
from batch_core.account import Account
from batch_core.closer import PROGRESS_FILE
from batch_core.monitor import CLOSER_SECONDS
from batch_core.pools import PoolSpec
from tests.benchmarks.rig import browser_page, running_cloud, start_server, stop_server
from tests.slow_runs import slow_run
from tests.waiting import until

NODES, SLOTS = 20, 5
SECONDS = 900  # that each task takes, more than the benchmark
SETTLING, WATCHING = 10.0, 30.0


@dataclass(frozen=True)
class Calls:
    """Calls a second: reads of progress files, and all others; and how many tasks' files were read."""

    reads: float
    others: float
    tasks: int


def run() -> list[tuple[str, ...]]:
    """Monitor and Results open on the same run, the Monitor alone, and neither."""
    with running_cloud() as (account, home):
        run_id = _running(account)
        notes = home / "calls.txt"
        server, url = start_server(home, notes=notes)
        try:
            with browser_page() as page:
                _open_monitor(page, f"{url}/monitor?run={run_id}")
                monitor = _calls(notes)
                other = page.context.new_page()
                other.goto(f"{url}/results?run={run_id}")
                expect(other.get_by_text(re.compile(r"converting, \d+ %")).first).to_be_visible()
                both = _calls(notes)
            time.sleep(CLOSER_SECONDS)
            nobody = _calls(notes)
        finally:
            stop_server(server)
    what = f"Progress of {NODES * SLOTS} running tasks on {NODES} nodes"
    return [
        _row(f"{what}, Monitor open", monitor, nobody),
        _row(f"{what}, Monitor and Results open", both, nobody),
    ]


def _running(account: Account) -> str:
    """A run all of whose tasks run."""
    pool_id = f"far-{uuid4().hex[:8]}"
    pools.create(account, PoolSpec(pool_id, dedicated=NODES, spot=0, slots=SLOTS))
    run_id = slow_run(account, pool_id, NODES * SLOTS, seconds=SECONDS)
    running = lambda: account.batch.get_job_task_counts(run_id).task_counts.running  # noqa: E731
    until(lambda: running() == NODES * SLOTS, seconds=120, what="all tasks to run")
    return run_id


def _open_monitor(page: Page, address: str) -> None:
    page.goto(address)
    shown = page.get_by_role("img", name=re.compile(f"^Nodes.* {NODES} running"))
    expect(shown).to_have_attribute("data-refreshes", re.compile(r"\d+"), timeout=60_000)


def _calls(notes: Path) -> Calls:
    time.sleep(SETTLING)
    before = len(notes.read_text("utf-8").split())
    begun = time.monotonic()
    time.sleep(WATCHING)
    asked, took = notes.read_text("utf-8").split()[before:], time.monotonic() - begun
    files = [path for path in asked if path.endswith(PROGRESS_FILE)]
    return Calls(len(files) / took, (len(asked) - len(files)) / took, len(set(files)))


def _row(what: str, seen: Calls, nobody: Calls) -> tuple[str, ...]:
    return (
        f"{what}: calls a second that read it",
        f"{seen.reads:.1f}, each of {seen.tasks} files every {seen.tasks / seen.reads:.0f} s",
        f"lists in the same time: {seen.others:.1f}; nobody looks: {nobody.reads:.1f}, lists {nobody.others:.1f}",
        f"{(seen.reads + seen.others) / seen.others:.0f} times the calls of lists alone",
        "at most 12.5; 0 when nobody looks",
    )
