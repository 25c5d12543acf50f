"""What the engine's tests share: an engine on a folder, documents as the wire part hands them over, waiting."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from local_azure.batch.engine import Engine
from local_azure.batch.errors import BatchError
from local_azure.batch.pace import Pace, Times
from local_azure.batch.quota import Quota

T = TypeVar("T")
URL = "http://127.0.0.1:1"
NO_LIMIT = "P10675199DT2H48M5.4775807S"


@asynccontextmanager
async def engine_at(folder: Path, pace: Pace | None = None) -> AsyncIterator[Engine]:
    """A started engine on `folder`, stopped at the end; its quota is in the folder's quota.json."""
    tools = folder / "bin"
    tools.mkdir(parents=True, exist_ok=True)
    quota = Quota(folder / "quota.json")
    engine = Engine(folder / "batch", "localbatch", URL, tools, pace or Pace(), quota=quota)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


def slow(folder: Path, **times: float) -> Pace:
    """A pace at which the given moves take so many seconds and the others none."""
    path = folder / "pace.json"
    path.write_text('{"realistic": 1}')
    return Pace(path, Times(**dict.fromkeys(Times.__dataclass_fields__, 0.0) | times))


def refused(code: str, call: Callable[..., object], *arguments: object) -> None:
    """The call raises a BatchError with this code."""
    with pytest.raises(BatchError) as error:
        call(*arguments)
    assert error.value.code == code


async def all_that_goes_at_once() -> None:
    """Let the engine do whatever waits for nothing."""
    for _ in range(100):
        await asyncio.sleep(0)


async def soon(condition: Callable[[], T], *, seconds: float = 20, what: str = "the condition") -> T:
    """Wait, letting the engine work, for the condition's first true value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s; last: {value!r}"
        await asyncio.sleep(0.005)
    return value


def python(code: str) -> str:
    """A command line that runs Python code; the code holds no double quotes."""
    return f'"{sys.executable}" -I -S -c "{code}"'


SLEEP = python("import time; time.sleep(60)")
OK = python("")


def until_there(file: Path) -> str:
    """A command that ends once the file is there."""
    looking = f"iter(lambda: os.path.exists(r'{file}'), True)"
    return python(f"import os, time; [time.sleep(0.01) for _ in {looking}]")


def pool(pool_id: str = "pool", *, nodes: int = 1, spot: int = 0, slots: int = 1, **more: Any) -> dict:
    """A pool as the wire part makes it of a request."""
    image = {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    return {
        "id": pool_id,
        "vmSize": "standard_d2s_v5",
        "resizeTimeout": "PT15M",
        "targetDedicatedNodes": nodes,
        "targetLowPriorityNodes": spot,
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
        "taskSlotsPerNode": slots,
        "taskSchedulingPolicy": {"nodeFillType": "Spread", "jobDefaultOrder": "none"},
        "virtualMachineConfiguration": {"imageReference": image, "nodeAgentSKUId": "batch.node.ubuntu 24.04"},
        **more,
    }


def start_task(command: str, **more: Any) -> dict:
    """A start task as the wire part makes it."""
    return {"commandLine": command, "maxTaskRetryCount": 0, "waitForSuccess": True, **more}


def job(job_id: str = "job", pool_id: str = "pool", **more: Any) -> dict:
    """A job as the wire part makes it of a request."""
    return {
        "id": job_id,
        "priority": 0,
        "maxParallelTasks": -1,
        "usesTaskDependencies": False,
        "constraints": {"maxWallClockTime": NO_LIMIT, "maxTaskRetryCount": 0},
        "poolInfo": {"poolId": pool_id},
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
        **more,
    }


def task(
    task_id: str = "task",
    command: str = OK,
    *,
    retries: int = 0,
    limit: str = NO_LIMIT,
    slots: int = 1,
    **more: Any,
) -> dict:
    """A task as the wire part makes it of a request."""
    return {
        "id": task_id,
        "commandLine": command,
        "constraints": {"maxWallClockTime": limit, "retentionTime": "P7D", "maxTaskRetryCount": retries},
        "requiredSlots": slots,
        **more,
    }


def node_states(engine: Engine, pool_id: str = "pool") -> list[str]:
    """The states of a pool's nodes."""
    return [node["state"] for node in engine.nodes.page(pool_id, None, None, 1000)[0]]


async def ready(engine: Engine, document: dict) -> list[dict]:
    """Create a pool and wait until all its nodes are idle; its nodes."""
    engine.pools.create(document)
    wanted = document["targetDedicatedNodes"] + document["targetLowPriorityNodes"]
    await soon(lambda: node_states(engine, document["id"]) == ["idle"] * wanted, what="idle nodes")
    return engine.nodes.page(document["id"], None, None, 1000)[0]


async def completed(engine: Engine, task_id: str = "task", job_id: str = "job") -> dict:
    """Wait until a task has completed and its slot is free; the task."""
    await soon(lambda: engine.tasks.get(job_id, task_id)["state"] == "completed", what=f"{task_id} completed")
    await soon(
        lambda: not any(run.task_id == task_id for run in engine.tasks.runs(job_id)), what="a free slot"
    )
    return engine.tasks.get(job_id, task_id)


async def running(engine: Engine, task_id: str = "task", job_id: str = "job") -> dict:
    """Wait until a task's process runs; the task."""
    await soon(lambda: engine.tasks.get(job_id, task_id)["state"] == "running", what=f"{task_id} running")
    await soon(
        lambda: any(row.pid for row in engine.store.runs() if row.task == task_id.lower()), what="a process"
    )
    return engine.tasks.get(job_id, task_id)


def output(engine: Engine, task_id: str = "task", job_id: str = "job", name: str = "stdout.txt") -> str:
    """What a task wrote."""
    return (engine.tasks.directory(job_id, task_id) / name).read_text()
