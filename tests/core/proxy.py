"""Doors in front of the two services: they count what goes through, and do to it what networks and services do."""

import http.client
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import unquote, urlsplit

from batch_core.account import Account, AccountKind, Service, connect, endpoint


@dataclass(frozen=True)
class Call:
    """One request; `path` is decoded and without the query, `nth` counts those of this method and path from 1."""

    service: Service
    method: str
    path: str
    query: str
    nth: int

    @property
    def by_node(self) -> bool:
        """Whether a task's URL was used, which carries a signature of its own."""
        return "sig=" in self.query


@dataclass(frozen=True)
class Fault:
    """What becomes of a call. "request lost": it never arrives. "answer lost": it was done, and nobody hears of
    it. "half": the connection breaks in the middle of its answer. "silence": it is not done, and nothing is said for
    `seconds`. "status": it is refused with `status`."""

    kind: Literal["request lost", "answer lost", "half", "silence", "status"]
    status: int = 0
    retry_after: str | None = None
    seconds: float = 2.0
    body: bytes = b""  # of a refusal, as Batch sends it
    strike: Callable[[], object] | None = (
        None  # called when the call was lost or done, before the client notices
    )


@dataclass
class Door:
    """`asked` holds the method and decoded target of every request, `faults` what was done to some.

    `judge` decides of each call. With `refuse`, every Batch request gets that status, or only each `every`th of
    them, beginning with the first.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list)
    faults: list[tuple[Call, Fault]] = field(default_factory=list)
    judge: Callable[[Call], Fault | None] | None = None
    refuse: int | None = None
    every: int = 1
    retry_after: str | None = None
    _times: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _of: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closed: threading.Event = field(default_factory=threading.Event)

    def count(self, part: str) -> int:
        """How many requests had `part` in their target."""
        return sum(part in one for one in list(self.asked))

    def fate(self, service: Service, method: str, target: str) -> Fault | None:
        """What becomes of a request that has just come in."""
        path, _, query = target.partition("?")
        with self._lock:
            self.asked.append(f"{method} {unquote(target)}")
            self._of[service] += 1
            number = self._of[service]
            key = (service, method, unquote(path))
            self._times[key] += 1
            call = Call(*key, query, self._times[key])
        if self.refuse and service == "batch" and (number - 1) % self.every == 0:
            return Fault("status", self.refuse, self.retry_after)
        fault = self.judge(call) if self.judge else None
        if fault:
            self.faults.append((call, fault))
        return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service: Service
    behind: str  # host and port
    door: Door

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.door.fate(self.service, self.command, self.path)
        kind = fault.kind if fault else ""
        if fault and kind == "silence":
            self.door._closed.wait(fault.seconds)
        if fault and fault.strike and kind == "request lost":
            fault.strike()
        if fault and kind == "status":
            headers = {"Content-Type": "application/json; odata=minimalmetadata"} if fault.body else {}
            wish = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            self.answer(fault.status, headers | wish, fault.body)
            return
        if kind in ("request lost", "silence"):
            self.reset()
            return
        connection = http.client.HTTPConnection(self.behind, timeout=30)
        connection.request(self.command, self.path, body or None, {**self.headers, "Host": self.behind})
        answer = connection.getresponse()
        data, headers = answer.read(), dict(answer.getheaders())
        connection.close()
        if fault and fault.strike:
            fault.strike()
        if kind == "answer lost" or (kind == "half" and not data):
            self.reset()
            return
        self.answer(answer.status, headers, data, half=kind == "half")

    def answer(self, status: int, headers: dict[str, str], data: bytes, half: bool = False) -> None:
        self.send_response_only(status)
        length = str(len(data))
        for name, value in headers.items():
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if half else data)
        if half:
            self.reset()

    def reset(self) -> None:
        """Ends the connection as a crash would: with RST, not with a goodbye."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = pass_on

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A client that has gone meanwhile is no news."""


@contextmanager
def _served(door: Door, service: Service, url: str) -> Iterator[str]:
    """A URL that leads to `url` through the door."""
    behind = urlsplit(url)
    handler = type("Handler", (_Handler,), {"service": service, "behind": behind.netloc, "door": door})
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{behind.path}"
    finally:
        door._closed.set()
        server.shutdown()
        server.server_close()


@contextmanager
def door_to(
    cloud: dict, judge: Callable[[Call], Fault | None] | None = None
) -> Iterator[tuple[Account, Door]]:
    """An account whose requests to Batch and Storage go through a door, and the door."""
    door = Door(judge=judge)
    with (
        _served(door, "batch", cloud["batch"]["url"]) as door.url,
        _served(door, "storage", cloud["storage"]["url"]) as blobs,
    ):
        batch = endpoint("batch", **(cloud["batch"] | {"url": door.url}))
        storage = endpoint("storage", **(cloud["storage"] | {"url": blobs}))
        yield connect(batch, storage, kind=AccountKind.LOCAL), door
