"""Twenty-five people on one job of 1,000 nodes and 5,000 tasks: what a refresh costs the server, and how much is listed.

A viewer is a WebSocket client that speaks the browser's protocol with Streamlit's own messages: it opens the page,
takes in all that is sent, and asks for each part of the page again when the page says so, as a browser does. What a
browser draws costs the server nothing.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from tests.benchmarks.rig import running_cloud, start_server, stop_server
from tests.fleet import add_tasks, simulated_job, simulated_pool
from tests.waiting import until

NODES, TASKS, VIEWERS = 1_000, 5_000, 25
TASK_SECONDS = [30, 90]
DONE_BEFORE = 500  # tasks that have ended before anybody looks
SETTLING, WATCHING = 8.0, 30.0  # seconds before it is measured, and that are measured
REFRESH = 2.0  # seconds between two refreshes of the picture


@dataclass(frozen=True)
class Watched:
    """Of a time of watching: processor time and KiB for each refresh, refreshes of those due, calls a second."""

    ms: float
    kib: float
    share: float
    calls: float
    lists: float


def run() -> list[tuple[str, ...]]:
    """One viewer, then 25, on the same job while its tasks run and end."""
    with running_cloud() as (account, home):
        job_id = f"viewed-{uuid4().hex[:8]}"
        simulated_pool(account, job_id, NODES, seconds=TASK_SECONDS)
        simulated_job(account, job_id, job_id)
        add_tasks(account, job_id, TASKS)
        done = lambda: account.batch.get_job_task_counts(job_id).task_counts.completed  # noqa: E731
        until(lambda: done() > DONE_BEFORE, seconds=120, what="the first tasks' end")
        with _server(home) as (server, url, notes):
            alone = asyncio.run(_watch(server, url, job_id, notes, 1))
            many = asyncio.run(_watch(server, url, job_id, notes, VIEWERS))
        assert done() < TASKS, "all tasks had ended before the last refresh"
    what = f"Monitor of {NODES:,} nodes and {TASKS:,} tasks that run and end"
    return [
        (
            f"{what}: the server's processor time for a refresh of a viewer, {VIEWERS} viewers",
            f"{many.ms:.1f} ms, {many.kib:.0f} KiB; {many.share:.0%} of the refreshes that were due",
            f"1 viewer, who has the recorder alone: {alone.ms:.1f} ms, {alone.kib:.0f} KiB",
            f"{many.ms / alone.ms:.2f}",
            "at most 10 ms",
        ),
        (
            f"{what}: list calls, {VIEWERS} viewers",
            f"{many.lists:.2f} a second, {many.calls:.2f} calls in all",
            f"1 viewer: {alone.lists:.2f} a second, {alone.calls:.2f} calls in all",
            f"{many.lists / alone.lists:.2f}",
            "the same as for one",
        ),
    ]


@contextmanager
def _server(home: Path) -> Iterator[tuple[psutil.Process, str, Path]]:
    """The dashboard, which notes its recorders' calls in a file."""
    notes = home / "calls.txt"
    server, url = start_server(home, notes=notes)
    try:
        yield server, url.removeprefix("http://"), notes
    finally:
        stop_server(server)


async def _watch(server: psutil.Process, url: str, job_id: str, notes: Path, count: int) -> Watched:
    viewers = [Viewer(url, f"job={job_id}") for _ in range(count)]
    tasks = [asyncio.create_task(viewer.stay()) for viewer in viewers]
    try:
        for viewer in viewers:
            await asyncio.wait_for(viewer.watching.wait(), 120)
        await asyncio.sleep(SETTLING)
        assert not any(task.done() for task in tasks), "a viewer has gone"
        before, begun = _readings(server, notes, viewers), time.monotonic()
        await asyncio.sleep(WATCHING)
        after, seconds = _readings(server, notes, viewers), time.monotonic() - begun
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    cpu, calls, lists, refreshes, received = (new - old for new, old in zip(after, before, strict=True))
    return Watched(
        ms=cpu / refreshes * 1000,
        kib=received / refreshes / 1024,
        share=refreshes / (count * seconds / REFRESH),
        calls=calls / seconds,
        lists=lists / seconds,
    )


def _readings(server: psutil.Process, notes: Path, viewers: list["Viewer"]) -> tuple[float, ...]:
    """The server's seconds of processor time, calls and lists noted; refreshes and bytes of all viewers."""
    times, noted = server.cpu_times(), notes.read_text("utf-8").split()
    lists = sum(path.endswith(("/tasks", "/nodes")) for path in noted)
    refreshes, received = sum(one.refreshes for one in viewers), sum(one.received for one in viewers)
    return times.user + times.system, len(noted), lists, refreshes, received


class Viewer:
    """A browser's end of a session on the Monitor. `refreshes` counts the answers to the picture's own asking."""

    def __init__(self, url: str, query: str) -> None:
        self._url, self._query, self._page = url, query, ""
        self._timers: dict[str, tuple[float, asyncio.Task[None]]] = {}
        self._picture = ""
        self.watching = asyncio.Event()
        self.refreshes = self.received = 0

    async def stay(self) -> None:
        """Opens the page and follows it until cancelled."""
        address, headers = f"ws://{self._url}/_stcore/stream", {"Origin": f"http://{self._url}"}
        async with connect(
            address, subprotocols=["streamlit"], additional_headers=headers, max_size=None
        ) as socket:
            await self._ask(socket)
            try:
                async for data in socket:
                    self.received += len(data)
                    message = ForwardMsg()
                    message.ParseFromString(data)
                    self._take(socket, message)
            finally:
                for fragment in list(self._timers):
                    self._stop_timer(fragment)

    async def _ask(self, socket: ClientConnection, fragment: str = "") -> None:
        message = BackMsg()
        wanted = message.rerun_script
        wanted.query_string, wanted.page_script_hash = self._query, self._page
        wanted.page_name = "" if self._page else "monitor"
        wanted.fragment_id, wanted.is_auto_rerun = fragment, bool(fragment)
        wanted.context_info.timezone, wanted.context_info.locale = "UTC", "en-US"
        await socket.send(message.SerializeToString())

    def _take(self, socket: ClientConnection, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self._page = message.navigation.page_script_hash
        elif kind == "script_finished":
            self.refreshes += self._picture in message.metadata.run.fragment_ids
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._stop_timer(fragment)
        elif kind == "auto_rerun":
            self._repeat(socket, message.auto_rerun.fragment_id, message.auto_rerun.interval)

    def _repeat(self, socket: ClientConnection, fragment: str, interval: float) -> None:
        known = self._timers.get(fragment)
        if known is None or known[0] != interval:
            self._stop_timer(fragment)
            timer = asyncio.create_task(self._again(socket, fragment, interval))
            self._timers[fragment] = (interval, timer)
        if interval == REFRESH and not self._picture:
            self._picture = fragment
            self.watching.set()

    async def _again(self, socket: ClientConnection, fragment: str, interval: float) -> None:
        with suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(interval)
                await self._ask(socket, fragment)

    def _stop_timer(self, fragment: str) -> None:
        if fragment in self._timers:
            self._timers.pop(fragment)[1].cancel()
        if fragment == self._picture:
            self._picture = ""
