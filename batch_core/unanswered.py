"""Why no answer came from a service: the cause, told from the exceptions of three libraries, and its sentence."""

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
import urllib3
from azure.core.exceptions import (
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError, PoolError, ProtocolError

NAME_UNKNOWN, REFUSED, SILENT, UNTRUSTED, CUT = "NameUnknown", "Refused", "Silent", "Untrusted", "Cut"
OFFLINE, PROXY = "Offline", "Proxy"
_NO_WAY = {
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.EHOSTUNREACH,
    10050,
    10051,
    10065,
}  # the last are Windows'
_TIMEOUTS = (
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
    TimeoutError,
    urllib3.exceptions.TimeoutError,
)  # and NewConnectionError, which urllib3 derives from one
_SENTENCES = {
    NAME_UNKNOWN: (
        "The address {where} is not known.",
        "Check how it is spelled, and that this computer is online.",
    ),
    OFFLINE: ("This computer has no way to {where}.", "Connect it to the network, then try again."),
    REFUSED: ("Nothing answers at {where}.", "Check the URL, or whether a firewall is in between."),
    SILENT: ("{where} did not answer in time.", "The network may be slow just now: try again in a minute."),
    UNTRUSTED: (
        "{where} does not prove who it is (its certificate is not trusted).",
        "Check the URL, or a proxy in between.",
    ),
    PROXY: (
        "The proxy on the way to {where} does not let the request through.",
        "Check the proxy in the environment variables HTTPS_PROXY and NO_PROXY.",
    ),
    CUT: (
        "{where} ended the connection in the middle of an answer.",
        "Try again. If it stays so, check the URL.",
    ),
}


@dataclass(frozen=True)
class Unanswered:
    """The cause in a word (one of the constants above), a sentence, and what to do."""

    cause: str
    sentence: str
    hint: str


def unanswered(error: BaseException) -> Unanswered | None:
    """What an exception says of a call without an answer; None when it is about something else."""
    cause = _cause(error)
    if cause is None:
        return None
    sentence, hint = _SENTENCES[cause]
    where = _address(error)
    if cause == REFUSED and re.match(r"http://(127\.|localhost\b|\[::1\])", where):
        hint = "What answers there on this computer may just be starting: try again in a few seconds."
    return Unanswered(cause, sentence.format(where=where), hint)


def _cause(error: BaseException) -> str | None:
    chain = list(_chain(error))

    def any_is(*kinds: type[BaseException]) -> bool:
        return any(isinstance(one, kinds) for one in chain)

    if any_is(ssl.SSLError, urllib3.exceptions.SSLError):
        return UNTRUSTED
    if any_is(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
        return PROXY
    if any_is(NameResolutionError, socket.gaierror):
        return NAME_UNKNOWN
    if any(isinstance(one, OSError) and one.errno in _NO_WAY for one in chain):
        return OFFLINE
    if any(isinstance(one, _TIMEOUTS) and not isinstance(one, NewConnectionError) for one in chain):
        return SILENT
    if any_is(ProtocolError, ServiceResponseError, requests.exceptions.ChunkedEncodingError):
        return CUT
    return REFUSED if any_is(ServiceRequestError, requests.RequestException) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was made of, wherever the libraries keep it."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (
            one.__cause__,
            getattr(one, "inner_exception", None),
            getattr(one, "reason", None),
            *one.args,
        )
        waiting.extend(part for part in inner if isinstance(part, BaseException))


def _address(error: BaseException) -> str:
    """Scheme and host that a request went to, never its path or query."""
    for one in _chain(error):
        url = getattr(getattr(one, "request", None), "url", None)
        if isinstance(url, str):
            parts = urlsplit(url)
            return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        way = getattr(one, "conn", None) or (one.pool if isinstance(one, PoolError) else None)
        if isinstance(way, HTTPConnection | HTTPConnectionPool):
            secure = isinstance(way, HTTPSConnection | HTTPSConnectionPool)
            port = "" if way.port in (None, 443 if secure else 80) else f":{way.port}"
            return f"{'https' if secure else 'http'}://{way.host}{port}"
    return "the address"
