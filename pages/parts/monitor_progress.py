"""How far the running tasks of a run of ours are, for the Monitor's charts; read only of what these show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from batch_core.monitor import Snapshot, Span
from pages.charts.columns import NEVER
from pages.charts.progress import OnNode, on_node
from pages.parts import numbers
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_work import Work
from pages.shell import session


def expected(snapshot: Snapshot) -> Mapping[str, float]:
    """The seconds of each task's result in a run of ours; nothing of any other job."""
    return numbers.promised(session.require_account(), snapshot)


def look_closer(watched: Watched, snapshot: Snapshot, task_ids: Iterable[str]) -> None:
    """Lets the recorder read how far these running tasks are, when they are a run's of ours and run now."""
    if snapshot.job is not None and snapshot.job.ours and not snapshot.past:
        session.recorder(watched.pool_id, watched.job_id).look_closer(task_ids)


def on_nodes(snapshot: Snapshot, running: Mapping[str, list[Span]]) -> dict[str, OnNode]:
    """How far what runs on each node is, of those of which something was read."""
    if not snapshot.steps:
        return {}
    seconds = expected(snapshot)
    far = {node_id: on_node(spans, snapshot.steps, seconds) for node_id, spans in running.items()}
    return {node_id: one for node_id, one in far.items() if one is not None}


def running_on(work: Work) -> dict[str, list[Span]]:
    """The attempts that run, by their nodes."""
    running: dict[str, list[Span]] = defaultdict(list)
    for at in np.flatnonzero(work.attempts.end == NEVER).tolist():
        span = work.attempts.spans[at]
        running[span.node_id].append(span)
    return running
