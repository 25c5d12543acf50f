"""Fleets that are only played: through the same engine, the same way each time, with nothing on the disk."""

import asyncio
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from local_azure.batch.engine import Engine, scheduler
from local_azure.batch.errors import BatchError
from local_azure.batch.simulation import SIMULATE, Simulation
from local_azure.batch.wire.pools import pool_document
from tests.local_azure.engine_fixtures import (
    all_that_goes_at_once,
    completed,
    engine_at,
    job,
    node_states,
    output,
    pool,
    python,
    ready,
    refused,
    soon,
    start_task,
    task,
)
from tests.local_azure.service_running import POOL

QUICK = (0.02, 0.1)


def fleet(
    nodes: int = 20, *, spot: int = 0, slots: int = 1, more: dict | None = None, **simulate: Any
) -> dict:
    simulate = {"seconds": QUICK, **simulate}
    metadata = [{"name": SIMULATE, "value": json.dumps(simulate)}]
    return pool(nodes=nodes, spot=spot, slots=slots, metadata=metadata, **(more or {}))


def docs(engine: Engine, job_id: str = "job") -> list[dict]:
    return engine.tasks.page(job_id, None, None, 1000)[0]


async def all_completed(engine: Engine, job_id: str = "job") -> list[dict]:
    def over() -> bool:
        counts = engine.jobs.task_counts(job_id)["taskCounts"]
        return not counts["active"] and not counts["running"] and not engine.tasks.runs(job_id)

    await soon(over, seconds=60, what="the end of all tasks")
    return docs(engine, job_id)


def many(count: int, **more: Any) -> list[dict]:
    return [task(f"t-{number:03}", **more) for number in range(count)]


async def steady(engine: Engine) -> None:
    await soon(lambda: engine.pools.get("pool")["allocationState"] == "steady", what="a steady pool")


def told(doc: dict) -> tuple:
    """What must be the same each time: exit code and retries."""
    info = doc["executionInfo"]
    return doc["id"], info["exitCode"], info["result"], info["retryCount"], info["requeueCount"]


def test_hundreds_of_tasks_run_with_retries_and_leave_nothing_on_the_disk(tmp_path: Path):
    async def scenario(folder: Path) -> list[tuple]:
        async with engine_at(folder) as engine:
            await ready(engine, fleet(slots=2, failures=0.3, seed=7))
            engine.jobs.create(job())
            engine.tasks.create_many("job", many(300, retries=1))
            done = await all_completed(engine)
            nodes = engine.nodes.page("pool", None, None, 1000)[0]
            assert sum(node["totalTasksRun"] for node in nodes) == len(done) == 300
            assert [node["runningTasksCount"] for node in nodes] == [0] * 20
            assert list(engine.nodes_dir.iterdir()) == []
            assert not engine.busy()
            return [told(doc) for doc in done]

    first = asyncio.run(scenario(tmp_path / "first"))
    assert asyncio.run(scenario(tmp_path / "second")) == first
    exits = Counter((code, retries) for _, code, _, retries, _ in first)
    assert set(exits) == {(0, 0), (0, 1), (1, 1)}
    assert 60 <= exits[0, 1] + exits[1, 1] <= 120  # 90 of 300 are to fail at first
    assert all(result == ("failure" if code else "success") for _, code, result, _, _ in first)


def test_what_runs_how_long_depends_on_the_seed_and_the_ids_alone():
    simulation = Simulation.read('{"seed": 3, "seconds": [2, 5], "failures": 0.5, "preemptions": 0.5}')
    plays = [simulation.play("job", f"task-{number}", 0) for number in range(400)]
    assert [simulation.play("JOB", f"Task-{number}", 0) for number in range(400)] == plays
    assert all(2 <= play.seconds <= 5 and play.exit_code in (0, 1) for play in plays)
    assert 150 < sum(play.exit_code for play in plays) < 250
    assert 150 < sum(play.taken_at is None for play in plays) < 250
    assert [simulation.play("job", f"task-{number}", 1) for number in range(400)] != plays
    assert Simulation.read('{"seed": 4}').play("job", "task", 0) != Simulation.read("{}").play(
        "job", "task", 0
    )


@pytest.mark.parametrize(
    "text",
    [
        *("", "fast", "[]", "1", '{"second": [1, 2]}', '{"seconds": 5}', '{"seconds": [3, 1]}'),
        *('{"seconds": [-1, 1]}', '{"seconds": ["1", "2"]}', '{"seconds": [1, 2, 3]}', '{"failures": 1.1}'),
        *('{"failures": true}', '{"preemptions": "0.1"}', '{"seed": 1.5}', '{"boot": [0, 1e9]}'),
        *('{"failures": NaN}', '{"start_task_failures": -1}'),
    ],
)
def test_a_malformed_value_is_refused_with_its_reason(text: str):
    with pytest.raises(BatchError) as refusal:
        pool_document({"id": "pool", **POOL, "metadata": [{"name": SIMULATE, "value": text}]})
    assert refusal.value.status == 400
    assert SIMULATE in dict(refusal.value.values)["Reason"]


def test_a_pool_becomes_simulated_or_real_only_while_it_is_empty(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, fleet(1))
            await ready(engine, pool("real"))
            metadata = fleet(1)["metadata"]
            refused("OperationInvalidForCurrentState", engine.pools.patch, "pool", {"metadata": None})
            refused("OperationInvalidForCurrentState", engine.pools.patch, "real", {"metadata": metadata})
            engine.pools.patch("pool", {"metadata": [*metadata, {"name": "note", "value": "kept"}]})
            engine.pools.resize("pool", 0, 0, None, "requeue")
            await soon(lambda: node_states(engine) == [], what="an empty pool")
            await steady(engine)
            engine.pools.patch("pool", {"metadata": None})

    asyncio.run(scenario())


def test_spot_nodes_are_taken_back_and_return_under_their_ids_while_tasks_wait_again(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            nodes = {node["id"] for node in await ready(engine, fleet(3, spot=12, preemptions=0.4))}
            engine.jobs.create(job())
            seen: set[str] = set()
            record = engine.mishaps.preempt

            def preempt(pool_id: str, node_id: str | None = None) -> dict:
                doc = record(pool_id, node_id)
                seen.add(doc["id"])
                assert (doc["state"], doc["isDedicated"]) == ("preempted", False)
                return doc

            engine.mishaps.preempt = preempt  # type: ignore[method-assign]
            engine.tasks.create_many("job", many(150))
            done = await all_completed(engine)
            assert len(seen) > 5
            assert {doc["executionInfo"]["result"] for doc in done} == {"success"}
            # The service counts as a requeue what a user's request led to, and a retry what failed: neither here.
            assert {told(doc)[3:] for doc in done} == {(0, 0)}
            assert not any("lastRequeueTime" in doc["executionInfo"] for doc in done)
            assert sum(engine.store.column("tasks", "tries", "job", doc["id"]) for doc in done) > len(done)
            await soon(lambda: node_states(engine) == ["idle"] * 15, what="all nodes back")
            assert {node["id"] for node in engine.nodes.page("pool", None, None, 1000)[0]} == nodes

    asyncio.run(scenario())


def test_a_preempted_node_returns_by_itself_only_where_chance_preempts(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, fleet(0, spot=1, seconds=(60, 60)))
            engine.jobs.create(job())
            engine.tasks.create("job", task())
            await soon(lambda: engine.tasks.runs(), what="a run")
            engine.mishaps.preempt("pool")
            await soon(lambda: not engine.tasks.runs(), what="the run's end")
            info = engine.tasks.get("job", "task")
            assert (info["state"], info["executionInfo"]["requeueCount"]) == ("active", 0)
            await all_that_goes_at_once()
            assert node_states(engine) == ["preempted"]
            engine.mishaps.restore("pool")
            await soon(lambda: engine.tasks.runs(), what="a new run")
        async with engine_at(tmp_path) as engine:  # a job's disabling is a user's request
            await soon(lambda: engine.tasks.runs(), what="a run in the service's next life")
            engine.jobs.disable("job", "requeue")
            await soon(lambda: engine.jobs.get("job")["state"] == "disabled", what="a disabled job")
            info = engine.tasks.get("job", "task")["executionInfo"]
            assert info["requeueCount"] == 1
            assert "lastRequeueTime" in info

    asyncio.run(scenario())


def test_nodes_take_their_time_and_some_start_tasks_fail_the_same_each_time(tmp_path: Path):
    simulate = {
        "boot": (0.01, 0.05),
        "start_task_failures": 0.3,
        "more": {"startTask": start_task("prepare")},
    }

    async def scenario(folder: Path) -> list[str]:
        async with engine_at(folder) as engine:
            engine.pools.create(fleet(40, **simulate))
            settled = {"idle", "starttaskfailed"}
            await soon(
                lambda: len(node_states(engine)) == 40 and set(node_states(engine)) <= settled, what="starts"
            )
            nodes = engine.nodes.page("pool", None, None, 1000)[0]
            failed = [node for node in nodes if node["state"] == "starttaskfailed"]
            assert all(node["startTaskInfo"]["exitCode"] == 1 and node["errors"] for node in failed)
            directory = engine.nodes.directory("pool", failed[0]["id"])
            assert (directory / "startup" / "stderr.txt").read_text() == "Simulated failure: exit code 1.\n"
            return sorted(node["ipAddress"] for node in failed)

    first = asyncio.run(scenario(tmp_path / "first"))
    assert 5 < len(first) < 20
    assert asyncio.run(scenario(tmp_path / "second")) == first


def test_files_are_made_up_when_somebody_looks_and_only_grow(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, fleet(0, spot=1, seconds=(1.2, 1.2)))
            engine.jobs.create(job())
            engine.tasks.create("job", task())
            refused("TaskFilesUnavailable", engine.tasks.directory, "job", "task")
            await soon(lambda: engine.tasks.runs(), what="a run")
            first = output(engine)
            await completed(engine)
            last = output(engine)
            assert last.startswith(first)
            assert last.splitlines()[1:] == ["1 s: frame 25", "Ended with exit code 0."]
            assert output(engine, name="stderr.txt") == ""
            engine.mishaps.preempt("pool")
            await all_that_goes_at_once()
            refused("TaskFilesUnavailable", engine.tasks.directory, "job", "task")
            engine.mishaps.restore("pool")
            await soon(lambda: node_states(engine) == ["idle"], what="the node")
            refused("TaskFilesUnavailable", engine.tasks.directory, "job", "task")

    asyncio.run(scenario())


def test_the_time_limit_and_a_termination_end_a_simulated_task(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, fleet(2, seconds=(60, 60)))
            engine.jobs.create(job())
            engine.tasks.create_many("job", [task("short", limit="PT0.5S"), task("ended"), task("next")])
            await soon(lambda: engine.tasks.get("job", "ended")["state"] == "running", what="its run")
            engine.tasks.terminate("job", "ended")
            for name in ("short", "ended"):
                info = (await completed(engine, name))["executionInfo"]
                assert (info["exitCode"], info["failureInfo"]["code"]) == (137, "TaskEnded")
            await soon(lambda: engine.tasks.get("job", "next")["state"] == "running", what="the next run")

    asyncio.run(scenario())


def test_real_pools_beside_a_simulated_one_run_programs(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, fleet(5))
            await ready(engine, pool("real"))
            engine.jobs.create(job())
            engine.jobs.create(job("real", "real"))
            engine.tasks.create_many("job", many(20))
            engine.tasks.create("real", task(command=python("print('really')")))
            await completed(engine, job_id="real")
            assert output(engine, job_id="real") == "really\n"
            assert len(list(engine.nodes_dir.iterdir())) == 1
            await all_completed(engine)

    asyncio.run(scenario())


def test_the_job_of_higher_priority_goes_first_then_the_older(tmp_path: Path):
    async def scenario() -> list[str]:
        async with engine_at(tmp_path) as engine:
            by_age = {"taskSchedulingPolicy": {"nodeFillType": "Spread", "jobDefaultOrder": "creationtime"}}
            engine.pools.create(fleet(0, seconds=(0, 0), more=by_age))
            for job_id, priority in (("old", 0), ("young", 0), ("low", -1), ("high", 5)):
                engine.jobs.create(job(job_id, priority=priority))
                engine.tasks.create_many(job_id, many(3))
            await steady(engine)
            engine.pools.resize("pool", 1, None, None, "requeue")
            starts = {}
            for job_id in ("old", "young", "low", "high"):
                for doc in await all_completed(engine, job_id):
                    starts[doc["executionInfo"]["startTime"]] = job_id
            return [starts[when] for when in sorted(starts)]

    assert asyncio.run(scenario()) == [name for name in ("high", "old", "young", "low") for _ in range(3)]


def test_tasks_are_started_little_by_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scheduler, "_LONGEST", -1.0)  # one in each step

    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, fleet(30, seconds=(60, 60)))
            engine.jobs.create(job())
            engine.tasks.create_many("job", many(40))
            steps = [0]
            while steps[-1] < 30:
                await asyncio.sleep(0)
                steps.append(len(engine.tasks.runs()))
            assert max(after - before for before, after in pairwise(steps)) == 1

    asyncio.run(scenario())
