"""This computer's Batch service killed with tasks running: what is said meanwhile, and that the run ends right."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from batch_core import jobs, manifests, plans, pools, results, storage
from batch_core.account import Account
from batch_core.errors import Unreachable
from batch_core.jobs import Plan, Run
from batch_core.local_cloud import LocalCloud
from batch_core.monitor import Recorder, Snapshot
from tests.core.clips import clip, uploaded
from tests.core.commands import python
from tests.waiting import until

pytestmark = pytest.mark.timeout(170)
MAKES = python("import time; time.sleep(2); open('output.mp3', 'wb').write(b'x')")


@pytest.fixture
def own(tmp_path: Path, node_home: Path, cloud: dict) -> Iterator[LocalCloud]:
    """A cloud of its own, ended afterwards. (`cloud` is there so that storage is installed.)"""
    tmp_path.joinpath("node").symlink_to(node_home, target_is_directory=True)
    made = LocalCloud(tmp_path)
    made.start()
    yield made
    made.release()
    (made.data / "stop").touch()
    until(lambda: made.status().phase == "stopped", seconds=30, what="the cloud's end")


def process_id(cloud: LocalCloud) -> int:
    return int(json.loads((cloud.data / "status.json").read_text())["pid"])


def launched(account: Account, folder: Path) -> Run:
    """A run of three tasks that take a while, all of them running."""
    storage.ensure_containers(account)
    pools.ensure_local_pool(account)
    video = uploaded(account, clip(folder / "clip.mp4", 0.3), "holiday.mp4")
    videos = tuple(replace(video, id=f"{number:032x}") for number in range(3))
    plan = Plan(videos, "mp3", pool_id=pools.LOCAL_POOL, name="killed", nonce=uuid.uuid4().hex)
    made = plans.manifest_of(plan)
    manifests.keep(account, replace(made, files=tuple(replace(file, command=MAKES) for file in made.files)))
    return jobs.launch(account, plan)


def test_a_run_whose_service_is_killed_goes_on_by_itself_and_ends_right(
    own: LocalCloud, tmp_path: Path
) -> None:
    account = own.wait(60)
    run = launched(account, tmp_path)
    recorder = Recorder(account, pools.LOCAL_POOL, run.id, tmp_path / "history", every=0.2)
    recorder.start()

    def seen(like) -> Snapshot:
        return until(lambda: (shot := recorder.snapshot()) and like(shot) and shot, seconds=60, what="it")

    seen(lambda shot: shot.counts.running == 3)
    killed = psutil.Process(process_id(own))
    killed.kill()
    killed.wait(20)
    away = seen(lambda shot: shot.error)
    assert type(away.error) is Unreachable
    assert away.error.user_message.startswith("Could not watch the account: ")
    assert away.error.hint
    assert (away.counts.total, len(away.tasks)) == (3, 3), "the last picture stays"
    until(lambda: own.account() is not None and process_id(own) != killed.pid, seconds=60, what="the return")
    assert (
        until(lambda: jobs.get_run(account, run.id).reason, seconds=60, what="the end") == "AllTasksComplete"
    )
    rows = results.list_results(account, run.id)
    assert [(row.state, row.reason, row.size) for row in rows] == [("done", "", 1)] * 3
    seen(lambda shot: not shot.error and shot.counts.succeeded == 3 and shot.job and shot.job.over)
    recorder.stop()
