"""One poll after the other of a pool and a job, and the picture that comes of it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic

from batch_core.account import Account
from batch_core.feed import Feed
from batch_core.history import History, Known
from batch_core.keeping import Keeper
from batch_core.recording import TaskBook
from batch_core.snapshot import Counts, Snapshot, TaskRow
from batch_core.watching_nodes import NodeWatch
from batch_core.watching_tasks import TaskWatch


class Poller:
    """Keeps books of a pool's nodes and a job's tasks. For one thread."""

    def __init__(
        self, account: Account, pool_id: str | None, job_id: str | None, history: History | None
    ) -> None:
        self.feed = Feed(account, retries=False)
        self._keeper = Keeper(history, self.feed)
        self._tasks = TaskWatch(self.feed, self._keeper, job_id)
        self._nodes = NodeWatch(self.feed, self._keeper, pool_id, alone=job_id is None)
        self._version = 0
        self._picture: Snapshot | None = None

    def close(self) -> None:
        """Closes the history and goes on without: at the end, or when it is broken."""
        self._keeper.close()

    def mark_seen(self) -> None:
        """Notes what is still there as nobody watches from now on: what ends meanwhile has ended then."""
        self._tasks.mark_seen()
        self._nodes.mark_seen()

    @property
    def asking(self) -> bool:
        """Whether the last picture was one of the history, and the service has still to be asked for all."""
        return self._picture is not None and self._picture.asking

    @property
    def running(self) -> bool:
        """Whether a task runs or a node is on its way."""
        return self._tasks.book.counts().running > 0 or self._nodes.book.moving()

    @property
    def busy(self) -> bool:
        """Whether anything can change by itself."""
        return self.running or self._tasks.waits or self._nodes.resizing

    @property
    def over(self) -> bool:
        """Whether nothing that is watched will change any more."""
        return self._tasks.over and self._nodes.pool is None and self._picture is not None

    def poll(self, closer: Iterable[str] = ()) -> Snapshot:
        """Asks for what may have changed, also how far the tasks of these ids are.

        Of many tasks that are not listed yet the first picture is that of the history. Raises DashboardError; what
        was there before stays.
        """
        tasks, nodes = self._tasks, self._nodes
        tasks.look_at_job()
        nodes.look(tasks.job)
        if self._picture is None and (seen := tasks.last_seen):
            self._picture = self._as_last_seen(*seen)
            return self._picture
        tasks.look_at_tasks()
        tasks.look_closer(closer)
        nodes.settle(tasks.book.busy, tasks.book.touched)
        tasks.book.touched.clear()
        now = self._keeper.now()
        tasks.book.call_preempted(nodes.phases.taken_back, now)
        if self._picture is None or self._picture.asking or tasks.changed or nodes.changed:
            self._version += 1
            self._picture = self._draw()
            tasks.changed = nodes.changed = False
        self._picture = replace(self._picture, taken_at=now, taken=monotonic())
        return self._picture

    def _as_last_seen(self, at: datetime, rows: Iterable[TaskRow]) -> Snapshot:
        """The history's picture of the tasks with its true age, which is there before all are listed."""
        book = TaskBook(Known())
        book.remember(rows)
        return replace(
            self._draw(),
            asking=True,
            tasks=book.rows.picture(),
            counts=book.counts(),
            stopped=book.stopped,
            taken_at=at,
            taken=monotonic() - max(timedelta(0), self._keeper.now() - at).total_seconds(),
        )

    def _draw(self) -> Snapshot:
        tasks, nodes = self._tasks, self._nodes
        return Snapshot(
            version=self._version,
            taken_at=self._keeper.now(),
            pool=nodes.pool,
            job=tasks.job,
            nodes=nodes.book.in_order(),
            tasks=tasks.book.rows.picture(),
            spans=tasks.book.spans.picture(),
            counts=tasks.book.counts() if tasks.job_id else Counts(),
            slots=nodes.pool.slots if nodes.pool else 1,
            phases=nodes.phases.picture(),
            stopped=tasks.book.stopped,
            places=nodes.book.places,
            reach=nodes.book.reach,
            stays=nodes.stays.picture(),
            steps=tasks.closer.steps,
        )
