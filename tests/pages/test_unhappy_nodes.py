"""Nodes that go or never come, really: what is said of the files and of the pool, and that the work goes on by itself."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models

from batch_core import holdups, jobs, manifests, plans, pools, results
from batch_core.account import Account
from batch_core.files import VideoFile
from batch_core.jobs import Plan, Run
from batch_core.monitor import Recorder, Snapshot
from batch_core.pools import PoolSpec
from local_azure.mishap import ask
from pages.parts import pool_words
from tests.core.clips import clip, uploaded
from tests.core.commands import python, takes
from tests.waiting import until

MAKES = python("import time; time.sleep(1); open('output.mp3', 'wb').write(b'x')")
MISHAPS = pytest.mark.parametrize(
    ("mishap", "spec"), [("lose", {"dedicated": 1, "spot": 0}), ("preempt", {"dedicated": 0, "spot": 1})]
)


@pytest.fixture(scope="module")
def video(account: Account, tmp_path_factory: pytest.TempPathFactory) -> VideoFile:
    return uploaded(account, clip(tmp_path_factory.mktemp("clips") / "clip.mp4", 0.3), "holiday.mp4")


@pytest.fixture
def pool_id(account: Account) -> Iterator[str]:
    id = f"trouble-{uuid.uuid4().hex[:8]}"
    yield id
    pools.delete(account, id)


def started(account: Account, video: VideoFile, pool_id: str, command: str) -> Run:
    """A run of one task that does this instead of converting, once it runs."""
    plan = Plan((video,), "mp3", pool_id=pool_id, name="trouble", nonce=uuid.uuid4().hex)
    made = plans.manifest_of(plan)
    manifests.keep(account, replace(made, files=(replace(made.files[0], command=command),)))
    run = jobs.launch(account, plan)
    until(lambda: said(account, run)[0] == "converting", seconds=60, what="the task's start")
    return run


def said(account: Account, run: Run) -> tuple[str, str]:
    (row,) = results.list_results(account, run.id)
    return row.state, row.reason


@MISHAPS
def test_a_file_whose_node_goes_says_so_and_starts_again_by_itself(
    account: Account, home: Path, video: VideoFile, pool_id: str, mishap: str, spec: dict[str, int]
) -> None:
    pools.create(account, PoolSpec(id=pool_id, **spec))
    run = started(account, video, pool_id, MAKES)
    ask(home / "local-azure", mishap, pool_id)
    again = ("waiting", "Its node was lost; it starts again by itself.")
    until(lambda: said(account, run) == again, what="the file that waits again")
    ask(home / "local-azure", "restore", pool_id)
    until(lambda: said(account, run) == ("done", ""), seconds=60, what="the file's result")
    until(lambda: jobs.get_run(account, run.id).reason == "AllTasksComplete", what="the run's end")


@MISHAPS
def test_a_file_whose_node_went_for_good_is_told_from_a_stopped_one(
    account: Account, home: Path, video: VideoFile, pool_id: str, mishap: str, spec: dict[str, int]
) -> None:
    pools.create(account, PoolSpec(id=pool_id, **spec))
    run = started(account, video, pool_id, takes(60))
    ask(home / "local-azure", mishap, pool_id)
    until(lambda: said(account, run)[0] == "waiting", what="the file that waits again")
    jobs.stop(account, run.id)
    assert said(account, run) == (
        "preempted",
        "Its node was lost, and the run ended before it could start again.",
    )


def seen(account: Account, pool_id: str, folder: Path, sentence: str) -> Snapshot:
    """The first picture of the pool that is told in a sentence with this in it."""
    recorder = Recorder(account, pool_id, None, folder, every=0.2)
    recorder.start()

    def look() -> Snapshot | None:
        shot = recorder.snapshot()
        line = pool_words.held_up(shot) if shot else None
        return shot if line and sentence in line.text else None

    try:
        return until(look, seconds=60, what=f"the sentence “{sentence}”")
    finally:
        recorder.stop()


@MISHAPS
def test_a_pool_says_that_a_node_has_gone(
    account: Account, home: Path, pool_id: str, tmp_path: Path, mishap: str, spec: dict[str, int]
) -> None:
    pools.create(account, PoolSpec(id=pool_id, **spec))
    until(lambda: [node.state for node in account.batch.list_nodes(pool_id)] == ["idle"], what="an idle node")
    ask(home / "local-azure", mishap, pool_id)
    seen(account, pool_id, tmp_path, "out of order" if mishap == "lose" else "Azure has taken back")


def test_a_start_task_that_hangs_is_told(
    account: Account, pool_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (holdups, pool_words):
        monkeypatch.setattr(module, "START_TASK_LONG", timedelta(seconds=1))
    pools.create(account, PoolSpec(id=pool_id, dedicated=1, spot=0, start_task=takes(120)))
    shot = seen(account, pool_id, tmp_path, "before it ends. Its last lines tell")
    assert [node.state for node in shot.nodes] == ["waitingforstarttask"]


def test_a_pool_whose_nodes_cannot_be_allocated_says_why(
    account: Account, pool_id: str, tmp_path: Path
) -> None:
    pools.create(account, PoolSpec(id=pool_id, dedicated=0, spot=0))
    refuses = [models.BatchMetadataItem(name="local:allocation", value="fail")]
    account.batch.update_pool(pool_id, models.BatchPoolUpdateOptions(metadata=refuses))
    pools.resize(account, pool_id, 2, 0)
    seen(account, pool_id, tmp_path, "The pool has no nodes. Azure could not allocate the nodes. Resize")
