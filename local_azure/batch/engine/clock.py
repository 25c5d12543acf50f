"""The service's time: text forms, eTags, durations."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_TICKS = 621_355_968_000_000_000  # .NET ticks (100 ns since the year 1) at 1970-01-01
_NO_LIMIT = 900_000 * 86_400.0  # "no limit" is written P10675199DT2H48M5.4775807S
_DURATION = re.compile(
    r"P(?:(?P<Y>[\d.]+)Y)?(?:(?P<M>[\d.]+)M)?(?:(?P<W>[\d.]+)W)?(?:(?P<D>[\d.]+)D)?"
    r"(?:T(?:(?P<h>[\d.]+)H)?(?:(?P<m>[\d.]+)M)?(?:(?P<s>[\d.]+)S)?)?"
)
_UNITS = {"Y": 365 * 86_400, "M": 30 * 86_400, "W": 7 * 86_400, "D": 86_400, "h": 3600, "m": 60, "s": 1}


class Clock:
    """Gives times that never repeat and never run backwards, so that they order what happened."""

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> str:
        """The time as `2026-11-22T15:00:00.1234567Z`; always 7 digits, so that times compare as text."""
        self._last = max(self._last + 1, time.time_ns() // 100)
        seconds, fraction = divmod(self._last, 10_000_000)
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{fraction:07}Z"


def moment(text: str) -> float:
    """Seconds since 1970 of a time in the form `Clock.now` gives."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    base = datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()
    return base + (int(fraction.ljust(7, "0")[:7]) / 10_000_000 if fraction else 0.0)


def etag(last_modified: str) -> str:
    """The eTag that goes with a lastModified: its .NET ticks in upper-case hex (so in every recording)."""
    whole, _, fraction = last_modified.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return f"0x{_EPOCH_TICKS + seconds * 10_000_000 + int(fraction.ljust(7, '0')[:7]):X}"


def seconds(duration: str | None) -> float | None:
    """An ISO 8601 duration in seconds (a year is 365 days, a month 30); None when there is no limit."""
    match = _DURATION.fullmatch(duration) if duration else None
    if match is None:
        return None
    total = sum(float(value) * _UNITS[unit] for unit, value in match.groupdict().items() if value)
    return None if total >= _NO_LIMIT else total
