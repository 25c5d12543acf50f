"""Blobs read from here to there in pieces that are handed on as they come, in few and long requests."""

import time
from collections.abc import Generator
from functools import cache
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from azure.core.exceptions import HttpResponseError

from batch_core.account import Account, is_loopback
from batch_core.errors import InvalidInput, ServiceFailure, translate
from batch_core.pacing import Backoff
from batch_core.storage import read_url

PIECE = 1024 * 1024  # bytes handed on at once
# Bytes asked for at once: an answer that nobody fetches ends, and is asked for anew.
STRETCH = 256 * 1024 * 1024
RETRIES = 5  # without a byte in between, over some 15 seconds
_TIMEOUT = (10, 30)  # seconds to connect, and without a byte
_PASSING = {408, 429, 500, 502, 503, 504}


def read_blob(account: Account, container: str, blob: str, start: int, end: int) -> Generator[bytes]:
    """The bytes from `start` up to, not including, `end`; nothing is sent before the first.

    What breaks off is asked for again from there on. Raises Conflict when the blob is replaced meanwhile,
    InvalidInput for a range that makes no sense, ServiceFailure when the blob is shorter.
    """
    if not 0 <= start <= end:
        raise InvalidInput("This part of the file does not exist.")
    backoff, failures, etag = Backoff(0.5, 8), 0, ""
    while start < end:
        before = start
        try:
            with backoff.listening(), _ask(account, container, blob, start, end, etag) as answer:
                etag = answer.headers.get("ETag", "")
                for piece in answer.iter_content(PIECE):
                    start, failures = start + len(piece), 0
                    yield piece
        except (requests.RequestException, HttpResponseError) as error:
            failures += 1
            if failures > RETRIES or getattr(error, "status_code", 503) not in _PASSING:
                raise translate(error, "read the file") from None
            time.sleep(backoff.seconds())
            continue
        if start < min(end, before + STRETCH):
            raise ServiceFailure("The file ended before its end.", "Start the download again.")


def _ask(account: Account, container: str, blob: str, start: int, end: int, etag: str) -> requests.Response:
    """The answer to a request for the next stretch, its body still to come. Raises HttpResponseError."""
    headers = {"Range": f"bytes={start}-{min(end, start + STRETCH) - 1}", "Accept-Encoding": "identity"}
    if etag:
        headers["If-Match"] = etag
    url = read_url(account, container, blob, hours=1)
    answer = _session(is_loopback(urlsplit(url).hostname or "")).get(
        url, headers=headers, stream=True, timeout=_TIMEOUT
    )
    if answer.status_code != 206:
        answer.close()
        refusal = HttpResponseError(f"Operation returned an invalid status {answer.status_code}")
        refusal.status_code = (
            answer.status_code
        )  # not read from the answer, which counts as false when refused
        refusal.response = cast(Any, answer)
        raise refusal
    return answer


@cache
def _session(local: bool) -> requests.Session:
    """Connections that are kept; those to this computer ask no proxy of the environment."""
    session = requests.Session()
    session.trust_env = not local
    return session
