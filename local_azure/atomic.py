"""Files that are either the old or the new one, whoever looks and whenever we end."""

import json
import os
import time
from pathlib import Path
from typing import Any

_PRIVATE = 0o600
_ATTEMPTS = 20  # Windows refuses to replace a file that a reader has open: readers are done in milliseconds


def write_json(path: Path, value: Any) -> None:
    """Write `value` as one line of JSON, readable by its owner only. OSError when it can't be written."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(value) + "\n")
    for attempt in range(_ATTEMPTS):
        try:
            beside.replace(path)
            return
        except PermissionError:
            if os.name != "nt" or attempt == _ATTEMPTS - 1:
                beside.unlink()
                raise
            time.sleep(0.02)


def read_json(path: Path) -> Any:
    """Return the file's JSON, or None where there is no file to read or no JSON in it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
