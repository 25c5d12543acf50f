"""Tasks that wait for others."""

import asyncio
from pathlib import Path

import pytest

from local_azure.batch.engine import Engine
from tests.local_azure.engine_fixtures import OK, completed, engine_at, job, pool, python, ready, task

FAIL = python("raise SystemExit(2)")


def after(*ids: str, ranges: tuple[tuple[int, int], ...] = ()) -> dict:
    spans = [{"start": start, "end": end} for start, end in ranges]
    return {"taskIds": list(ids), "taskIdRanges": spans}


async def working(engine: Engine) -> None:
    await ready(engine, pool(nodes=3))
    engine.jobs.create(job(usesTaskDependencies=True))


def start(doc: dict) -> str:
    return doc["executionInfo"]["startTime"]


def test_a_task_starts_after_all_it_depends_on(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await working(engine)
            last = task("last", dependsOn=after("A", "b", ranges=((1, 2),)))
            others = [task("a"), task("b", dependsOn=after("a")), task("01"), task("2")]
            engine.tasks.create_many("job", [last, *others])
            done = await completed(engine, "last")
            ends = {
                name: engine.tasks.get("job", name)["executionInfo"].get("endTime", "~") for name in "ab2"
            }
            assert start(done) > max(
                *ends.values(), engine.tasks.get("job", "01")["executionInfo"]["endTime"]
            )
            assert start(engine.tasks.get("job", "b")) > ends["a"]
            engine.tasks.create("job", task("late", dependsOn=after("a", ranges=((1, 2),))))
            await completed(engine, "late")

    asyncio.run(scenario())


@pytest.mark.parametrize(("action", "state"), [("satisfy", "completed"), ("block", "active")])
def test_a_failure_lets_go_only_when_told_to(tmp_path: Path, action: str, state: str):
    conditions = {"exitCodes": [{"code": 2, "exitOptions": {"dependencyAction": action}}]}

    async def scenario() -> dict:
        async with engine_at(tmp_path) as engine:
            await working(engine)
            first = task("first", FAIL, exitConditions=conditions)
            engine.tasks.create_many("job", [first, task("second", dependsOn=after("first"))])
            await completed(engine, "first")
            if state == "completed":
                await completed(engine, "second")
            engine.jobs.patch("job", {"onAllTasksComplete": "terminatejob"})
            assert engine.jobs.get("job")["state"] == ("terminating" if state == "completed" else "active")
            assert not engine.busy()
            return engine.tasks.get("job", "second")

    assert asyncio.run(scenario())["state"] == state


def test_waiting_outlives_the_service(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await working(engine)
            engine.tasks.create_many(
                "job", [task("1"), task("end", OK, dependsOn=after("x", ranges=((1, 2),)))]
            )
            await completed(engine, "1")
        async with engine_at(tmp_path) as engine:
            engine.tasks.create("job", task("x"))
            await completed(engine, "x")
            assert engine.tasks.get("job", "end")["state"] == "active"
            engine.tasks.create("job", task("2"))
            await completed(engine, "end")

    asyncio.run(scenario())
