"""A Chromium for the browser tests: one that is there, else Playwright's own, else the system's package.

Without one the browser tests fail; they are never skipped.
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Playwright

from tests.system_programs import apt, found_or_installed

COMMANDS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "msedge",
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
# Nothing in a test leaves this computer; without these a browser in a closed network keeps trying.
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


def launch(playwright: Playwright) -> Browser:
    """Start a headless Chromium, installing one when there is none; RuntimeError when none can be had."""
    return playwright.chromium.launch(executable_path=_executable(playwright), args=_flags())


def _flags() -> list[str]:
    runs_as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*FLAGS, *(["--no-sandbox"] if runs_as_root else [])]


def _executable(playwright: Playwright) -> str:
    name = "Chromium (or Chrome, or one that the environment variable CHROMIUM names)"
    return _installed(playwright) or found_or_installed(name, lambda: _installed(playwright), _installers())


def _installed(playwright: Playwright) -> str | None:
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    own = playwright.chromium.executable_path
    if own and Path(own).exists():
        return own
    on_path = next((path for path in map(shutil.which, COMMANDS) if path), None)
    return on_path or next((place for place in PLACES if Path(place).exists()), None)


def _installers() -> list[list[str]]:
    """Commands that bring a Chromium, in order of preference."""
    brew = [["brew", "install", "--cask", "chromium"]] if shutil.which("brew") else []
    return [[sys.executable, "-m", "playwright", "install", "chromium"], *apt("chromium"), *brew]
