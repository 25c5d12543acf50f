"""What downloads and uploads share: threads, connections, retries."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient, ExponentialRetry
from requests.adapters import HTTPAdapter

T = TypeVar("T")

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
ATTEMPTS = 6
_THREADS = 8
_LONGEST = 30.0  # seconds between two attempts
_MEBI = 1024 * 1024

for _name in ("urllib3", "azure.core.pipeline.policies.http_logging_policy"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # below that they write whole URLs, SAS included


class StoppedError(Exception):
    """The transfer was ended early."""


class Stop(threading.Event):
    """Set when the transfer should end early; a connection being waited on is then cut."""

    def __init__(self) -> None:
        super().__init__()
        self._cut: Callable[[], None] | None = None

    def watch(self, answer: requests.Response) -> None:
        """From now on it is this answer that is waited for."""
        self._cut = answer.raw.shutdown
        self.check()

    def check(self, *_: object) -> None:
        """StoppedError once set."""
        if self.is_set():
            raise StoppedError

    def set(self) -> None:
        """End the transfer."""
        super().set()
        if self._cut is not None:
            with contextlib.suppress(
                OSError, RuntimeError, ValueError
            ):  # read to its end, or closed, already
                self._cut()


class _Transport(RequestsTransport):
    """The SDK's way out, which sleeps between attempts no longer than the transfer is wanted."""

    def __init__(self, session: requests.Session, stop: Stop) -> None:
        super().__init__(session=session, session_owner=False)
        self._stop = stop

    def sleep(self, duration: float) -> None:
        self._stop.wait(duration)
        self._stop.check()


class _Retry(ExponentialRetry):
    """The SDK's retries, with a shorter wait at first and the one that the service asks for."""

    def __init__(self) -> None:
        super().__init__(retry_total=ATTEMPTS - 1, retry_connect=ATTEMPTS - 1, retry_read=5, retry_status=5)

    def increment(
        self, settings: dict[str, Any], request: Any, response: Any = None, error: Any = None
    ) -> bool:
        """Whether it is tried once more; notes the answer for the wait before."""
        answer = response or getattr(error, "response", None)
        settings["wish"] = wished(answer.headers) if answer else 0.0
        return bool(super().increment(settings, request, response, error))

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        """The wait in seconds."""
        return pause(settings["count"], settings["wish"])


def pause(failed: int, wish: float = 0.0) -> float:
    """The wait after so many failures in seconds: about 0.2, 0.6, 1.8, 5.4, 10, or as the service wishes."""
    usual = min(10.0, 0.2 * 3 ** (failed - 1)) * random.uniform(0.75, 1.25)
    return min(max(usual, wish), _LONGEST)


def wished(headers: Mapping[str, str]) -> float:
    """The seconds of a Retry-After header; none for a date, which storage does not send."""
    value = headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0


def _refuse_throttled(answer: Any) -> None:
    """A hook for answers: 429, which the SDK takes for final, becomes an error that it tries again."""
    if answer.http_response.status_code == 429:
        raise HttpResponseError(response=answer.http_response)


class Connections:
    """Kept connections and the few threads that use them. Proxies of the environment are not for loopback."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="transfer")
        self._direct, self._outward = _session(), _session()
        self._direct.trust_env = False

    def session(self, url: str) -> requests.Session:
        """The kept connections for this URL's host."""
        return self._direct if (urlsplit(url).hostname or "") in _LOOPBACK else self._outward

    def container(self, url: str, stop: Stop) -> ContainerClient:
        """A client for a container by its URL with SAS; ValueError when it isn't one."""
        return ContainerClient.from_container_url(
            url,
            transport=_Transport(self.session(url), stop),
            retry_policy=_Retry(),
            raw_request_hook=stop.check,
            raw_response_hook=_refuse_throttled,
            max_single_put_size=32 * _MEBI,
            max_block_size=32 * _MEBI,
        )

    async def run(self, job: Callable[[Stop], T]) -> T:
        """Do `job` in a thread. When cancelled, it is told to stop and waited for, so that nothing happens after."""
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
        self._direct.close()
        self._outward.close()


def _session() -> requests.Session:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_THREADS))
    return session
