"""Work on an account's videos that belongs to no session and no page: whoever opens Files sees how far it is."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock

import streamlit as st

from batch_core import containers, files, samples
from batch_core.account import Account
from batch_core.errors import DashboardError, NotFound
from batch_core.files import VideoFile
from batch_core.probe import Probe

_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="videos")
MANY = 500  # files from which on their list is kept: a list of 2,000 takes storage and this process a second
KEPT_SECONDS, NEWS_SECONDS = 15.0, 3.0  # how long, and how long when something is known to have changed


@dataclass(frozen=True)
class Progress:
    """How far something is: `done` of `total`."""

    done: int
    total: int


class Task:
    """Something that runs in the background, once at a time; asked for while it runs, it runs once more."""

    def __init__(self, run: Callable[[Callable[[int, int], None]], None]) -> None:
        self._run = run
        self._lock = Lock()
        self._again = False
        self._future: Future | None = None
        self.progress = Progress(0, 0)
        self.error: DashboardError | None = None

    @property
    def busy(self) -> bool:
        """Whether it runs now."""
        return self._future is not None and not self._future.done()

    def start(self) -> None:
        """Returns at once."""
        with self._lock:
            self._again = True
            if not self.busy:
                self.error = None
                self._future = _pool.submit(self._work)

    def _wanted(self) -> bool:
        with self._lock:
            wanted, self._again = self._again, False
            return wanted

    def _work(self) -> None:
        try:
            while self._wanted():
                self._run(self._tell)
        except DashboardError as error:
            self.error = error
        except Exception:
            logging.getLogger(__name__).exception("work on videos ended early")
            self.error = DashboardError("Looking into the videos ended early.", "Try again.")
            raise

    def _tell(self, done: int, total: int) -> None:
        self.progress = Progress(done, total)


class Work:
    """What goes on with one account's videos: new ones are looked into, samples are made, files are copied."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.looking = Task(self._look)
        self.sampling = Task(self._sample)
        self.copying = Task(self._copy)
        self._to_copy: list[tuple[str, list[str]]] = []  # container and blobs
        self.counting = Task(lambda tell: tell(len(self.files()), 0))
        self._found: dict[str, Probe] = {}  # kept here too: an account to look at only takes no metadata
        self._kept: list[VideoFile] = []
        self._listed = 0.0
        self._news = False
        self._listing = Lock()
        self.known: int | None = None  # how many files could be converted when they were listed last

    @property
    def busy(self) -> bool:
        """Whether anything runs."""
        return self.looking.busy or self.sampling.busy or self.copying.busy

    def look(self) -> None:
        """Look into the files that nobody has looked into; returns at once."""
        self._news = True
        self.looking.start()

    def copy(self, container: str, blobs: list[str]) -> None:
        """Copy these blobs of another container among the videos; returns at once."""
        self._to_copy.append((container, blobs))
        self.copying.start()

    def delete(self, chosen: list[VideoFile], tell: Callable[[int, int], None]) -> None:
        """Deletes these files; `tell` is called with how many are gone, and how many go. Raises DashboardError."""
        try:
            files.delete_files(self.account, chosen, tell)
        finally:
            self.forget()

    def forget(self) -> None:
        """The files are others now: the next list is made anew."""
        self._kept, self.known = [], None

    def files(self) -> list[VideoFile]:
        """The account's files, newest first, with what is known of them. A long list is kept for some seconds.

        Raises DashboardError.
        """
        with self._listing:
            age = time.monotonic() - self._listed
            if len(self._kept) < MANY or age > (NEWS_SECONDS if self._news else KEPT_SECONDS):
                self._news = False
                self._kept = files.list_files(self.account)
                self._listed = time.monotonic()
            kept = self._kept
        found = [file if file.probe else replace(file, probe=self._found.get(file.id)) for file in kept]
        self.known = sum(bool(file.probe and file.probe.ok) for file in found)
        return found

    def _look(self, tell: Callable[[int, int], None]) -> None:
        new = [file for file in self.files() if file.probe is None]
        tell(0, len(new))
        try:
            for done, file in enumerate(files.probe_new(self.account, new), start=1):
                if file.probe:
                    self._found[file.id] = file.probe
                tell(done, len(new))
        except NotFound:
            self.looking.start()  # deleted meanwhile: the list is another now
        self.forget()

    def _copy(self, tell: Callable[[int, int], None]) -> None:
        try:
            while self._to_copy:
                container, blobs = self._to_copy.pop(0)
                tell(0, len(blobs))
                containers.copy(self.account, container, blobs, tell)
        finally:
            self.look()

    def _sample(self, tell: Callable[[int, int], None]) -> None:
        samples.make_samples(self.account, tell)
        self.look()


def work(account: Account) -> Work:
    """The one Work of an account, shared by all sessions that have it."""
    return _work(account.fingerprint, account.look_only, account)


@st.cache_resource(show_spinner=False, max_entries=64)
def _work(fingerprint: str, look_only: bool, _account: Account) -> Work:
    return Work(_account)
