"""DIR/bin/ffmpeg: the folder that comes first on a node's PATH."""

import os
import shutil
from pathlib import Path

import imageio_ffmpeg

from local_azure.failures import StartFailure


def place_ffmpeg(folder: Path) -> Path:
    """Put ffmpeg into `folder` as a symbolic link, a hard link or a copy, whichever comes first, and return it.

    StartFailure when there is no ffmpeg for this system; OSError when the folder can't be written.
    """
    try:
        found = shutil.which(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        found = None
    if found is None:
        raise StartFailure("There is no ffmpeg for this computer. Install ffmpeg with the system's packages.")
    source = Path(found).resolve()
    target = folder / ("ffmpeg.exe" if os.name == "nt" else "ffmpeg")
    folder.mkdir(parents=True, exist_ok=True)
    if not _current(source, target):
        beside = target.with_name(f"{target.stem}.new{target.suffix}")
        beside.unlink(missing_ok=True)
        _link(source, beside)
        beside.replace(target)
    return target


def _current(source: Path, target: Path) -> bool:
    if not target.exists():
        return False
    if target.samefile(source):
        return True
    ours, theirs = target.stat(), source.stat()
    return not target.is_symlink() and (ours.st_size, int(ours.st_mtime)) == (
        theirs.st_size,
        int(theirs.st_mtime),
    )


def _link(source: Path, target: Path) -> None:
    for way in (os.symlink, os.link):
        try:
            way(source, target)
            return
        except OSError:  # no right to make one (Windows), or another disk
            continue
    shutil.copy2(source, target)
