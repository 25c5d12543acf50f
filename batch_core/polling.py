"""One poll after the other of a pool and a job: what is asked, when all is asked again, and what comes of it."""

import logging
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from batch_core import jobs, pools
from batch_core.account import Account
from batch_core.errors import NotFound
from batch_core.feed import Doc, Feed
from batch_core.history import QUIET, QUIET_ALONE, Change, History, Kind, State
from batch_core.jobs import Run, run_from
from batch_core.pools import PoolInfo, pool_from
from batch_core.recording import NODE_SELECT, TASK_SELECT, NodeBook, TaskBook, with_preemptions
from batch_core.snapshot import Counts, NodePhase, Snapshot

OVERLAP = timedelta(seconds=10)  # lists lag and the service's clocks differ: what is seen twice is merged
PATIENT = 3  # polls in which counts and rows differ until all tasks are listed again: counts lag, too
RELOAD_EVERY = 30.0  # seconds between two whole lists of a job with more than a page of tasks
SMALL = 1000
MARK_EVERY = 30.0  # seconds between two notes that what runs was still seen to run
FINAL_CHECK = 30.0  # seconds between two looks at a job that is over: it can still be deleted
LOOKED_BACK = timedelta(hours=12)  # of a pool that is watched without a job
_log = logging.getLogger(__name__)


class Poller:
    """Keeps books of a pool's nodes and a job's tasks. For one thread."""

    def __init__(
        self, account: Account, pool_id: str | None, job_id: str | None, history: History | None
    ) -> None:
        self.feed = Feed(account, retries=False)
        self._pool_id, self._job_id, self._history = pool_id, job_id, history
        self._pool: PoolInfo | None = None
        self._job: Run | None = None
        self._job_looked = 0.0
        self._scopes: dict[tuple[Kind, str, datetime | None], int | None] = {}
        self._nodes = NodeBook({})
        self._nodes_of: tuple[str, datetime | None] | None = None
        self._tasks = TaskBook(())
        self._tasks_of: datetime | None = None
        self._loaded = self._final = self._gone = False
        self._mark: datetime | None = None
        self._newest: datetime | None = None
        self._phases: tuple[NodePhase, ...] = ()
        self._unkept: dict[int, list[Change]] = {}
        self._marked = time.monotonic()
        self._reloaded = 0.0
        self._differs = 0
        self._ignored: tuple[int, int] | None = None
        self._version = 0
        self._changed = False
        self._picture: Snapshot | None = None

    def close(self) -> None:
        """Closes the history."""
        if self._history:
            self._history.close()

    @property
    def running(self) -> bool:
        """Whether a task runs or a node is on its way."""
        return self._tasks.counts().running > 0 or self._nodes.moving()

    @property
    def busy(self) -> bool:
        """Whether anything can change by itself."""
        waits = self._job is not None and not self._job.over and self._tasks.counts().active > 0
        resizing = self._pool is not None and self._pool.allocation_state != "steady"
        return self.running or waits or resizing

    @property
    def over(self) -> bool:
        """Whether nothing that is watched will change any more."""
        job_over = self._job_id is None or self._final or self._gone
        pool_gone = self._pool is None and self._picture is not None
        return job_over and pool_gone

    def poll(self) -> Snapshot:
        """Asks for what may have changed. Raises DashboardError; what was there before stays."""
        self._look_at_job()
        self._look_at_pool()
        self._look_at_tasks()
        self._mark_as_seen()
        now = self._now()
        if self._picture is None or self._changed:
            self._version += 1
            self._picture, self._changed = self._draw(now), False
        else:
            self._picture = replace(self._picture, taken_at=now, taken=time.monotonic())
        return self._picture

    def _draw(self, now: datetime) -> Snapshot:
        counts = self._tasks.counts() if self._job_id else Counts()
        return Snapshot(
            version=self._version,
            taken_at=now,
            pool=self._pool,
            job=self._job,
            nodes=self._nodes.in_order(),
            tasks=tuple(self._tasks.rows.values()),
            spans=with_preemptions(self._tasks.spans.values(), self._phases),
            counts=counts,
            slots=self._pool.slots if self._pool else 1,
            phases=self._phases,
            places=self._nodes.places,
        )

    def _look_at_job(self) -> None:
        if not self._job_id:
            return
        settled = self._final or self._gone
        if settled and time.monotonic() - self._job_looked < FINAL_CHECK:
            return
        doc = self.feed.one(f"/jobs/{self._job_id}", **{"$select": jobs.SELECT})
        self._job_looked = time.monotonic()
        job = run_from(doc) if doc else None
        self._changed |= job != self._job
        born = job.created if job else None
        if not self._loaded or (job and born != self._tasks_of):
            self._open_tasks(born)
        if job is None and not self._gone:
            self._forget_tasks()
        self._job, self._gone = job, job is None

    def _open_tasks(self, born: datetime | None) -> None:
        """Begins a book for the job: what the history knows of its attempts is the start."""
        scope = self._scope("job", self._job_id or "", born)
        known = self._history.attempts(scope) if self._history and scope else []
        self._tasks, self._tasks_of = TaskBook(known), born
        self._loaded = self._final = False

    def _forget_tasks(self) -> None:
        """The job is gone: its spans stay, and those still open end when they were last seen."""
        scope = self._scope("job", self._job_id or "", self._tasks_of)
        seen = self._history.last_seen(scope) if self._history and scope else None
        self._note_tasks(True, self._tasks.close_all(seen or self._now()))
        self._note_tasks(*self._tasks.keep_only(set(), self._now()))

    def _look_at_tasks(self) -> None:
        if self._job is None or self._final:
            return
        over = self._job.over
        try:
            self._list_tasks(whole=not self._loaded)
            if self._must_reload():
                self._list_tasks(whole=True)
        except NotFound:
            return  # deleted since the job was asked for; the next poll tells
        self._final = over and self._tasks.counts().running == 0

    def _list_tasks(self, whole: bool) -> None:
        query = {"$select": TASK_SELECT}
        if not whole and self._mark:
            query["$filter"] = f"stateTransitionTime ge DateTime'{_wire(self._mark - OVERLAP)}'"
        mark: datetime | None = None
        ids: set[str] = set()
        for page in self.feed.many(f"/jobs/{self._job_id}/tasks", **query):
            mark = mark or self.feed.clock
            self._note_tasks(*self._tasks.update(page))
            if whole:
                ids.update(doc["id"] for doc in page)
        if whole:
            self._note_tasks(*self._tasks.keep_only(ids, self._now()))
            self._loaded, self._reloaded = True, time.monotonic()
        self._mark = mark or self._newest

    def _note_tasks(self, changed: bool, changes: list[Change]) -> None:
        self._changed |= changed
        self._keep("job", self._job_id or "", self._tasks_of, changes)

    def _must_reload(self) -> bool:
        """Whether the counts tell of deletions (or losses) that deltas do not show."""
        doc = self.feed.one(f"/jobs/{self._job_id}/taskcounts")
        counted = (doc or {}).get("taskCounts") or {}
        total = sum(counted.get(state) or 0 for state in ("active", "running", "completed"))
        known = len(self._tasks.rows)
        if doc is None or total == known or (total, known) == self._ignored:
            self._differs = 0
            return False
        self._differs += 1
        waited = time.monotonic() - self._reloaded
        if self._differs < PATIENT or (known > SMALL and waited < RELOAD_EVERY):
            return False
        self._differs, self._ignored = 0, (total, known)  # the same difference once more is the counts' own
        return True

    def _look_at_pool(self) -> None:
        pool_id = self._pool_id or (self._job.pool_id if self._job else None)
        if not pool_id:
            return
        doc = self.feed.one(f"/pools/{pool_id}", **{"$select": pools.SELECT})
        pool = self._the_jobs_own(pool_from(doc)) if doc else None
        docs = self._list_nodes(pool_id) if pool else []
        key = (pool_id, pool.created if pool else None)
        if key != self._nodes_of:
            if self._nodes_of:
                self._keep("pool", *self._nodes_of, self._nodes.update((), self._now())[1])
            self._open_nodes(key)
        changed, changes = self._nodes.update(docs, self._now())
        self._changed |= changed or pool != self._pool
        self._pool = pool
        self._keep("pool", *key, changes)
        if any(change.state not in self._quiet for change in changes) or any(
            not one.end for one in self._phases
        ):
            self._read_phases()

    def _the_jobs_own(self, pool: PoolInfo) -> PoolInfo | None:
        """The pool, unless it was made when the job was over: a later one that has the name of the job's."""
        ended = self._job.ended if self._job else None
        return None if ended and pool.created and pool.created > ended else pool

    @property
    def _quiet(self) -> tuple[str, ...]:
        return QUIET if self._job_id else QUIET_ALONE

    def _open_nodes(self, key: tuple[str, datetime | None]) -> None:
        """Begins a book for the pool: what the history knows of its nodes' places is the start."""
        scope = self._scope("pool", *key)
        known = (self._history.places(scope), self._history.left(scope)) if self._history and scope else ({},)
        self._nodes, self._nodes_of = NodeBook(*known), key
        self._read_phases()

    def _read_phases(self) -> None:
        scope = self._scope("pool", *self._nodes_of) if self._nodes_of else None
        after = self._job.created if self._job else self._now() - LOOKED_BACK
        found = self._history.phases(scope, after, self._quiet) if self._history and scope else ()
        self._changed |= tuple(found) != self._phases
        self._phases = tuple(found)

    def _list_nodes(self, pool_id: str) -> list[Doc]:
        try:
            pages = list(self.feed.many(f"/pools/{pool_id}/nodes", **{"$select": NODE_SELECT}))
        except NotFound:
            return []
        return [doc for page in pages for doc in page]

    def _scope(self, kind: Kind, name: str, born: datetime | None) -> int | None:
        key: tuple[Kind, str, datetime | None] = (kind, name, born)
        if self._history and self._scopes.get(key) is None:
            try:
                over = self._job.ended if self._job and kind == "pool" else None
                self._scopes[key] = self._history.scope(kind, name, born, before=over)
            except sqlite3.OperationalError as error:
                _log.warning("The history could not be written: %s", error)
        return self._scopes.get(key)

    def _keep(self, kind: Kind, name: str, born: datetime | None, changes: Sequence[Change]) -> None:
        """Appends to the history; what could not be written is tried again with what comes next."""
        for change in changes:
            since = change.since if isinstance(change, State) else change.end or change.start
            if since and (self._newest is None or since > self._newest):
                self._newest = since
        scope = self._scope(kind, name, born)
        if scope and (changes or self._unkept.get(scope)):
            self._append(scope, self._unkept.pop(scope, []) + list(changes))

    def _append(self, scope: int, changes: list[Change]) -> None:
        self._marked = time.monotonic()
        try:
            if self._history:
                self._history.append(scope, changes, self._now())
        except sqlite3.OperationalError as error:
            self._unkept[scope] = changes
            _log.warning("The history could not be written: %s", error)

    def _mark_as_seen(self) -> None:
        """Notes now and then that what ran still runs: where an attempt ends whose end nobody saw."""
        if time.monotonic() - self._marked > MARK_EVERY and self._tasks.counts().running:
            scope = self._scope("job", self._job_id or "", self._tasks_of)
            if scope:
                self._append(scope, [])

    def without_history(self) -> None:
        """Goes on without a history: for one that is broken."""
        self.close()
        self._history = None

    def _now(self) -> datetime:
        """The service's clock: its Date header (whole seconds), or just after the last change if that is later."""
        after = self._newest + timedelta(microseconds=1) if self._newest else None
        known = [at for at in (self.feed.clock, after) if at]
        return max(known) if known else datetime.now(UTC)


def _wire(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
