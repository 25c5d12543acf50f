"""Command lines for tasks of tests: Python's own, so that they run on every system."""

import sys


def python(code: str) -> str:
    """A task's command line that runs this code, in which no double quote may stand."""
    assert '"' not in code
    return f'"{sys.executable}" -c "{code}"'


DONE = python("pass")


def ends_with(code: int) -> str:
    """Ends at once with this exit code."""
    return python(f"raise SystemExit({code})")


def takes(seconds: float) -> str:
    """Does nothing for this long."""
    return python(f"import time; time.sleep({seconds})")
