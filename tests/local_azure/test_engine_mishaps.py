"""What goes wrong in the cloud, caused on request: no nodes, no quota, nodes lost and preempted, start tasks that hang."""

import asyncio
import json
from pathlib import Path

import pytest

from local_azure.batch.engine import Engine
from local_azure.batch.quota import Limits, Quota, cores
from tests.local_azure.engine_fixtures import (
    OK,
    SLEEP,
    completed,
    engine_at,
    job,
    node_states,
    pool,
    python,
    ready,
    refused,
    running,
    soon,
    start_task,
    task,
)


def limit(folder: Path, **limits: int) -> None:
    (folder / "quota.json").write_text(json.dumps(limits))


async def steady(engine: Engine, pool_id: str = "pool") -> dict:
    await soon(lambda: engine.pools.get(pool_id)["allocationState"] == "steady", what="a steady pool")
    return engine.pools.get(pool_id)


def errors(doc: dict) -> list[str]:
    return [error["code"] for error in doc.get("resizeErrors", ())]


def node(engine: Engine, node_id: str) -> dict:
    return engine.nodes.get("pool", node_id)


def test_a_resize_beyond_the_core_quota_gets_what_fits_and_says_so(tmp_path: Path):
    async def scenario() -> None:
        limit(tmp_path, cores=6, spotCores=0)
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool("other", nodes=1))
            engine.pools.create(pool(nodes=5, spot=1))
            doc = await steady(engine)
            assert (doc["currentDedicatedNodes"], doc["targetDedicatedNodes"]) == (2, 5)
            assert doc["resizeErrors"] == [
                {
                    "code": "AccountCoreQuotaReached",
                    "message": "The specified account has reached core quota",
                },
                {
                    "code": "AccountLowPriorityCoreQuotaReached",
                    "message": "The specified account has reached low priority core quota",
                },
            ]
            engine.pools.resize("pool", 2, 0, None, "requeue")
            assert errors(await steady(engine)) == []
            limit(tmp_path, cores=100)
            engine.pools.resize("pool", 5, None, None, "requeue")
            assert (await steady(engine))["currentDedicatedNodes"] == 5

    asyncio.run(scenario())


def test_pools_and_active_jobs_have_their_quota(tmp_path: Path):
    async def scenario() -> None:
        limit(tmp_path, pools=1, jobs=2)
        async with engine_at(tmp_path) as engine:
            engine.pools.create(pool(nodes=0))
            refused("PoolQuotaReached", engine.pools.create, pool("second"))
            specification = {key: value for key, value in pool().items() if key != "id"}
            automatic = {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": specification}}
            engine.jobs.create(job("automatic", poolInfo=automatic))
            doc = engine.jobs.get("automatic")
            assert doc["state"] == "completed"
            assert doc["executionInfo"]["schedulingError"]["code"] == "AutoPoolCreationFailedWithQuotaReached"
            assert {"endTime", "startTime"} <= set(doc["executionInfo"])
            engine.jobs.create(job("one"))
            engine.jobs.create(job("two"))
            refused("ActiveJobAndScheduleQuotaReached", engine.jobs.create, job("three"))
            engine.jobs.terminate("one", None)
            await soon(lambda: engine.jobs.get("one")["state"] == "completed", what="the first job's end")
            engine.jobs.create(job("three"))
            engine.jobs.delete("automatic")
            await soon(lambda: engine.store.get("jobs", "automatic") is None, what="the job gone")

    asyncio.run(scenario())


@pytest.mark.parametrize(("asked", "code"), [("fail", "AllocationFailed"), ("timeout", "AllocationTimedOut")])
def test_an_allocation_fails_on_request(tmp_path: Path, asked: str, code: str):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            engine.pools.create(
                pool(nodes=2, spot=1, metadata=[{"name": "local:allocation", "value": asked}])
            )
            engine.jobs.create(job())
            engine.tasks.create("job", task())
            doc = await steady(engine)
            assert errors(doc) == [code, code]
            assert node_states(engine) == []
            assert not engine.busy()
            engine.pools.patch("pool", {"metadata": []})
            engine.pools.resize("pool", 1, 0, None, "requeue")
            await completed(engine)
            assert errors(engine.pools.get("pool")) == []

    asyncio.run(scenario())


def test_a_task_runs_elsewhere_when_its_node_is_lost(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool(nodes=2))
            engine.jobs.create(job())
            engine.tasks.create("job", task(command=SLEEP))
            before = await running(engine)
            lost = engine.mishaps.lose("pool")
            assert (lost["id"], lost["state"]) == (before["nodeInfo"]["nodeId"], "unusable")
            assert lost["errors"][0]["message"].startswith("The node no longer answers.")
            await soon(
                lambda: (
                    engine.tasks.get("job", "task").get("nodeInfo", {}).get("nodeId")
                    not in (None, lost["id"])
                ),
                what="another node",
            )
            after = await running(engine)
            info = after["executionInfo"]
            assert (info["retryCount"], info["requeueCount"]) == (0, 0)
            assert after["previousState"] == "active"
            refused("OperationNotValidOnNode", engine.mishaps.lose, "pool", lost["id"])
            refused("NodeStateUnusable", engine.actions.reboot, "pool", lost["id"], "requeue")
            engine.mishaps.restore("pool")
            await soon(lambda: node(engine, lost["id"])["state"] == "idle", what="the node back")
            assert "errors" not in node(engine, lost["id"])

    asyncio.run(scenario())


def test_a_preempted_node_loses_its_files_stays_listed_and_comes_back_under_its_id(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            (spot,) = await ready(engine, pool(nodes=0, spot=1, startTask=start_task(OK)))
            engine.jobs.create(job())
            engine.tasks.create("job", task("done"))
            await completed(engine, "done")
            engine.tasks.create("job", task(command=SLEEP))
            await running(engine)
            assert engine.mishaps.preempt("pool")["state"] == "preempted"
            root = engine.nodes.directory("pool", spot["id"])
            await soon(lambda: not root.exists(), what="the files gone")
            doc = engine.tasks.get("job", "task")
            assert (doc["state"], doc["previousState"]) == ("active", "running")
            assert "nodeInfo" not in doc
            assert (doc["executionInfo"]["requeueCount"], doc["executionInfo"]["retryCount"]) == (0, 0)
            refused("TaskFilesUnavailable", engine.tasks.directory, "job", "done")
            assert engine.pools.get("pool")["currentLowPriorityNodes"] == 1
            assert engine.pools.node_counts()[0]["lowPriority"]["preempted"] == 1
            assert not engine.busy()
        async with engine_at(tmp_path) as engine:
            assert node_states(engine) == ["preempted"]
            engine.mishaps.restore("pool", spot["id"])
            assert (await running(engine))["nodeInfo"]["nodeId"] == spot["id"]
            assert node(engine, spot["id"])["lastBootTime"] > spot["lastBootTime"]
            assert node(engine, spot["id"])["startTaskInfo"]["result"] == "success"

    asyncio.run(scenario())


def test_only_spot_nodes_are_preempted(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            (dedicated,) = await ready(engine, pool())
            refused("OperationNotValidOnNode", engine.mishaps.preempt, "pool", dedicated["id"])
            refused("OperationNotValidOnNode", engine.mishaps.preempt, "pool")
            refused("OperationNotValidOnNode", engine.mishaps.restore, "pool")
            refused("NodeNotFound", engine.mishaps.lose, "pool", "none")
            refused("PoolNotFound", engine.mishaps.lose, "none")

    asyncio.run(scenario())


def test_a_start_task_that_hangs_keeps_its_node_waiting_and_ends_with_the_pool(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            engine.pools.create(pool(startTask=start_task(SLEEP, maxTaskRetryCount=3)))
            engine.jobs.create(job())
            engine.tasks.create("job", task())
            await soon(lambda: any(row.pid for row in engine.store.runs()), what="the start task's process")
            assert node_states(engine) == ["waitingforstarttask"]
            (hanging,) = engine.nodes.page("pool", None, None, 9)[0]
            assert hanging["startTaskInfo"]["state"] == "running"
            refused("NodeBeingStarted", engine.actions.reboot, "pool", hanging["id"], "requeue")
            await ready(
                engine, pool("other", startTask=start_task(OK))
            )  # waits for no other pool's start task
            assert engine.tasks.get("job", "task")["state"] == "active"
            process = engine.store.runs()[0].pid
            engine.pools.delete("pool")
            await soon(lambda: engine.store.get("pools", "pool") is None, what="the pool gone")
            assert process is not None
            assert engine.store.runs() == []

    asyncio.run(scenario())


def test_a_start_task_may_succeed_when_it_is_tried_again(tmp_path: Path):
    tried = tmp_path / "tried"
    code = f"import pathlib, sys; p = pathlib.Path(r'{tried}'); again = p.exists(); p.touch(); sys.exit(not again)"

    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            failing = start_task(python(code), maxTaskRetryCount=1)
            (up,) = await ready(engine, pool(startTask=failing))
            info = up["startTaskInfo"]
            assert (info["exitCode"], info["result"], info["retryCount"]) == (0, "success", 1)
            assert "lastRetryTime" in info

    asyncio.run(scenario())


def test_a_start_task_fails_on_request_until_the_node_is_restarted(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool("bare"))
            refused("OperationNotValidOnNode", engine.mishaps.fail_start, "bare")
            (first, second) = await ready(
                engine, pool(nodes=2, startTask=start_task(OK, maxTaskRetryCount=1))
            )
            engine.jobs.create(job())
            engine.tasks.create("job", task(command=SLEEP))
            on = (await running(engine))["nodeInfo"]["nodeId"]
            assert engine.mishaps.fail_start("pool")["id"] == on  # one at work is taken
            await soon(lambda: node(engine, on)["state"] == "starttaskfailed", what="a failed start task")
            info = node(engine, on)["startTaskInfo"]
            assert (info["exitCode"], info["result"], info["retryCount"]) == (1, "failure", 1)
            assert [error["code"] for error in node(engine, on)["errors"]] == ["FailureExitCode"]
            said = (engine.nodes.directory("pool", on) / "startup" / "stderr.txt").read_text()
            assert said == "The start task was made to fail on request.\n"
            await soon(lambda: engine.tasks.runs(), what="the task on the other node")
            other = second["id"] if on == first["id"] else first["id"]
            assert (await running(engine))["nodeInfo"]["nodeId"] == other
            engine.actions.reboot("pool", on, "requeue")
            await soon(lambda: node(engine, on)["state"] == "idle", what="the node up")
            assert node(engine, on)["startTaskInfo"]["exitCode"] == 0

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ("standard_d2s_v5", 2),
        ("STANDARD_D16ads_v5", 16),
        ("standard_e8-4s_v5", 4),
        ("standard_f4", 4),
        ("odd", 1),
    ],
)
def test_a_size_tells_its_cores(size: str, count: int):
    assert cores(size) == count


def test_a_quota_is_read_as_it_is_now(tmp_path: Path):
    path = tmp_path / "quota.json"
    quota = Quota(path)
    assert quota.limits == Quota().limits == Limits()
    for text, limits in (
        ('{"cores": 4}', Limits(cores=4)),
        ('{"cores": -1, "jobs": true, "pools": "3"}', Limits()),
        ("{", Limits()),
        ("[]", Limits()),
    ):
        path.write_text(text)
        assert quota.limits == limits
    assert Limits.read("cores=4,jobs=0") == Limits(cores=4, jobs=0)
    for wrong in ("cores", "cores=", "cores=-1", "cars=1", ""):
        with pytest.raises(ValueError, match="is not a quota"):
            Limits.read(wrong)
