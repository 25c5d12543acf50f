"""The recorder on the running Batch service: what it shows, what it keeps, and how little it asks."""

import random
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from azure.batch import models

from batch_core import jobs, launching, pools, watching_tasks
from batch_core.account import Account
from batch_core.errors import Throttled
from batch_core.failures import start_task_log
from batch_core.forecast import Forecaster
from batch_core.history import GONE, History
from batch_core.monitor import Recorder, Snapshot, history_path, list_job_ids, list_pool_ids
from batch_core.snapshot import Counts
from tests.core.commands import DONE, ends_with, python, takes
from tests.core.proxy import Door, Fault, door_to
from tests.waiting import until

EVERY = 0.1


@pytest.fixture(scope="module")
def ready(account: Account) -> Account:
    """The account with this computer's pool and its nodes."""
    pools.ensure_local_pool(account)
    nodes = lambda: [node.state for node in account.batch.list_nodes(pools.LOCAL_POOL)]  # noqa: E731
    until(lambda: len(nodes()) == 5, what="five nodes")
    return account


@pytest.fixture
def watch(ready: Account, tmp_path: Path) -> Iterator[Callable[..., Recorder]]:
    """Start a recorder; all are stopped at the end."""
    with ExitStack() as stack:

        def start(pool_id: str | None, job_id: str | None, account: Account = ready) -> Recorder:
            recorder = Recorder(account, pool_id, job_id, tmp_path, every=EVERY)
            recorder.start()
            stack.callback(recorder.stop)
            return recorder

        yield start


@pytest.fixture
def job(ready: Account) -> Iterator[Callable[..., str]]:
    """Make a job of shell tasks, as another program would; deleted at the end."""
    made: list[str] = []

    def make(*commands: str, pool: str = pools.LOCAL_POOL, retries: int = 0) -> str:
        id = f"watched-{uuid.uuid4().hex[:8]}"
        info = models.BatchPoolInfo(pool_id=pool)
        limits = models.BatchJobConstraints(max_task_retry_count=retries)
        ready.batch.create_job(models.BatchJobCreateOptions(id=id, pool_info=info, constraints=limits))
        made.append(id)
        tasks = [
            models.BatchTaskCreateOptions(id=f"t{i:04}", command_line=command)
            for i, command in enumerate(commands)
        ]
        launching.add_tasks(ready, id, tasks)
        return id

    yield make
    left = {choice.id for choice in list_job_ids(ready)}
    for id in made:
        if id in left:
            ready.batch.begin_delete_job(id, polling_interval=1)


def seen(recorder: Recorder, condition: Callable[[Snapshot], object], what: str) -> Snapshot:
    def picture() -> Snapshot | None:
        shot = recorder.snapshot()
        return shot if shot and condition(shot) else None

    found = until(picture, seconds=30, what=what)
    assert found
    return found


def test_a_job_is_followed_from_its_first_task_to_its_last(ready: Account, watch, job) -> None:
    job_id = job(ends_with(3), *[takes(0.3)] * 7)
    recorder = watch(None, job_id)
    shot = seen(recorder, lambda s: s.counts == Counts(succeeded=7, failed=1), "eight tasks done")
    assert shot.counts.total == 8
    assert shot.pool is not None
    assert (shot.pool.id, shot.slots) == (pools.LOCAL_POOL, 1)
    assert shot.job is not None
    assert (shot.job.id, shot.job.state, shot.job.ours) == (job_id, "active", False)
    assert [node.order for node in shot.nodes] == [0, 1, 2, 3, 4]
    assert sorted(span.task_id for span in shot.spans) == [f"t{i:04}" for i in range(8)]
    assert {span.outcome for span in shot.spans if span.task_id != "t0000"} == {"done"}
    failed = next(task for task in shot.tasks if task.id == "t0000")
    assert (failed.state, failed.result, failed.exit_code) == ("completed", "failure", 3)
    assert failed.failure == "FailureExitCode"
    assert {span.node_id for span in shot.spans} <= {node.id for node in shot.nodes}
    for span in shot.spans:
        task = next(task for task in shot.tasks if task.id == span.task_id)
        assert (span.start, span.end, span.node_id, span.attempt) == (
            task.started,
            task.ended,
            task.node_id,
            1,
        )


def test_nodes_show_what_runs_on_them(ready: Account, watch, job) -> None:
    job_id = job(takes(30))
    recorder = watch(pools.LOCAL_POOL, job_id)
    shot = seen(
        recorder, lambda s: s.counts.running == 1 and any(n.slots_used for n in s.nodes), "a busy node"
    )
    (busy,) = [node for node in shot.nodes if node.slots_used]
    (span,) = shot.spans
    assert (busy.state, busy.slots_used, span.node_id, span.end, span.outcome) == (
        "running",
        1,
        busy.id,
        None,
        "running",
    )
    ready.batch.terminate_task(job_id, "t0000")
    shot = seen(recorder, lambda s: s.counts.failed == 1, "the task's end")
    assert shot.spans[0].end is not None
    assert shot.tasks[0].failure == "TaskEnded"


def test_every_attempt_is_kept_also_those_between_two_looks(
    ready: Account, watch, job, tmp_path: Path
) -> None:
    job_id = job(ends_with(1), retries=2)
    seen(watch(None, job_id), lambda s: s.counts.failed == 1, "the last retry")
    history = History(history_path(tmp_path, ready))
    scope = history.scope("job", job_id, None)
    assert scope
    attempts = history.attempts(scope)
    assert [one.number for one in attempts] == [1, 2, 3]
    assert {one.outcome for one in attempts} == {"failed"}


def test_what_was_seen_survives_a_restart_and_the_end_of_job_and_pool(ready: Account, watch, job) -> None:
    pool_id = f"short-{uuid.uuid4().hex[:8]}"
    pools.create(ready, pools.PoolSpec(id=pool_id, dedicated=1, spot=0))
    job_id = job(DONE, takes(60), pool=pool_id)
    recorder = watch(pool_id, job_id)
    before = seen(recorder, lambda s: s.counts == Counts(succeeded=1, running=1), "one done, one running")
    recorder.stop()
    ready.batch.begin_delete_job(job_id, polling_interval=1).wait(20)
    pools.delete(ready, pool_id)
    until(lambda: pool_id not in [id for id, _ in list_pool_ids(ready)], what="the pool's end")
    after = seen(watch(pool_id, job_id), lambda s: s.version > 0, "a picture without job and pool")
    assert (after.job, after.pool, after.tasks, after.nodes) == (None, None, (), ())
    assert [(s.task_id, s.node_id, s.start) for s in after.spans] == [
        (s.task_id, s.node_id, s.start) for s in before.spans
    ]
    assert sorted(span.outcome for span in after.spans) == ["done", "stopped"]
    assert all(span.end for span in after.spans), "what ran when it was last seen has ended"
    assert after.stays, "node-hours are not lost with the pool"
    assert all(stay.end and stay.end >= before.taken_at for stay in after.stays)


def test_a_deleted_pool_sends_its_tasks_back_and_a_later_one_of_its_name_is_another(
    ready: Account, watch, job
) -> None:
    pool_id = f"twice-{uuid.uuid4().hex[:8]}"
    job_id = job(takes(60), pool=pool_id)
    pools.create(ready, pools.PoolSpec(id=pool_id, dedicated=1, spot=0, start_task=takes(1)))
    recorder = watch(None, job_id)
    before = seen(recorder, lambda s: s.counts.running == 1 and s.nodes and s.phases, "the task's run")
    pools.delete(ready, pool_id)
    shot = seen(recorder, lambda s: s.pool is None and s.counts.active == 1, "the pool's end")
    assert [span.outcome for span in shot.spans] == ["requeued"]
    assert [(phase.state, phase.start) for phase in shot.phases][: len(before.phases)] == [
        (phase.state, phase.start) for phase in before.phases
    ]
    assert shot.places == before.places == {before.nodes[0].id: 0}
    hours = Forecaster().numbers(shot).node_hours
    assert hours >= Forecaster().numbers(before).node_hours > 0, "what was used up stays used up"
    jobs.stop(ready, job_id)
    pools.create(ready, pools.PoolSpec(id=pool_id, dedicated=2, spot=0))
    try:
        alone = watch(pool_id, None)
        seen(alone, lambda s: len(s.nodes) == 2, "the later pool's nodes")
        again = seen(watch(None, job_id), lambda s: s.version > 0, "the old job's picture")
        assert (again.pool, again.nodes, again.places) == (None, (), before.places)
        assert again.phases == shot.phases
        assert Forecaster().numbers(again).node_hours == pytest.approx(hours)
    finally:
        pools.delete(ready, pool_id)


def test_of_a_pool_alone_it_is_told_when_its_nodes_were_at_work(ready: Account, watch, job) -> None:
    pool_id = f"alone-{uuid.uuid4().hex[:8]}"
    pools.create(ready, pools.PoolSpec(id=pool_id, dedicated=1, spot=0))
    recorder = watch(pool_id, None)
    try:
        seen(recorder, lambda s: [node.state for node in s.nodes] == ["idle"], "an idle node")
        job(takes(1), pool=pool_id)
        busy = seen(
            recorder, lambda s: [p for p in s.phases if p.state == "running" and p.end], "the node's work"
        )
        assert {phase.node_id for phase in busy.phases} == {busy.nodes[0].id}
    finally:
        pools.delete(ready, pool_id)


def test_at_the_end_the_history_tells_every_attempt_that_the_service_tells_of(
    ready: Account, watch, job, tmp_path: Path
) -> None:
    dice = random.Random(7)
    commands = [ends_with(dice.choice([0, 0, 1])) if dice.random() < 0.7 else takes(0.2) for _ in range(24)]
    job_id = job(*commands, retries=1)
    first = watch(None, job_id)
    seen(first, lambda s: s.counts.succeeded + s.counts.failed >= 6, "some tasks done")
    first.stop()
    until(lambda: ready.batch.get_job_task_counts(job_id).task_counts.completed >= 12, what="more tasks done")
    ready.batch.delete_task(job_id, "t0003")
    shot = seen(
        watch(None, job_id), lambda s: s.counts.total == s.counts.succeeded + s.counts.failed == 23, "all"
    )
    history = History(history_path(tmp_path, ready))
    scope = history.scope("job", job_id, None)
    assert scope
    told = {(one.task_id, one.number): one for one in history.attempts(scope)}
    for task in ready.batch.list_tasks(job_id):
        info = task.execution_info
        assert info is not None
        last = told[task.id, info.retry_count + 1]
        assert (last.start, last.end) == (info.start_time, info.end_time)
        assert last.outcome == ("done" if info.result == "success" else "failed")
        assert (task.id, info.retry_count + 2) not in told
        assert all(told[task.id, number].outcome == "failed" for number in range(1, info.retry_count + 1))
    drawn = {(span.task_id, span.attempt) for span in shot.spans}
    assert drawn == set(told), "also tries that were over between two looks"
    assert not [span for span in shot.spans if span.end is None]


def test_a_deleted_task_goes_from_the_picture_and_stays_in_the_history(
    ready: Account, watch, job, tmp_path: Path
) -> None:
    job_id = job("x", "x", "x", pool="nowhere")
    recorder = watch(None, job_id)
    seen(recorder, lambda s: s.counts.active == 3, "three waiting tasks")
    ready.batch.delete_task(job_id, "t0001")
    shot = seen(recorder, lambda s: s.counts.total == 2, "two tasks")
    assert [task.id for task in shot.tasks] == ["t0000", "t0002"]
    history = History(history_path(tmp_path, ready))
    scope = history.scope("job", job_id, None)
    assert scope
    assert [s.state for s in history.states(scope) if s.id == "t0001"] == ["active", GONE]


@pytest.fixture
def door(ready: Account, cloud: dict) -> Iterator[tuple[Account, Door]]:
    """An account behind a door that counts and refuses."""
    with door_to(cloud) as through:
        yield through


def test_more_than_a_page_of_tasks_is_read_from_the_accounts_own_address(
    ready: Account, watch, job, door
) -> None:
    account, asked = door
    job_id = job(*["x"] * 1100, pool="nowhere")
    recorder = watch(None, job_id, account)
    seen(recorder, lambda s: s.counts.active == 1100, "1,100 tasks")
    assert asked.count("skiptoken") >= 1, "the link to the next page names the host behind the door"
    ready.batch.create_task(
        job_id, models.BatchTaskCreateOptions(id="late", command_line="x", display_name="Late one")
    )
    shot = seen(recorder, lambda s: s.counts.active == 1101, "one more task")
    assert shot.tasks[-1].name == "Late one"


def test_after_the_first_list_only_changes_are_asked_for(watch, job, door) -> None:
    account, asked = door
    job_id = job("x", "x", pool="nowhere")
    recorder = watch(None, job_id, account)
    seen(recorder, lambda s: s.counts.active == 2, "two tasks")
    until(lambda: asked.count("$filter=stateTransitionTime ge DateTime'") >= 5, what="five deltas")
    whole = asked.count(f"/jobs/{job_id}/tasks?") - asked.count("$filter=stateTransitionTime")
    assert whole == 1


def test_after_a_restart_the_history_is_shown_with_its_age_until_all_tasks_are_listed(
    watch, job, door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_tasks, "SMALL", 3)
    account, asked = door
    job_id = job(*"xxxx", pool="nowhere")
    first = watch(None, job_id, account)
    before = seen(first, lambda s: s.counts.active == 4, "four waiting tasks")
    first.stop()
    with closing(sqlite3.connect(history_path(tmp_path, account))) as history, history:
        history.execute("UPDATE seen SET at = at - 3600000000")  # as if that had been an hour ago
    asked.judge = lambda call: Fault("status", 503) if call.path.endswith(f"/{job_id}/tasks") else None
    again = watch(None, job_id, account)
    shot = seen(again, lambda s: s.asking and s.error, "the history's picture, with what is wrong now")
    assert (shot.counts, list(shot.tasks)) == (before.counts, list(before.tasks))
    assert shot.job
    assert not shot.job.over
    assert 3600 <= (before.taken_at - shot.taken_at).total_seconds() + 2 < 3700
    assert 3590 < shot.age() < 3700
    asked.judge = None
    now = seen(again, lambda s: not s.asking, "the service's picture")
    assert (now.counts, list(now.tasks), now.error) == (before.counts, list(before.tasks), None)
    assert now.age() < 60


@pytest.mark.parametrize("changed", [False, True], ids=["as it was", "a task was deleted"])
def test_a_job_whose_end_is_in_the_history_is_counted_and_not_listed_again(
    ready: Account, watch, job, door, changed: bool
) -> None:
    account, asked = door
    job_id = job(DONE, DONE, ends_with(3))
    first = watch(None, job_id, account)
    seen(first, lambda s: s.counts == Counts(succeeded=2, failed=1), "the tasks' end")
    jobs.stop(ready, job_id)
    before = seen(first, lambda s: s.job and s.job.state == "completed", "the job's end")
    first.stop()
    if changed:
        ready.batch.delete_task(job_id, "t0000")
    asked.asked.clear()
    after = seen(watch(None, job_id, account), lambda s: len(s.tasks) == 3 - changed, "all tasks")
    assert {row.id: row for row in after.tasks} == {
        row.id: row for row in before.tasks if not (changed and row.id == "t0000")
    }
    lists = [one for one in asked.asked if f"/jobs/{job_id}/tasks?" in one]
    assert ["result eq 'failure'" in one for one in lists] == [not changed], "a list of what failed will do"


def test_many_readers_cost_no_more_calls_than_one_and_unchanged_pictures_keep_their_version(
    watch, job, door
) -> None:
    account, asked = door
    recorder = watch(None, job("x", pool="nowhere"), account)
    first = seen(recorder, lambda s: s.counts.active == 1, "the task")
    asked.asked.clear()
    pictures: set[float] = set()

    def looked() -> bool:
        for _ in range(500):
            shot = recorder.snapshot()
            assert shot is not None
            assert shot.version == first.version
            assert shot.tasks is first.tasks
            pictures.add(shot.taken)
        return len(pictures) > 6

    until(looked, what="six newer pictures")
    assert asked.count("/tasks?") <= len(pictures) + 1, "a list of tasks makes a picture, a look does not"


def test_it_sleeps_when_nobody_looks_and_nothing_runs_and_wakes_up_when_somebody_does(watch, door) -> None:
    account, asked = door
    recorder = watch(pools.LOCAL_POOL, None, account)
    seen(recorder, lambda s: len(s.nodes) == 5, "five nodes")
    until(lambda: recorder.asleep, what="sleep")
    slept, calls = time.monotonic(), len(asked.asked)
    shot = seen(recorder, lambda s: s.taken > slept, "a new picture")
    polls = {shot.taken}
    until(lambda: polls.add(recorder.snapshot().taken) or len(polls) > 3, what="three more")
    assert len(asked.asked) - calls <= 2 * (len(polls) + 1), "each picture costs two calls, sleep none"


def test_a_job_that_is_over_is_not_asked_for_its_tasks_again(ready: Account, watch, job, door) -> None:
    account, asked = door
    job_id = job(DONE)
    recorder = watch(None, job_id, account)
    seen(recorder, lambda s: s.counts.succeeded == 1, "the task's end")
    jobs.stop(ready, job_id)
    seen(recorder, lambda s: s.job and s.job.state == "completed", "the job's end")
    nodes = asked.count("/nodes?")
    until(lambda: recorder.snapshot() and asked.count("/nodes?") > nodes + 2, what="two more polls")
    tasks = asked.count(f"/jobs/{job_id}")
    until(lambda: recorder.snapshot() and asked.count("/nodes?") > nodes + 6, what="four more polls")
    assert asked.count(f"/jobs/{job_id}") == tasks


def test_a_refusing_service_leaves_the_last_picture_with_its_age_and_is_asked_as_it_wishes(
    watch, job, door
) -> None:
    account, asked = door
    recorder = watch(None, job("x", pool="nowhere"), account)
    good = seen(recorder, lambda s: s.counts.active == 1, "the task")
    asked.refuse, asked.retry_after = 429, "1"
    bad = seen(recorder, lambda s: s.error, "the refusal")
    assert isinstance(bad.error, Throttled)
    assert (bad.tasks, bad.counts) == (good.tasks, good.counts)
    calls = len(asked.asked)
    until(lambda: recorder.snapshot() and bad.age() > 1.5, what="an older picture")
    assert len(asked.asked) - calls <= 2, "Retry-After and the growing wait are kept to"
    asked.refuse = None
    assert seen(recorder, lambda s: s.error is None, "recovery").tasks == good.tasks


def test_a_job_that_is_not_there_is_no_error(watch) -> None:
    shot = seen(watch(None, "never-was"), lambda s: s.version > 0, "an empty picture")
    assert (shot.job, shot.pool, shot.tasks, shot.spans, shot.error) == (None, None, (), (), None)


def test_without_room_for_a_history_the_picture_is_shown_all_the_same(
    ready: Account, tmp_path: Path, job
) -> None:
    home = tmp_path / "home"
    home.write_text("a file where a folder should be")
    recorder = Recorder(ready, None, job(DONE), home, every=EVERY)
    recorder.start()
    try:
        assert seen(recorder, lambda s: s.counts.succeeded == 1, "the task").spans[0].outcome == "done"
    finally:
        recorder.stop()


def test_pickers_list_what_others_made_newest_job_first(ready: Account, job) -> None:
    first, second = job(), job()
    listed = [choice.id for choice in list_job_ids(ready)]
    assert listed.index(second) < listed.index(first)
    assert (pools.LOCAL_POOL, "active") in list_pool_ids(ready)


def test_no_key_and_no_signature_is_in_the_history(ready: Account, watch, job, tmp_path: Path) -> None:
    seen(watch(None, job(DONE)), lambda s: s.counts.succeeded == 1, "the task")
    dump = "\n".join(sqlite3.connect(history_path(tmp_path, ready)).iterdump())
    assert "t0000" in dump
    assert ready.batch_endpoint.key not in dump
    assert "sig=" not in dump


@pytest.mark.parametrize("code", [0, 9])
def test_a_nodes_start_is_told_phase_by_phase_and_so_is_why_it_failed(
    ready: Account, watch, code: int
) -> None:
    pool_id = f"starts-{uuid.uuid4().hex[:8]}"
    command = python(f"import sys, time; time.sleep(1); sys.stderr.write('no ffmpeg'); sys.exit({code})")
    recorder = watch(pool_id, None)
    seen(recorder, lambda s: s.version > 0, "a picture without a pool")
    pools.create(ready, pools.PoolSpec(id=pool_id, dedicated=1, spot=0, start_task=command))
    try:
        last = "starttaskfailed" if code else "idle"
        shot = seen(recorder, lambda s: [n.state for n in s.nodes] == [last], f"a node that is {last}")
        waiting = [phase for phase in shot.phases if phase.state == "waitingforstarttask"]
        assert [(phase.node_id, phase.end is not None) for phase in waiting] == [(shot.nodes[0].id, True)]
        told = "The start task failed. The command ended with exit code 9."
        assert shot.nodes[0].error == (told if code else "")
        assert start_task_log(ready, pool_id, shot.nodes[0].id) == "no ffmpeg"
        assert start_task_log(ready, pool_id, "tvmps_gone_d") == ""
    finally:
        pools.delete(ready, pool_id)
    gone = seen(recorder, lambda s: s.pool is None, "the pool's end")
    assert gone.nodes == ()
    assert all(phase.end for phase in gone.phases)
