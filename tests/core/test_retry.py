"""Trying files of a run again: linked, started once, on the same kind of pool; and what became of those before."""

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from batch_core import files as stored
from batch_core import jobs, manifests, plans, pools, results, retrying
from batch_core.account import Account
from batch_core.conversions import Options
from batch_core.errors import InvalidInput, NotFound
from batch_core.feed import Doc, Feed
from batch_core.files import VideoFile
from batch_core.jobs import Plan, Run
from batch_core.storage import INPUTS
from tests.core.clips import clip, uploaded
from tests.core.commands import ends_with, python, takes
from tests.waiting import until


@pytest.fixture(scope="module")
def ready(account: Account) -> Account:
    """The account with this computer's pool."""
    pools.ensure_local_pool(account)
    return account


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("clips") / "good.mp4")


def ended(account: Account, run_id: str) -> Run:
    return until(
        lambda: (run := jobs.get_run(account, run_id)).over and run, seconds=60, what="the run's end"
    )


def overwritten(account: Account, file: VideoFile, data: bytes) -> None:
    """Other bytes in a file's blob, under the metadata that it has."""
    blob = account.blobs.get_blob_client(INPUTS, file.blob)
    blob.upload_blob(data, overwrite=True, metadata=dict(blob.get_blob_properties().metadata))


@pytest.fixture(scope="module")
def half_failed(ready: Account, good: Path) -> tuple[Run, list[VideoFile]]:
    """A run that is over, of three files; one was broken then, and is whole again now; one is gone now."""
    videos = [uploaded(ready, good, name) for name in ("fine.mp4", "broken.mp4", "lost.mp4")]
    for broken in videos[1:]:
        overwritten(ready, broken, b"no video at all" * 500)
    plan = Plan(tuple(videos), "mp3", pool_id=pools.LOCAL_POOL, name="3 files to MP3", nonce=uuid.uuid4().hex)
    run = ended(ready, jobs.launch(ready, plan).id)
    overwritten(ready, videos[1], good.read_bytes())
    stored.delete_files(ready, [videos[2]])
    return run, videos


def lost(account: Account, run: Run) -> list[str]:
    return [row.task_id for row in results.list_results(account, run.id) if row.lost]


def test_the_failed_files_are_tried_again_in_a_linked_run_and_the_old_one_stays(
    ready: Account, half_failed: tuple[Run, list[VideoFile]]
) -> None:
    run, videos = half_failed
    before = (jobs.get_run(ready, run.id), jobs.manifest(ready, run.id), results.list_results(ready, run.id))
    found = retrying.inputs(ready, run.id, lost(ready, run))
    assert [video.id for video in found.videos] == [videos[1].id]
    assert found.gone == ("lost.mp4",)
    plan = retrying.plan_again(ready, run.id, found.videos)
    again = jobs.launch(ready, plan)
    assert (again.parent, again.attempt, again.conversion, again.pool_id) == (
        run.id,
        2,
        "mp3",
        pools.LOCAL_POOL,
    )
    assert again.name == "broken to MP3 (2)"
    assert ended(ready, again.id).reason == "AllTasksComplete"
    (row,) = results.list_results(ready, again.id)
    assert (row.state, results.check(ready, row).checked) == ("done", True)
    assert [one.id for one in retrying.tries(ready, run.id)] == [again.id]
    after = (jobs.get_run(ready, run.id), jobs.manifest(ready, run.id), results.list_results(ready, run.id))
    assert after == before


def test_the_same_choice_from_two_tabs_is_one_run_and_a_later_try_is_another(
    ready: Account, half_failed: tuple[Run, list[VideoFile]]
) -> None:
    run, _ = half_failed
    made: list[str] = []

    def tab() -> None:
        found = retrying.inputs(ready, run.id, ["file-0002"])
        made.append(jobs.launch(ready, retrying.plan_again(ready, run.id, found.videos, nonce="tabs")).id)

    tabs = [threading.Thread(target=tab) for _ in range(3)]
    for one in tabs:
        one.start()
    for one in tabs:
        one.join()
    assert len(made) == 3
    assert len(set(made)) == 1
    found = retrying.inputs(ready, run.id, ["file-0002"])
    assert retrying.plan_again(ready, run.id, found.videos, nonce="later").run_id not in made


def test_another_conversion_and_another_pool_can_be_chosen(
    ready: Account, half_failed: tuple[Run, list[VideoFile]]
) -> None:
    run, _ = half_failed
    found = retrying.inputs(ready, run.id, ["file-0001", "file-0002"])
    plan = retrying.plan_again(ready, run.id, found.videos, "m4a", "other", "another-pool")
    assert (plan.conversion, plan.pool_id, plan.spec, plan.attempt) == ("m4a", "another-pool", None, 2)
    assert plan.name == "2 files to M4A (2)"
    quiet = retrying.plan_again(ready, run.id, found.videos, "m4a", options=Options(volume=-20))
    assert (quiet.options.volume, plan.options.volume) == (-20, None)


def test_a_name_that_somebody_gave_stays_and_counts_on(ready: Account, good: Path) -> None:
    video = uploaded(ready, good, "cat.mp4")
    names = []
    for given in ("Holiday", "cat to MP3"):
        plan = Plan((video,), "mp3", pool_id="nowhere", name=given, nonce=uuid.uuid4().hex)
        for _ in range(2):
            manifests.keep(ready, plans.manifest_of(plan))
            plan = retrying.plan_again(ready, plan.run_id, (video,), "m4a")
            names.append(plan.name)
    assert names == ["Holiday (2)", "Holiday (3)", "cat to M4A (2)", "cat to M4A (3)"]


def test_nothing_is_tried_again_without_files(
    ready: Account, half_failed: tuple[Run, list[VideoFile]]
) -> None:
    run, _ = half_failed
    with pytest.raises(InvalidInput, match="No file is left"):
        retrying.plan_again(ready, run.id, ())
    with pytest.raises(NotFound):
        retrying.inputs(ready, "run-00000000000000000000", ["file-0001"])


def test_a_run_whose_pool_went_with_it_gets_another_pool_of_the_same_kind(ready: Account, good: Path) -> None:
    spec = pools.PoolSpec(id="own", vm_size="Standard_D4s_v5", dedicated=1, spot=1, slots=2)
    video = uploaded(ready, good, "own.mp4")
    limit = timedelta(minutes=30)
    plan = Plan((video,), "mp3", spec=spec, name="own", nonce=uuid.uuid4().hex, wall_clock=limit)
    first = ended(ready, jobs.launch(ready, plan).id)
    again = ended(ready, jobs.launch(ready, retrying.plan_again(ready, first.id, (video,))).id)
    assert again.pool_id != first.pool_id
    for name in (again.pool_id, first.pool_id):
        until(
            lambda name=name: name not in {pool.id for pool in pools.list_pools(ready)}, what="the pool's end"
        )
    one, two = (ready.batch.get_job(run.id) for run in (first, again))
    assert one.pool_info is not None
    assert two.pool_info is not None
    assert two.pool_info.as_dict() == one.pool_info.as_dict()
    assert two.constraints is not None
    assert two.constraints.max_wall_clock_time == limit


def ran_as(account: Account, good: Path, commands: list[str], **change: object) -> Run:
    """A run whose tasks do this instead of converting."""
    names = [f"film {number}.mp4" for number in range(len(commands))]
    videos = tuple(uploaded(account, good, name) for name in names)
    plan = Plan(videos, "mp3", pool_id=pools.LOCAL_POOL, name="films", nonce=uuid.uuid4().hex)
    plan = replace(plan, **change)
    made = plans.manifest_of(plan)
    rows = [replace(row, command=command) for row, command in zip(made.files, commands, strict=True)]
    manifests.keep(account, replace(made, files=tuple(rows)))
    return jobs.launch(account, plan)


SLEEP = takes(100)


def states(account: Account, run: Run) -> list[tuple[str, str]]:
    return [(row.state, row.reason) for row in results.list_results(account, run.id)]


def test_what_is_no_good_result_is_never_done(ready: Account, good: Path) -> None:
    run = ran_as(
        ready,
        good,
        [
            python("import sys; open('output.mp3','wb').write(bytes(9)); sys.exit(3)"),
            python("open('output.mp3','wb')"),
            python("open('output.mp3','wb').write(b'no music')"),
            "ffmpeg -nostdin -y -f mp4 -i input.mp4 -t 0.2 -vn -f mp3 output.mp3",
            "ffmpeg -nostdin -y -f mp4 -i input.mp4 -vn -f mp3 output.mp3",
        ],
    )
    ended(ready, run.id)
    rows = results.list_results(ready, run.id)
    assert [row.state for row in rows] == ["failed", "failed", "done", "done", "done"]
    assert rows[0].reason == "The command ended with exit code 3."
    assert rows[1].reason == results.EMPTY
    checked = [
        results.check(ready, replace(row, expected=replace(row.expected, seconds=2.5))) for row in rows[2:4]
    ]
    assert [row.state for row in checked] == ["failed", "failed"]
    assert "shorter than it should be" in checked[1].reason
    assert results.check(ready, rows[4]).state == "done"
    again = results.list_results(ready, run.id)
    assert [row.state for row in again] == ["failed"] * 4 + ["done"]
    assert all(row.reason for row in again[:4])
    assert [row.task_id for row in again if row.lost] == [f"file-000{number}" for number in (1, 2, 3, 4)]


def test_one_stopped_task_and_a_stopped_run_are_told_from_failures(ready: Account, good: Path) -> None:
    run = ran_as(ready, good, [SLEEP, ends_with(1), SLEEP])
    until(
        lambda: states(ready, run)[0][0] == states(ready, run)[2][0] == "converting", what="two running tasks"
    )
    jobs.stop_task(ready, run.id, "file-0001")
    jobs.stop_task(ready, run.id, "file-0001")
    until(lambda: states(ready, run)[1][0] == "failed", what="the failure")
    stopped = ("stopped", "It was stopped before it was done.")
    assert states(ready, run) == [
        stopped, ("failed", "The command ended with exit code 1."), ("converting", ""),
    ]  # fmt: skip
    jobs.stop(ready, run.id)
    assert states(ready, run)[2] == stopped
    jobs.stop_task(ready, run.id, "file-0003")


def test_files_whose_turn_never_came_are_stopped_with_their_run(ready: Account, good: Path) -> None:
    run = ran_as(ready, good, [SLEEP, SLEEP], pool_id="nowhere")
    assert [state for state, _ in states(ready, run)] == ["waiting", "waiting"]
    jobs.stop(ready, run.id)
    assert states(ready, run) == [("stopped", "The run was stopped before its turn came.")] * 2


def test_a_time_limit_is_no_person(ready: Account, good: Path) -> None:
    limit = timedelta(seconds=3)
    runs = [
        ran_as(ready, good, [SLEEP], wall_clock=limit),
        ran_as(ready, good, [SLEEP], wall_clock=limit, pool_id="nowhere"),
    ]
    assert [ended(ready, run.id).reason for run in runs] == ["MaxWallClockTimeExpiry"] * 2
    assert states(ready, runs[0]) == [("failed", "It was not done within the run's time limit.")]
    assert states(ready, runs[1]) == [("failed", "The run's time limit was reached before its turn came.")]


def test_a_node_that_was_taken_back_is_told_from_a_stop(
    ready: Account, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service's documents are those of a Spot node that Azure takes back; this computer's nodes stay."""
    run = ran_as(ready, good, [SLEEP, SLEEP], pool_id="nowhere")
    many = Feed.many

    def taken(feed: Feed, path: str, **query: str) -> Iterator[list[Doc]]:
        for page in many(feed, path, **query):
            page[0] |= {"previousState": "running", "previousStateTransitionTime": "2026-11-22T10:00:00Z"}
            yield page

    monkeypatch.setattr(Feed, "many", taken)
    again = ("waiting", "Its node was lost; it starts again by itself.")
    assert states(ready, run) == [again, ("waiting", "")]
    with monkeypatch.context() as patch:
        patch.setattr(Feed, "many", lambda *_, **__: [[{"id": "file-0001", "state": "preparing"}]])
        assert states(ready, run)[0] == ("converting", ""), "it has a node, and waits for nobody's turn"
    jobs.stop(ready, run.id)
    lost = ("preempted", "Its node was lost, and the run ended before it could start again.")
    assert states(ready, run) == [lost, ("stopped", "The run was stopped before its turn came.")]


def test_who_only_looks_stops_no_task(ready: Account) -> None:
    with pytest.raises(InvalidInput, match="look only"):
        jobs.stop_task(replace(ready, look_only=True), "run-1", "file-0001")
