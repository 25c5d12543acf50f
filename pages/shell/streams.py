"""Answers that hand blobs on: pieces fetched in worker threads, ranges, headers that make them harmless.

The SDK blocks, so every piece of a stream is fetched in a worker thread; when the browser goes away, the
generator is closed and with it the reading from storage.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Send

from batch_core.relay import BlobFacts
from batch_core.storage import attachment

_PLAYED = re.compile(r"(audio|video)/[\w.+-]+|image/(png|jpeg|webp)|text/plain(; ?charset=[\w-]+)?")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_END = object()
AHEAD = 4  # pieces of an answer that are held in memory before they are sent


class Stream(StreamingResponse):
    """A stream whose source is closed as soon as it ends or the browser goes away."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            with CancelScope(shield=True):
                await self.body_iterator.aclose()


async def off_loop(pieces: Generator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, fetched in a worker thread some way ahead of what is sent; closes the generator when nobody
    reads on."""
    with ThreadPoolExecutor(1, "stream") as thread:

        def fetch() -> asyncio.Future[bytes | object]:
            return asyncio.wrap_future(thread.submit(next, pieces, _END))

        ahead = deque(fetch() for _ in range(AHEAD))
        try:
            while (piece := await asyncio.shield(ahead[0])) is not _END:
                ahead.popleft()
                ahead.append(fetch())
                yield piece
        finally:
            thread.submit(pieces.close)
            with CancelScope(shield=True):
                await asyncio.wait(ahead)
                for fetched in ahead:
                    fetched.exception()  # nobody waits for it any more
                await run_in_threadpool(thread.shutdown)


def part(asked: str | None, size: int) -> tuple[int, int, int] | None:
    """Start and end (exclusive) of what a Range header asks for, and the answer's status; None when impossible.

    Without a range it is everything, and 200; several ranges at once, or another unit, may be answered so too
    (RFC 9110, 14.2). A range that is everything is a range: players take 206 for the leave to jump about.
    """
    match = _RANGE.fullmatch(asked or "")
    if not match or match.group(0) == "bytes=-":
        return 0, size, 200
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
    return (start, end, 206) if start < end else None


def blob_headers(found: BlobFacts, name: str | None) -> dict[str, str]:
    """Nothing that was uploaded may run as a page of this app."""
    harmless = _PLAYED.fullmatch(found.content_type)
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=0, must-revalidate",
        "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'",
        "Content-Type": found.content_type if harmless else "application/octet-stream",
        "ETag": found.etag if found.etag.startswith('"') else f'"{found.etag}"',
        "X-Content-Type-Options": "nosniff",
    }
    if name or not harmless:
        headers["Content-Disposition"] = attachment(name or "download")
    return headers
