"""From the start command to a page that takes files, with everything installed."""

import statistics
import time

from tests.benchmarks.rig import browser_page, running_app, start_server, stop_server

ROUNDS = 5


def run() -> list[tuple[str, ...]]:
    """Restart the app ROUNDS times while the local cloud runs, and once with the local cloud stopped too."""
    with running_app() as rig, browser_page() as page:
        seconds = []
        for _ in range(ROUNDS):
            begun = time.monotonic()
            server, url = start_server(rig.home)
            page.goto(url)
            page.get_by_label("Choose files").wait_for(state="attached")
            seconds.append(time.monotonic() - begun)
            stop_server(server)
    shown = f"{statistics.median(seconds):.1f} s ({min(seconds):.1f}-{max(seconds):.1f}, {ROUNDS} starts)"
    return [("Warm start to a page that takes files", shown, "-", "-", "under 5 s")]
