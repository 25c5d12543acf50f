"""A disk that is full: what can't be written is refused in words, what was acknowledged stays, and it goes on by itself."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_azure.batch import reserve
from local_azure.batch.database import DiskFullError
from tests.local_azure.engine_fixtures import (
    OK,
    all_that_goes_at_once,
    completed,
    engine_at,
    job,
    node_states,
    output,
    pool,
    python,
    ready,
    running,
    soon,
    start_task,
    task,
    until_there,
)
from tests.local_azure.service_running import VERSION, RunningService

pytest_plugins = ["tests.local_azure.service_fixtures"]


def test_no_task_starts_without_room_and_all_do_when_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job())
            with monkeypatch.context() as patch:
                patch.setattr(reserve, "RESERVE_BYTES", 2**60)
                engine.tasks.create("job", task())
                await all_that_goes_at_once()
                assert engine.tasks.get("job", "task")["state"] == "active"
            assert (await completed(engine))["executionInfo"]["result"] == "success"

    asyncio.run(scenario())


if os.name == "posix":
    import resource

    class FullDisk:
        """While it is entered no file of this process and of those it starts can grow: a limit, not a mock."""

        def __enter__(self) -> None:
            self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, self.before[1]))

        def __exit__(self, *_: object) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, self.before)

    def test_what_ends_while_nothing_can_be_written_is_written_down_when_there_is_room(tmp_path: Path):
        go = tmp_path / "go"

        async def scenario() -> None:
            async with engine_at(tmp_path) as engine:
                await ready(engine, pool(nodes=2))
                engine.jobs.create(job(onAllTasksComplete="terminatejob"))
                engine.tasks.create("job", task(command=until_there(go)))
                await running(engine)
                (run,) = engine.tasks.runs()
                with FullDisk():
                    for change in (
                        lambda: engine.tasks.create("job", task("refused")),
                        lambda: engine.pools.create(pool("refused")),
                        lambda: engine.tasks.terminate("job", "task"),
                        lambda: engine.pools.resize("pool", 1, None, None, "requeue"),
                    ):
                        with pytest.raises(DiskFullError, match="The disk is full"):
                            change()
                    go.touch()
                    await soon(lambda: run._process is None, what="the program's end")
                    assert engine.tasks.get("job", "task")["state"] == "running"
                assert (await completed(engine))["executionInfo"]["result"] == "success"
                await soon(lambda: engine.jobs.get("job")["state"] == "completed", what="the job's end")
                assert engine.jobs.task_counts("job")["taskCounts"]["completed"] == 1
                assert node_states(engine) == ["idle", "idle"]
                assert engine.pools.get("pool")["allocationState"] == "steady"

        asyncio.run(scenario())

    def test_a_run_that_can_not_be_written_down_is_ended_and_starts_anew(tmp_path: Path):
        async def scenario() -> None:
            async with engine_at(tmp_path) as engine:
                await ready(engine, pool())
                engine.jobs.create(job())
                launch, lifted = engine.runner.launch, FullDisk()

                def launched(work):
                    process = launch(work)
                    lifted.__enter__()
                    return process

                engine.runner.launch = launched  # type: ignore[method-assign]
                left = python("open('left', 'w').close(); import time; time.sleep(60)")
                engine.tasks.create("job", task(command=left))
                await soon(lambda: [run for run in engine.tasks.runs() if run.ending], what="the run's end")
                engine.runner.launch = launch  # type: ignore[method-assign]
                lifted.__exit__()
                doc = await running(engine)
                assert (doc["executionInfo"]["retryCount"], doc["executionInfo"]["requeueCount"]) == (0, 0)
                assert [row.pid for row in engine.store.runs()] == [
                    run._process.identity.pid for run in engine.tasks.runs() if run._process
                ]

        asyncio.run(scenario())

    def test_nodes_come_and_tasks_start_when_there_is_room_again(
        tmp_path: Path, caplog: pytest.LogCaptureFixture
    ):
        async def scenario() -> None:
            async with engine_at(tmp_path) as engine:
                engine.pools.create(pool(nodes=2, startTask=start_task(OK)))
                engine.jobs.create(job())
                engine.tasks.create_many("job", [task("a"), task("b")])
                with FullDisk():
                    said = "pool pool is sized waits for room on the disk"
                    await soon(lambda: said in caplog.text, what="the pool's wait")
                    assert node_states(engine) == []
                    assert engine.nodes.seats("pool") == []
                await completed(engine, "a")
                await completed(engine, "b")
                engine.pools.delete("pool")
                await soon(lambda: engine.store.get("pools", "pool") is None, what="the pool gone")

        asyncio.run(scenario())

    def test_a_task_that_finds_no_room_fails_with_its_own_words(tmp_path: Path):
        async def scenario() -> tuple[dict, str]:
            async with engine_at(tmp_path) as engine:
                await ready(engine, pool())
                engine.jobs.create(job())
                code = (
                    "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
                    "open('big', 'wb').write(bytes(10**6))"
                )
                engine.tasks.create("job", task(command=python(code)))
                doc = await completed(engine)
                return doc["executionInfo"], output(engine, name="stderr.txt")

        info, errors = asyncio.run(scenario())
        assert (info["result"], info["failureInfo"]["code"]) == ("failure", "FailureExitCode")
        assert "File too large" in errors

    def test_a_request_that_can_not_be_written_is_an_error_in_words(service: RunningService):
        body = b'{"id": "full", "poolInfo": {"poolId": "none"}}'
        with FullDisk():
            answer = service.send("POST", "/jobs?" + VERSION, body=body)
            assert service.send("GET", "/jobs?" + VERSION).status_code == 200
        assert answer.status_code == 500
        assert answer.json()["code"] == "InternalError"
        assert answer.json()["message"]["value"].startswith("The disk is full: ")
        assert service.send("POST", "/jobs?" + VERSION, body=body).status_code == 201
        with FullDisk():
            assert service.send("DELETE", "/jobs/full?" + VERSION).status_code == 500
        assert service.send("DELETE", "/jobs/full?" + VERSION).status_code == 202


if hasattr(os, "geteuid") and os.geteuid() == 0:  # only root may mount

    @pytest.fixture
    def small_disk(tmp_path: Path) -> Iterator[Path]:
        """A disk of 32 MB."""
        folder = tmp_path / "disk"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], check=True)
        yield folder
        subprocess.run(["umount", folder], check=True)

    def test_a_task_that_fills_its_nodes_disk_fails_and_what_it_left_can_be_deleted(small_disk: Path):
        async def scenario() -> None:
            async with engine_at(small_disk) as engine:
                await ready(engine, pool())
                engine.jobs.create(job())
                fill = "f = open('big', 'wb', buffering=0); [f.write(bytes(2**16)) for _ in range(2**10)]"
                engine.tasks.create("job", task(command=python(fill)))
                doc = await completed(engine)
                assert doc["executionInfo"]["failureInfo"]["code"] == "FailureExitCode"
                engine.tasks.create("job", task("next"))
                assert engine.tasks.get("job", "next")["state"] == "active"
                engine.tasks.delete("job", "task")
                assert (await completed(engine, "next"))["executionInfo"]["result"] == "success"

        asyncio.run(scenario())
