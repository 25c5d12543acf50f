"""Files of programs that were only played, made when somebody looks at them."""

from __future__ import annotations

from pathlib import Path

from local_azure.batch.runner import STDERR, STDOUT, WORKING

_MOST_LINES = 1000
_FRAMES = 25
"""Frames a second that a simulated task pretends to work off."""


def task_words(task_id: str, elapsed: float, exit_code: int | None) -> tuple[str, str]:
    """What a simulated task has written to stdout and stderr `elapsed` seconds after its start.

    `exit_code` is None while it runs. What was there once stays as it is, and more comes behind it.
    """
    lines = [f"Simulated task {task_id}: no program runs."]
    lines += [
        f"{second} s: frame {second * _FRAMES}" for second in range(1, min(int(elapsed), _MOST_LINES) + 1)
    ]
    return _ended(lines, exit_code)


def start_task_words(exit_code: int | None) -> tuple[str, str]:
    """What a simulated start task has written to stdout and stderr; `exit_code` is None while it runs."""
    return _ended(["Simulated start task: no program runs."], exit_code)


def _ended(lines: list[str], exit_code: int | None) -> tuple[str, str]:
    if exit_code is not None:
        lines = [*lines, f"Ended with exit code {exit_code}."]
    errors = "Simulated failure: exit code 1.\n" if exit_code == 1 else ""
    return "\n".join(lines) + "\n", errors


def show(directory: Path, output: str, errors: str) -> None:
    """Make the directory with stdout.txt and stderr.txt, or bring these up to date; OSError when that fails."""
    (directory / WORKING).mkdir(parents=True, exist_ok=True)
    for name, text in ((STDOUT, output), (STDERR, errors)):
        path = directory / name
        before = path.read_bytes() if path.exists() else b""
        whole = text.encode()
        if whole.startswith(before):
            with path.open("ab") as file:
                file.write(whole[len(before) :])
        else:
            path.write_bytes(whole)
