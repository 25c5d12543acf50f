"""Tasks as real processes: their records from active to completed, their files, their environment."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from local_azure.batch.engine import Engine
from local_azure.batch.errors import BatchError
from tests.local_azure.engine_fixtures import (
    OK,
    SLEEP,
    URL,
    completed,
    engine_at,
    job,
    output,
    pool,
    python,
    ready,
    running,
    soon,
    task,
)


def run_task(folder: Path, document: dict, **of_job: object) -> tuple[dict, str, str]:
    """Run one task on one node: its record, its stdout and stderr."""

    async def scenario() -> tuple[dict, str, str]:
        async with engine_at(folder) as engine:
            await ready(engine, pool())
            engine.jobs.create(job(**of_job))
            engine.tasks.create("job", document)
            done = await completed(engine, document["id"])
            return done, output(engine, document["id"]), output(engine, document["id"], name="stderr.txt")

    return asyncio.run(scenario())


def test_a_task_runs_and_completes(tmp_path: Path):
    code = "import sys; print(1 + 1); print(3, file=sys.stderr)"
    done, out, err = run_task(tmp_path, task("Task-1", python(code)))
    assert (out.strip(), err.strip()) == ("2", "3")
    assert (done["state"], done["previousState"]) == ("completed", "running")
    info, node = done["executionInfo"], done["nodeInfo"]
    assert list(info) == ["startTime", "endTime", "exitCode", "result", "retryCount", "requeueCount"]
    assert (info["exitCode"], info["result"], info["retryCount"], info["requeueCount"]) == (
        0,
        "success",
        0,
        0,
    )
    times = [done["creationTime"], done["previousStateTransitionTime"], info["startTime"], info["endTime"]]
    assert times == sorted(times)
    assert info["endTime"] == done["stateTransitionTime"]
    assert done["lastModified"] == done["creationTime"]
    assert node["affinityId"] == f"TVM:{node['nodeId']}"
    assert node["taskRootDirectory"] == str(Path("workitems", "job", "job-1", "Task-1"))
    assert (
        node["taskRootDirectoryUrl"]
        == f"{URL}/pools/pool/nodes/{node['nodeId']}/files/workitems/job/job-1/Task-1"
    )


def test_a_new_task_waits_with_its_counts(tmp_path: Path):
    async def scenario() -> dict:
        async with engine_at(tmp_path) as engine:
            engine.jobs.create(job(pool_id="none"))
            created = engine.tasks.create("JOB", task())
            assert created == engine.tasks.get("job", "TASK")
            return created

    doc = asyncio.run(scenario())
    assert doc["state"] == "active"
    assert doc["executionInfo"] == {"retryCount": 0, "requeueCount": 0}
    assert not {"nodeInfo", "previousState", "result"} & set(doc)
    assert list(doc)[:6] == ["id", "eTag", "creationTime", "lastModified", "state", "stateTransitionTime"]


def test_a_failing_task_says_so(tmp_path: Path):
    done, _, _ = run_task(tmp_path, task(command=python("raise SystemExit(3)")))
    info = done["executionInfo"]
    assert (info["exitCode"], info["result"]) == (3, "failure")
    assert info["failureInfo"] == {
        "category": "UserError",
        "code": "FailureExitCode",
        "message": "The task exited with an exit code representing a failure",
        "details": [
            {"name": "Message", "value": "The task process exited with an unexpected exit code"},
            {"name": "AdditionalErrorCode", "value": "FailureExitCode"},
        ],
    }


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("no-such-program -x", "CommandProgramNotFound"),
        ("./missing.sh", "CommandProgramNotFound"),
        (python("") + " a\0b", "CommandLaunchFailed"),
        ("'unclosed" if os.name == "posix" else "", "CommandLaunchFailed"),
    ],
)
def test_a_program_that_can_not_start_is_no_exit_code(tmp_path: Path, command: str, code: str):
    done, _, _ = run_task(tmp_path, task(command=command, retries=3))
    info = done["executionInfo"]
    assert info["failureInfo"]["code"] == code
    assert info["retryCount"] == 0
    assert "exitCode" not in info


def test_a_command_runs_without_a_shell(tmp_path: Path):
    done, out, _ = run_task(
        tmp_path, task(command=python("import sys; print(sys.argv[1:])") + " $HOME ; * 'a'")
    )
    words = ["$HOME", ";", "*", "a" if os.name == "posix" else "'a'"]
    assert out.strip() == str(words)
    assert done["executionInfo"]["result"] == "success"


def test_a_tool_of_ours_comes_first_on_the_path(tmp_path: Path):
    tool = tmp_path / "bin" / ("ffmpeg.bat" if os.name == "nt" else "ffmpeg")
    tool.parent.mkdir()
    tool.write_text("@echo ours" if os.name == "nt" else "#!/bin/sh\necho ours")
    tool.chmod(0o755)
    _, out, _ = run_task(tmp_path, task(command="ffmpeg -version"))
    assert out.strip() == "ours"


def test_a_task_sees_only_its_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZURE_STORAGE_KEY", "secret")
    monkeypatch.setenv("SOME_TOKEN", "secret")
    code = "import os; [print(name, os.environ[name], sep='=') for name in sorted(os.environ)]"
    document = task(command=python(code), environmentSettings=[{"name": "BOTH", "value": "of the task"}])
    common = [{"name": "BOTH", "value": "of the job"}, {"name": "COMMON", "value": "1"}]
    done, out, _ = run_task(tmp_path, document, commonEnvironmentSettings=common)
    seen = dict(line.split("=", 1) for line in out.splitlines())
    assert (seen["BOTH"], seen["COMMON"]) == ("of the task", "1")
    assert "secret" not in out
    named = {name for name in seen if not name.startswith("AZ_BATCH_")} - {"BOTH", "COMMON"}
    if os.name == "posix":
        assert named <= {
            "PATH",
            "HOME",
            "TMPDIR",
            "LANG",
            "LC_CTYPE",
            "__CF_USER_TEXT_ENCODING",
            "PWD",
            "SHLVL",
        }
    directory = Path(seen["AZ_BATCH_TASK_DIR"])
    assert seen["HOME"] == str(directory)
    assert Path(seen["AZ_BATCH_TASK_WORKING_DIR"]) == directory / "wd"
    assert directory == Path(seen["AZ_BATCH_NODE_ROOT_DIR"]) / "workitems" / "job" / "job-1" / "task"
    assert seen["AZ_BATCH_NODE_ID"] == done["nodeInfo"]["nodeId"]
    names = ("POOL_ID", "JOB_ID", "TASK_ID", "ACCOUNT_NAME", "ACCOUNT_URL", "NODE_IS_DEDICATED")
    values = ["pool", "job", "task", "localbatch", URL, "true"]
    assert [seen[f"AZ_BATCH_{name}"] for name in names] == values


def test_retries_run_the_task_again_in_an_empty_directory(tmp_path: Path):
    code = "import os, sys; print(os.listdir('.')); open('left', 'w').close(); sys.exit(1)"
    done, out, _ = run_task(tmp_path, task(command=python(code), retries=2))
    info = done["executionInfo"]
    assert (info["retryCount"], info["requeueCount"], info["exitCode"]) == (2, 0, 1)
    assert info["lastRetryTime"] <= info["startTime"]
    assert out.strip() == "[]"


def test_a_retry_that_succeeds_is_a_success(tmp_path: Path):
    flag = tmp_path / "flag"
    code = f"import pathlib, sys; p = pathlib.Path(r'{flag}'); old = p.exists(); p.touch(); sys.exit(not old)"
    done, _, _ = run_task(tmp_path, task(command=python(code), retries=-1))
    assert (done["executionInfo"]["retryCount"], done["executionInfo"]["result"]) == (1, "success")


def test_the_wall_clock_limit_ends_a_task_for_good(tmp_path: Path):
    done, _, _ = run_task(tmp_path, task(command=SLEEP, limit="PT0.3S", retries=5))
    info = done["executionInfo"]
    assert info["failureInfo"]["code"] == "TaskEnded"
    assert info["exitCode"] == (137 if os.name == "posix" else -1073741510)
    assert info["retryCount"] == 0


async def prepared(engine: Engine, command: str = SLEEP) -> None:
    """A running task in a job on one node."""
    await ready(engine, pool())
    engine.jobs.create(job())
    engine.tasks.create("job", task(command=command))
    await running(engine)


def test_terminate_completes_at_once_and_ends_the_whole_family(tmp_path: Path):
    child = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    code = f"{child}; print(p.pid, flush=True); p.wait()"

    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await prepared(engine, python(code))
            grandchild = psutil.Process(
                int(await soon(lambda: output(engine).strip(), what="the child's id"))
            )
            doc = engine.tasks.terminate("job", "task")
            assert (doc["state"], doc["executionInfo"]["failureInfo"]["code"]) == ("completed", "TaskEnded")
            assert doc["eTag"] == engine.tasks.get("job", "task")["eTag"]
            await completed(engine)
            assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE
            with pytest.raises(BatchError, match="already in a completed state") as refused:
                engine.tasks.terminate("job", "task")
            assert refused.value.code == "TaskCompleted"

    asyncio.run(scenario())


def test_what_a_task_leaves_running_ends_with_it(tmp_path: Path):
    child = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    _, out, _ = run_task(tmp_path, task(command=python(f"{child}; print(p.pid)")))
    assert not psutil.pid_exists(int(out)) or psutil.Process(int(out)).status() == psutil.STATUS_ZOMBIE


def test_a_task_terminated_before_it_ran_can_be_reactivated(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            engine.jobs.create(job())
            engine.tasks.create("job", task())
            with pytest.raises(BatchError) as refused:
                engine.tasks.reactivate("job", "task")
            assert refused.value.code == "TaskNotCompleted"
            ended = engine.tasks.terminate("job", "task")
            assert ended["nodeInfo"] == {}
            assert ended["previousState"] == "active"
            expected = ["endTime", "failureInfo", "result", "retryCount", "requeueCount"]
            assert list(ended["executionInfo"]) == expected
            again = engine.tasks.reactivate("job", "task")
            assert (again["state"], again["previousState"]) == ("active", "completed")
            assert again["executionInfo"] == {"retryCount": 0, "requeueCount": 0}
            assert "nodeInfo" not in again
            await ready(engine, pool())
            await completed(engine)
            with pytest.raises(BatchError) as refused:
                engine.tasks.reactivate("job", "task")
            assert refused.value.code == "TaskSucceeded"

    asyncio.run(scenario())


def test_two_runs_of_a_task_never_overlap(tmp_path: Path):
    lock = tmp_path / "lock"
    take = f"import os, time; os.mkdir(r'{lock}'); time.sleep(60)"

    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool(nodes=2))
            engine.jobs.create(job())
            engine.tasks.create("job", task(command=python(take)))
            await soon(lock.exists, what="the first run")
            old = next(row.pid for row in engine.store.runs())
            engine.tasks.terminate("job", "task")
            engine.tasks.reactivate("job", "task")
            await soon(
                lambda: any(row.pid not in (None, old) for row in engine.store.runs()), what="a second run"
            )
            assert not psutil.pid_exists(old) or psutil.Process(old).status() == psutil.STATUS_ZOMBIE

    asyncio.run(scenario())


def test_delete_takes_process_files_and_record(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await prepared(engine)
            directory = engine.tasks.directory("job", "task")
            process = psutil.Process(next(row.pid for row in engine.store.runs()))
            engine.tasks.delete("job", "task")
            with pytest.raises(BatchError) as refused:
                engine.tasks.get("job", "task")
            assert refused.value.code == "TaskNotFound"
            engine.tasks.create("job", task(command=OK))
            done = await completed(engine)
            assert done["executionInfo"]["result"] == "success"
            assert not process.is_running()
            engine.tasks.delete("job", "task")
            assert not directory.exists()

    asyncio.run(scenario())


def test_files_are_unavailable_before_the_task_ran_and_after_its_node_went(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            engine.jobs.create(job())
            engine.tasks.create("job", task())
            with pytest.raises(BatchError) as refused:
                engine.tasks.directory("job", "task")
            assert refused.value.code == "TaskFilesUnavailable"
            await ready(engine, pool())
            await completed(engine)
            assert {path.name for path in engine.tasks.directory("job", "task").iterdir()} == {
                "stdout.txt",
                "stderr.txt",
                "wd",
            }
            engine.pools.delete("pool")
            await soon(lambda: engine.store.get("pools", "pool") is None, what="the pool to be gone")
            with pytest.raises(BatchError) as refused:
                engine.tasks.directory("job", "task")
            assert refused.value.code == "TaskFilesUnavailable"

    asyncio.run(scenario())


def test_a_collection_tells_of_each_task(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            engine.jobs.create(job())
            engine.tasks.create("job", task("a"))
            made = engine.tasks.create_many("job", [task("b"), task("A"), task("c")])
            assert [one.code if isinstance(one, BatchError) else one["id"] for one in made] == [
                "b",
                "TaskExists",
                "c",
            ]
            assert [doc["id"] for doc in engine.tasks.page("job", None, None, 10)[0]] == ["a", "b", "c"]
            with pytest.raises(BatchError) as refused:
                engine.tasks.create("nope", task())
            assert refused.value.code == "JobNotFound"

    asyncio.run(scenario())


def test_the_stdin_is_empty_and_temporary_files_stay_on_the_node(tmp_path: Path):
    code = "import sys, tempfile; print(repr(sys.stdin.read())); print(tempfile.gettempdir())"
    done, out, _ = run_task(tmp_path, task(command=python(code)))
    first, second = out.splitlines()
    assert first == "''"
    assert Path(second).is_relative_to(tmp_path / "batch" / "nodes")
    assert done["executionInfo"]["exitCode"] == 0


def test_a_failure_of_the_service_itself_ends_the_task(tmp_path: Path):
    async def scenario() -> dict:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job())

            async def broken(*_: object) -> None:
                raise RuntimeError("broken on purpose")

            engine.runner.deliver = broken  # type: ignore[method-assign]
            engine.tasks.create("job", task())
            done = await completed(engine)
            assert engine.nodes.get("pool", done["nodeInfo"]["nodeId"])["state"] == "idle"
            return done

    info = asyncio.run(scenario())["executionInfo"]
    assert (info["result"], info["failureInfo"]["category"]) == ("failure", "ServerError")
