"""The files below a task's or a node's directory: found, listed, opened, never outside of it.

Everything here blocks on the disk and belongs in a thread.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from local_azure.batch.errors import BatchError
from local_azure.batch.wire.times import stored_from

_WINDOWS = os.name == "nt"


@dataclass(frozen=True)
class Entry:
    """One file or directory: its name relative to the root, size in bytes, stored times, octal mode.

    As on Azure a mode is known on Linux nodes only, a creation time on Windows nodes only.
    """

    name: str
    is_directory: bool
    size: int
    last_modified: str
    mode: str | None
    created: str | None

    @property
    def content_type(self) -> str:
        """`text/plain` for .txt, as recorded; else the type of unknown bytes."""
        return "text/plain" if self.name.lower().endswith(".txt") else "application/octet-stream"

    @property
    def level(self) -> int:
        """How deep the entry lies: 0 directly below the root."""
        return self.name.count(os.sep)


def locate(root: Path, name: str) -> tuple[Path, Entry]:
    """The file or directory `name` below `root`; BatchError FileNotFound when it is not there or not below.

    A leading slash is dropped, as one client sends it. Links are followed only within the root.
    """
    parts = _parts(name)
    try:
        inside = root.resolve()
        path = inside.joinpath(*parts).resolve(strict=True)
        found = path.stat()
    except (OSError, ValueError, RuntimeError):
        raise BatchError("FileNotFound") from None
    if not path.is_relative_to(inside) or not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise BatchError("FileNotFound")
    return path, _entry(str(Path(*parts)), found)


def _parts(name: str) -> list[str]:
    parts = (name.replace("\\", "/") if _WINDOWS else name).lstrip("/").split("/")
    if any(part in ("", ".", "..") or (_WINDOWS and ":" in part) for part in parts):
        raise BatchError("FileNotFound")
    return parts


def listed(root: Path, *, recursive: bool, prefix: str = "") -> list[Entry]:
    """The entries below `root`, or only those directly in it.

    Without `recursive`, a prefix such as `wd/` lists that folder's entries: clients browse folders so.
    """
    start = ""
    if not recursive:
        start = (prefix.replace("/", os.sep) if _WINDOWS else prefix).rpartition(os.sep)[0]
        if start:
            try:
                path, entry = locate(root, start)
            except BatchError:
                return []
            return list(_children(path, start)) if entry.is_directory else []
    return list(_below(root, start, recursive))


def _below(directory: Path, name: str, recursive: bool) -> Iterator[Entry]:
    for entry in _children(directory, name):
        yield entry
        path = directory / entry.name.rpartition(os.sep)[2]
        if recursive and entry.is_directory and not path.is_symlink():
            yield from _below(path, entry.name, recursive)


def _children(directory: Path, name: str) -> Iterator[Entry]:
    """The entries of one directory; what vanishes meanwhile or is no file (a socket, a pipe) is left out."""
    try:
        found = list(os.scandir(directory))
    except OSError:
        return
    for item in found:
        try:
            state = item.stat()
        except OSError:
            continue
        if stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode):
            yield _entry(f"{name}{os.sep}{item.name}" if name else item.name, state)


def _entry(name: str, state: os.stat_result) -> Entry:
    return Entry(
        name,
        stat.S_ISDIR(state.st_mode),
        state.st_size,
        _stored(state.st_mtime),
        None if _WINDOWS else oct(state.st_mode),
        _stored(getattr(state, "st_birthtime", state.st_mtime)) if _WINDOWS else None,
    )


def _stored(seconds: float) -> str:
    return stored_from(datetime.fromtimestamp(seconds, UTC))


def opened(path: Path) -> tuple[BinaryIO, int]:
    """A file open for reading and its size in bytes now; BatchError when it is none or cannot be read."""
    flags = (
        os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    )
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise BatchError("FileNotFound") from None
    except OSError as error:
        raise BatchError("IOError", ("Reason", error.strerror or "The file cannot be read")) from error
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise BatchError("IOError", ("Reason", "The path is a directory"))
    return os.fdopen(descriptor, "rb"), state.st_size


def removed(root: Path, name: str, *, recursive: bool) -> None:
    """Delete the file or directory `name` below `root`: a directory that holds something only if `recursive`.

    A link goes itself, never what it leads to. BatchError FileNotFound as for `locate`, IOError when refused.
    """
    locate(root, name)
    inside, parts = root.resolve(), _parts(name)
    path = inside.joinpath(*parts[:-1]).resolve() / parts[-1]
    if not path.is_relative_to(inside):
        raise BatchError("FileNotFound")
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink()
        elif recursive:
            shutil.rmtree(path)
        else:
            path.rmdir()
    except FileNotFoundError:
        raise BatchError("FileNotFound") from None
    except OSError as error:
        raise BatchError("IOError", ("Reason", error.strerror or "The file cannot be deleted")) from error
