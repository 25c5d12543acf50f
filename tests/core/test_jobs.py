"""Runs through the real SDK on the local Batch service: real ffmpeg tasks, launched once whatever happens."""

import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import imageio_ffmpeg
import pytest
from azure.batch import models

from batch_core import jobs, launching, manifests, pools, unfinished
from batch_core.account import Account
from batch_core.conversions import Options, path_name
from batch_core.errors import InvalidInput, NotFound, Throttled
from batch_core.files import VideoFile
from batch_core.jobs import Plan
from batch_core.storage import INPUTS, RESULTS
from tests.core.clips import clip, uploaded
from tests.core.commands import python
from tests.core.proxy import door_to
from tests.waiting import until


@pytest.fixture(scope="module")
def ready(account: Account) -> Account:
    """The account with this computer's pool."""
    pools.ensure_local_pool(account)
    return account


@pytest.fixture(scope="module")
def files(ready: Account, tmp_path_factory: pytest.TempPathFactory) -> tuple[VideoFile, ...]:
    """Three small videos; two of them have the same name, one name holds what breaks commands."""
    folder = tmp_path_factory.mktemp("clips")
    one, two = clip(folder / "one.mp4"), clip(folder / "two.mp4", 2)
    names = [(one, "holiday.mp4"), (two, "holiday.mp4"), (one, 'a "b" $(rm -rf ~);%PATH% ü.mp4')]
    return tuple(uploaded(ready, path, name) for path, name in names)


@pytest.fixture
def plan(files: tuple[VideoFile, ...]) -> Plan:
    return Plan(
        files=files, conversion="mp3", pool_id=pools.LOCAL_POOL, name="holiday", nonce=uuid.uuid4().hex
    )


def task_ids(account: Account, run_id: str) -> list[str]:
    return sorted(task.id for task in account.batch.list_tasks(run_id, select=["id"]))


def ended(account: Account, run_id: str) -> jobs.Run:
    return until(
        lambda: (run := jobs.get_run(account, run_id)).state == "completed" and run,
        seconds=60,
        what="the run's end",
    )


def seconds_of(data: bytes, path: Path) -> float:
    path.write_bytes(data)
    decoded = subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(),
            "-v",
            "error",
            "-i",
            str(path),
            "-f",
            "s16le",
            "-ac",
            "1",
            "-ar",
            "8000",
            "-",
        ],
        check=True,
        capture_output=True,
    )
    assert not decoded.stderr
    return len(decoded.stdout) / 16000


def test_a_plan_has_one_id_however_often_it_is_asked_and_another_for_any_change(plan: Plan) -> None:
    assert plan.run_id == replace(plan).run_id
    changes: list[dict] = [
        {"nonce": "x"}, {"conversion": "m4a"}, {"name": "other"}, {"files": plan.files[:2]}, {"attempt": 2},
        {"wall_clock": timedelta(minutes=30)}, {"pool_id": None}, {"parent": "run-1"},
    ]  # fmt: skip
    assert len({replace(plan, **change).run_id for change in changes} | {plan.run_id}) == len(changes) + 1
    assert len(plan.run_id) == 24


def test_files_become_mp3s_under_their_own_names(ready: Account, plan: Plan, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    run = jobs.launch(ready, plan, lambda done, total: steps.append((done, total)))
    assert (run.name, run.total, run.conversion, run.ours) == ("holiday", 3, "mp3", True)
    assert steps[-1] == (3, 3)
    assert ended(ready, run.id).reason == "AllTasksComplete"
    kept = jobs.manifest(ready, run.id)
    assert [file.result_name for file in kept.files][:2] == ["holiday.mp3", "holiday (2).mp3"]
    for file, length in zip(kept.files, (1, 2, 1), strict=True):
        blob = ready.blobs.get_blob_client(RESULTS, f"{run.id}/{file.task_id}/{path_name(file.result_name)}")
        assert blob.get_blob_properties().content_settings.content_type == "audio/mpeg"
        assert abs(seconds_of(blob.download_blob().readall(), tmp_path / "out.mp3") - length) < 0.2
    logs = [
        blob.name
        for blob in ready.blobs.get_container_client(RESULTS).list_blobs(f"{run.id}/file-0001/logs/")
    ]
    assert [name.rpartition("/")[2] for name in logs] == ["stderr.txt"]


def test_a_run_has_its_time_limit_and_settings_and_no_text_of_a_user_in_a_command(
    ready: Account, plan: Plan
) -> None:
    run = jobs.launch(ready, replace(plan, wall_clock=timedelta(minutes=30), parent="run-0", attempt=2))
    job = ready.batch.get_job(run.id)
    assert job.constraints is not None
    assert job.constraints.max_wall_clock_time == timedelta(minutes=30)
    assert (run.parent, run.attempt) == ("run-0", 2)
    for task in ready.batch.list_tasks(run.id):
        assert task.command_line.startswith("ffmpeg -nostdin ")
        assert not any(word in task.command_line for word in ("holiday", "PATH", '"', "$", "sig="))
        assert task.display_name in {file.name for file in plan.files}
    jobs.stop(ready, run.id)


def test_launching_twice_or_from_two_tabs_at_once_makes_one_job_with_each_task_once(
    ready: Account, plan: Plan
) -> None:
    made: list[jobs.Run] = []
    tabs = [threading.Thread(target=lambda: made.append(jobs.launch(ready, plan))) for _ in range(3)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert {run.id for run in made} == {plan.run_id}
    assert len(made) == 3
    assert task_ids(ready, plan.run_id) == ["file-0001", "file-0002", "file-0003"]
    ended(ready, plan.run_id)
    again = jobs.launch(ready, plan)
    assert (again.id, again.state) == (plan.run_id, "completed")
    assert [run.id for run in jobs.list_runs(ready)].count(plan.run_id) == 1


class Cut(Exception):
    """The app ends here."""


@pytest.mark.parametrize(
    "where", ["after the manifest", "after the job", "in the middle of the tasks", "before the end"]
)
def test_a_launch_that_was_cut_off_is_finished_at_the_next_start(
    ready: Account, plan: Plan, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object, **__: object) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        if where == "after the manifest":
            patch.setattr(jobs, "_create_job", cut)
        elif where == "after the job":
            patch.setattr(jobs, "add_tasks", cut)
        elif where == "in the middle of the tasks":
            patch.setattr(launching, "MOST_TASKS", 2)
            patch.setattr(launching, "_add_chunk", only_once(launching._add_chunk))
        else:
            patch.setattr(ready.batch, "update_job", cut)
        with pytest.raises(Cut):
            jobs.launch(ready, plan)
    finished = unfinished.finish_half_made(ready)
    if where == "after the manifest":
        assert plan.run_id not in finished
        with pytest.raises(NotFound):
            jobs.get_run(ready, plan.run_id)
        jobs.launch(ready, plan)
    else:
        assert plan.run_id in finished
    assert task_ids(ready, plan.run_id) == ["file-0001", "file-0002", "file-0003"]
    assert ended(ready, plan.run_id).reason == "AllTasksComplete"
    assert plan.run_id not in unfinished.finish_half_made(ready)


def only_once(call):
    done = []

    def once(*args: object) -> object:
        if done:
            raise Cut
        done.append(1)
        return call(*args)

    return once


def test_a_half_made_run_whose_manifest_is_gone_is_taken_back(
    ready: Account, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "add_tasks", only_once(lambda *_: None))
    jobs.add_tasks()  # type: ignore[call-arg]
    with pytest.raises(Cut):
        jobs.launch(ready, plan)
    manifests.forget(ready, plan.run_id)
    assert plan.run_id in unfinished.finish_half_made(ready)
    assert ended(ready, plan.run_id).reason == "UserTerminate"


def test_who_only_looks_starts_and_stops_nothing(ready: Account, plan: Plan) -> None:
    looking = replace(ready, look_only=True)
    changes: list[Callable[[], object]] = [
        lambda: jobs.launch(looking, plan),
        lambda: jobs.stop(looking, plan.run_id),
        lambda: unfinished.finish_half_made(looking),
    ]
    for change in changes:
        with pytest.raises(InvalidInput, match="look only"):
            change()


def test_a_refused_job_leaves_no_manifest(ready: Account, plan: Plan) -> None:
    bad = replace(plan, pool_id="no such pool, never")
    with pytest.raises(InvalidInput):
        jobs.launch(ready, bad)
    with pytest.raises(NotFound):
        jobs.manifest(ready, bad.run_id)


def test_more_than_one_chunk_of_tasks_is_added_with_progress(ready: Account, plan: Plan) -> None:
    many = tuple(replace(plan.files[0], id=f"{i:032x}") for i in range(230))
    steps: list[int] = []
    run = jobs.launch(ready, replace(plan, files=many, pool_id="nowhere"), lambda done, _: steps.append(done))
    assert steps == [100, 200, 230]
    assert len(task_ids(ready, run.id)) == 230
    jobs.stop(ready, run.id)
    assert jobs.get_run(ready, run.id).state == "completed"
    jobs.stop(ready, run.id)


def test_a_pool_that_comes_with_its_run_goes_with_it(ready: Account, plan: Plan) -> None:
    spec = pools.PoolSpec(id="run", dedicated=1, spot=0)
    run = jobs.launch(ready, replace(plan, files=plan.files[:1], pool_id=None, spec=spec))
    pool_id = until(lambda: jobs.get_run(ready, run.id).pool_id, what="the auto pool's id")
    assert pool_id.startswith(pools.AUTO_PREFIX)
    assert pools.pool_from({"id": pool_id}).auto
    assert ended(ready, run.id).reason == "AllTasksComplete"
    until(lambda: pool_id not in [pool.id for pool in pools.list_pools(ready)], what="the auto pool's end")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"files": ()}, "No file is chosen"),
        ({"pool_id": None}, "No pool is chosen"),
    ],
)
def test_a_plan_that_can_not_be_is_refused_and_leaves_nothing(
    ready: Account, plan: Plan, change: dict, sentence: str
) -> None:
    bad = replace(plan, **change)
    with pytest.raises(InvalidInput, match=sentence):
        jobs.launch(ready, bad)
    with pytest.raises(NotFound):
        jobs.manifest(ready, bad.run_id)


def test_a_file_without_sound_is_refused_by_name(ready: Account, plan: Plan, tmp_path: Path) -> None:
    silent = uploaded(ready, clip(tmp_path / "silent.mp4", sound=False), "silent.mp4")
    with pytest.raises(InvalidInput, match=r"silent\.mp4 can't be converted: No sound in it"):
        jobs.launch(ready, replace(plan, files=(silent,)))


def test_what_will_happen_is_told_in_sentences(ready: Account, azure_like: Account, plan: Plan) -> None:
    assert jobs.what_will_happen(ready, plan) == (
        "3 files become MP3.",
        "They run on the 5 nodes of this computer; nothing costs money.",
        "What still runs after 2 hours is stopped.",
        "1 result gets a number, as in “name (2)”, for others have the same name.",
        "Your files stay as they are.",
    )
    own = replace(
        plan,
        files=plan.files[:1],
        pool_id=None,
        spec=pools.PoolSpec(id="x"),
        wall_clock=timedelta(minutes=90),
    )
    assert jobs.what_will_happen(azure_like, own)[:4] == (
        "1 file becomes MP3.",
        "It runs on 5 Spot nodes (Standard_D2s_v5) that Azure starts for this run.",
        "The pool goes away by itself when the run ends; Azure charges for its nodes until then.",
        "What still runs after 1 hour 30 minutes is stopped.",
    )
    assert "charges" in jobs.what_will_happen(azure_like, plan)[2]
    assert not any("charges" in sentence for sentence in jobs.what_will_happen(ready, own))
    chosen = Options("small", start=0, end=10, audio=2, volume=-20, fps=25)  # MP3 has no frames
    assert (
        jobs.what_will_happen(ready, replace(plan, options=chosen))[1]
        == "From 0:00 to 0:10; sound track 2; 20 dB softer; small files."
    ), "what is left from earlier work is told before it applies"
    first, *others = plan.files
    double = replace(plan, files=(first, *(replace(one, name=first.name) for one in others)))
    assert jobs.what_will_happen(ready, double)[-2] == (
        "2 results get a number, as in “name (2)”, for others have the same name."
    )
    apart = replace(double, files=tuple(replace(f, folder=str(n)) for n, f in enumerate(double.files)))
    assert not any("number" in sentence for sentence in jobs.what_will_happen(ready, apart))
    gone = jobs.what_will_happen(ready, replace(plan, pool_id="gone"))
    assert gone[1] == "The pool gone does not exist any more: choose another."


@pytest.fixture
def own_job(ready: Account) -> Iterator[str]:
    """A job as another program makes it, on this computer's pool."""
    id = f"other-{uuid.uuid4().hex[:8]}"
    info = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    ready.batch.create_job(models.BatchJobCreateOptions(id=id, pool_info=info))
    yield id
    jobs.stop(ready, id)


def run_task(account: Account, job_id: str, command: str) -> None:
    account.batch.create_task(job_id, models.BatchTaskCreateOptions(id="t", command_line=command))
    until(lambda: account.batch.get_task(job_id, "t").state == "completed", what="the task's end")


def test_why_ffmpeg_failed_is_told_by_code_sentence_and_the_end_of_its_log(
    ready: Account, plan: Plan, tmp_path: Path
) -> None:
    broken = uploaded(ready, clip(tmp_path / "broken.mp4", 1), "broken.mp4")
    ready.blobs.get_blob_client(INPUTS, broken.blob).upload_blob(b"not a video at all" * 1000, overwrite=True)
    run = jobs.launch(ready, replace(plan, files=(broken,)))
    assert ended(ready, run.id).reason == "AllTasksComplete"
    why = jobs.failure(ready, run.id, "file-0001")
    assert why.exit_code not in (0, None)
    assert why.code == "FailureExitCode"
    assert why.message == f"The command ended with exit code {why.exit_code}."
    assert "input.mp4" in why.end_of_log
    assert "sig=" not in why.end_of_log


def test_the_log_of_another_programs_task_is_read_from_its_node(ready: Account, own_job: str) -> None:
    run_task(
        ready,
        own_job,
        python("import sys; [print('line', i, file=sys.stderr) for i in range(1, 3001)]; sys.exit(7)"),
    )
    why = jobs.failure(ready, own_job, "t")
    assert why.exit_code == 7
    lines = why.end_of_log.splitlines()
    assert (len(lines), lines[0], lines[-1]) == (40, "line 2961", "line 3000")
    run = jobs.get_run(ready, own_job)
    assert (run.ours, run.name, run.pool_id) == (False, own_job, pools.LOCAL_POOL)
    assert own_job not in [run.id for run in jobs.list_runs(ready)]


def test_a_command_that_the_node_does_not_have_is_told_as_such(ready: Account, own_job: str) -> None:
    run_task(ready, own_job, "no-such-program-anywhere")
    why = jobs.failure(ready, own_job, "t")
    assert (why.exit_code, why.code) == (None, "CommandProgramNotFound")
    assert "The node has no program “no-such-program-anywhere”." in why.message
    assert "ffmpeg" not in why.message


def test_a_service_that_keeps_failing_ends_the_launch_at_its_deadline(cloud: dict) -> None:
    with door_to(cloud) as (failing, door):
        door.refuse = 503
        began = time.monotonic()
        task = models.BatchTaskCreateOptions(id="t", command_line="x")
        with pytest.raises(Throttled):
            launching.add_tasks(failing, "j", [task], patience=2)
        assert time.monotonic() - began < 5
        assert 2 <= len(door.asked) <= 6


def test_a_launch_outlasts_a_service_that_refuses_now_and_then(
    ready: Account, cloud: dict, plan: Plan
) -> None:
    with door_to(cloud) as (shaky, door):
        door.refuse, door.every = 429, 2
        run = jobs.launch(shaky, plan)
        assert len(door.asked) > 6
    assert task_ids(ready, run.id) == ["file-0001", "file-0002", "file-0003"]
    assert ended(ready, run.id).reason == "AllTasksComplete"
