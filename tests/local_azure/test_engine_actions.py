"""What is done to single nodes: restarted, removed, kept free of tasks and given back to them."""

import asyncio
from pathlib import Path

import pytest

from local_azure.batch.engine import Engine
from local_azure.batch.pace import Times
from tests.local_azure.engine_fixtures import (
    OK,
    SLEEP,
    all_that_goes_at_once,
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


async def working(engine: Engine, nodes: int = 1, command: str = SLEEP) -> dict:
    """A pool with a task that runs on one of its nodes; that node."""
    await ready(engine, pool(nodes=nodes))
    engine.jobs.create(job())
    engine.tasks.create("job", task(command=command))
    doc = await running(engine)
    return engine.nodes.get("pool", doc["nodeInfo"]["nodeId"])


def state(engine: Engine, node: dict) -> str:
    return engine.nodes.get("pool", node["id"])["state"]


def test_a_rebooted_node_comes_back_as_it_was(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path, slow(tmp_path, rebooting=0.3)) as engine:
            (before,) = await ready(engine, pool())
            refused("NodeNotFound", engine.actions.reboot, "pool", "tvmps_0", "requeue")
            refused("PoolNotFound", engine.actions.reboot, "other", before["id"], "requeue")
            engine.actions.reboot("POOL", before["id"].upper(), "requeue")
            during = engine.nodes.get("pool", before["id"])
            assert during == {
                **before,
                "state": "rebooting",
                "stateTransitionTime": during["stateTransitionTime"],
            }
            refused("NodeBeingRebooted", engine.actions.reboot, "pool", before["id"], "requeue")
            await soon(lambda: state(engine, before) == "idle", what="the node idle again")
            after = engine.nodes.get("pool", before["id"])
            assert after["lastBootTime"] > before["lastBootTime"]
            for name in ("ipAddress", "allocationTime", "affinityId"):
                assert after[name] == before[name]

    asyncio.run(scenario())


@pytest.mark.parametrize("option", ["requeue", "terminate", "taskcompletion"])
def test_a_reboot_does_with_tasks_as_told(tmp_path: Path, option: str):
    async def scenario() -> dict:
        go = tmp_path / "go"
        async with engine_at(tmp_path) as engine:
            node = await working(engine, command=until_there(go))
            engine.tasks.create("job", task("next"))
            engine.actions.reboot("pool", node["id"], option)
            assert state(engine, node) == "rebooting"
            if option == "taskcompletion":
                await all_that_goes_at_once()
                assert state(engine, node) == "rebooting"
                assert engine.nodes.get("pool", node["id"])["runningTasksCount"] == 1
            go.touch()
            doc = await completed(engine)
            await completed(engine, "next")
            await soon(lambda: state(engine, node) == "idle", what="an idle node")
            after = engine.nodes.get("pool", node["id"])
            assert after["runningTasksCount"] == 0
            assert after["lastBootTime"] > node["lastBootTime"]
            return doc

    info = asyncio.run(scenario())["executionInfo"]
    assert info["requeueCount"] == (1 if option == "requeue" else 0)
    assert info["result"] == ("failure" if option == "terminate" else "success")
    assert info.get("failureInfo", {}).get("code") == ("TaskEnded" if option == "terminate" else None)


def test_a_requeued_task_runs_elsewhere_while_its_node_restarts(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path, slow(tmp_path, rebooting=30)) as engine:
            node = await working(engine, nodes=2)
            engine.actions.reboot("pool", node["id"], "requeue")
            await soon(lambda: engine.tasks.get("job", "task")["executionInfo"]["requeueCount"] == 1)
            doc = await running(engine)
            assert doc["nodeInfo"]["nodeId"] != node["id"]
            assert state(engine, node) == "rebooting"
            engine.pools.delete("pool")
            await soon(lambda: engine.store.get("pools", "pool") is None, what="the pool gone in the middle")

    asyncio.run(scenario())


def test_a_reboot_runs_the_start_task_that_the_pool_has_now(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            engine.pools.create(pool(startTask=start_task(python("raise SystemExit(1)"))))
            await soon(lambda: node_states(engine) == ["starttaskfailed"], what="the failure")
            (node,) = engine.nodes.page("pool", None, None, 9)[0]
            assert node["errors"]
            engine.pools.patch("pool", {"startTask": start_task(OK)})
            engine.actions.reboot("pool", node["id"], "requeue")
            await soon(lambda: node_states(engine) == ["idle"], what="an idle node")
            node = engine.nodes.get("pool", node["id"])
            assert node["startTask"]["commandLine"] == OK
            assert (node["startTaskInfo"]["result"], node["startTaskInfo"]["exitCode"]) == ("success", 0)
            assert "errors" not in node
            engine.pools.replace_properties("pool", {})
            engine.actions.reboot("pool", node["id"], "requeue")
            await soon(lambda: node_states(engine) == ["idle"], what="an idle node")
            assert not {"startTask", "startTaskInfo"} & set(engine.nodes.get("pool", node["id"]))

    asyncio.run(scenario())


def test_a_reboot_ends_a_start_task_that_still_runs(tmp_path: Path):
    """One that nobody waits for: the node is idle meanwhile."""

    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            (node,) = await ready(engine, pool(startTask=start_task(SLEEP, waitForSuccess=False)))
            await soon(lambda: any(row.pid for row in engine.store.runs()), what="the start task")
            old = engine.store.runs()[0]
            engine.pools.patch("pool", {"startTask": start_task(OK)})
            engine.actions.reboot("pool", node["id"], "requeue")
            await soon(
                lambda: engine.nodes.get("pool", node["id"])["startTaskInfo"].get("result") == "success",
                what="the other start task's end",
            )
            assert state(engine, node) == "idle"
            assert old.token not in {row.token for row in engine.store.runs()}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("passing", "code"), [("creating", "NodeBeingCreated"), ("starting", "NodeBeingStarted")]
)
def test_a_node_that_is_not_up_is_not_restarted(tmp_path: Path, passing: str, code: str):
    async def scenario() -> None:
        async with engine_at(tmp_path, slow(tmp_path, **{passing: 30})) as engine:
            engine.pools.create(pool())
            await soon(lambda: node_states(engine) == [passing], what=f"a node {passing}")
            (node,) = engine.nodes.page("pool", None, None, 9)[0]
            refused(code, engine.actions.reboot, "pool", node["id"], "requeue")
            engine.nodes.set(engine.nodes.seated("pool", node["id"]), "unusable")
            refused("NodeStateUnusable", engine.actions.reboot, "pool", node["id"], "requeue")
            engine.nodes.set(engine.nodes.seated("pool", node["id"]), "leavingpool")
            refused("OperationInvalidForCurrentState", engine.actions.reboot, "pool", node["id"], "requeue")

    asyncio.run(scenario())


@pytest.mark.parametrize("option", ["requeue", "terminate", "taskcompletion"])
def test_a_node_taken_out_of_scheduling_goes_offline_and_comes_back(tmp_path: Path, option: str):
    async def scenario() -> dict:
        go = tmp_path / "go"
        async with engine_at(tmp_path) as engine:
            node = await working(engine, command=until_there(go))
            engine.tasks.create("job", task("next"))
            refused(
                "NodeAlreadyInTargetSchedulingState", engine.actions.enable_scheduling, "pool", node["id"]
            )
            engine.actions.disable_scheduling("pool", node["id"], option)
            doc = engine.nodes.get("pool", node["id"])
            assert (doc["state"], doc["schedulingState"]) == ("running", "disabled")
            refused(
                "NodeAlreadyInTargetSchedulingState",
                engine.actions.disable_scheduling,
                "pool",
                node["id"],
                option,
            )
            if option == "taskcompletion":
                go.touch()
            await soon(lambda: state(engine, node) == "offline", what="the node offline")
            assert engine.tasks.get("job", "next")["state"] == "active"
            assert not engine.scheduler.busy()
            info = engine.tasks.get("job", "task")["executionInfo"]
            go.touch()
            engine.actions.enable_scheduling("pool", node["id"])
            assert state(engine, node) == "idle"
            await completed(engine, "next")
            await completed(engine)
            return info

    info = asyncio.run(scenario())
    expected = {"requeue": (1, None), "terminate": (0, "failure"), "taskcompletion": (0, "success")}
    assert (info["requeueCount"], info.get("result")) == expected[option]


def test_a_node_out_of_scheduling_stays_so_over_a_reboot_and_a_restart_of_the_service(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            (node,) = await ready(engine, pool())
            engine.actions.disable_scheduling("pool", node["id"], "requeue")
            assert state(engine, node) == "offline"
            engine.actions.reboot("pool", node["id"], "requeue")
            await soon(lambda: state(engine, node) == "offline", what="the node up again")
        async with engine_at(tmp_path) as engine:
            engine.jobs.create(job())
            engine.tasks.create("job", task())
            await all_that_goes_at_once()
            assert state(engine, node) == "offline"
            assert engine.tasks.get("job", "task")["state"] == "active"
            engine.actions.enable_scheduling("pool", node["id"])
            await completed(engine)

    asyncio.run(scenario())


def test_a_reboot_goes_on_in_the_next_life_of_the_service(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path, slow(tmp_path, rebooting=60)) as engine:
            node = await working(engine)
            engine.actions.reboot("pool", node["id"], "requeue")
            await soon(lambda: not engine.tasks.runs(), what="the task's end")
        async with engine_at(tmp_path) as engine:
            await running(engine)
            assert engine.nodes.get("pool", node["id"])["lastBootTime"] > node["lastBootTime"]

    asyncio.run(scenario())


def test_named_nodes_leave_and_none_comes_instead(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path, slow(tmp_path, leaving=0.1)) as engine:
            nodes = await ready(engine, pool(nodes=3, spot=2))
            dedicated = [node["id"] for node in nodes if node["isDedicated"]]
            spot = [node["id"] for node in nodes if not node["isDedicated"]]
            refused("NodeNotFound", engine.pools.remove_nodes, "pool", [spot[0], "none"], None, "requeue")
            before = engine.pools.get("pool")
            assert before["allocationState"] == "steady"
            doc = engine.pools.remove_nodes("pool", [dedicated[1].upper(), spot[0]], "PT7M", "requeue")
            assert (doc["targetDedicatedNodes"], doc["targetLowPriorityNodes"]) == (2, 1)
            assert (doc["currentDedicatedNodes"], doc["currentLowPriorityNodes"]) == (3, 2)
            assert (doc["allocationState"], doc["resizeTimeout"]) == ("resizing", "PT7M")
            assert doc["eTag"] != before["eTag"]
            assert doc["lastModified"] == doc["allocationStateTransitionTime"]
            states = {node["id"]: node["state"] for node in engine.nodes.page("pool", None, None, 9)[0]}
            assert {name for name, now in states.items() if now == "leavingpool"} == {dedicated[1], spot[0]}
            refused("PoolBeingResized", engine.pools.remove_nodes, "pool", [spot[1]], None, "requeue")
            await soon(lambda: engine.pools.get("pool")["allocationState"] == "steady", what="a steady pool")
            left = {node["id"] for node in engine.nodes.page("pool", None, None, 9)[0]}
            assert left == {dedicated[0], dedicated[2], spot[1]}
            doc = engine.pools.get("pool")
            assert (doc["currentDedicatedNodes"], doc["currentLowPriorityNodes"]) == (2, 1)
            assert "resizeErrors" not in doc

    asyncio.run(scenario())


@pytest.mark.parametrize("option", ["requeue", "terminate", "taskcompletion"])
def test_a_removal_does_with_tasks_as_told(tmp_path: Path, option: str):
    async def scenario() -> dict:
        go = tmp_path / "go"
        async with engine_at(tmp_path) as engine:
            node = await working(engine, nodes=2, command=until_there(go))
            engine.pools.remove_nodes("pool", [node["id"]], None, option)
            if option == "taskcompletion":
                await all_that_goes_at_once()
                assert state(engine, node) == "leavingpool"
                assert engine.pools.get("pool")["allocationState"] == "resizing"
            go.touch()
            doc = await completed(engine)
            await soon(lambda: engine.pools.get("pool")["allocationState"] == "steady", what="a steady pool")
            refused("NodeNotFound", engine.nodes.get, "pool", node["id"])
            assert (doc["nodeInfo"]["nodeId"] == node["id"]) is (option != "requeue")
            return doc

    info = asyncio.run(scenario())["executionInfo"]
    assert info["requeueCount"] == (1 if option == "requeue" else 0)
    assert info["result"] == ("failure" if option == "terminate" else "success")


def test_who_removes_nodes_of_a_pool_that_lacks_some_gets_no_new_ones(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path, slow(tmp_path, allocating=30)) as engine:
            engine.pools.create(pool(nodes=2))
            engine.pools.stop_resize("pool")
            await soon(lambda: engine.pools.get("pool")["allocationState"] == "steady", what="a steady pool")
            engine.pace.times = Times(**dict.fromkeys(Times.__dataclass_fields__, 0.0))
            engine.pools.resize("pool", 1, None, None, "requeue")
            await soon(lambda: node_states(engine) == ["idle"], what="one node")
            doc = engine.pools.get("pool")
            engine.store.update("pools", {**doc, "targetDedicatedNodes": 3})
            (node,) = engine.nodes.page("pool", None, None, 9)[0]
            doc = engine.pools.remove_nodes("pool", [node["id"]], None, "requeue")
            assert doc["targetDedicatedNodes"] == 0
            await soon(lambda: engine.pools.get("pool")["allocationState"] == "steady", what="a steady pool")
            assert node_states(engine) == []

    asyncio.run(scenario())
