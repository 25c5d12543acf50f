"""A run played back: the picture at any moment of it, of what the history has kept, as the recorder told it then.

Nothing is asked of the service, so it works after the pool is gone and after a restart. Not kept, and so not told of
the past: sizes that the pool was asked for and why it did not reach them, times in which the job was disabled, and
what nodes that are gone said of their errors.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from operator import attrgetter
from pathlib import Path
from typing import Literal, TypeVar

from batch_core.history import History, State
from batch_core.jobs import Run
from batch_core.past_rows import FAILED, HALTED, RUNNING, SUCCEEDED, WAITING, NodeCourse, task_course
from batch_core.pools import PoolInfo
from batch_core.snapshot import Counts, NodePhase, NodeRow, Snapshot, Span, Stay, Steps, TaskRow

Time = TypeVar("Time", NodePhase, Stay)
Kind = Literal["failed", "lost", "preempted", "starttaskfailed", "unusable"]
_NEVER = datetime.max.replace(tzinfo=UTC)  # the end of what goes on
_OF_NODES: tuple[Kind, ...] = ("preempted", "starttaskfailed", "unusable")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that went wrong: an attempt that failed or was lost with its node, or a node's own trouble.

    `name` is the task's; a task may have failed without a node, and a node be in trouble without a task.
    """

    at: datetime
    kind: Kind
    node_id: str | None
    task_id: str | None = None
    name: str = ""


class Playback:
    """One job from its start to its end, or to the picture that it was made of. May be used by several threads."""

    def __init__(self, latest: Snapshot, node_states: Iterable[State], task_states: Iterable[State]) -> None:
        """Takes the newest picture of a job, and all states that the history has of its pool's nodes and its tasks."""
        if latest.job is None:
            raise ValueError("there is no job to play back")
        self._latest, self._job = latest, latest.job
        self._spans = sorted(latest.spans, key=attrgetter("start", "task_id", "attempt"))
        self._starts = [span.start for span in self._spans]
        self._ends = [span.end or _NEVER for span in self._spans]
        self._last_ends = list(accumulate(self._ends, max))  # of each span and all before it
        self._open: dict[int, Span] = {}
        self._tasks = task_course(latest.tasks, self._spans, task_states)
        self.start = min([self._job.created, *self._starts[:1]])
        self._nodes = NodeCourse(latest.nodes, latest.places, node_states, self._spans, self.start)
        self.end = max(self.start, _end(latest))
        self._most, self._reached = self._nodes.states.most(self.start, self.end)
        self._slots = latest.slots if latest.pool else _most_at_once(self._spans)
        self.troubles = _troubles(latest, self.start, self.end)
        self._times = [trouble.at for trouble in self.troubles]
        self._last: Snapshot | None = None

    def at(self, moment: datetime) -> Snapshot:
        """The picture at a moment, of the nearest one that there is; the same object when it is asked for again."""
        moment = min(max(moment, self.start), self.end)
        if (last := self._last) is not None and last.taken_at == moment:
            return last
        tasks, kinds = self._tasks.at(moment)
        nodes = self._nodes_at(moment, tasks, kinds)
        self._last = made = Snapshot(
            version=round((moment - self.start).total_seconds() * 1000),
            taken_at=moment,
            pool=self._pool_at(moment, nodes),
            job=self._job_at(moment),
            nodes=nodes,
            tasks=tasks,
            spans=self._spans_at(moment),
            counts=Counts(
                kinds.count(WAITING),
                kinds.count(RUNNING),
                kinds.count(SUCCEEDED),
                kinds.count(FAILED) + kinds.count(HALTED),
            ),
            slots=self._slots,
            phases=_clipped(self._latest.phases, moment),
            stopped=kinds.count(HALTED),
            places=self._latest.places,
            reach=self._nodes.reach,
            stays=_clipped(self._latest.stays, moment),
            steps=self._steps_at(moment),
            past=self.end,
        )
        return made

    def next_trouble(self, moment: datetime) -> Trouble | None:
        """The first one after a moment."""
        place = bisect_right(self._times, moment)
        return self.troubles[place] if place < len(self.troubles) else None

    def previous_trouble(self, moment: datetime) -> Trouble | None:
        """The last one before a moment."""
        place = bisect_left(self._times, moment)
        return self.troubles[place - 1] if place else None

    def _nodes_at(self, moment: datetime, tasks: Sequence[TaskRow], kinds: bytes) -> tuple[NodeRow, ...]:
        """The nodes, with the slots that the job's tasks took."""
        used: dict[str, tuple[int, datetime]] = {}
        place = kinds.find(RUNNING)
        while place >= 0:
            task = tasks[place]
            if task.node_id:
                slots, since = used.get(task.node_id, (0, task.since))
                used[task.node_id] = min(self._slots, slots + task.slots), min(since, task.since)
            place = kinds.find(RUNNING, place + 1)
        return self._nodes.at(moment, used)

    def _spans_at(self, moment: datetime) -> tuple[Span, ...]:
        """What had begun, and open what had not ended: each the same object as in the picture before where it can be."""
        begun = bisect_right(self._starts, moment)
        spans = self._spans[:begun]
        for place in range(begun - 1, -1, -1):
            if self._last_ends[place] <= moment:
                break
            if self._ends[place] > moment:
                if place not in self._open:
                    self._open[place] = replace(spans[place], end=None, outcome="running")
                spans[place] = self._open[place]
        return tuple(spans)

    def _steps_at(self, moment: datetime) -> dict[tuple[str, int], Steps]:
        """How far attempts were known to be; how much of a result was made is not kept."""
        found = {}
        for key, steps in self._latest.steps.items():
            converting, uploading = _by(steps.converting, moment), _by(steps.uploading, moment)
            if converting or uploading:
                found[key] = Steps(*key, converting, uploading, None, None, uploading or converting or moment)
        return found

    def _job_at(self, moment: datetime) -> Run:
        """The job: at work until it ended, whatever it is now."""
        if moment >= (self._job.ended or self.end):
            return self._job
        early = (
            self._latest.pool is not None and _before(moment, self._latest.pool) and self._latest.pool.auto
        )
        pool_id = None if early else self._job.pool_id
        return replace(self._job, state="active", ended=None, reason="", error="", pool_id=pool_id)

    def _pool_at(self, moment: datetime, nodes: Sequence[NodeRow]) -> PoolInfo | None:
        """The pool, as far as its nodes tell: wanted are as many as it had at most, and until then they came."""
        now, job = self._latest.pool, self._job
        if job.pool_id is None or (now and _before(moment, now)):
            return None
        coming = moment < self._reached
        if now is None and not nodes and not coming:
            return None  # deleted with them
        dedicated = sum(node.dedicated for node in nodes)
        base = now or PoolInfo(job.pool_id, "", "", "", 0, 0, 0, 0, self._slots, job.created, (), False)
        return replace(
            base,
            state="active",
            allocation_state="resizing" if coming else "steady",
            allocation_since=base.created if coming else self._reached,
            dedicated=dedicated,
            spot=len(nodes) - dedicated,
            target_dedicated=dedicated,
            target_spot=max(len(nodes), self._most) - dedicated,
            errors=(),
            error_codes=(),
        )


def prepare(path: Path, latest: Snapshot) -> Playback:
    """Reads from the history in this file what the newest picture of a job does not tell.

    Of 100,000 tasks this takes seconds. Raises sqlite3.Error or OSError.
    """
    job = latest.job
    if job is None:
        raise ValueError("there is no job to play back")
    with closing(History(path)) as history:
        tasks = history.scope("job", job.id, job.created)
        pool = history.scope("pool", job.pool_id, None, before=job.ended) if job.pool_id else None
        node_states = history.states(pool) if pool else []
        return Playback(latest, node_states, history.states(tasks) if tasks else [])


def _end(latest: Snapshot) -> datetime:
    """When the job ended; of one that stays open with nothing left to do its last task, else the picture itself."""
    job, counts = latest.job, latest.counts
    ends = [span.end for span in latest.spans if span.end is not None]
    if job is not None and job.ended is not None:
        return max([job.ended, *ends])
    idle = bool(ends) and len(ends) == len(latest.spans) and not counts.active + counts.running
    return max(ends) if idle else latest.taken_at


def _most_at_once(spans: Iterable[Span]) -> int:
    """The most slots that attempts took on one node at once: the slots of a pool that is gone."""
    edges = [(span.start, span.slots, span.node_id) for span in spans]
    edges += [(span.end, -span.slots, span.node_id) for span in spans if span.end is not None]
    busy: Counter[str] = Counter()
    most = 1
    for _, step, node_id in sorted(edges):
        busy[node_id] += step
        most = max(most, busy[node_id])
    return most


def _troubles(latest: Snapshot, start: datetime, end: datetime) -> tuple[Trouble, ...]:
    """All that went wrong, oldest first."""
    found = [
        Trouble(
            span.end, "failed" if span.outcome == "failed" else "lost", span.node_id, span.task_id, span.name
        )
        for span in latest.spans
        if span.end is not None and span.outcome in ("failed", "lost")
    ]
    ran = {span.task_id for span in latest.spans}
    found += [
        Trouble(row.ended or row.since, "failed", row.node_id, row.id, row.name)
        for row in latest.tasks
        if row.state == "completed" and row.result != "success" and not row.stopped and row.id not in ran
    ]
    found += [
        Trouble(phase.start, kind, phase.node_id)
        for phase in latest.phases
        for kind in _OF_NODES
        if phase.state == kind
    ]
    return tuple(sorted((one for one in found if start <= one.at <= end), key=attrgetter("at")))


def _clipped(times: Iterable[Time], moment: datetime) -> tuple[Time, ...]:
    """What had begun, and open what had not ended."""
    return tuple(
        one if one.end is None or one.end <= moment else replace(one, end=None)
        for one in times
        if one.start <= moment
    )


def _by(when: datetime | None, moment: datetime) -> datetime | None:
    return when if when is not None and when <= moment else None


def _before(moment: datetime, pool: PoolInfo) -> bool:
    return pool.created is not None and moment < pool.created
