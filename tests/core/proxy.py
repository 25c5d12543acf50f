"""A door in front of the Batch service that counts what goes through and can refuse it."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from batch_core.account import Account, AccountKind, connect, endpoint


@dataclass
class Door:
    """`asked` holds the method and decoded target of every request.

    With `refuse`, every request gets that status, or only each `every`th of them, beginning with the first.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list)
    refuse: int | None = None
    every: int = 1
    retry_after: str | None = None

    def count(self, part: str) -> int:
        """How many requests had `part` in their target."""
        return sum(part in one for one in list(self.asked))


@contextmanager
def door_to(cloud: dict) -> Iterator[tuple[Account, Door]]:
    """An account whose Batch requests go through a door, and the door."""
    behind = urlsplit(cloud["batch"]["url"])
    door = Door()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            door.asked.append(f"{self.command} {unquote(self.path)}")
            if door.refuse and (len(door.asked) - 1) % door.every == 0:
                headers = {"Retry-After": door.retry_after} if door.retry_after else {}
                self.answer(door.refuse, headers, b"")
                return
            connection = http.client.HTTPConnection(behind.hostname or "", behind.port, timeout=30)
            headers = {**dict(self.headers.items()), "Host": behind.netloc}
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            self.answer(answer.status, dict(answer.getheaders()), answer.read())
            connection.close()

        def answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = pass_on

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    door.url = f"http://127.0.0.1:{server.server_port}"
    batch = endpoint("batch", **(cloud["batch"] | {"url": door.url}))
    try:
        yield connect(batch, endpoint("storage", **cloud["storage"]), kind=AccountKind.LOCAL), door
    finally:
        server.shutdown()
        server.server_close()
