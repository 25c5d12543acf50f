"""The time axis: by the clock of the viewer's zone, or since the start as if that had been midnight of 2000.

Moments are sent as texts: plotly.js would shift numbers by the zone of the browser. The clock is the one that the
zone has at the axis' end, also for what was before it was changed: an hour of the axis is always an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from pages.charts.labels import plain

MIDNIGHT = datetime(2000, 1, 1)
WINDOW = timedelta(hours=6)  # of a pool that is watched without a job

Figure = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """Where a moment lies on the axis: since `start`, or by the clock of `zone`. It reaches to `now`, or on to `until`."""

    start: datetime
    now: datetime
    zone: tzinfo
    relative: bool
    live: bool = True  # whether it goes on
    until: datetime | None = None

    def at(self, moment: datetime) -> str:
        return _text(MIDNIGHT + (moment - self.start)) if self.relative else self.clock(moment)

    def at_milliseconds(self, since_1970: int) -> str:
        return self.at(datetime.fromtimestamp(since_1970 / 1000, UTC))

    def clock(self, moment: datetime) -> str:
        """Date and time by the clock, whatever the axis shows."""
        return _text(moment.astimezone(timezone(self.now.astimezone(self.zone).utcoffset() or timedelta())))


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def run_axis(
    started: datetime | None, now: datetime, zone: tzinfo = UTC, *, relative: bool = True, live: bool = True
) -> Axis:
    """The axis of a run that started then (or has not yet), and still goes on when it is `live`."""
    return Axis(min(started or now, now), now, zone, relative, live)


def pool_start(made: datetime | None, now: datetime) -> datetime:
    """Where the axis of a pool alone begins: when it was made, or with an hour some WINDOW ago when that is later."""
    hour = (now - WINDOW).replace(minute=0, second=0, microsecond=0)
    return max(made, hour) if made else hour


def time_axis(axis: Axis) -> Figure:
    """The axis in Plotly's words."""
    day = 86_400_000
    long_run = axis.relative and axis.now - axis.start >= timedelta(days=1)
    if axis.relative and axis.now - axis.start < timedelta(hours=1):
        title, stops = "minutes:seconds since the start", [{"dtickrange": [None, None], "value": "%-M:%S"}]
    else:
        title = "hours since the start" if axis.relative else f"time ({_zone_name(axis)})"
        stops = [
            {"dtickrange": [None, 60_000], "value": "%-H:%M:%S"},
            {"dtickrange": [60_000, day], "value": "day %-j, %-H:%M" if long_run else "%-H:%M"},
            {"dtickrange": [day, None], "value": "day %-j" if axis.relative else "%-d %b"},
        ]
    return {
        "type": "date",
        "title": {"text": title, "font": {"size": 11}, "standoff": 4},
        "tickformatstops": stops,
        "autorange": True,
        "autorangeoptions": {"minallowed": _number(axis.at(axis.start))},
        "showgrid": True,
        "zeroline": False,
        "nticks": 8,
    }


def _number(shown: str) -> float:
    """Milliseconds since 1970: for the one place where plotly.js compares what it is given as it is."""
    return datetime.fromisoformat(shown).replace(tzinfo=UTC).timestamp() * 1000


def _zone_name(axis: Axis) -> str:
    return plain(axis.now.astimezone(axis.zone).strftime("%Z") or "UTC", 12)
