"""Moments as the services write them."""

from datetime import UTC, datetime


def moment(text: str | None) -> datetime | None:
    """A time on the wire (UTC, up to 7 fractional digits, microseconds are kept) as an aware datetime."""
    if not text:
        return None
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
