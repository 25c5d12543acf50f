"""A launch that is killed at each of its calls, or hears no answer to any: one run, whole or not at all."""

import multiprocessing
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from azure.batch import models

from batch_core import cleanup, jobs, launching, manifests, pools, unfinished
from batch_core.account import Account, AccountKind, connect, endpoint
from batch_core.errors import Conflict, NotFound
from batch_core.files import VideoFile
from batch_core.jobs import Plan
from tests.core.clips import clip, uploaded
from tests.core.proxy import Call, Door, Fault, door_to
from tests.waiting import until

CALLS = [  # of a launch of two files, added one by one, that finds its containers
    "PUT storage container",
    "PUT storage container",
    "GET storage container",
    "PUT storage manifest.json",
    "POST batch jobs",
    "POST batch addtaskcollection",
    "POST batch addtaskcollection",
    "PATCH batch job",
    "GET batch job",
]
CREATED = CALLS.index("POST batch jobs")
LIMIT = timedelta(minutes=7)


def name_of(call: Call) -> str:
    last = call.path.rpartition("/")[2]
    if last.startswith("video-"):
        last = "container"
    return f"{call.method} {call.service} {'job' if last.startswith('run-') else last}"


@pytest.fixture(scope="module")
def videos(account: Account, tmp_path_factory: pytest.TempPathFactory) -> tuple[VideoFile, ...]:
    path = clip(tmp_path_factory.mktemp("clips") / "clip.mp4", 0.3)
    return uploaded(account, path, "one.mp4"), uploaded(account, path, "two.mp4")


@pytest.fixture(scope="module")
def door(cloud: dict) -> Iterator[tuple[Account, Door]]:
    """The account through a door, which stays open: the tasks' URLs lead through it, too."""
    with door_to(cloud) as found:
        yield found


@pytest.fixture(scope="module")
def apps() -> Any:
    """How another process is started: on POSIX from one that has imported everything, so that it takes no time."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def plan_of(videos: tuple[VideoFile, ...], **change: Any) -> Plan:
    spec = pools.PoolSpec(id="own", dedicated=1, spot=0)
    plan = Plan(videos, "mp3", spec=spec, name="cut off", nonce=uuid.uuid4().hex, wall_clock=LIMIT)
    return replace(plan, **change)


def ends_of(account: Account) -> dict[str, dict[str, str]]:
    return {"batch": vars(account.batch_endpoint), "storage": vars(account.storage_endpoint)}


def account_of(ends: dict[str, dict[str, str]]) -> Account:
    batch, storage = endpoint("batch", **ends["batch"]), endpoint("storage", **ends["storage"])
    return connect(batch, storage, kind=AccountKind.LOCAL)


def launch(ends: dict[str, dict[str, str]], plan: Plan) -> None:
    """What the app does when it converts; runs in a process of its own."""
    launching.MOST_TASKS = 1
    jobs.launch(account_of(ends), plan)


def finish(ends: dict[str, dict[str, str]]) -> None:
    """What the app does when it starts; runs in a process of its own."""
    unfinished.finish_half_made(account_of(ends))


@contextmanager
def app(apps: Any, *task: Any) -> Iterator[Any]:
    """Another process that does the task; ended at the end."""
    process = apps.Process(target=task[0], args=task[1:], daemon=True)
    try:
        yield process
    finally:
        if process.is_alive():
            process.kill()
        process.join(20)


def killed_at(apps: Any, account: Account, door: Door, plan: Plan, number: int, kind: Any) -> str:
    """Launches in a process that dies at its call of this number, which had been done by then or not; its name."""
    calls: list[str] = []

    def judge(call: Call) -> Fault | None:
        if call.by_node or len(calls) == number:
            return None
        calls.append(name_of(call))
        return Fault(kind, strike=process.kill) if len(calls) == number else None

    with app(apps, launch, ends_of(account), plan) as process:
        door.judge = judge
        process.start()
        process.join(30)
        assert process.exitcode not in (0, 1, None), "it is killed, and neither ends nor hangs"
    return calls[-1]


def ended(account: Account, run_id: str) -> jobs.Run:
    return until(
        lambda: (run := jobs.get_run(account, run_id)).over and run, seconds=60, what="the run's end"
    )


def assert_whole(account: Account, plan: Plan) -> None:
    job = account.batch.get_job(plan.run_id)
    assert job.constraints
    assert job.constraints.max_wall_clock_time == LIMIT
    assert ended(account, plan.run_id).reason == "AllTasksComplete"
    tasks = [task.as_dict() for task in account.batch.list_tasks(plan.run_id)]
    assert [task["id"] for task in tasks] == ["file-0001", "file-0002"]
    assert {task["executionInfo"]["result"].lower() for task in tasks} == {"success"}


def unowned(account: Account) -> list[str]:
    """Pools made for a run of which no run knows that still runs."""
    owned = {run.pool_id for run in jobs.list_runs(account) if not run.over}
    return [pool.id for pool in pools.list_pools(account) if pool.auto and pool.id not in owned]


def test_killed_at_any_call_of_its_launch_a_run_is_found_and_completed_or_never_was(
    account: Account, door: tuple[Account, Door], videos: tuple[VideoFile, ...], apps: Any
) -> None:
    plans: dict[tuple[int, str], Plan] = {}
    for number, name in enumerate(CALLS):
        for kind in ("request lost", "answer lost"):
            plan = plans[number, kind] = plan_of(videos)
            assert killed_at(apps, *door, plan, number + 1, kind) == name
    with app(apps, finish, ends_of(account)) as again:
        again.start()
        again.join(60)
        assert again.exitcode == 0
    for (number, kind), plan in plans.items():
        if number > CREATED or (number == CREATED and kind == "answer lost"):
            assert_whole(account, plan)
        else:
            with pytest.raises(NotFound):
                jobs.get_run(account, plan.run_id)
    until(lambda: not unowned(account), what="the end of the pools")
    assert unfinished.finish_half_made(account) == []
    ours, made = {plan.run_id for plan in plans.values()}, {run.id for run in jobs.list_runs(account)}
    leaves_no_manifest(account, ours - made)
    for run_id in ours & made:
        manifests.read(account, run_id)


def leaves_no_manifest(account: Account, never_made: set[str]) -> None:
    """What is left of launches without a job is told by Clean up, stays while they may be at work, and then goes."""
    left = {item.id: item.detail for item in cleanup.inventory(account) if item.kind == "results"}
    cut_off = {run_id for run_id in never_made if run_id in left}
    assert len(cut_off) >= 2, "those killed when the manifest was there, and at the job"
    assert {left[run_id] for run_id in cut_off} == {"a launch that was cut off before it began"}
    assert unfinished.forget_never_made(account) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unfinished, "ABANDONED", timedelta(seconds=-5))
        assert cut_off <= set(unfinished.forget_never_made(account))
    kept = {item.id for item in cleanup.inventory(account) if item.kind == "results"}
    assert not kept & cut_off


def strikes_first(door: Door, kind: Any) -> set[str]:
    """From now on the first call of each name meets a fault; the names of those that did."""
    tried: set[str] = set()

    def judge(call: Call) -> Fault | None:
        if call.by_node or name_of(call) in tried:
            return None
        tried.add(name_of(call))
        return Fault(kind)

    door.judge = judge
    return tried


@pytest.mark.parametrize("kind", ["request lost", "answer lost"])
def test_a_launch_that_hears_no_answer_to_the_first_try_of_any_call_makes_one_run(
    account: Account, door: tuple[Account, Door], videos: tuple[VideoFile, ...], kind: Any
) -> None:
    shaky, at = door
    plan = plan_of(videos)
    tried = strikes_first(at, kind)
    assert jobs.launch(shaky, plan).id == plan.run_id
    assert tried >= set(CALLS)
    at.judge = None
    assert_whole(account, plan)
    assert [run.id for run in jobs.list_runs(account)].count(plan.run_id) == 1


def test_a_job_of_that_name_that_another_program_made_is_left_alone(
    account: Account, videos: tuple[VideoFile, ...]
) -> None:
    plan = plan_of(videos)
    info = models.BatchPoolInfo(pool_id="nowhere")
    account.batch.create_job(models.BatchJobCreateOptions(id=plan.run_id, pool_info=info))
    with pytest.raises(Conflict, match=f"Another program has made a job named {plan.run_id}"):
        jobs.launch(account, plan)
    assert list(account.batch.list_tasks(plan.run_id)) == []
    jobs.stop(account, plan.run_id)


@pytest.mark.parametrize("kind", ["request lost", "answer lost"])
def test_a_pool_whose_creation_hears_no_answer_is_made_and_resized_once(
    account: Account, door: tuple[Account, Door], kind: Any
) -> None:
    shaky, at = door
    strikes_first(at, kind)
    spec = pools.PoolSpec(id=f"made-{uuid.uuid4().hex[:8]}", dedicated=0, spot=0)
    at.asked.clear()
    pools.create(shaky, spec)
    pools.resize(shaky, spec.id, 1, 0)
    assert at.count("POST /pools?") == 2
    assert at.count(f"POST /pools/{spec.id}/resize") == 2
    assert pools.get_pool(account, spec.id).target_dedicated == 1
    at.judge = None
    with pytest.raises(Conflict, match="exists"):
        pools.create(shaky, spec)
    pools.delete(account, spec.id)
