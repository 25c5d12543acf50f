"""Files that take no part in a run, as lines of Markdown: those of one reason together, most first."""

from __future__ import annotations

from collections.abc import Iterable

from pages.shell import words

NAMED = 8  # files of a reason that are named


def by_reason(refused: Iterable[tuple[str, str]]) -> list[str]:
    """A line a reason: the file, or how many they are and the first of them."""
    shared: dict[str, list[str]] = {}
    for name, reason in refused:
        shared.setdefault(reason, []).append(name)
    return [_line(names, reason) for reason, names in sorted(shared.items(), key=lambda one: -len(one[1]))]


def _line(names: list[str], reason: str) -> str:
    if len(names) == 1:
        return f"- **{words.plain(names[0])}**: {words.plain(reason)}"
    named = ", ".join(words.plain(name) for name in names[:NAMED])
    more = f", and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"- **{words.count(len(names), 'file')}**: {words.plain(reason)} ({named}{more})"
