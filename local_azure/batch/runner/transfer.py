"""What downloads and uploads share: threads, connections, retries."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient, ExponentialRetry

T = TypeVar("T")

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_THREADS = 8
_MEBI = 1024 * 1024

for _name in ("httpx", "httpcore", "azure.core.pipeline.policies.http_logging_policy"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they write whole URLs, SAS included, at INFO


class Stop(threading.Event):
    """Set when the transfer should end early."""


class StoppedError(Exception):
    """The transfer was ended early."""


class Connections:
    """Kept connections and the few threads that use them. Proxies of the environment are not for loopback."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="transfer")
        self.http = httpx.Client(
            timeout=httpx.Timeout(60, connect=10),
            follow_redirects=True,
            mounts={f"all://{host}": None for host in _LOOPBACK},
        )
        self._direct = RequestsTransport(use_env_settings=False)
        self._outward = RequestsTransport()

    def container(self, url: str) -> ContainerClient:
        """A client for a container by its URL with SAS."""
        host = urlsplit(url).hostname or ""
        transport = self._direct if host in ("127.0.0.1", "localhost", "::1") else self._outward
        return ContainerClient.from_container_url(
            url,
            transport=transport,
            retry_policy=ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=4),
            max_single_put_size=32 * _MEBI,
            max_block_size=32 * _MEBI,
        )

    async def run(self, job: Callable[[Stop], T]) -> T:
        """Do `job` in a thread. When cancelled, it is told to stop and waited for, so nothing happens after."""
        stop = Stop()
        work = asyncio.get_running_loop().run_in_executor(self._pool, job, stop)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([work])
            raise

    def close(self) -> None:
        """Close connections; transfers still under way must have been cancelled."""
        self._pool.shutdown(cancel_futures=True)
        self.http.close()
        self._direct.close()
        self._outward.close()
