"""What the monitor shows: one immutable picture of a pool and a job, in rows small enough for 100,000 of them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from batch_core.errors import DashboardError
from batch_core.failures import STOPPED
from batch_core.jobs import Run
from batch_core.pools import PoolInfo

# What became of an attempt. "stopped": by a person, a time limit or with its job. "requeued": sent back to waiting
# by a request, such as a pool's deletion. "preempted": Azure took its Spot node back. "lost": its node was lost.
Outcome = Literal["running", "done", "failed", "stopped", "requeued", "preempted", "lost"]


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node. `order` tells how many were seen before it, for good; `slots_used` those that tasks run in.

    `place` is where it lies in the heatmap, which others take some time after it is gone.
    `allocated`: since when the pool has it, and Azure charges for it. `accepts`: whether tasks may start on it.
    """

    id: str
    state: str
    since: datetime
    dedicated: bool
    slots_used: int
    order: int
    error: str
    ip: str
    tasks_run: int
    allocated: datetime | None = None
    accepts: bool = True
    place: int = 0


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task. `failure` is Batch's word for why it failed, `retries` runs that did not count as its last.

    `lost`: its node was lost (or taken back by Azure) while it ran, and it waits to start again. `slots` are those
    of a node that it takes, `depends` the tasks that it waits for, by id or from one number to another.
    """

    id: str
    name: str
    state: str
    result: str | None
    exit_code: int | None
    node_id: str | None
    created: datetime | None
    started: datetime | None
    ended: datetime | None
    since: datetime
    retries: int
    failure: str | None
    lost: bool = False
    slots: int = 1
    depends: tuple[str | tuple[int, int], ...] = ()

    @property
    def stopped(self) -> bool:
        """Whether a person or a time limit has ended it: it did not fail by itself."""
        return self.failure == STOPPED


@dataclass(frozen=True, slots=True)
class Span:
    """One attempt of a task on a node: what the timeline draws. `end` is None while it runs.

    `slots` are those of the node that it takes. `missed`: it was over between two looks, so only its end is known,
    and it is drawn where its successor ran.
    """

    node_id: str
    task_id: str
    name: str
    start: datetime
    end: datetime | None
    outcome: Outcome
    attempt: int
    slots: int = 1
    missed: bool = False


@dataclass(frozen=True, slots=True)
class NodePhase:
    """A time in which a node was neither idle nor running: starting, in its start task, preempted, offline, …

    Of a pool that is watched without a job also the times in which it ran tasks.
    """

    node_id: str
    state: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Stay:
    """A time in which the pool had a node, whatever that did; `end` is None while it has it."""

    node_id: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Steps:
    """How far an attempt of one of our own tasks is, as its progress file told when it was `seen`.

    `converting`: since when, its input being there. `uploading`: since when, the conversion being over.
    `out_seconds` of the result are made, at `speed` seconds of it a second. What is not known is None.
    `fetching`: it runs and has no progress file yet; a task that fetches its input is "running" for Batch, too.
    """

    task_id: str
    attempt: int
    converting: datetime | None
    uploading: datetime | None
    out_seconds: float | None
    speed: float | None
    seen: datetime
    fetching: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """Tasks of the job by what became of them; `running` includes those that prepare."""

    active: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All tasks."""
        return self.active + self.running + self.succeeded + self.failed


@dataclass(frozen=True)
class Snapshot:
    """The picture after a poll. `version` changes with what is in it; `taken_at` is the service's clock.

    `stopped` tells how many of the tasks that count as failed were stopped by a person or a time limit.
    With `error` set, the rest is the last good picture, `age()` seconds old. `places` tell the `order` of all nodes
    that the pool ever had, also of those that are gone, `reach` how many places the heatmap has, and `stays` when the
    pool had which node since the job was made. `steps` are known of attempts that somebody looked at
    (`Recorder.look_closer`), by task id and attempt as a Span has them. `asking`: its tasks are those of the history,
    as last seen at `taken_at`, until the service has told of all. `past`: of one that
    is played back, until when the run goes that it is a moment of.
    """

    version: int
    taken_at: datetime
    pool: PoolInfo | None
    job: Run | None
    nodes: Sequence[NodeRow]
    tasks: Sequence[TaskRow]
    spans: Sequence[Span]
    counts: Counts
    slots: int
    error: DashboardError | None = None
    phases: Sequence[NodePhase] = ()
    stopped: int = 0
    places: Mapping[str, int] = field(default_factory=dict)
    reach: int = 0
    stays: Sequence[Stay] = ()
    steps: Mapping[tuple[str, int], Steps] = field(default_factory=dict)
    asking: bool = False
    past: datetime | None = None
    taken: float = field(default_factory=time.monotonic, compare=False)

    def age(self) -> float:
        """Seconds since the service was last asked with success."""
        return time.monotonic() - self.taken
