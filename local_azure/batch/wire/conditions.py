"""Conditional headers: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from local_azure.batch.errors import BatchError
from local_azure.batch.wire.times import from_http_date

_TOGETHER = (
    {"if-match", "if-none-match"},
    {"if-modified-since", "if-unmodified-since"},
    {"if-match", "if-modified-since"},
    {"if-none-match", "if-unmodified-since"},
)
"""Pairs that contradict each other: one asks for the known state, the other for a changed one."""


def check_conditions(
    headers: Mapping[str, str], *, last_modified: str, etag: str = "", reading: bool
) -> None:
    """Raise BatchError ConditionNotMet when a condition fails: status 412, or 304 for a read without a change.

    `last_modified` is a stored time; like Last-Modified it counts in whole seconds. ETags may be quoted.
    Also raises MultipleConditionHeadersNotSupported and InvalidHeaderValue.
    """
    given = {name for name in ("if-match", "if-none-match") if etag and headers.get(name)}
    given |= {name for name in ("if-modified-since", "if-unmodified-since") if headers.get(name)}
    if not given:
        return
    if any(pair <= given for pair in _TOGETHER):
        raise BatchError("MultipleConditionHeadersNotSupported")
    changed = datetime.fromisoformat(last_modified[:19]).replace(tzinfo=UTC)
    if "if-match" in given and not _matches(headers["if-match"], etag):
        raise BatchError("ConditionNotMet")
    if "if-unmodified-since" in given and changed > _moment(headers, "if-unmodified-since"):
        raise BatchError("ConditionNotMet")
    if ("if-none-match" in given and _matches(headers["if-none-match"], etag)) or (
        "if-modified-since" in given and changed <= _moment(headers, "if-modified-since")
    ):
        raise BatchError("ConditionNotMet", status=304 if reading else 412)


def _matches(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or etag in tags


def _moment(headers: Mapping[str, str], name: str) -> datetime:
    try:
        return from_http_date(headers[name])
    except ValueError as error:
        raise BatchError(
            "InvalidHeaderValue",
            ("HeaderName", name),
            ("HeaderValue", headers[name]),
            ("Reason", "The value must be an HTTP date"),
        ) from error
