"""The runs under way, as they stand on disk: what tells the next life of the service what it must end or go on with."""

from __future__ import annotations

from dataclasses import dataclass

from local_azure.batch.database import Database


@dataclass(frozen=True)
class RunRow:
    """One go of a task (or of a start task: `job` is None) on a node, as it stands on disk.

    `pid` and `created` (seconds since 1970, psutil's create time) name its process once there is one;
    `exit_code` is set when the process has ended and only its outputs are still to be uploaded.
    """

    token: str
    pool: str
    node: str
    job: str | None
    task: str | None
    folder: str
    pid: int | None = None
    created: float | None = None
    exit_code: int | None = None


class RunStore(Database):
    """The part of the store that holds the runs."""

    def runs(self) -> list[RunRow]:
        """Every run not yet put away."""
        query = "SELECT token, pool, node, job, task, folder, pid, created, exit_code FROM runs"
        return [RunRow(*row) for row in self._db.execute(query)]

    def begin_run(self, run: RunRow) -> None:
        """Write down that a run begins."""
        values = (run.token, run.pool, run.node, run.job, run.task, run.folder)
        self._db.execute(
            "INSERT INTO runs (token, pool, node, job, task, folder) VALUES (?, ?, ?, ?, ?, ?)", values
        )

    def run_started(self, token: str, pid: int, created: float) -> None:
        """Write down the run's process."""
        self._db.execute("UPDATE runs SET pid = ?, created = ? WHERE token = ?", (pid, created, token))

    def run_exited(self, token: str, exit_code: int) -> None:
        """Write down that the run's process has ended, and how."""
        self._db.execute(
            "UPDATE runs SET pid = NULL, created = NULL, exit_code = ? WHERE token = ?", (exit_code, token)
        )

    def end_run(self, token: str) -> None:
        """Forget a run."""
        self._db.execute("DELETE FROM runs WHERE token = ?", (token,))
