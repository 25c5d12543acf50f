"""Moments as the services write them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_LENGTH = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
NO_LIMIT = timedelta(days=3650)  # Batch writes 10,675,199 days where there is no limit


def moment(text: str | None) -> datetime | None:
    """A time on the wire (UTC, up to 7 fractional digits, microseconds are kept) as an aware datetime."""
    if not text:
        return None
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def time_limit(text: str | None) -> timedelta | None:
    """A limit on the wire (an ISO 8601 duration) as a length of time; None when there is none."""
    found = _LENGTH.fullmatch(text or "")
    if not found:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return length if timedelta(0) < length < NO_LIMIT else None


def wire(at: datetime) -> str:
    """A moment as a filter takes it: UTC with 7 fractional digits."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def since_of(doc: Mapping[str, Any]) -> datetime:
    """Since when a node or task is in its state. Raises KeyError when the document does not say."""
    since = moment(doc.get("stateTransitionTime"))
    if since is None:
        raise KeyError("stateTransitionTime")
    return since
