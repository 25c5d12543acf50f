"""How long to wait before a service is asked again after it refused."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from azure.core.exceptions import HttpResponseError

LONGEST = 600.0  # seconds: whoever looks wants to know within minutes that it is over


class Backoff:
    """Doubling waits from `first` to `most` seconds; a service's own Retry-After goes before, up to LONGEST."""

    def __init__(self, first: float, most: float) -> None:
        self.first, self.most = first, most
        self._next = first
        self._asked: float | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Notes the Retry-After header of an error that leaves the block, and success otherwise."""
        try:
            yield
        except HttpResponseError as error:
            self._asked = retry_after(getattr(error.response, "headers", None))
            raise
        self._next, self._asked = self.first, None

    def seconds(self) -> float:
        """The wait after a failure, in seconds; longer each time until something succeeds."""
        wait, self._next = max(self._next, min(self._asked or 0.0, LONGEST)), min(self._next * 2, self.most)
        self._asked = None
        return wait


def retry_after(headers: Mapping[str, str] | None) -> float | None:
    """The seconds that a Retry-After header asks for, as a number or as a date; None when it says neither."""
    value = (headers or {}).get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        seconds = _until(value)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until(date: str) -> float:
    try:
        at = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    return (at - datetime.now(UTC)).total_seconds() if at.tzinfo else math.nan
