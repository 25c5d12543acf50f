"""How long to wait before a service is asked again after it refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from azure.core.exceptions import HttpResponseError


class Backoff:
    """Doubling waits from `first` to `most` seconds; a service's own Retry-After goes before."""

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
            self._asked = _retry_after(error)
            raise
        self._next, self._asked = self.first, None

    def seconds(self) -> float:
        """The wait after a failure, in seconds; longer each time until something succeeds."""
        wait, self._next = max(self._next, self._asked or 0.0), min(self._next * 2, self.most)
        self._asked = None
        return wait


def _retry_after(error: HttpResponseError) -> float | None:
    headers = getattr(error.response, "headers", None) or {}
    value = headers.get("Retry-After")
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at - datetime.now(UTC)).total_seconds()) if at.tzinfo else None
