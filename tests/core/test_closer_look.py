"""One task looked at closely: its command, limit and files, and its log while that grows."""

import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models

from batch_core import closer_look, jobs, pools, task_files
from batch_core.account import Account
from batch_core.errors import InvalidInput, NotFound
from batch_core.task_files import FilesMade, NodeFile
from batch_core.times import time_limit
from tests.waiting import until

WRITES = """
import pathlib, sys, time
gate = pathlib.Path(sys.argv[1])
print("first on stdout", flush=True)
print("first on stderr", file=sys.stderr, flush=True)
while not gate.exists():
    time.sleep(0.05)
print("second on stderr", file=sys.stderr, flush=True)
pathlib.Path("made.txt").write_text("1234")
while gate.exists():
    time.sleep(0.05)
"""


@pytest.fixture
def job_id(account: Account) -> Iterator[str]:
    pools.ensure_local_pool(account)
    job_id = f"closer-{uuid.uuid4().hex[:8]}"
    limits = models.BatchJobConstraints(max_wall_clock_time=timedelta(hours=3))
    pool = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    account.batch.create_job(
        models.BatchJobCreateOptions(id=job_id, pool_info=pool, constraints=limits, max_parallel_tasks=7)
    )
    yield job_id
    account.batch.begin_delete_job(job_id, polling_interval=0.1).wait(30)


def test_a_log_is_read_while_it_grows_and_files_when_they_are_made(
    account: Account, job_id: str, tmp_path: Path
) -> None:
    script, gate = tmp_path / "writes.py", tmp_path / "gate"
    script.write_text(WRITES)
    command = f'"{sys.executable}" "{script}" "{gate}"'
    limits = models.BatchTaskConstraints(max_wall_clock_time=timedelta(minutes=5))
    account.batch.create_task(
        job_id, models.BatchTaskCreateOptions(id="t", command_line=command, constraints=limits)
    )

    def log(name: str, *, running: bool = True) -> str:
        return closer_look.log_now(account, job_id, "t", name, running=running)

    assert closer_look.task_work(account, job_id, "t") == closer_look.TaskWork(
        command, timedelta(minutes=5), ()
    )
    until(lambda: log("stderr.txt") == "first on stderr", what="the first line")
    until(lambda: log("stdout.txt") == "first on stdout", what="the first line on stdout")
    gate.touch()
    until(lambda: log("stderr.txt").endswith("second on stderr"), what="the second line")
    gate.unlink()
    until(lambda: account.batch.get_task(job_id, "t").state == "completed", what="the end of the task")
    assert log("stderr.txt", running=False) == "first on stderr\nsecond on stderr"
    made = task_files.files_made(account, job_id, "t")
    assert made == FilesMade((NodeFile("made.txt", 4),), 1)
    assert b"".join(task_files.read(account, job_id, "t", "made.txt", 1, 3)) == b"23"


def test_a_task_that_is_not_there_has_neither_work_nor_log_nor_files(account: Account, job_id: str) -> None:
    with pytest.raises(NotFound):
        closer_look.task_work(account, job_id, "nobody")
    assert not closer_look.log_now(account, job_id, "nobody", "stderr.txt", running=True)
    assert not closer_look.log_now(account, job_id, "nobody", "stdout.txt", running=False)
    assert task_files.files_made(account, job_id, "nobody") == FilesMade()


def test_no_other_file_is_read_as_a_log(account: Account, job_id: str) -> None:
    with pytest.raises(ValueError, match="certs"):
        closer_look.log_now(account, job_id, "t", "../certs", running=True)


def test_no_file_outside_of_a_tasks_own_folder_is_read(account: Account, job_id: str) -> None:
    for name in ("../stderr.txt", "a/../../certs/key", "..\\stderr.txt"):
        with pytest.raises(InvalidInput):
            task_files.facts(account, job_id, "t", name)


def test_a_jobs_limits_are_known(account: Account, job_id: str) -> None:
    known = jobs.get_run(account, job_id)
    assert (known.limit, known.at_once) == (timedelta(hours=3), 7)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("PT5M", timedelta(minutes=5)),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("P10675199DT2H48M5.4775807S", None),
        ("PT0S", None),
        ("soon", None),
        (None, None),
    ],
)
def test_a_time_limit_is_read_as_batch_writes_it(text: str | None, limit: timedelta | None) -> None:
    assert time_limit(text) == limit
