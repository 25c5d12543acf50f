"""The runs of tasks that hold slots now, by their jobs."""

from __future__ import annotations

from local_azure.batch.engine.taskrun import TaskRun


class Runs:
    """Kept in mind beside the store; job and task ids in any case."""

    def __init__(self) -> None:
        self._jobs: dict[str, dict[str, TaskRun]] = {}

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def get(self, job_id: str, task_id: str) -> TaskRun | None:
        """A task's run."""
        return self._jobs.get(job_id.lower(), {}).get(task_id.lower())

    def of(self, job_id: str | None = None) -> list[TaskRun]:
        """A job's runs, or all."""
        if job_id is not None:
            return list(self._jobs.get(job_id.lower(), {}).values())
        return [run for runs in self._jobs.values() for run in runs.values()]

    def count(self, job_id: str) -> int:
        """How many runs a job has."""
        return len(self._jobs.get(job_id.lower(), ()))

    def add(self, run: TaskRun) -> None:
        """A run begins."""
        job, task = run.key
        self._jobs.setdefault(job, {})[task] = run

    def remove(self, run: TaskRun) -> None:
        """A run is over; one that is not there is no matter."""
        job, task = run.key
        runs = self._jobs.get(job, {})
        runs.pop(task, None)
        if not runs:
            self._jobs.pop(job, None)
