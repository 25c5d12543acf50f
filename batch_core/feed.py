"""Raw documents from Batch for the monitor: through the SDK's client (auth, addresses), past its models.

The models cost thirty times what a raw page costs; `$select` and orjson leave little more than the transfer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import orjson
from azure.core.rest import HttpRequest, HttpResponse

from batch_core.account import Account
from batch_core.errors import Conflict, NotFound, ServiceFailure, translated
from batch_core.pacing import Backoff

Doc = dict[str, Any]
PAGE = "1000"  # the most that a list call gives


@dataclass(frozen=True)
class Part:
    """Some bytes of a file; when it was last written and, where the system keeps that, made (whole seconds)."""

    data: bytes
    modified: datetime | None
    created: datetime | None


class Feed:
    """GET calls to one account. `clock` is the service's time at its last answer.

    With `retries` False a refusal is raised at once, for a caller that waits as `backoff` says.
    """

    def __init__(self, account: Account, retries: bool = True) -> None:
        self._client = account.batch
        self._options = {} if retries else {"retry_total": 0}
        self._version = account.batch._config.api_version
        self.backoff = Backoff(2.0, 60.0)
        self.clock: datetime | None = None

    def one(self, path: str, **query: str) -> Doc | None:
        """One resource, or None when it does not exist."""
        try:
            return self._get(path, query)
        except NotFound:
            return None

    def many(self, path: str, **query: str) -> Iterator[list[Doc]]:
        """A list, page by page. Raises NotFound when the parent does not exist."""
        query["maxresults"] = PAGE
        while True:
            page = self._get(path, query)
            yield page.get("value") or []
            following = page.get("odata.nextLink")
            if not following:
                return
            # Only its path and query are taken: a signed request goes to the account's own address.
            link = urlsplit(following)
            path, query = link.path, dict(parse_qsl(link.query))

    def part(self, path: str, first: int, most: int) -> Part | None:
        """`most` bytes of a task's or node's file from `first` on; None when there are none, or no such file.

        Raises DashboardError for anything else.
        """
        headers = {"ocp-range": f"bytes={first}-{first + most - 1}"}
        asked = f"{path}?{urlencode({'api-version': self._version})}"
        try:
            with translated("read a task's file"):
                answer = self._client.send_request(
                    HttpRequest("GET", asked, headers=headers), stream=False, **self._options
                )
                data = answer.read()
        except (NotFound, Conflict):
            return None
        except ServiceFailure as error:
            if error.code == "InvalidRange":
                return None
            raise
        return Part(data, _date(answer, "Last-Modified"), _date(answer, "ocp-creation-time"))

    def _get(self, path: str, query: dict[str, str]) -> Doc:
        asked = urlencode({**query, "api-version": self._version}, quote_via=quote, safe="$")
        with translated("watch the account"), self.backoff.listening():
            answer = self._client.send_request(
                HttpRequest("GET", f"{path}?{asked}", headers={"Accept": "application/json"}),
                stream=True,  # else the SDK parses the body once for itself
                raw_response_hook=_read_whole,
                **self._options,
            )
            body = answer.read()
        self.clock = _date(answer, "Date") or self.clock
        try:
            doc = orjson.loads(body)
        except orjson.JSONDecodeError:
            doc = None
        if not isinstance(doc, dict):
            raise ServiceFailure("What Batch answered can't be read.", "Check the account's URL.")
        return doc


def _read_whole(response: Any) -> None:
    """Reads a streamed answer while it can still be asked for again: later a broken one would be final.

    The SDK also makes its exceptions from the body.
    """
    response.http_response.read()


def _date(answer: HttpResponse, name: str) -> datetime | None:
    value = answer.headers.get(name)
    try:
        return parsedate_to_datetime(value).astimezone(UTC) if value else None
    except ValueError:
        return None
