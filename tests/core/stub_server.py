"""A server that answers what a test tells it: for what no healthy service says (quota, throttling, clocks)."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Stub:
    """`asked` are the paths of the requests so far. With `drip`, bytes of the body come one by one, that many
    seconds apart; `first` is answered to the first requests, before `status`, as often as it is long."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    drip: float | None = None
    silent: threading.Event = field(default_factory=threading.Event)
    url: str = ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that goes in the middle is what these tests are about."""


@contextmanager
def stub_server(
    status: int = 200,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    silent: bool = False,
    certificate: Path | None = None,
) -> Iterator[Stub]:
    """Serves one answer to everything on a free loopback port; `silent` accepts and says nothing, `certificate` is
    the PEM file with which it speaks TLS."""
    stub = Stub(status, body, headers or {})

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            stub.asked.append(self.path)
            if silent:
                stub.silent.wait(30)
                return
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            self.send_response_only(stub.first.pop(0) if stub.first else stub.status)
            for name, value in stub.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(stub.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.write(stub.body)

        def write(self, body: bytes) -> None:
            for start in range(0, len(body), 1 if stub.drip else len(body)):
                if not stub.silent.wait(stub.drip or 0):
                    self.wfile.write(body[start : start + 1] if stub.drip else body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = answer

        def log_message(self, format: str, *args: object) -> None:
            """Silence: a test's output is its own."""

    server = _Server(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    stub.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.silent.set()
        server.shutdown()
        server.server_close()
        thread.join()


def without_dns(patch: pytest.MonkeyPatch) -> None:
    """Nobody knows any name any more, and no proxy is asked; addresses go on as they are."""
    known = socket.getaddrinfo

    def look_up(host: str, *more: Any, **options: Any) -> Any:
        if not host.replace(".", "").isdecimal():
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return known(host, *more, **options)

    patch.setattr(socket, "getaddrinfo", look_up)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        patch.delenv(name, raising=False)
