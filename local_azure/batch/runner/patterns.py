"""Output file patterns: * ? [abc] [a-c] [!a], ** for any directories, names with a leading dot only by a dot."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_WINDOWS = sys.platform == "win32"
_VARIABLE = re.compile(r"%(\w+)%" if _WINDOWS else r"\$(?:(\w+)|\{(\w+)\})")
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Match:
    """A file to upload; `name` is its path below the pattern's fixed part, `wild` whether there were wildcards."""

    path: Path
    name: str
    wild: bool


def find(pattern: str, directory: Path, environment: Mapping[str, str]) -> list[Match]:
    """The files that a pattern, relative to `directory` or absolute, stands for, in the order of their names."""
    expanded = _VARIABLE.sub(lambda match: _value(match, environment), pattern)
    parts = (expanded.replace("\\", "/") if _WINDOWS else expanded).split("/")
    fixed = 0
    while fixed < len(parts) - 1 and not _WILD.search(parts[fixed]):
        fixed += 1
    base = Path(os.path.normpath(directory / _unescaped("/".join(parts[:fixed]) + "/" if fixed else ".")))
    rest = [part for part in parts[fixed:] if part not in ("", ".")]
    if not rest:
        return []
    if len(rest) == 1 and not _WILD.search(rest[0]):
        path = base / _unescaped(rest[0])
        return [Match(path, path.name, False)] if path.is_file() else []
    if rest[-1] == "**":
        rest.append("*")
    found = {path for path in _walk(base, rest) if path.is_file()}
    return [Match(path, path.relative_to(base).as_posix(), True) for path in sorted(found)]


_OPEN = "\0"  # stands for a bracket that came out of a variable's value and means itself


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    name = next(group for group in match.groups() if group is not None)
    wanted = {key.upper(): value for key, value in environment.items()} if _WINDOWS else environment
    value = wanted.get(name.upper() if _WINDOWS else name)
    return match[0] if value is None else value.replace("[", _OPEN)


def _unescaped(text: str) -> str:
    return text.replace(_OPEN, "[")


def _walk(base: Path, parts: list[str]) -> Iterator[Path]:
    head, rest = parts[0], parts[1:]
    if head == "**":
        yield from _walk(base, rest)
        for folder in _entries(base):
            if not folder.name.startswith(".") and folder.is_dir() and not folder.is_symlink():
                yield from _walk(folder, parts)
        return
    if head == "..":
        yield from _walk(base.parent, rest) if rest else ()
        return
    matcher = re.compile(_regex(head), re.IGNORECASE if _WINDOWS else 0)
    for entry in _entries(base):
        hidden = entry.name.startswith(".") and not head.startswith(".")
        if hidden or not matcher.fullmatch(entry.name):
            continue
        if not rest:
            yield entry
        elif entry.is_dir():
            yield from _walk(entry, rest)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _regex(part: str) -> str:
    pieces, at = [], 0
    while at < len(part):
        letter = part[at]
        at += 1
        closing = part.find("]", at + 1) if letter == "[" else -1
        if letter == "*":
            pieces.append(".*")
        elif letter == "?":
            pieces.append(".")
        elif closing > 0:
            inner, at = part[at:closing], closing + 1
            negated = inner.startswith("!") and len(inner) > 1
            kept = (inner[1:] if negated else inner).replace("\\", "\\\\").replace("[", "\\[")
            kept = "\\" + kept if kept.startswith("^") else kept
            pieces.append(f"[{'^' if negated else ''}{kept}]")
        else:
            pieces.append(re.escape(_unescaped(letter)))
    return "(?s:" + "".join(pieces) + ")"
