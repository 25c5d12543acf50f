"""Pages of lists that are not in the store. The token is the last item's key, safe in a URL."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

from local_azure.batch.errors import invalid_query

Doc = dict[str, Any]


def next_page(
    items: Sequence[Doc], key: Callable[[Doc], str], after: str | None, limit: int
) -> tuple[list[Doc], str | None]:
    """Up to `limit` items behind the token `after` in the order of `key`, and a token if there are more.

    base64url, because clients turn a `+` in a query into a blank. BatchError for a token not of this kind.
    """
    ordered = sorted(items, key=key)
    if after is not None:
        last = _read(after)
        ordered = [item for item in ordered if key(item) > last]
    page = ordered[:limit]
    return page, _token(key(page[-1])) if len(ordered) > limit else None


def _token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode("utf-8", "surrogateescape")).decode().rstrip("=")


def _read(token: str) -> str:
    try:
        padded = token + "=" * (-len(token) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise invalid_query("$skiptoken", token, "The token is not one that this service gave out") from error
