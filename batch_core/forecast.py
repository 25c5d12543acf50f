"""What the past of a run tells of the rest: how fast it goes, how long it may still take, who is out of step.

A Forecaster reads each picture's changes only, so that a run of 100,000 tasks costs what has happened since. Its
time left is a range: what tasks took so far (by the length of their videos, where that is known), how much that
varied, and how many slots were at work. Times within are seconds.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf

from batch_core.load import Load, Stretch, at_once
from batch_core.rest import ONE_BY_ONE, Going, Rest, told
from batch_core.rows import changed
from batch_core.snapshot import Snapshot, Span
from batch_core.stay_book import seconds_had
from batch_core.sums import Fit, Sums

LEAST = 3  # finished tasks, before which nothing is said of pace and time left
RECENT = timedelta(minutes=5)  # over which the finish rate is taken
FAILED_LEAST = 2  # failures of a node that ended nothing well, until it is named
PEERS = 5  # finished tasks (of a node: 3), before which none is called slow
FAR = 3.0  # times what was to be expected, from which on a task lags behind
LONG = 30.0  # seconds that it must be beyond that
SLOW_NODE, OF_A_NODE = 2.0, 3
LAST = 200  # ended tasks that tell how much the others may vary


@dataclass(frozen=True)
class Left:
    """How long a run may still take, and from how many finished tasks that is known; `by_length` of their videos."""

    low: timedelta
    high: timedelta
    finished: int
    by_length: bool


@dataclass(frozen=True)
class Laggard:
    """A task that has been running for much longer than was to be expected of it."""

    task_id: str
    name: str
    node_id: str
    lasts: timedelta
    expected: timedelta


@dataclass(frozen=True)
class OddNode:
    """A node on which everything failed (`failed` attempts), or that takes `times` as long as all others."""

    node_id: str
    failed: int = 0
    times: float = 0.0


@dataclass(frozen=True)
class Numbers:
    """A run in numbers. `rate` is in tasks a minute; `left` and `rate` are None as long as nothing can be said.

    `node_hours` are those of the nodes since the job was made, `last_end` is when a task last ended. `width` is the
    length of a stretch of `load`, and `busy` are the slots in which tasks run now.
    """

    left: Left | None
    rate: float | None
    busy: int
    node_hours: float
    load: tuple[Stretch, ...]
    width: timedelta
    odd_nodes: tuple[OddNode, ...]
    laggards: tuple[Laggard, ...]
    last_end: datetime | None


class Forecaster:
    """Of one job. For one thread.

    For a run of ours: `lengths` are the seconds of each task's video by task id in the tasks' order, `promised` those
    of its result. `processors` does a computer have on which all nodes run; 0: every slot has its own.
    """

    def __init__(
        self,
        lengths: Mapping[str, float] | None = None,
        promised: Mapping[str, float] | None = None,
        processors: int = 0,
    ) -> None:
        self._lengths, self._promised = lengths or {}, promised or {}
        self._usual = sum(self._lengths.values()) / len(self._lengths) if self._lengths else 1.0
        self._processors = processors
        self._begin()

    def _begin(self) -> None:
        self._snapshot: Snapshot | None = None
        self._seen: set[str | tuple[str, int]] = set()
        self._open: dict[tuple[str, int], tuple[float, float, Span]] = {}  # its start and length, too
        self._all = Sums()
        self._begun: set[str] = set()
        self._last: deque[tuple[float, float]] = deque(maxlen=LAST)  # what they took, and their lengths
        self._wasted = 0.0  # seconds of attempts that came to nothing
        self._paces: list[float] = []
        self._nodes: dict[str, Sums] = {}
        self._odd: dict[str, OddNode] = {}
        self._load = Load()
        self._ends: list[float] = []
        self._hours: tuple[object, object, int, float] = (None, None, 0, 0.0)

    def numbers(self, snapshot: Snapshot) -> Numbers:
        """All numbers for a picture that is not older than the one before."""
        self._take_in(snapshot)
        now = snapshot.taken_at.timestamp()
        running = [(start, span.slots) for start, _, span in self._open.values()]
        job, counts = snapshot.job, snapshot.counts
        over = job is not None and job.ended is not None
        idle = not running and not counts.active and bool(self._ends)
        until = self._ends[-1] if idle or (over and self._ends) else now
        load = self._load.stretches(running, until)
        odd = sorted(self._odd.values(), key=lambda one: (-one.failed, -one.times))
        return Numbers(
            left=None if over else self._left(snapshot, now, load),
            rate=self._rate(snapshot, now),
            busy=sum(slots for _, slots in running),
            node_hours=self._node_hours(snapshot),
            load=load,
            width=timedelta(seconds=self._load.width),
            odd_nodes=tuple(odd) if self._all.done else (),  # else it is not the node's fault
            laggards=self._laggards(now),
            last_end=datetime.fromtimestamp(self._ends[-1], UTC) if self._ends else None,
        )

    def _take_in(self, snapshot: Snapshot) -> None:
        before = self._snapshot
        if before is not None and _another(snapshot, before):
            self._begin()
            before = None
        self._snapshot = snapshot
        touched: set[str] = set()
        for span in changed(snapshot.spans, before.spans if before else ()):
            place = span.task_id, span.attempt
            self._begun.add(span.task_id)
            if span.end is None:
                self._open[place] = span.start.timestamp(), self._length(span.task_id), span
                continue
            self._open.pop(place, None)
            key = span.task_id if span.attempt == 1 else place
            if key not in self._seen:
                self._seen.add(key)
                touched.add(span.node_id)
                self._end(span, span.end)
        if touched:
            self._paces.sort()
            self._ends.sort()
            for id in touched:
                self._look_at_node(id)

    def _end(self, span: Span, at: datetime) -> None:
        """Counts an attempt in."""
        start, end = span.start.timestamp(), at.timestamp()
        took, length, done = max(0.0, end - start), self._length(span.task_id), span.outcome == "done"
        if span.missed:  # how long it took is not known
            self._nodes.setdefault(span.node_id, Sums()).failed += span.outcome == "failed"
            return
        self._load.add(start, end, done, span.slots)
        if span.outcome not in ("done", "failed"):
            self._wasted += took
            return
        self._all.add(took, length, done)
        self._nodes.setdefault(span.node_id, Sums()).add(took, length, done)
        self._ends.append(end)
        if done:
            self._paces.append(took / length)
            self._last.append((took, length))

    def _look_at_node(self, id: str) -> None:
        """Whether a node on which something has ended is odd now."""
        sums, all = self._nodes.get(id), self._all
        self._odd.pop(id, None)
        if sums is None:
            return
        if sums.failed >= FAILED_LEAST and not sums.done:
            self._odd[id] = OddNode(id, failed=sums.failed)
        elif sums.done >= OF_A_NODE and all.length > sums.length:
            usual = (all.took - sums.took) / (all.length - sums.length)
            if usual and sums.pace / usual >= SLOW_NODE:
                self._odd[id] = OddNode(id, times=sums.pace / usual)

    def _length(self, task_id: str) -> float:
        return (self._lengths.get(task_id) or self._usual) if self._lengths else 1.0

    def _left(self, snapshot: Snapshot, now: float, load: Sequence[Stretch]) -> Left | None:
        counts, sums = snapshot.counts, self._all
        finished = counts.succeeded + counts.failed
        if min(finished, sums.done) < LEAST or not counts.running or not self._open:
            return None
        fit = sums.fit()
        least, most = self._side_by_side(snapshot, load)
        before, waiting = self._waiting(counts.active, fit)
        promised = self._promised
        rest = Rest(
            running=[
                Going(
                    fit.of(length), now - start, *told(snapshot.steps.get(place), promised.get(place[0]), now)
                )
                for place, (start, length, _) in self._open.items()
            ],
            waiting=waiting,
            before=before,
            ratios=[took / max(1e-3, fit.of(length)) for took, length in self._last],
            ended=sum(took for took, _ in self._last),
            slots=(round(least), round(most)),
            at_once=max(1.0, at_once(load) / self._each()),
            shared=self._processors,
            again=0.5 if self._lengths else 1.0,
        )
        low, high = rest.range()
        return Left(timedelta(seconds=low), timedelta(seconds=high), finished, bool(self._lengths))

    def _waiting(self, count: int, fit: Fit) -> tuple[float, list[float]]:
        """What those that wait are expected to take: many together, and each of the last ones, in their order.

        Attempts that come to nothing cost time, too.
        """
        waste = 1 + self._wasted / self._all.took if self._all.took else 1.0
        known = [length for id, length in self._lengths.items() if id not in self._begun][:count]
        usual = self._usual if self._lengths else 1.0
        last = [*known[-ONE_BY_ONE:], *[usual] * min(count - len(known), ONE_BY_ONE)][-ONE_BY_ONE:]
        length = sum(known) + usual * (count - len(known)) - sum(last)
        before = fit.anyhow * (count - len(last)) + fit.each * length
        return before * waste, [fit.of(one) * waste for one in last]

    def _each(self) -> float:
        """How many slots a task takes that runs, on average."""
        return sum(span.slots for _, _, span in self._open.values()) / len(self._open)

    def _side_by_side(self, snapshot: Snapshot, load: Sequence[Stretch]) -> tuple[float, float]:
        """How many tasks of this job run at once, each in its slots: as few as lately, as many as could."""
        running = snapshot.counts.running
        each = self._each()
        recent = load[-max(1, round(RECENT.total_seconds() / self._load.width)) :]
        lately = sum(one.busy for one in recent) / len(recent) / each if recent else 0.0
        free = sum(
            max(0, snapshot.slots - node.slots_used)
            for node in snapshot.nodes
            if node.accepts and node.state in ("idle", "running")
        )
        could = min(running + free / each, running + snapshot.counts.active)
        return max(1.0, min(running, lately)), max(1.0, running, lately, could)

    def _rate(self, snapshot: Snapshot, now: float) -> float | None:
        """Tasks that end in a minute, by the last five minutes, or by all when it is over."""
        job = snapshot.job
        if job is None or len(self._ends) < LEAST:
            return None
        began = min(job.created.timestamp(), self._ends[0])
        if job.ended is not None or (not self._open and not snapshot.counts.active):
            return 60 * len(self._ends) / max(1.0, self._ends[-1] - began)
        since = max(began, now - RECENT.total_seconds())
        return 60 * (len(self._ends) - bisect_left(self._ends, since)) / max(1.0, now - since)

    def _node_hours(self, snapshot: Snapshot) -> float:
        """Of all nodes that the pool has or had since the job was made, until that ended."""
        job, stays = snapshot.job, snapshot.stays
        low = job.created.timestamp() if job else 0.0
        high = job.ended.timestamp() if job and job.ended else inf
        if self._hours[0] is not stays or self._hours[1] != high:
            self._hours = stays, high, *seconds_had(stays, low, high)
        _, _, there, seconds = self._hours
        return max(0.0, there * snapshot.taken_at.timestamp() + seconds) / 3600

    def _laggards(self, now: float) -> tuple[Laggard, ...]:
        if len(self._paces) < PEERS:
            return ()
        usual = self._paces[len(self._paces) // 2]
        late = [
            ((now - start) / max(1.0, usual * length), span, now - start, usual * length)
            for start, length, span in self._open.values()
            if now - start > max(FAR * usual * length, LONG + usual * length)
        ]
        late.sort(key=lambda one: -one[0])
        return tuple(
            Laggard(
                span.task_id, span.name, span.node_id, timedelta(seconds=lasts), timedelta(seconds=expected)
            )
            for _, span, lasts, expected in late
        )


def _another(snapshot: Snapshot, before: Snapshot) -> bool:
    """Whether the job is not the one before, but a later one of its name."""
    born = [one.job.created if one.job else None for one in (snapshot, before)]
    return len(snapshot.spans) < len(before.spans) or (None not in born and born[0] != born[1])
