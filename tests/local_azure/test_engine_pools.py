"""Pools and nodes: how they come, change size and go; start tasks."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from local_azure.batch.engine import Engine
from local_azure.batch.pace import Pace
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
    slow,
    soon,
    start_task,
    task,
    until_there,
)


def allocation(engine: Engine, pool_id: str = "pool") -> str:
    return engine.pools.get(pool_id)["allocationState"]


def test_a_pool_is_resizing_then_steady_with_its_nodes(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            engine.pools.create(pool("Pool", nodes=2, spot=1))
            first = engine.pools.get("pool")
            assert (first["state"], first["allocationState"], first["currentDedicatedNodes"]) == (
                "active",
                "resizing",
                0,
            )
            await soon(lambda: node_states(engine) == ["idle"] * 3, what="idle nodes")
            doc = engine.pools.get("POOL")
            assert doc["allocationState"] == "steady"
            assert (doc["currentDedicatedNodes"], doc["currentLowPriorityNodes"]) == (2, 1)
            assert (doc["eTag"], doc["lastModified"]) == (first["eTag"], first["lastModified"])
            assert doc["id"] == "Pool"
            refused("PoolExists", engine.pools.create, pool("POOL"))
            refused("PoolNotFound", engine.pools.get, "other")

    asyncio.run(scenario())


def test_nodes_look_as_recorded(tmp_path: Path):
    async def scenario() -> list[dict]:
        async with engine_at(tmp_path) as engine:
            nodes = await ready(engine, pool(nodes=2, spot=1))
            root = engine.nodes.directory("pool", nodes[0]["id"])
            names = {"applications", "fsmounts", "shared", "startup", "volatile", "workitems"}
            assert {path.name for path in root.iterdir()} == names
            refused("NodeNotFound", engine.nodes.get, "pool", "tvmps_0")
            refused("PoolNotFound", engine.nodes.get, "other", nodes[0]["id"])
            return nodes

    nodes = asyncio.run(scenario())
    assert sorted(node["ipAddress"] for node in nodes) == ["10.0.0.4", "10.0.0.5", "10.0.0.6"]
    for node in nodes:
        assert re.fullmatch("tvmps_[0-9a-f]{64}_" + ("d" if node["isDedicated"] else "p"), node["id"])
        assert node["lastBootTime"] == node["nodeAgentInfo"]["lastUpdateTime"]
        assert node["virtualMachineInfo"]["imageReference"]["exactVersion"] == "latest"
        assert not {"recentTasks", "startTask", "startTaskInfo", "errors"} & set(node)
        assert list(node)[:4] == ["id", "state", "schedulingState", "stateTransitionTime"]


def test_an_empty_pool_becomes_steady_and_goes(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path, slow(tmp_path, settling=0.1, deleting=0.1)) as engine:
            engine.pools.create(pool(nodes=0))
            assert allocation(engine) == "resizing"
            await soon(lambda: allocation(engine) == "steady")
            engine.pools.delete("pool")
            doc = engine.pools.get("pool")
            assert (doc["state"], doc["allocationState"]) == ("deleting", "resizing")
            assert doc["stateTransitionTime"] == doc["lastModified"]
            refused("PoolBeingDeleted", engine.pools.delete, "pool")
            refused("PoolBeingDeleted", engine.pools.create, pool())
            refused("PoolBeingDeleted", engine.pools.patch, "pool", {})
            await soon(lambda: engine.store.get("pools", "pool") is None, what="the pool to be gone")

    asyncio.run(scenario())


def test_resize_both_ways(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            old = {node["id"] for node in await ready(engine, pool(nodes=2))}
            before = engine.pools.get("pool")
            doc = engine.pools.resize("pool", 3, None, None, "requeue")
            assert doc["allocationState"] == "resizing"
            assert doc["eTag"] != before["eTag"]
            refused("PoolBeingResized", engine.pools.resize, "pool", 1, 0, None, "requeue")
            await soon(lambda: node_states(engine) == ["idle"] * 3 and allocation(engine) == "steady")
            addresses = {node["ipAddress"] for node in engine.nodes.page("pool", None, None, 9)[0]}
            assert len(addresses) == 3
            engine.pools.resize("pool", 1, 1, "PT10M", "requeue")
            await soon(lambda: allocation(engine) == "steady")
            await soon(lambda: node_states(engine) == ["idle"] * 2)
            left = {node["id"] for node in engine.nodes.page("pool", None, None, 9)[0] if node["isDedicated"]}
            assert len(left) == 1
            assert left < old
            assert engine.pools.get("pool")["resizeTimeout"] == "PT10M"
            folders = {path.name for path in (tmp_path / "batch" / "nodes").iterdir()}
            assert len(folders) == 2

    asyncio.run(scenario())


def test_a_stopped_resize_keeps_targets_and_tells_why(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path, slow(tmp_path, allocating=60)) as engine:
            engine.pools.create(pool(nodes=0, spot=2))
            before = engine.pools.get("pool")
            stopped = engine.pools.stop_resize("pool")
            assert stopped["allocationState"] == "stopping"
            assert stopped["eTag"] == before["eTag"]
            await soon(lambda: allocation(engine) == "steady")
            doc = engine.pools.get("pool")
            assert (doc["targetLowPriorityNodes"], doc["currentLowPriorityNodes"]) == (2, 0)
            text = (
                "Desired number of low priority nodes could not be allocated due to a stop resize operation"
            )
            assert doc["resizeErrors"] == [{"code": "ResizeStopped", "message": text}]
            refused("OperationInvalidForCurrentState", engine.pools.stop_resize, "pool")
            engine.pools.resize("pool", 0, 0, None, "requeue")
            assert "resizeErrors" not in engine.pools.get("pool")

    asyncio.run(scenario())


def test_an_allocation_that_takes_too_long_is_given_up(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path, slow(tmp_path, allocating=60)) as engine:
            engine.pools.create(pool(nodes=1, resizeTimeout="PT0.1S"))
            await soon(lambda: allocation(engine) == "steady")
            assert [error["code"] for error in engine.pools.get("pool")["resizeErrors"]] == [
                "AllocationTimedOut"
            ]

    asyncio.run(scenario())


@pytest.mark.parametrize("option", ["requeue", "terminate", "taskcompletion"])
def test_what_shrinking_does_to_a_running_task(tmp_path: Path, option: str):
    go = tmp_path / "go"

    async def scenario() -> dict:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job())
            engine.tasks.create("job", task(command=until_there(go)))
            await running(engine)
            engine.pools.resize("pool", 0, None, None, option)
            if option == "taskcompletion":
                await soon(lambda: node_states(engine) == ["leavingpool"])
                assert allocation(engine) == "resizing"
                go.touch()
            await soon(lambda: allocation(engine) == "steady")
            assert node_states(engine) == []
            return engine.tasks.get("job", "task")

    doc = asyncio.run(scenario())
    info = doc["executionInfo"]
    if option == "requeue":
        assert (doc["state"], doc["previousState"], info["requeueCount"]) == ("active", "running", 1)
        assert "lastRequeueTime" in info
        assert "nodeInfo" not in doc
    elif option == "terminate":
        assert (doc["state"], info["failureInfo"]["code"]) == ("completed", "TaskEnded")
    else:
        assert (doc["state"], info["result"]) == ("completed", "success")


def test_deleting_a_pool_puts_its_tasks_back(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job())
            engine.tasks.create("job", task(command=SLEEP))
            await running(engine)
            engine.pools.delete("pool")
            await soon(lambda: engine.store.get("pools", "pool") is None, what="the pool to be gone")
            assert engine.tasks.get("job", "task")["state"] == "active"
            assert engine.jobs.get("job")["state"] == "active"
            assert engine.store.runs() == []
            assert list((tmp_path / "batch" / "nodes").iterdir()) == []
            assert not engine.busy()

    asyncio.run(scenario())


def test_patch_and_replace_properties(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool(nodes=1, startTask=start_task(OK)))
            before = engine.pools.get("pool")["eTag"]
            doc = engine.pools.patch("pool", {"metadata": [{"name": "a", "value": "b"}]})
            assert doc["metadata"] == [{"name": "a", "value": "b"}]
            assert doc["eTag"] != before
            refused("OperationInvalidForCurrentState", engine.pools.patch, "pool", {"vmSize": "other"})
            doc = engine.pools.replace_properties("pool", {"metadata": [], "startTask": None})
            assert not {"metadata", "startTask"} & set(doc)

    asyncio.run(scenario())


def test_node_counts_count_every_pool(tmp_path: Path):
    async def scenario() -> list[dict]:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool("a", nodes=2, spot=1))
            engine.pools.create(pool("b", nodes=0))
            return engine.pools.node_counts()

    first, second = asyncio.run(scenario())
    assert (first["poolId"], first["dedicated"]["idle"], first["dedicated"]["total"]) == ("a", 2, 2)
    assert (first["lowPriority"]["idle"], first["lowPriority"]["startTaskFailed"]) == (1, 0)
    assert (second["poolId"], second["dedicated"]["total"], len(second["dedicated"])) == ("b", 0, 17)


def test_start_tasks_run_one_at_a_time_before_the_nodes_are_idle(tmp_path: Path):
    lock, log = tmp_path / "lock", tmp_path / "log"
    code = (
        f"import os; os.mkdir(r'{lock}'); open(r'{log}', 'a').write(os.environ['AZ_BATCH_NODE_ID'] + chr(10)); "
        f"print('set up', 'AZ_BATCH_TASK_ID' in os.environ); os.rmdir(r'{lock}')"
    )

    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            nodes = await ready(engine, pool(nodes=4, startTask=start_task(python(code))))
            assert sorted(log.read_text().split()) == [node["id"] for node in nodes]
            info = nodes[0]["startTaskInfo"]
            assert list(info) == ["state", "startTime", "endTime", "exitCode", "result", "retryCount"]
            assert (info["state"], info["exitCode"], info["result"]) == ("completed", 0, "success")
            assert (
                nodes[0]["lastBootTime"]
                < info["startTime"]
                < info["endTime"]
                < nodes[0]["stateTransitionTime"]
            )
            startup = engine.nodes.directory("pool", nodes[0]["id"]) / "startup"
            assert (startup / "stdout.txt").read_text().strip() == "set up False"
            assert (startup / "wd").is_dir()
            assert nodes[0]["totalTasksRun"] == 0

    asyncio.run(scenario())


def test_a_failed_start_task_keeps_tasks_away(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            failing = start_task(python("raise SystemExit(7)"), maxTaskRetryCount=1)
            engine.pools.create(pool(startTask=failing))
            engine.jobs.create(job())
            engine.tasks.create("job", task())
            assert engine.busy()
            await soon(lambda: node_states(engine) == ["starttaskfailed"])
            node = engine.nodes.page("pool", None, None, 9)[0][0]
            info = node["startTaskInfo"]
            assert (info["exitCode"], info["result"], info["retryCount"]) == (7, "failure", 1)
            assert info["failureInfo"]["code"] == node["errors"][0]["code"] == "FailureExitCode"
            assert engine.tasks.get("job", "task")["state"] == "active"
            assert not engine.busy()

    asyncio.run(scenario())


def test_a_node_need_not_wait_for_its_start_task(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool(startTask=start_task(SLEEP, waitForSuccess=False)))
            await soon(lambda: engine.nodes.page("pool", None, None, 9)[0][0].get("startTaskInfo"))
            assert engine.busy()
            engine.jobs.create(job())
            engine.tasks.create("job", task())
            assert (await completed(engine))["executionInfo"]["result"] == "success"
            engine.pools.delete("pool")
            await soon(lambda: engine.store.get("pools", "pool") is None, what="the pool to be gone")
            assert engine.store.runs() == []

    asyncio.run(scenario())


def test_the_pace_may_change_while_it_runs(tmp_path: Path):
    path = tmp_path / "pace.json"
    pace = Pace(path)
    assert pace.factor() == 0
    for content, factor in (('{"realistic": 0.5}', 0.5), ('{"realistic": null}', 0), ("{", 0), ("[]", 0)):
        path.write_text(content)
        assert pace.factor() == factor
    path.write_text(json.dumps({"realistic": 0.002}))

    async def scenario() -> list[str]:
        async with engine_at(tmp_path, pace) as engine:
            await ready(engine, pool())
            node = engine.nodes.page("pool", None, None, 9)[0][0]
            return [engine.pools.get("pool")["creationTime"], node["allocationTime"], node["lastBootTime"]]

    times = asyncio.run(scenario())
    assert times == sorted(times)
