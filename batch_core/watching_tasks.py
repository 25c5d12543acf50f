"""A job and its tasks, poll by poll: what is asked for, and what the history gets to know."""

import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from batch_core import jobs
from batch_core.closer import Closer
from batch_core.doubts import SMALL, Doubt
from batch_core.errors import NotFound
from batch_core.feed import Feed
from batch_core.history import Change, Known
from batch_core.jobs import Run, run_from
from batch_core.keeping import Keeper, Key
from batch_core.recording import TASK_SELECT, TaskBook
from batch_core.remembering import all_ended, remembered
from batch_core.snapshot import TaskRow
from batch_core.times import wire

OVERLAP = timedelta(seconds=10)  # lists lag and the service's clocks differ: what is seen twice is merged
FINAL_CHECK = 30.0  # seconds between two looks at a job that is over: it can still be deleted


class TaskWatch:
    """Keeps the book of a job's tasks. Without a job's id there is nothing to look at."""

    def __init__(self, feed: Feed, keeper: Keeper, job_id: str | None) -> None:
        self._feed, self._keeper, self.job_id = feed, keeper, job_id
        self.job: Run | None = None
        self.book = TaskBook(Known())
        self.closer = Closer(feed)
        self.changed = False
        self._remembered: list[TaskRow] = []
        self._born: datetime | None = None
        self._seen: datetime | None = None
        self._looked = 0.0
        self._loaded = self._final = self._gone = False
        self._mark: datetime | None = None
        self._doubt = Doubt()

    @property
    def key(self) -> Key:
        """The job in the history."""
        return "job", self.job_id or "", self._born

    @property
    def last_seen(self) -> tuple[datetime, list[TaskRow]] | None:
        """What the history knew last of more tasks than a page, until they are listed, and when that was."""
        many = len(self._remembered) > SMALL
        return (self._seen, self._remembered) if self._seen and many and not self._loaded else None

    @property
    def over(self) -> bool:
        """Whether nothing will change any more."""
        return self.job_id is None or self._final or self._gone

    @property
    def waits(self) -> bool:
        """Whether tasks wait that a node could take."""
        return self.job is not None and not self.job.over and self.book.counts().active > 0

    def look_at_job(self) -> None:
        """Asks for the job itself; one that is over only now and then. Raises DashboardError."""
        if not self.job_id:
            return
        settled = self._final or self._gone
        if settled and time.monotonic() - self._looked < FINAL_CHECK:
            return
        doc = self._feed.one(f"/jobs/{self.job_id}", **{"$select": jobs.SELECT})
        self._looked = time.monotonic()
        job = run_from(doc) if doc else None
        self.changed |= job != self.job
        born = job.created if job else None
        if not self._loaded or (job and born != self._born):
            self._open(born)
        if job is None and not self._gone:
            self._forget()
        self.job, self._gone = job, job is None

    def _open(self, born: datetime | None) -> None:
        """Begins a book for the job: what the history knows of its attempts is the start."""
        self._born = born
        scope, history = self._keeper.scope(self.key), self._keeper.history
        known = history.known(scope) if history and scope else Known()
        self.book = TaskBook(known)
        self._remembered = remembered(history, scope, known) if history and scope else []
        self.closer = Closer(self._feed, history.steps(scope) if history and scope else ())
        self._seen = history.last_seen(scope) if history and scope else None
        self._loaded = self._final = False

    def _forget(self) -> None:
        """The job is gone: its spans stay, and those still open end when they were last seen."""
        scope, history = self._keeper.scope(self.key), self._keeper.history
        seen = history.last_seen(scope) if history and scope else None
        self._note(True, self.book.close_all(seen or self._keeper.now()))
        self._note(*self.book.keep_only(set(), self._keeper.now()))

    def look_at_tasks(self) -> None:
        """Asks for the tasks that have changed, or for all. Raises DashboardError."""
        if self.job is None or self._final:
            return
        over = self.job.over
        try:
            if self._loaded or not self._ended_as_remembered():
                self._list(whole=not self._loaded)
            self._remembered = []
            known = len(self.book.rows)
            if self._doubt.must_reload(self._counted(), known, known):
                self._list(whole=True)
        except NotFound:
            return  # deleted since the job was asked for; the next poll tells
        self._final = over and self.book.counts().running == 0
        if self.book.counts().running:
            self._keeper.mark(self.key)

    def mark_seen(self) -> None:
        """Notes for the last time that what ran still did."""
        if self.book.counts().running:
            self._keeper.mark(self.key, every=0.0)

    def look_closer(self, wanted: Iterable[str]) -> None:
        """Reads how far these tasks are, of a run of ours."""
        if self.job is None or not self.job.ours:
            return
        before = self.closer.steps
        changes = self.closer.look(self.job.id, wanted, self.book, self._keeper.now())
        self._note(self.closer.steps is not before, changes)

    def _ended_as_remembered(self) -> bool:
        """Whether the history has all of a job that is over; then only what failed is listed, with its reasons."""
        done = [row for row in self._remembered if row.result == "success"]
        if not (self.job and self.job.over and self._remembered and all_ended(self._remembered)):
            return False
        counts = self._counts()
        if counts is None or counts != (0, len(done), len(self._remembered) - len(done)):
            return False
        failed = {"$select": TASK_SELECT, "$filter": "executionInfo/result eq 'failure'"}
        docs = [doc for page in self._feed.many(f"/jobs/{self.job_id}/tasks", **failed) for doc in page]
        if {doc["id"] for doc in docs} != {row.id for row in self._remembered} - {row.id for row in done}:
            return False
        self.book.remember(done)
        self._note(True, self.book.update(docs)[1])
        self._loaded = True
        return True

    def _list(self, whole: bool) -> None:
        query = {"$select": TASK_SELECT}
        if not whole and self._mark:
            query["$filter"] = f"stateTransitionTime ge DateTime'{wire(self._mark - OVERLAP)}'"
        mark: datetime | None = None
        ids: set[str] = set()
        for page in self._feed.many(f"/jobs/{self.job_id}/tasks", **query):
            mark = mark or self._feed.clock
            self._note(*self.book.update(page))
            if whole:
                ids.update(doc["id"] for doc in page)
        if whole:
            self._note(*self.book.keep_only(ids, self._keeper.now()))
            if not self._loaded:
                self._note(True, self._went_unseen(ids))
            self._loaded = True
            self._doubt.listed()
        self._mark = mark or self._keeper.newest

    def _went_unseen(self, ids: set[str]) -> list[Change]:
        """What was deleted while nobody watched ended when it was last seen."""
        scope, history = self._keeper.scope(self.key), self._keeper.history
        if not (history and scope and self._seen):
            return []
        return self.book.forget(history.missing(scope, ids), self._seen)

    def _counted(self) -> int | None:
        """How many tasks there are by the counts API, which knows of deletions."""
        counts = self._counts()
        return None if counts is None else sum(counts)

    def _counts(self) -> tuple[int, int, int] | None:
        """The same: how many have not ended, have succeeded and have failed."""
        doc: Mapping[str, Mapping[str, int]] | None = self._feed.one(f"/jobs/{self.job_id}/taskcounts")
        if doc is None:
            return None
        counted = doc.get("taskCounts") or {}
        open_ones, succeeded = (
            (counted.get("active") or 0) + (counted.get("running") or 0),
            counted.get("succeeded") or 0,
        )
        return open_ones, succeeded, (counted.get("completed") or 0) - succeeded

    def _note(self, changed: bool, changes: list[Change]) -> None:
        self.changed |= changed
        self._keeper.keep(self.key, changes)
