"""The recorder: one thread that watches a pool and a job for everybody who looks, and keeps their history."""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from batch_core.account import Account
from batch_core.errors import DashboardError, ServiceFailure, translated
from batch_core.history import History
from batch_core.jobs import run_from
from batch_core.pacing import Backoff
from batch_core.polling import Poller
from batch_core.snapshot import Counts, NodePhase, NodeRow, Outcome, Snapshot, Span, Steps, TaskRow

__all__ = [
    "Counts",
    "JobChoice",
    "NodePhase",
    "NodeRow",
    "Outcome",
    "Recorder",
    "Snapshot",
    "Span",
    "Steps",
    "TaskRow",
    "history_path",
    "list_job_ids",
    "list_pool_ids",
]

UNWATCHED = 5  # intervals without a reader until the recorder slows down or sleeps
SLOW = 5  # times the interval, when nobody looks at what runs or everything watched is over
CLOSER = 100  # tasks at most that are looked at closer at once
CLOSER_SECONDS = 10.0  # for which a wish to look closer is kept
_JOB_SELECT = ["id", "displayName", "state", "creationTime", "poolInfo", "executionInfo"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobChoice:
    """A job for a picker."""

    id: str
    name: str
    state: str
    created: datetime
    pool_id: str | None


def list_pool_ids(account: Account) -> list[tuple[str, str]]:
    """Every pool of the account as (id, state), whoever made it."""
    with translated("list the pools"):
        listed = [pool.as_dict() for pool in account.batch.list_pools(select=["id", "state"])]
    return [(pool["id"], str(pool.get("state", "")).lower()) for pool in listed]


def list_job_ids(account: Account) -> list[JobChoice]:
    """Every job of the account, whoever made it, newest first."""
    with translated("list the jobs"):
        runs = [run_from(job.as_dict()) for job in account.batch.list_jobs(select=_JOB_SELECT)]
    choices = [JobChoice(run.id, run.name, run.state, run.created, run.pool_id) for run in runs]
    return sorted(choices, key=lambda choice: choice.created, reverse=True)


def history_path(home: Path, account: Account) -> Path:
    """The file that an account's history is kept in."""
    return home / "history" / f"{account.fingerprint}.db"


class Recorder:
    """Watches a pool, a job or both, every `every` seconds; for a job alone, its pool is watched too.

    Thread-safe. Sleeps when nobody has asked for a snapshot for five intervals and nothing runs.
    """

    def __init__(
        self, account: Account, pool_id: str | None, job_id: str | None, home: Path, every: float = 2.0
    ) -> None:
        self._account, self._pool_id, self._job_id = account, pool_id, job_id
        self._path, self.every = history_path(home, account), every
        self._wake = threading.Condition()
        self._snapshot: Snapshot | None = None
        self._watched = time.monotonic()
        self._closer: dict[str, float] = {}
        self._asleep = self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to watch; does nothing when it does already."""
        with self._wake:
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Ends the watching for good; waits at most 3 s for a request under way."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(3)

    def snapshot(self) -> Snapshot | None:
        """The last picture, or None before the first; never asks the service. Being asked keeps it awake."""
        with self._wake:
            self._watched = time.monotonic()
            if self._asleep:
                self._wake.notify_all()
            return self._snapshot

    def wait_for_first(self, seconds: float) -> None:
        """Returns when there is a picture, at the latest after so many seconds."""
        with self._wake:
            self._wake.wait_for(lambda: self._snapshot or self._stopped, seconds)

    def look_closer(self, task_ids: Iterable[str]) -> None:
        """Asks for the `steps` of these tasks, of one of our own runs, for the next 10 s.

        Of more than 100 the ones that were asked for last are looked at.
        """
        until = time.monotonic() + CLOSER_SECONDS
        with self._wake:
            for id in task_ids:
                self._closer.pop(id, None)
                self._closer[id] = until
            for id in list(self._closer)[:-CLOSER]:
                del self._closer[id]

    def _wanted(self) -> list[str]:
        now = time.monotonic()
        with self._wake:
            self._closer = {id: until for id, until in self._closer.items() if until > now}
            return list(self._closer)

    @property
    def asleep(self) -> bool:
        """Whether it waits for somebody to look."""
        return self._asleep

    def _run(self) -> None:
        poller = Poller(self._account, self._pool_id, self._job_id, self._open_history())
        broken = Backoff(self.every, 60.0)
        try:
            while not self._stopped:
                wait = self._turn(poller, broken)
                self._rest(poller, wait)
            poller.mark_seen()
        except sqlite3.Error as error:
            _log.warning("What was seen last could not be noted: %s", error)
        finally:
            poller.close()

    def _open_history(self) -> History | None:
        try:
            return History(self._path)
        except (sqlite3.Error, OSError) as error:
            _log.warning("The history can't be opened, so nothing is kept: %s", error)
            return None

    def _turn(self, poller: Poller, broken: Backoff) -> float:
        """One poll; the seconds until the next."""
        try:
            self._publish(poller.poll(self._wanted()))
        except DashboardError as error:
            self._complain(error)
            return poller.feed.backoff.seconds()
        except sqlite3.Error as error:
            _log.warning("The history is broken, so nothing is kept from now on: %s", error)
            poller.close()
            return 0.0
        except (KeyError, TypeError, ValueError) as error:
            _log.warning("Batch answered something unexpected: %r", error)
            self._complain(ServiceFailure("What Batch answered can't be read.", "It will be asked again."))
            return broken.seconds()
        return 0.0 if poller.asking else self.every

    def _publish(self, picture: Snapshot) -> None:
        with self._wake:
            self._snapshot = picture
            self._wake.notify_all()

    def _complain(self, error: DashboardError) -> None:
        """Keeps the last good picture, with the error and its age."""
        with self._wake:
            if self._snapshot is None:
                now = datetime.now(UTC)
                self._snapshot = Snapshot(0, now, None, None, (), (), (), Counts(), 1)
            self._snapshot = replace(self._snapshot, error=error)
            self._wake.notify_all()

    def _rest(self, poller: Poller, wait: float) -> None:
        due = time.monotonic() + wait
        with self._wake:
            while not self._stopped:
                now = time.monotonic()
                watched = now - self._watched < UNWATCHED * self.every
                if not watched and not poller.busy:
                    self._asleep = True
                    self._wake.wait()
                    self._asleep = False
                    continue
                slow = poller.over or (not watched and not poller.running)
                left = due + (wait * (SLOW - 1) if slow else 0) - now
                if left <= 0:
                    return
                self._wake.wait(min(left, self.every))
