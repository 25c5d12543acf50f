"""How far the files are that are being converted, in words: the phase, percent, speed, time left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from batch_core.jobs import Run
from batch_core.results import Result
from batch_core.snapshot import Steps
from pages.charts.progress import told
from pages.shell import session


def progress(run: Run, rows: Sequence[Result]) -> dict[str, str]:
    """What is known of each of these rows that is being converted, by its task; read by the run's recorder, which
    looks into the progress files of just these tasks as long as somebody asks."""
    converting = [row for row in rows if row.state == "converting"]
    if not converting or run.over:
        return {}
    recorder = session.recorder(run.pool_id, run.id)
    recorder.look_closer([row.task_id for row in converting])
    snapshot = recorder.snapshot()
    if snapshot is None:
        return {}
    latest = _latest(snapshot.steps)
    return {row.task_id: told(latest.get(row.task_id), row.expected.seconds) for row in converting}


def _latest(steps: Mapping[tuple[str, int], Steps]) -> dict[str, Steps]:
    """The steps of each task's last attempt."""
    return {task_id: steps[task_id, attempt] for task_id, attempt in sorted(steps)}
