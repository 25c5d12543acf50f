"""A pool and its nodes, poll by poll: what is asked for, and what the history gets to know.

Of a small pool all nodes are listed each time. Of a large one those whose state has changed, and all when the counts
tell of nodes that went, or of states that were missed; the slots in use are told by the tasks that run in them, or of
a pool alone by a short list of the nodes that run.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from time import monotonic

from batch_core import pools
from batch_core.doubts import Doubt
from batch_core.errors import NotFound
from batch_core.feed import Doc, Feed
from batch_core.history import GONE, QUIET, QUIET_ALONE, Change, History, State
from batch_core.jobs import Run
from batch_core.keeping import Keeper, Key
from batch_core.node_book import NODE_SELECT, NodeBook
from batch_core.phase_book import PhaseBook
from batch_core.pools import PoolInfo, pool_from
from batch_core.stay_book import StayBook
from batch_core.times import wire
from batch_core.watching_tasks import OVERLAP

SMALL_POOL = 200  # nodes that are listed each time
WHOLE_EVERY = (
    60.0  # seconds between two whole lists of a larger pool: no delta tells that a node takes no more tasks
)
SLOTS_EVERY = 10.0  # between two looks at what runs on such a pool's nodes, where no job tells that
LOOKED_BACK = timedelta(hours=12)  # of a pool that is watched without a job


class NodeWatch:
    """Keeps the books of a pool's nodes and of the times in which they were not at work."""

    def __init__(self, feed: Feed, keeper: Keeper, pool_id: str | None, alone: bool) -> None:
        self._feed, self._keeper, self._pool_id = feed, keeper, pool_id
        self._alone, self._quiet = alone, QUIET_ALONE if alone else QUIET
        self._slots_asked = 0.0
        self.pool: PoolInfo | None = None
        self.book = NodeBook({})
        self.phases = PhaseBook((), self._quiet)
        self.stays = StayBook()
        self.changed = False
        self._key: Key | None = None
        self._mark: datetime | None = None
        self._doubt = Doubt()

    @property
    def resizing(self) -> bool:
        """Whether the pool is on its way to another size."""
        return self.pool is not None and self.pool.allocation_state != "steady"

    def look(self, job: Run | None) -> None:
        """Asks for the pool, by itself or the job's, and its nodes. Raises DashboardError."""
        pool_id = self._pool_id or (job.pool_id if job else None)
        if not pool_id:
            return
        doc = self._feed.one(f"/pools/{pool_id}", **{"$select": pools.SELECT})
        pool = _the_jobs_own(pool_from(doc), job) if doc else None
        key: Key = ("pool", pool_id, pool.created if pool else None)
        whole = key != self._key or pool is None or self._lists_all(pool_id)
        mark, docs = self._listed(pool_id, whole) if pool else (None, [])
        if key != self._key:
            if self._key:
                self._keep(self._key, self.book.update((), self._keeper.now())[1])
            self._open(key, job)
        take = self.book.update if whole else self.book.merge
        changed, changes = take(docs, self._keeper.now())
        self.changed |= changed or pool != self.pool
        self.pool, self._mark = pool, mark
        self._keep(key, changes)
        if whole:
            self._slots_asked = monotonic()
        elif self._alone and monotonic() - self._slots_asked >= SLOTS_EVERY:
            self._ask_for_slots(pool_id)
        if self.book.rows:
            self._keeper.mark(key)

    def _ask_for_slots(self, pool_id: str) -> None:
        """A node that goes on running has no new state, so no delta tells of the slots in use on it."""
        self._slots_asked = monotonic()
        query = {"$select": "id,runningTaskSlotsCount", "$filter": "state eq 'running'"}
        try:
            for page in self._feed.many(f"/pools/{pool_id}/nodes", **query):
                self.book.use(page)
        except NotFound:
            return  # the pool has just gone; the next poll tells

    def mark_seen(self) -> None:
        """Notes for the last time that the nodes were still there."""
        if self._key and self.book.rows:
            self._keeper.mark(self._key, every=0.0)

    def settle(self, busy: Mapping[str, int], touched: Iterable[str]) -> None:
        """Tells the nodes' rows how many slots the job's own tasks take, where that may have changed."""
        self.changed |= self.book.settle(busy, touched, self.pool.slots if self.pool else 1)

    def _lists_all(self, pool_id: str) -> bool:
        """Whether deltas would not do."""
        if (
            len(self.book.rows) <= SMALL_POOL
            or self._mark is None
            or self._doubt.since_listed() > WHOLE_EVERY
        ):
            return True
        states = self.book.states()
        return self._doubt.must_reload(self._counted(pool_id), frozenset(states.items()), states.total())

    def _counted(self, pool_id: str) -> frozenset[tuple[str, int]] | None:
        """How many nodes are in which state by the counts API, which knows of nodes that went."""
        try:
            pages = self._feed.many("/nodecounts", **{"$filter": f"poolId eq '{pool_id}'"})
            counts = [doc for page in pages for doc in page]
        except NotFound:
            return None
        states: Counter[str] = Counter()
        for doc in counts:
            for kind in ("dedicated", "lowPriority"):
                states.update({state.lower(): n for state, n in (doc.get(kind) or {}).items() if n})
        del states["total"]
        return frozenset(states.items()) if counts else None

    def _listed(self, pool_id: str, whole: bool) -> tuple[datetime | None, list[Doc]]:
        query = {"$select": NODE_SELECT}
        if not whole and self._mark:
            query["$filter"] = f"stateTransitionTime ge DateTime'{wire(self._mark - OVERLAP)}'"
        mark: datetime | None = None
        docs: list[Doc] = []
        try:
            for page in self._feed.many(f"/pools/{pool_id}/nodes", **query):
                mark = mark or self._feed.clock
                docs += page
        except NotFound:
            return None, []
        if whole:
            self._doubt.listed()
        return mark, docs

    def _open(self, key: Key, job: Run | None) -> None:
        """Begins a book for the pool: what the history knows of its nodes' places is the start."""
        scope, history = self._keeper.scope(key, before=job.ended if job else None), self._keeper.history
        after = job.created if job else self._keeper.now() - LOOKED_BACK
        if history and (self._key is None or self._key[1] != key[1]):
            self.stays = StayBook(_stays_known(history, key[1], scope), after)
        self._key, self.changed = key, True
        if not (history and scope):
            self.book, self.phases = NodeBook({}), PhaseBook((), self._quiet)
            return
        self.book = NodeBook(history.places(scope), history.left(scope))
        self.phases = PhaseBook(history.phases(scope, after, self._quiet), self._quiet)

    def _keep(self, key: Key, changes: list[State]) -> None:
        self.phases.update(changes)
        self.stays.update(changes)
        kept: list[Change] = list(changes)
        self._keeper.keep(key, kept)


def _stays_known(history: History, pool_id: str, current: int | None) -> Iterator[State]:
    """When pools of this name had nodes. Those of an earlier one, whose end nobody saw, were last seen then."""
    for scope in history.pools(pool_id):
        yield from history.comings_and_goings(scope)
        if scope != current:
            yield from (State(id, GONE, at) for id, at in history.left(scope).items())


def _the_jobs_own(pool: PoolInfo, job: Run | None) -> PoolInfo | None:
    """The pool, unless it was made when the job was over: a later one that has the name of the job's."""
    ended = job.ended if job else None
    return None if ended and pool.created and pool.created > ended else pool
