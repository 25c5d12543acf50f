"""How far the files are that are being converted, in words: the phase, percent, speed, time left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from batch_core.jobs import Run
from batch_core.results import Result
from batch_core.snapshot import Steps
from pages.charts.labels import duration
from pages.shell import session

SOON = 2.0  # seconds left that are not worth a number


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


def told(steps: Steps | None, expected: float | None) -> str:
    """One attempt's phase in words; with the length that its result should have, percent and time left."""
    if steps is None or (steps.converting is None and steps.uploading is None):
        return "starting"
    if steps.uploading is not None:
        return "uploading"
    parts = ["converting"]
    made = steps.out_seconds or 0.0
    if expected and made > 0:
        parts.append(f"{min(99, int(made / expected * 100))} %")
    if steps.speed and made > 0:
        parts.append(f"{steps.speed:.1f}×" if steps.speed < 10 else f"{steps.speed:.0f}×")
        left = (expected - made) / steps.speed if expected else 0.0
        if left > SOON:
            parts.append(f"{duration(timedelta(seconds=left))} left")
    return ", ".join(parts)
