"""The security headers of every HTTP answer.

The policy names what the page loads and nothing else: itself, the blob storage that the browser uploads to and
plays from (Azure's clouds, this computer, and the hosts of connected accounts), and no inline script but
Streamlit's own, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("http://127.0.0.1:*", "http://localhost:*")
AZURE_BLOB = (
    "https://*.blob.core.windows.net",
    "https://*.blob.core.usgovcloudapi.net",
    "https://*.blob.core.chinacloudapi.cn",
    "https://*.blob.storage.azure.net",
)
BROWSER_COOKIE = "batch-video-browser"
INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_account_hosts: set[str] = set()


def allow_host(storage_url: str) -> None:
    """Let pages that are loaded from now on exchange data with a connected account's own storage host."""
    parts = urlsplit(storage_url)
    _account_hosts.add(f"{parts.scheme}://{parts.netloc}")


@cache
def _inline_hashes() -> str:
    page = (files("streamlit") / "static" / "index.html").read_text(encoding="utf-8")
    digests = (hashlib.sha256(script.encode()).digest() for script in INLINE_SCRIPT.findall(page))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def content_security_policy() -> str:
    """The Content-Security-Policy of a page that is loaded now."""
    storage = " ".join((*LOOPBACK, *AZURE_BLOB, *sorted(_account_hosts)))
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: {_inline_hashes()}",  # blob: the code of components
            "style-src 'self' 'unsafe-inline'",
            "font-src 'self' data:",
            f"img-src 'self' data: blob: {storage}",
            f"media-src 'self' data: blob: {storage}",
            f"connect-src 'self' ws: wss: {storage}",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    )


class SecurityHeaders:
    """ASGI middleware that adds the headers as an answer starts, so that streamed bodies stay streams.

    A browser also gets a random name, by which the app knows it again when a page is loaded anew.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        known = BROWSER_COOKIE in HTTPConnection(scope).cookies

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault(
                    "Content-Security-Policy", content_security_policy()
                )  # a route's own is stricter
                headers["X-Content-Type-Options"] = "nosniff"
                headers["X-Frame-Options"] = "SAMEORIGIN"
                headers["Referrer-Policy"] = "same-origin"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                if not known and headers.get("content-type", "").startswith("text/html"):
                    name = secrets.token_urlsafe(24)
                    headers.append(
                        "Set-Cookie", f"{BROWSER_COOKIE}={name}; Path=/; HttpOnly; SameSite=Strict"
                    )
            await send(message)

        await self.app(scope, receive, send_with_headers)
