"""In which order the tasks of a job start: as they were added, whichever way round a client sends them."""

import asyncio
import random
from pathlib import Path

from local_azure.batch.engine import Engine
from local_azure.batch.engine.turns import Turns, turn
from tests.local_azure.engine_fixtures import (
    SLEEP,
    completed,
    engine_at,
    job,
    pool,
    ready,
    running,
    soon,
    task,
)


def waiting(engine: Engine, job_id: str = "job") -> list[str]:
    """The waiting tasks in the order in which they would start."""
    query = "SELECT id FROM tasks WHERE job = ? AND state = 'active' ORDER BY turn, number"
    return [row[0] for row in engine.store._db.execute(query, (job_id,))]


def names(first: int, last: int) -> list[str]:
    return [f"file-{number:04}" for number in range(first, last + 1)]


def test_the_tasks_of_a_collection_start_by_their_ids(tmp_path: Path):
    async def scenario() -> list[str]:
        async with engine_at(tmp_path) as engine:
            engine.jobs.create(job())
            added = [task(name) for name in reversed(names(1, 14))]
            made = engine.tasks.create_many("job", added)
            assert [doc["id"] for doc in made] == [doc["id"] for doc in added]
            await ready(engine, pool())
            for name in names(1, 14):
                await completed(engine, name)
            done = engine.tasks.page("job", None, None, 100)[0]
            return [doc["id"] for doc in sorted(done, key=lambda doc: doc["executionInfo"]["startTime"])]

    assert asyncio.run(scenario()) == names(1, 14)


def test_chunks_sent_from_the_end_start_from_the_beginning(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            engine.jobs.create(job())
            for first, last in ((201, 250), (101, 200), (1, 100)):
                engine.tasks.create_many("JOB", [task(name) for name in reversed(names(first, last))])
            assert waiting(engine) == names(1, 250)
            engine.tasks.create("job", task("another"))
            assert waiting(engine) == [*names(1, 250), "another"]

    asyncio.run(scenario())


def test_tasks_added_one_by_one_start_as_they_came(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            engine.jobs.create(job())
            for name in ("c", "a", "b"):
                engine.tasks.create("job", task(name))
            assert waiting(engine) == ["c", "a", "b"]

    asyncio.run(scenario())


def test_a_task_that_runs_again_keeps_its_turn(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job())
            engine.tasks.create_many("job", [task(name, SLEEP) for name in ("a", "b", "c")])
            await running(engine, "a")
            engine.tasks.terminate("job", "a")
            await running(engine, "b")
            engine.tasks.reactivate("job", "a")
            assert waiting(engine) == ["a", "c"]
            engine.tasks.terminate("job", "b")
            await soon(lambda: engine.tasks.get("job", "a")["state"] == "running", what="a again")

    asyncio.run(scenario())


def at(second: float) -> str:
    return f"2026-11-22T15:{int(second // 60):02}:{second % 60:010.7f}Z"


def test_a_collection_belongs_to_the_one_just_before_it_in_the_same_job():
    turns = Turns()
    assert turns.together("job", at(10)) == at(10)
    assert turns.together("JOB", at(11.5)) == at(10)
    assert turns.together("other", at(11.6)) == at(11.6)
    assert turns.together("job", at(13.5)) == at(10)
    assert turns.together("job", at(15.6)) == at(15.6)


def test_nothing_waits_for_ever_behind_collections_that_keep_coming():
    turns = Turns()
    counted = {turns.together("job", at(second)) for second in range(0, 130)}
    assert counted == {at(0), at(61), at(122)}


def test_numbers_in_ids_count_as_numbers():
    ordered = ["2-Task", "10-a", "task", "task1", "Task2b", "task10", "task10a", "task" + "9" * 25]
    shuffled = random.Random(3).sample(ordered, len(ordered))
    assert sorted(shuffled, key=lambda name: turn(at(0), name)) == ordered
