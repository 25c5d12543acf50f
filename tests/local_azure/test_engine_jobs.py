"""Jobs: their ends, their limits, their auto pools, what they count; and who gets the nodes."""

import asyncio
import re
from pathlib import Path

import pytest

from local_azure.batch.engine import Engine
from tests.local_azure.engine_fixtures import (
    OK,
    SLEEP,
    completed,
    engine_at,
    job,
    node_states,
    output,
    pool,
    python,
    ready,
    refused,
    running,
    soon,
    task,
)

FAIL = python("raise SystemExit(3)")


def state(engine: Engine, job_id: str = "job") -> str | None:
    doc = engine.store.get("jobs", job_id)
    return doc["state"] if doc else None


def test_a_new_job_is_active_with_its_times(tmp_path: Path):
    async def scenario() -> dict:
        async with engine_at(tmp_path) as engine:
            engine.jobs.create(job("Job", "Nowhere"))
            refused("JobExists", engine.jobs.create, job("JOB"))
            refused("JobNotFound", engine.jobs.get, "other")
            return engine.jobs.get("job")

    doc = asyncio.run(scenario())
    assert doc["executionInfo"] == {"startTime": doc["stateTransitionTime"], "poolId": "Nowhere"}
    assert doc["creationTime"] < doc["lastModified"] == doc["stateTransitionTime"]
    assert "previousState" not in doc
    assert list(doc)[:7] == [
        "id",
        "eTag",
        "lastModified",
        "creationTime",
        "state",
        "stateTransitionTime",
        "priority",
    ]


def test_terminate_ends_what_runs_and_leaves_what_waits(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job())
            engine.tasks.create_many("job", [task("runs", SLEEP), task("waits", SLEEP)])
            await running(engine, "runs")
            before = engine.jobs.get("job")["eTag"]
            doc = engine.jobs.terminate("job", None)
            assert (doc["state"], doc["previousState"]) == ("terminating", "active")
            assert doc["executionInfo"]["terminateReason"] == "UserTerminate"
            assert "endTime" not in doc["executionInfo"]
            assert doc["eTag"] != before
            refused("JobBeingTerminated", engine.tasks.create, "job", task("more"))
            await soon(lambda: state(engine) == "completed", what="the job completed")
            done = engine.jobs.get("job")
            assert (done["previousState"], done["eTag"]) == ("active", doc["eTag"])
            assert done["executionInfo"]["endTime"] == done["stateTransitionTime"]
            assert engine.tasks.get("job", "runs")["executionInfo"]["failureInfo"]["code"] == "TaskEnded"
            assert engine.tasks.get("job", "waits")["state"] == "active"
            for call, arguments in (
                (engine.jobs.terminate, ("job", None)),
                (engine.jobs.patch, ("job", {"priority": 1})),
                (engine.tasks.create, ("job", task("more"))),
                (engine.tasks.reactivate, ("job", "runs")),
            ):
                refused("JobCompleted", call, *arguments)
            assert not engine.busy()
            assert node_states(engine) == ["idle"]

    asyncio.run(scenario())


def test_delete_under_a_running_task_leaves_nothing(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            node = (await ready(engine, pool()))[0]
            engine.jobs.create(job())
            engine.tasks.create("job", task(command=SLEEP))
            await running(engine)
            before = engine.jobs.get("job")["eTag"]
            engine.jobs.delete("job")
            doc = engine.jobs.get("job")
            assert (doc["state"], doc["eTag"]) == ("deleting", before)
            assert "terminateReason" not in doc["executionInfo"]
            refused("JobBeingDeleted", engine.jobs.delete, "job")
            refused("JobBeingDeleted", engine.jobs.create, job())
            await soon(lambda: state(engine) is None, what="the job to be gone")
            assert list((engine.nodes.directory("pool", node["id"]) / "workitems").iterdir()) == []
            assert engine.store.runs() == []
            engine.jobs.create(job())
            assert engine.tasks.page("job", None, None, 10) == ([], None)

    asyncio.run(scenario())


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_job_may_end_with_its_last_task(tmp_path: Path, when: str):
    async def scenario() -> dict:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool(nodes=2))
            engine.jobs.create(job())
            engine.jobs.patch(
                "job", {"onAllTasksComplete": "terminatejob" if when == "before" else "noaction"}
            )
            assert state(engine) == "active"
            engine.tasks.create_many("job", [task("a", OK), task("b", FAIL)])
            if when == "after":
                await completed(engine, "a")
                await completed(engine, "b")
                assert state(engine) == "active"
                engine.jobs.patch("job", {"onAllTasksComplete": "terminatejob"})
            await soon(lambda: state(engine) == "completed", what="the job completed")
            return engine.jobs.get("job")

    doc = asyncio.run(scenario())
    assert doc["executionInfo"]["terminateReason"] == "AllTasksComplete"


def test_deleting_the_last_open_task_ends_the_job_too(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job(onAllTasksComplete="terminatejob", maxParallelTasks=1))
            engine.tasks.create_many("job", [task("a", OK), task("b", slots=2)])
            await completed(engine, "a")
            engine.tasks.delete("job", "b")
            await soon(lambda: state(engine) == "completed", what="the job completed")

    asyncio.run(scenario())


def test_the_wall_clock_limit_ends_a_job(tmp_path: Path):
    async def scenario() -> dict:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job())
            engine.tasks.create("job", task(command=SLEEP))
            await running(engine)
            engine.jobs.patch("job", {"constraints": {"maxWallClockTime": "PT0.1S", "maxTaskRetryCount": 0}})
            await soon(lambda: state(engine) == "completed", what="the job completed")
            assert engine.tasks.get("job", "task")["executionInfo"]["failureInfo"]["code"] == "TaskEnded"
            return engine.jobs.get("job")

    assert asyncio.run(scenario())["executionInfo"]["terminateReason"] == "MaxWallClockTimeExpiry"


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({}, "TaskFailed"),
        ({"exitCodes": [{"code": 3, "exitOptions": {"jobAction": "none"}}]}, None),
        ({"exitCodeRanges": [{"start": 2, "end": 4, "exitOptions": {"jobAction": "none"}}]}, None),
        ({"default": {"jobAction": "none"}}, None),
        ({"preProcessingError": {"jobAction": "none"}}, "TaskFailed"),
    ],
)
def test_what_a_failure_does_to_the_job(tmp_path: Path, conditions: dict, reason: str | None):
    async def scenario() -> dict:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job(onTaskFailure="performexitoptionsjobaction"))
            engine.tasks.create("job", task(command=FAIL, exitConditions=conditions))
            await completed(engine)
            await soon(lambda: state(engine) != "terminating")
            return engine.jobs.get("job")

    doc = asyncio.run(scenario())
    assert doc["state"] == ("completed" if reason else "active")
    assert doc["executionInfo"].get("terminateReason") == reason


def test_a_failure_disables_the_job_when_told_to(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job(onTaskFailure="performexitoptionsjobaction"))
            conditions = {"default": {"jobAction": "disable"}}
            engine.tasks.create_many("job", [task(command=FAIL, exitConditions=conditions), task("waits")])
            await completed(engine)
            await soon(lambda: state(engine) == "disabled", what="a disabled job")
            assert engine.tasks.get("job", "waits")["state"] == "active"
            engine.jobs.enable("job")
            await completed(engine, "waits")

    asyncio.run(scenario())


def test_an_auto_pool_lives_as_long_as_its_job(tmp_path: Path):
    automatic = {"autoPoolIdPrefix": "auto", "poolLifetimeOption": "job", "keepAlive": False}
    automatic["pool"] = {name: value for name, value in pool(nodes=2).items() if name != "id"}

    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            engine.jobs.create(job(poolInfo={"autoPoolSpecification": automatic}))
            pool_id = engine.jobs.get("job")["executionInfo"]["poolId"]
            assert re.fullmatch("auto_[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", pool_id)
            engine.tasks.create("job", task())
            await completed(engine)
            assert engine.pools.get(pool_id)["currentDedicatedNodes"] == 2
            engine.jobs.patch("job", {"onAllTasksComplete": "terminatejob"})
            await soon(lambda: engine.store.get("pools", pool_id) is None, what="the pool to be gone")
            assert state(engine) == "completed"
            kept = automatic | {"keepAlive": True}
            engine.jobs.create(job("kept", poolInfo={"autoPoolSpecification": kept}))
            engine.jobs.delete("kept")
            await soon(lambda: state(engine, "kept") is None, what="the job to be gone")
            assert len(engine.pools.page(None, None, 10)[0]) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("option", ["requeue", "terminate", "wait"])
def test_disable_and_enable(tmp_path: Path, option: str):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job())
            engine.tasks.create_many("job", [task("first", SLEEP), task("second", OK)])
            await running(engine, "first")
            engine.jobs.disable("job", option)
            assert state(engine) == "disabling"
            if option == "wait":
                engine.tasks.terminate("job", "first")
            await soon(lambda: state(engine) == "disabled", what="the job disabled")
            assert engine.jobs.get("job")["previousState"] == "active"
            first = engine.tasks.get("job", "first")
            assert first["state"] == ("active" if option == "requeue" else "completed")
            assert first["executionInfo"]["requeueCount"] == (1 if option == "requeue" else 0)
            assert engine.tasks.get("job", "second")["state"] == "active"
            assert not engine.busy()
            if option == "requeue":
                engine.tasks.terminate("job", "first")
            engine.jobs.enable("job")
            await completed(engine, "second")

    asyncio.run(scenario())


def test_counts_are_exact(tmp_path: Path):
    async def scenario() -> dict:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool(slots=4))
            engine.jobs.create(job())
            made = [task("ok", OK, slots=4), task("bad", FAIL, slots=2), task("run", SLEEP, slots=3)]
            engine.tasks.create_many("job", [*made, task("wait", OK, slots=4)])
            await completed(engine, "bad")
            await running(engine, "run")
            return engine.jobs.task_counts("job")

    counts = asyncio.run(scenario())
    assert counts["taskCounts"] == {"active": 1, "running": 1, "completed": 2, "succeeded": 1, "failed": 1}
    assert counts["taskSlotCounts"] == {
        "active": 4,
        "running": 3,
        "completed": 6,
        "succeeded": 4,
        "failed": 2,
    }


def test_higher_priority_goes_first(tmp_path: Path):
    async def scenario() -> list[str]:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            for name, priority in (("low", -5), ("middle", 0), ("high", 100)):
                engine.jobs.create(job(name, priority=priority))
            engine.jobs.create(job("first", priority=1000))
            engine.tasks.create("first", task(command=SLEEP))
            await running(engine, job_id="first")
            for name in ("low", "middle", "high"):
                engine.tasks.create_many(name, [task("a"), task("b")])
            engine.tasks.terminate("first", "task")
            ends = {}
            for name in ("low", "middle", "high"):
                for one in ("a", "b"):
                    ends[f"{name} {one}"] = (await completed(engine, one, name))["executionInfo"]["startTime"]
            return sorted(ends, key=lambda name: ends[name])

    assert asyncio.run(scenario()) == ["high a", "high b", "middle a", "middle b", "low a", "low b"]


@pytest.mark.parametrize(("policy", "spread_over"), [("Spread", 2), ("pack", 1)])
def test_spread_and_pack(tmp_path: Path, policy: str, spread_over: int):
    async def scenario() -> set[str]:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool(nodes=2, slots=2, taskSchedulingPolicy={"nodeFillType": policy}))
            engine.jobs.create(job())
            engine.tasks.create_many("job", [task("a", SLEEP), task("b", SLEEP)])
            docs = [await running(engine, name) for name in ("a", "b")]
            node = engine.nodes.get("pool", docs[0]["nodeInfo"]["nodeId"])
            assert node["state"] == "running"
            assert node["runningTasksCount"] == node["runningTaskSlotsCount"] == 3 - spread_over
            return {doc["nodeInfo"]["nodeId"] for doc in docs}

    assert len(asyncio.run(scenario())) == spread_over


def test_slots_and_parallel_limits_hold(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool(slots=4))
            engine.jobs.create(job(maxParallelTasks=2))
            engine.tasks.create_many(
                "job", [task("big", SLEEP, slots=3), task("two", slots=2), task("one", SLEEP)]
            )
            await running(engine, "big")
            await running(engine, "one")
            assert engine.tasks.get("job", "two")["state"] == "active"
            engine.tasks.terminate("job", "big")
            assert (await completed(engine, "two"))["executionInfo"]["result"] == "success"
            engine.tasks.create_many("job", [task("x", SLEEP), task("y", SLEEP)])
            await running(engine, "x")
            assert engine.tasks.get("job", "y")["state"] == "active"
            engine.jobs.patch("job", {"maxParallelTasks": -1})
            await running(engine, "y")

    asyncio.run(scenario())


def test_a_task_gets_the_node_it_likes(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            nodes = await ready(engine, pool(nodes=3))
            engine.jobs.create(job())
            for number, node in enumerate(reversed(nodes)):
                liked = {"affinityId": node["affinityId"]}
                engine.tasks.create("job", task(f"t{number}", affinityInfo=liked))
                assert (await completed(engine, f"t{number}"))["nodeInfo"]["nodeId"] == node["id"]

    asyncio.run(scenario())


def test_a_node_remembers_its_recent_tasks(tmp_path: Path):
    async def scenario() -> dict:
        async with engine_at(tmp_path) as engine:
            node = (await ready(engine, pool()))[0]
            engine.jobs.create(job())
            engine.tasks.create_many("job", [task(f"t{n:02}", FAIL if n == 11 else OK) for n in range(12)])
            await completed(engine, "t11")
            assert output(engine, "t00") == ""
            return engine.nodes.get("pool", node["id"])

    node = asyncio.run(scenario())
    assert (node["totalTasksRun"], node["totalTasksSucceeded"], node["runningTasksCount"]) == (12, 11, 0)
    assert [entry["taskId"] for entry in node["recentTasks"]] == [f"t{n:02}" for n in range(2, 12)]
    assert node["recentTasks"][-1]["taskState"] == "completed"
    assert node["recentTasks"][-1]["executionInfo"]["exitCode"] == 3
    assert node["state"] == "idle"
