"""Azurite's one-time installation: by npm from our lockfile, beside its place, moved there when it is whole."""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from local_azure.atomic import read_json, write_json
from local_azure.azurite import node_tools
from local_azure.failures import StartFailure, Stopped

_MARKER = "installed.json"
_LOCK_FILE = node_tools.SCRIPTS / "package-lock.json"
_COPIED = ("package.json", "package-lock.json", "unused")
_LOOK_EVERY = 0.15  # seconds between two looks at the progress
_NPM_CI = ["ci", "--install-links", "--omit=optional", "--omit=dev", "--ignore-scripts", "--no-bin-links"]
_NPM_CI += ["--install-strategy=hoisted", "--no-audit", "--no-fund", "--loglevel=error"]
_OUTDATED_CACHE = ("ETARGET", "EINTEGRITY")  # npm's cache knows an older list of versions, or is damaged
_REASONS = (
    (
        ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ERR_SOCKET"),
        "the npm registry can't be reached. Check the network connection, then start again.",
    ),
    (("ENOSPC",), "the disk is full. Make 100 MB of room, then start again."),
    (("EACCES", "EPERM", "EROFS"), "its folder can't be written."),
    (("EINTEGRITY",), "a downloaded file is not what it should be. Start again."),
)

Report = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Installation:
    """Azurite on disk; `token` tells one installation from the one that replaced it."""

    folder: Path
    token: str


class Installer:
    """Installs Azurite below `home`, which several local clouds may share."""

    def __init__(self, home: Path, report: Report, stop: threading.Event):
        self._home = home
        self._report = report
        self._stop = stop
        lockfile = _LOCK_FILE.read_bytes()
        self._hash = hashlib.sha256(lockfile).hexdigest()
        self._packages = [name for name in json.loads(lockfile)["packages"] if name]
        self._place = home / f"azurite-{self._hash[:12]}"

    def ensure(self, broken: Installation | None = None) -> Installation:
        """Return the installation; install where there is none, a damaged one, or still the `broken` one.

        StartFailure with a sentence when it can't be installed; Stopped when `stop` was set.
        """
        if (found := self._found(broken)) is not None:
            return found
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            with self._one_at_a_time():
                return self._found(broken) or self._install()
        except OSError as error:
            raise StartFailure(
                f"Azurite could not be installed in {self._home}: {error.strerror}."
            ) from error

    def _found(self, broken: Installation | None) -> Installation | None:
        marker = read_json(self._place / _MARKER)
        if not isinstance(marker, dict) or marker.get("lockfile") != self._hash:
            return None
        if self._count(self._place) < len(self._packages):
            return None
        found = Installation(self._place, str(marker.get("token")))
        return None if found == broken else found

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        lock = FileLock(self._home / "azurite.lock")
        while not lock.is_locked:
            try:
                lock.acquire(timeout=_LOOK_EVERY)
            except Timeout:
                self._report("Another start is installing storage (Azurite); waiting for it.", None)
                self._check_stop()
        try:
            yield
        finally:
            lock.release()

    def _install(self) -> Installation:
        self._report("Installing storage (Azurite), once.", 0.0)
        for leftover in self._home.glob("azurite-*.*-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        beside = Path(tempfile.mkdtemp(prefix=f"{self._place.name}.new-", dir=self._home))
        try:
            self._download(beside)
            token = secrets.token_hex(8)
            write_json(beside / _MARKER, {"lockfile": self._hash, "token": token})
            self._put_in_place(beside)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return Installation(self._place, token)

    def _download(self, folder: Path) -> None:
        for name in _COPIED:
            source = node_tools.SCRIPTS / name
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / name)
        code, said = self._run_npm(folder, "--prefer-offline")
        if code != 0 and any(mark in said for mark in _OUTDATED_CACHE):
            code, said = self._run_npm(folder, "--prefer-online")
        if code != 0 or self._count(folder) < len(self._packages):
            raise StartFailure(f"Azurite could not be installed: {_reason(said, code, self._home)}")

    def _run_npm(self, folder: Path, freshness: str) -> tuple[int, str]:
        guard = (node_tools.SCRIPTS / "guard.mjs").as_uri()
        with (self._home / "install.log").open("w+b") as log:
            npm = node_tools.start(
                ["--import", guard, node_tools.NPM, *_NPM_CI, freshness],
                cwd=folder,
                stderr=log,
                stdout=log.fileno(),
                env=_npm_environment(),
            )
            try:
                self._follow(npm, folder)
            finally:
                npm.kill()
                npm.communicate()
            log.seek(0)
            return npm.returncode, log.read().decode(errors="replace")

    def _follow(self, npm: subprocess.Popen[bytes], folder: Path) -> None:
        while True:
            try:
                npm.wait(timeout=_LOOK_EVERY)
                return
            except subprocess.TimeoutExpired:
                self._check_stop()
                done = self._count(folder)
                self._report(
                    f"Installing storage (Azurite), once: {done} of {len(self._packages)} packages.",
                    done / len(self._packages),
                )

    def _put_in_place(self, beside: Path) -> None:
        if self._place.exists():
            self._place.rename(self._place.with_name(f"{self._place.name}.old-{secrets.token_hex(4)}"))
        beside.rename(self._place)
        for old in self._home.glob(f"{self._place.name}.old-*"):
            shutil.rmtree(old, ignore_errors=True)

    def _count(self, folder: Path) -> int:
        """How many of the lockfile's packages are there."""
        return sum((folder / name / "package.json").is_file() for name in self._packages)

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped


def _npm_environment() -> dict[str, str]:
    # Two tries more, soon: someone waits in front of the page.
    patience = {"npm_config_fetch_retry_mintimeout": "1000", "npm_config_fetch_retry_maxtimeout": "5000"}
    return {**patience, **os.environ, "npm_config_update_notifier": "false"}


def _reason(said: str, code: int, home: Path) -> str:
    for marks, sentence in _REASONS:
        if any(mark in said for mark in marks):
            return sentence
    return f"npm ended with code {code}; what it said is in {home / 'install.log'}."
