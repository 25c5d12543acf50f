"""A file at a URL that can be read from anywhere in it, for readers that jump about in media files."""

import io
import os
from collections import OrderedDict
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3

BLOCK = 512 * 1024  # bytes
READ_AHEAD = 16  # blocks at most, while reading goes straight on
KEPT = 48  # blocks


class SourceLost(Exception):
    """Storage did not hand over the bytes: says nothing about the file but, perhaps, that it is `gone`."""

    def __init__(self, *, gone: bool = False) -> None:
        super().__init__()
        self.gone = gone


class RangedFile(io.RawIOBase):
    """A file at a URL, read in ranges with a small cache, and further ahead while reading goes straight on.

    Of one with `most` no more bytes than that are fetched; then it counts as lost.
    """

    name = ""

    def __init__(self, url: str, size: int, most: int | None = None) -> None:
        self.url, self.size, self.position = url, size, 0
        self._most = most
        self.lost: SourceLost | None = None
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._next, self._ahead = 0, 1
        options: Any = {
            "ca_certs": certifi.where(),
            "timeout": urllib3.Timeout(connect=5, read=15),
            "retries": urllib3.Retry(
                4, connect=1, redirect=0, backoff_factor=0.3, status_forcelist=[408, 429, 500, 502, 503, 504]
            ),
        }
        proxy = _proxy(url)
        self._pool = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence]
        self.position = max(0, start + offset)
        return self.position

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, or all that are left. Raises SourceLost."""
        left = max(0, self.size - self.position)
        wanted = left if size < 0 else min(size, left)
        parts = []
        while wanted > 0:
            number, offset = divmod(self.position, BLOCK)
            part = self._block(number)[offset : offset + wanted]
            if not part:
                break
            parts.append(part)
            self.position += len(part)
            wanted -= len(part)
        return b"".join(parts)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        self._ahead = min(self._ahead * 2, READ_AHEAD) if number == self._next else 1
        data = self._fetch(number * BLOCK, min((number + self._ahead) * BLOCK, self.size))
        for index in range(self._ahead):
            piece = data[index * BLOCK : (index + 1) * BLOCK]
            if piece:
                self._blocks[number + index] = piece
        self._next = number + self._ahead
        while len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)
        return self._blocks.get(number, b"")

    def _fetch(self, start: int, end: int) -> bytes:
        if self._most is not None:
            self._most -= end - start
            if self._most < 0:
                raise SourceLost
        try:
            answer = self._pool.request("GET", self.url, headers={"Range": f"bytes={start}-{end - 1}"})
        except urllib3.exceptions.HTTPError:
            self.lost = SourceLost()
            raise self.lost from None
        if answer.status != 206 or len(answer.data) != end - start:
            self.lost = SourceLost(gone=answer.status == 404)
            raise self.lost
        return bytes(answer.data)


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme != "https" or proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get("https")
