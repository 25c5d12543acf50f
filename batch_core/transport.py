"""How the SDKs reach a service: connections on which nothing waits for ever, and retries.

A connection's timeouts are those of one send or receive; a service that lets its bytes drip would never meet
them, so an answer has a time limit of its own. A large body is sent in pieces, for a socket's timeout is that of
a whole `sendall`, however slow the line.
"""

import http.client
import io
import random
import socket
import time
from typing import Any

import requests
import urllib3
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.policies import RetryPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ExponentialRetry
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from batch_core.pacing import retry_after

CONNECT_SECONDS = 10.0
LOCAL_CONNECT_SECONDS = 2.0
READ_SECONDS = 30.0  # without a byte
ANSWER_SECONDS = 120.0  # for a whole answer; the longest are 4 MiB of a blob
RETRIES = 5  # of one call: one in ten going wrong, all of them do once in a million calls
RETRY_SECONDS = 60.0  # after that a call is not tried once more
LONGEST_WAIT = 30.0  # a service that wants to be left alone for longer is left alone: the call fails
_PIECE = 64 * 1024
# Every call of ours may be sent twice: what exists, is deleted or has ended already answers 404 or 409.
_METHODS = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST", "PATCH"))


class _Within(io.RawIOBase):
    """What comes from a socket until a moment; then the read times out, also when bytes still drip."""

    def __init__(self, source: io.RawIOBase, connection: socket.socket, seconds: float) -> None:
        self._source, self._socket = source, connection
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fills the buffer with what comes next. Raises TimeoutError."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        if left < (self._socket.gettimeout() or ANSWER_SECONDS):
            self._socket.settimeout(left)
        return self._source.readinto(buffer)

    def close(self) -> None:
        """Closes the source, too."""
        if not self.closed:
            self._source.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Within(self.fp.detach(), sock, ANSWER_SECONDS))


class _Patient(HTTPConnection):
    response_class = _Answer

    def send(self, data: Any) -> None:
        """Sends it in pieces, each of which may take as long as nothing may come."""
        pieces = [data]
        if isinstance(data, bytes) and len(data) > _PIECE:
            whole = memoryview(data)
            pieces = [whole[start : start + _PIECE] for start in range(0, len(data), _PIECE)]
        for piece in pieces:
            if self.sock is not None:
                self.sock.settimeout(READ_SECONDS)
            super().send(piece)


class _PatientTls(_Patient, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Patient


class _PoolTls(urllib3.HTTPSConnectionPool):
    ConnectionCls = _PatientTls


class _Adapter(HTTPAdapter):
    _POOLS = {"http": _Pool, "https": _PoolTls}  # noqa: RUF012

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> urllib3.ProxyManager:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = self._POOLS
        return manager


def transport(*, local: bool) -> RequestsTransport:
    """A way to a service, `local` when it is on this computer: then no proxy of the environment is asked."""
    session = requests.Session()
    session.trust_env = not local
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(max_retries=urllib3.Retry(False, raise_on_status=False)))
    return RequestsTransport(
        session=session,
        connection_timeout=LOCAL_CONNECT_SECONDS if local else CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
    )


class BatchRetry(RetryPolicy):
    """azure-core's retries; also of what the SDK does not repeat, and never after a long wait."""

    def __init__(self, *, local: bool, total: int = RETRIES) -> None:
        super().__init__(
            retry_total=total,
            retry_connect=_connects(local, total),
            retry_read=total,
            retry_status=total,
            retry_backoff_factor=0.5,
            retry_backoff_max=10,
        )

    def configure_retries(self, options: dict[str, Any]) -> dict[str, Any]:
        """The settings of one call: POST and PATCH are repeated, too.

        The SDK's own limit in time would hide what went wrong behind an error of its own.
        """
        options.setdefault("retry_on_methods", _METHODS)
        return super().configure_retries(options) | {"until": time.monotonic() + RETRY_SECONDS}

    def increment(self, settings: dict[str, Any], response: Any = None, error: Any = None) -> bool:
        """Whether the call is tried once more."""
        return time.monotonic() < settings["until"] and bool(super().increment(settings, response, error))

    def get_retry_after(self, response: Any) -> float | None:
        """How long the service wants to be left alone, in seconds; None for what is no time."""
        return retry_after(response.http_response.headers)

    def is_retry(self, settings: dict[str, Any], response: Any) -> bool:
        """Whether the call is tried once more after this answer."""
        if (self.get_retry_after(response) or 0) > LONGEST_WAIT:
            return False
        return bool(super().is_retry(settings, response))


class StorageRetry(ExponentialRetry):
    """azure-storage's retries, which also wait as long as the service wishes, and less after the first failure."""

    def __init__(self, *, local: bool, total: int = RETRIES) -> None:
        super().__init__(
            retry_total=total, retry_connect=_connects(local, total), retry_read=total, retry_status=total
        )

    def configure_retries(self, request: Any) -> dict[str, Any]:
        """The settings of one call."""
        return super().configure_retries(request) | {"until": time.monotonic() + RETRY_SECONDS, "wish": 0.0}

    def increment(
        self, settings: dict[str, Any], request: Any, response: Any = None, error: Any = None
    ) -> bool:
        """Whether the call is tried once more."""
        answer = response or getattr(error, "response", None)
        settings["wish"] = (retry_after(answer.headers) if answer else None) or 0.0
        if settings["wish"] > LONGEST_WAIT or time.monotonic() > settings["until"]:
            return False
        return bool(super().increment(settings, request, response, error))

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        """The wait before the next attempt in seconds: about 0.2, 0.6, 1.8, 5.4, 10."""
        usual = min(10.0, 0.2 * 3 ** (settings["count"] - 1)) * random.uniform(0.75, 1.25)
        return max(usual, settings["wish"])


def refuse_throttled(response: PipelineResponse[Any, Any]) -> None:
    """A hook for Storage's answers: 429, which the SDK takes for final, becomes an error that it tries again."""
    if response.http_response.status_code == 429:
        raise HttpResponseError(response=response.http_response)


def _connects(local: bool, total: int) -> int:
    """On this computer a refused connection is final, elsewhere it may be a network that is just coming."""
    return 0 if local else min(total, 3)
