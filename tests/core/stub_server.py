"""A server that answers what a test tells it: for what no healthy service says (quota, throttling, clocks)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Stub:
    """`asked` are the paths of the requests so far."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)
    url: str = ""


@contextmanager
def stub_server(
    status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None, *, silent: bool = False
) -> Iterator[Stub]:
    """Serves one answer to everything on a free loopback port; `silent` accepts and says nothing."""
    stub = Stub(status, body, headers or {})

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            stub.asked.append(self.path)
            if silent:
                stub.silent.wait(30)
                return
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            self.send_response_only(stub.status)
            for name, value in stub.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(stub.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(stub.body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer

        def log_message(self, format: str, *args: object) -> None:
            """Silence: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.silent.set()
        server.shutdown()
        server.server_close()
        thread.join()
