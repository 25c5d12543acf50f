"""Numbers and times as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from batch_core.pools import NodeTime
from batch_core.sizes import length_text, size_text

MARKDOWN = str.maketrans({sign: f"\\{sign}" for sign in r"\`*_{}[]<>()#+-.!|~:$&"})
# Streamlit makes links, icons and arrows of text that is escaped, too: an invisible character goes between.
WOVEN = re.compile(r"(?<=:)(?=[A-Za-z/]|[\w+-]+:)|(?<=@)|(?i:(?<=www)(?=\.))|(?<=[-<>=!~])(?=[-<>=])")
WORD_JOINER = "\u2060"
# What Markdown takes for markup where it stands; the rest of its signs mean themselves.
MARKUP = re.compile(r"[\\`*\[\]<>{}$~|]|&(?=[#\w])|(?<![^\W_])_|_(?![^\W_])|^[-+#]")
NUMBERED = re.compile(r"^(\d{1,9})([.)])")


def size(count: int | None) -> str:
    """Bytes in words, a dash where they are not known."""
    return "–" if count is None else size_text(count)


def length(seconds: float | None) -> str:
    """Seconds as on a player, a dash where they are not known."""
    return length_text(seconds)


def count(number: int, thing: str, things: str | None = None) -> str:
    """1 file, 5 files, 1,200 files."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def when(moment: datetime, *, seconds: bool = False) -> str:
    """A time in the browser's zone; with its date unless it is today's."""
    local = moment.astimezone(zone())
    today = datetime.now(UTC).astimezone(zone()).date()
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return clock if local.date() == today else f"{local.day} {local:%b %Y}, {clock}"


def node_time(ran: NodeTime) -> str:
    """Since when a pool has its nodes, and what these have run up: since 14:02, 12.5 node-hours so far."""
    hours = f"{ran.hours:,.1f}" if ran.hours >= 0.1 else "less than 0.1"
    return f"since {when(ran.since)}, {hours} node-hours so far"


def zone() -> ZoneInfo:
    """The browser's time zone, UTC where it does not tell one."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def plain(text: str) -> str:
    """A stranger's text (a file's name), so that Markdown shows it as it is."""
    return WOVEN.sub(WORD_JOINER, text).translate(MARKDOWN)


def label(text: str) -> str:
    """A stranger's text for a box's label, which screen readers say as it is written: with few signs of escape."""
    return NUMBERED.sub(r"\1\\\2", MARKUP.sub(r"\\\g<0>", WOVEN.sub(WORD_JOINER, text)))


def sentence(text: str) -> str:
    """A sentence with strangers' names in it, as Markdown; its own stops and colons stay readable."""
    return re.sub(r"(?<!\d)\\([.:])(?=\s|$)", r"\1", plain(text))
