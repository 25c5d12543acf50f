"""One request as the handlers see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import orjson
from starlette.requests import Request

from local_azure.batch import odata
from local_azure.batch.engine import Engine
from local_azure.batch.errors import BatchError, invalid_query
from local_azure.batch.store import Where
from local_azure.batch.wire.conditions import check_conditions
from local_azure.batch.wire.pages import next_page
from local_azure.batch.wire.serialise import Doc
from local_azure.batch.wire.times import stored_from

LARGEST_BODY = 1_048_576
"""Bytes; the service names this MaxLimit in its 413 [recorded 2023]."""

LARGEST_PAGE = 1000


@dataclass(frozen=True)
class Service:
    """What every call needs: the engine, the account's name, the service's URL (no slash at its end)."""

    engine: Engine
    account: str
    base: str


class Call:
    """A request with its parts parsed on demand. Every method raises BatchError for what it does not accept."""

    def __init__(self, service: Service, request: Request) -> None:
        self.engine = service.engine
        self.base = service.base
        self.request = request
        self.headers = request.headers
        self.request_id: str = request.scope["batch_request_id"]

    @property
    def url(self) -> str:
        """The request's own URL without its query: what DataServiceId says."""
        return self.base + self.request.scope["raw_path"].decode("ascii")

    def path(self, name: str) -> str:
        """A part of the path, decoded."""
        return str(self.request.path_params[name])

    @cached_property
    def query(self) -> dict[str, str]:
        """Query parameters, the first of each name."""
        query: dict[str, str] = {}
        for name, value in parse_qsl(self.request.scope["query_string"].decode("ascii")):
            query.setdefault(name, value)
        return query

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false, false when absent."""
        value = self.query.get(name, "false")
        if value.lower() not in ("true", "false"):
            raise invalid_query(name, value, "The value must be true or false")
        return value.lower() == "true"

    async def body(self, *, optional: bool = False) -> Any:
        """The JSON body; `{}` when there may be none and there is none."""
        raw = await self._raw()
        if not raw.strip() and optional:
            return {}
        kind = self.headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != "application/json":
            values = (("HeaderName", "Content-Type"), ("HeaderValue", kind))
            raise BatchError("InvalidHeaderValue", *values, ("Reason", "The body must be application/json"))
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise BatchError("InvalidRequestBody", ("Reason", f"The body is not JSON: {error}")) from error
        return {} if value is None and optional else value

    async def _raw(self) -> bytes:
        too_large = BatchError("RequestBodyTooLarge", ("MaxLimit", str(LARGEST_BODY)))
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length) > LARGEST_BODY:
            raise too_large
        raw = bytearray()
        async for chunk in self.request.stream():
            raw += chunk
            if len(raw) > LARGEST_BODY:
                raise too_large
        return bytes(raw)

    def check(self, doc: Doc, *, reading: bool = False) -> None:
        """The request's conditional headers against a resource's eTag and lastModified."""
        last_modified, etag = doc["lastModified"], doc["eTag"]
        check_conditions(self.headers, last_modified=last_modified, etag=etag, reading=reading)

    def expand(self) -> None:
        """$expand may ask for stats; the local service has gathered none, so that the answer stays as it is."""
        asked = self.query.get("$expand", "stats")
        if asked != "stats":
            raise invalid_query("$expand", asked, "Only stats can be expanded")

    def where(self, listing: str) -> Where | None:
        """The request's $filter as SQL for the store."""
        text = self.query.get("$filter")
        return Where(*odata.to_sql(odata.parse(text, listing))) if text else None

    def filtered(self, listing: str, items: Sequence[Doc]) -> list[Doc]:
        """The items that pass the request's $filter."""
        text = self.query.get("$filter")
        if not text:
            return list(items)
        node = odata.parse(text, listing)
        return [item for item in items if odata.matches(node, item)]

    def limit(self) -> int:
        """The most items the page may have: maxresults, 1 to 1000."""
        text = self.query.get("maxresults", str(LARGEST_PAGE))
        try:
            limit = int(text)
        except ValueError:
            raise invalid_query("maxresults", text, "The value must be a whole number") from None
        if limit < 1:
            raise invalid_query("maxresults", text, "MaxResults cannot be less than 1")
        if limit > LARGEST_PAGE:
            raise BatchError(
                "OutOfRangeQueryParameterValue",
                ("QueryParameterName", "maxresults"),
                ("QueryParameterValue", text),
                ("MinimumAllowed", "1"),
                ("MaximumAllowed", str(LARGEST_PAGE)),
            )
        return limit

    @property
    def after(self) -> str | None:
        """The token that the last page ended with."""
        return self.query.get("$skiptoken")

    def slice(self, items: Sequence[Doc], key: Callable[[Doc], str]) -> tuple[list[Doc], str | None]:
        """The asked-for page of a list that is not in the store, ordered by `key`, and the next page's token."""
        return next_page(items, key, self.after, self.limit())

    def next_link(self, token: str) -> str:
        """The URL of the next page: this request's, with the token."""
        kept = [(name, value) for name, value in self.query.items() if name != "$skiptoken"]
        query = urlencode(kept, quote_via=quote, safe="$")
        return f"{self.url}?{query}&$skiptoken={token}"

    def now(self) -> str:
        """This moment as stored text."""
        return stored_from(datetime.now(UTC))
