"""Text for charts: names of files, tasks and nodes are hostile until they have been through here."""

import html
import unicodedata
from datetime import datetime, timedelta

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def plain(text: str, limit: int = 60) -> str:
    """A name as Plotly may show it: tags and entities shown as typed, no control characters, at most `limit` long."""
    return html.escape(short(text, limit), quote=False)


def short(text: str, limit: int = 60) -> str:
    """A name as text (never as HTML): no control characters, at most `limit` long."""
    seen = (
        text
        if text.isprintable()
        else "".join(
            "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _INVISIBLE else c for c in text
        )
    )
    if len(seen) > limit:
        tail = limit // 3
        seen = f"{seen[: limit - tail - 1]}…{seen[-tail:]}"
    return seen


def node_name(node_id: str, order: int) -> str:
    """A short name for a node: its id when that is short, else "node N" by its place."""
    return node_id if len(node_id) <= 14 else f"node {order + 1}"


def duration(length: timedelta) -> str:
    """A length of time in words: "8 s", "3 min 20 s", "2 h 5 min", "3 days 4 h"."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours else f"{days} days"


def ago(then: datetime, now: datetime) -> str:
    """How long ago in words: "just now", "3 s ago", "5 min ago"."""
    length = now - then
    return "just now" if length < timedelta(seconds=1) else f"{duration(length)} ago"
