"""Moments as the services write them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def moment(text: str | None) -> datetime | None:
    """A time on the wire (UTC, up to 7 fractional digits, microseconds are kept) as an aware datetime."""
    if not text:
        return None
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def wire(at: datetime) -> str:
    """A moment as a filter takes it: UTC with 7 fractional digits."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def since_of(doc: Mapping[str, Any]) -> datetime:
    """Since when a node or task is in its state. Raises KeyError when the document does not say."""
    since = moment(doc.get("stateTransitionTime"))
    if since is None:
        raise KeyError("stateTransitionTime")
    return since
