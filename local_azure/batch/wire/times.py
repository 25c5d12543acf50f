"""Times and durations as the Batch service writes them.

A stored time is text of fixed width, `2026-11-22T15:00:00.1234567Z` (UTC, 100 ns), so that times compare as
text. On the wire the service drops trailing zeros of the fraction, and puts every duration in one form
(`PT06M00S` becomes `PT6M`); both were read in recorded exchanges with the real service.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

NO_LIMIT = "P10675199DT2H48M5.4775807S"
"""The longest duration of .NET: what the service writes for "no limit"."""

_TICKS_PER_SECOND = 10_000_000
_LONGEST = 2**63 - 1
_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,9}))?S)?)?"
)
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})?")


def duration_ticks(text: str) -> int:
    """The length of an ISO 8601 duration in ticks of 100 ns; ValueError when it is none or too long.

    A year counts 365 days and a month 30: `P3Y6M4DT12H30M5S` is stored by the service as `P1279DT12H30M5S`.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text == "P":
        raise ValueError(f"{text!r} is not an ISO 8601 duration")
    years, months, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:6])
    fraction = int((match[7] or "").ljust(7, "0")[:7])
    whole = (((years * 365 + months * 30 + days) * 24 + hours) * 60 + minutes) * 60 + seconds
    ticks = whole * _TICKS_PER_SECOND + fraction
    if ticks > _LONGEST:
        raise ValueError(f"{text!r} is longer than {NO_LIMIT}")
    return ticks


def normal_duration(text: str) -> str:
    """The same duration in the service's one form; ValueError as for `duration_ticks`."""
    seconds, fraction = divmod(duration_ticks(text), _TICKS_PER_SECOND)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    tail = f"{second}.{fraction:07d}".rstrip("0") if fraction else str(second)
    clock = "".join(f"{n}{unit}" for n, unit in ((hour, "H"), (minute, "M")) if n)
    clock += f"{tail}S" if second or fraction else ""
    date = f"{day}D" if day else ""
    if not date and not clock:
        return "PT0S"
    return "P" + date + (f"T{clock}" if clock else "")


def stored_time(text: str) -> str:
    """An ISO 8601 time as stored text; ValueError when it is none. A time without a zone is UTC."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an ISO 8601 time")
    zone = match[3] or "Z"
    moment = datetime.fromisoformat(match[1] + zone.replace("Z", "+00:00")).astimezone(UTC)
    fraction = (match[2] or "").ljust(7, "0")[:7]
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def stored_from(moment: datetime) -> str:
    """An aware time as stored text."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def trimmed(stored: str) -> str:
    """A stored time as the service writes it: without trailing zeros of the fraction."""
    if not stored.endswith("Z") or "." not in stored:
        return stored
    return stored[:-1].rstrip("0").rstrip(".") + "Z"


def http_date(stored: str) -> str:
    """A stored time as an HTTP date, cut (not rounded) to seconds like the service's Last-Modified."""
    return format_datetime(datetime.fromisoformat(stored[:19] + "+00:00"), usegmt=True)


def from_http_date(text: str) -> datetime:
    """An HTTP date (RFC 1123) as an aware UTC time; ValueError when it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, IndexError, ValueError) as error:
        raise ValueError(f"{text!r} is not an HTTP date") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
