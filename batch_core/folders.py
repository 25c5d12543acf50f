"""Folders that hold what the app keeps."""

from pathlib import Path


def make_private(folder: Path) -> None:
    """Makes a folder and what is missing above it, for their owner alone (on POSIX); one that is there stays as it is.

    Raises OSError.
    """
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(folder)
