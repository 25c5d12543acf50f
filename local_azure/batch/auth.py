"""Who may ask: the Host header, and the shared-key signature of every request."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from local_azure.batch.errors import BatchError
from local_azure.batch.wire.times import from_http_date

CLOCK_WINDOW = timedelta(minutes=15)
_SIGNED = (
    *("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date"),
    *("if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"),
)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(frozen=True)
class Signer:
    """The account that requests must be signed for; `key` is base64, `url` the service's own address."""

    account: str
    url: str
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, account: str, key: str, url: str) -> Signer:
        """From the account's name, base64 key and URL; ValueError when the key is not base64."""
        return cls(account, url, base64.b64decode(key, validate=True))

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Refuse a request whose Host is neither loopback nor this service's own.

        A page in a browser can make its own name resolve to 127.0.0.1, but the browser still sends that name.
        """
        host = headers.get("host", "").lower()
        name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
        if name not in _LOOPBACK and name != (urlsplit(self.url).hostname or "").lower():
            raise BatchError("Forbidden", ("Reason", "The Host header names another server"))

    def check(
        self, method: str, raw_path: str, query: str, headers: Mapping[str, str], now: datetime
    ) -> None:
        """Refuse a request that the account's key did not sign within the last 15 minutes.

        `raw_path` and `query` are as sent, still percent-encoded. Raises BatchError: AuthenticationFailed (401
        without credentials, else 403) or InvalidAuthenticationInfo.
        """
        account, given = _credentials(headers.get("authorization", ""))
        if account != self.account:
            raise _failed(f"Cannot find the claimed account {account}")
        self._check_clock(headers, now)
        good = False
        for text in _texts_to_sign(account, method, raw_path, query, headers):
            digest = hmac.new(self.key, text.encode(), hashlib.sha256).digest()
            good |= hmac.compare_digest(base64.b64encode(digest), given)
        if not good:
            raise _failed("The signature is not that of the request and the account's key")

    def _check_clock(self, headers: Mapping[str, str], now: datetime) -> None:
        sent = headers.get("ocp-date") or headers.get("date")
        if not sent:
            raise _failed("The request has neither an ocp-date nor a Date header")
        try:
            moment = from_http_date(sent)
        except ValueError as error:
            raise _failed("The request's date is not an HTTP date") from error
        if abs(now - moment) > CLOCK_WINDOW:
            raise _failed(
                f"The request's date {sent} is more than 15 minutes away from the service's clock "
                f"({now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})"
            )


def _failed(detail: str, status: int = 403) -> BatchError:
    return BatchError("AuthenticationFailed", ("AuthenticationErrorDetail", detail), status=status)


def _credentials(authorization: str) -> tuple[str, bytes]:
    if not authorization:
        raise _failed("The request has no Authorization header", status=401)
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "sharedkey":
        raise _failed("The local Batch service knows shared keys only")
    account, colon, signature = rest.strip().partition(":")
    if not account or not colon or not signature:
        raise BatchError("InvalidAuthenticationInfo")
    return account, signature.encode("utf-8", "replace")


def _texts_to_sign(
    account: str, method: str, raw_path: str, query: str, headers: Mapping[str, str]
) -> Iterator[str]:
    """Every text the documented signature may be of, the clients differing in two places.

    Without a body some sign an empty Content-Length and some "0"; names of query parameters are signed as sent
    by the Python client and in lower case by the documentation.
    """
    sent = headers.get("content-length", "")
    lengths = ("", "0") if sent in ("", "0") else (sent,)
    ocp = "".join(f"{name}:{headers[name]}\n" for name in sorted(set(headers)) if name.startswith("ocp-"))
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query):
        parameters.setdefault(name, value)
    lowered = {name.lower(): value for name, value in parameters.items()}
    for length in lengths:
        lines = [length if name == "content-length" else headers.get(name, "") for name in _SIGNED]
        head = "\n".join([method, *lines]) + "\n" + ocp + f"/{account}{raw_path}"
        for named in (parameters, lowered):
            yield head + "".join(f"\n{name}:{named[name]}" for name in sorted(named))
