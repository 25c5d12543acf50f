"""kill -9 at any moment: nothing acknowledged is lost, nothing keeps running, nothing runs twice at once."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from local_azure.batch.engine import Engine
from local_azure.batch.engine.activity import Ending
from local_azure.batch.simulation import SIMULATE, Simulation
from tests.local_azure.engine_fixtures import (
    SLEEP,
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
)
from tests.waiting import until

if sys.platform == "linux":
    import pty

PROJECT = Path(__file__).parents[2]
SERVICE = """
import asyncio, json, sys
from pathlib import Path
from local_azure.batch.pace import Pace
from tests.local_azure.engine_fixtures import engine_at

async def serve():
    pace = Path(sys.argv[1]) / "pace.json"
    async with engine_at(Path(sys.argv[1]), Pace(pace)) as engine:
        while line := await asyncio.to_thread(sys.stdin.readline):
            part, name, arguments = json.loads(line)
            getattr(getattr(engine, part), name)(*arguments)
            print("done", flush=True)
        await asyncio.Event().wait()

asyncio.run(serve())
"""


class Service:
    """An engine in a process of its own, which can be killed."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVICE, str(folder)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, part: str, name: str, *arguments: object) -> None:
        """Call a method of the engine; what it acknowledged is done when this returns."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps([part, name, arguments]), file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "done\n"

    def go_on(self) -> None:
        """Send nothing more; the engine works on."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.kill()


def recovered(folder: Path, scenario: Callable[[Engine], object]) -> None:
    """Start an engine on what a killed one left, and look."""

    async def look() -> None:
        async with engine_at(folder) as engine:
            await scenario(engine)  # type: ignore[misc]

    asyncio.run(look())


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path, service: Service):
    service.call("pools", "create", pool(nodes=2))
    service.call("jobs", "create", job(priority=7))
    service.call(
        "tasks", "create_many", "job", [task(f"t{n}", python("print(1)"), slots=9) for n in range(5)]
    )
    service.kill()

    async def look(engine: Engine) -> None:
        assert engine.jobs.get("job")["priority"] == 7
        assert engine.jobs.task_counts("job")["taskCounts"]["active"] == 5
        await soon(lambda: node_states(engine) == ["idle"] * 2, what="the nodes")
        assert engine.pools.get("pool")["allocationState"] == "steady"

    recovered(tmp_path, look)


def test_a_running_task_is_ended_and_starts_again(tmp_path: Path, service: Service):
    runs, go = tmp_path / "runs", tmp_path / "go"
    child = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    write = f"import os; open(r'{runs}', 'a').write(f'{{os.getpid()}} {{p.pid}}' + chr(10))"
    wait = f"import pathlib, time; pathlib.Path(r'{go}').exists() or time.sleep(60)"
    service.call("pools", "create", pool())
    service.call("jobs", "create", job(onAllTasksComplete="terminatejob"))
    service.call("tasks", "create", "job", task(command=python(f"{child}; {write}; {wait}")))
    service.go_on()
    until(lambda: runs.exists() and runs.read_text().endswith("\n"), what="the first run")
    first = [int(pid) for pid in runs.read_text().split()]
    assert all(map(alive, first))
    service.kill()
    assert all(map(alive, first))
    go.touch()

    async def look(engine: Engine) -> None:
        assert not any(map(alive, first))
        doc = await completed(engine)
        info = doc["executionInfo"]
        assert (info["result"], info["retryCount"], info["requeueCount"]) == ("success", 0, 0)
        assert len(runs.read_text().splitlines()) == 2
        await soon(lambda: engine.jobs.get("job")["state"] == "completed", what="the job")
        node = engine.nodes.page("pool", None, None, 9)[0][0]
        assert (node["state"], node["runningTasksCount"], node["totalTasksRun"]) == ("idle", 0, 1)

    recovered(tmp_path, look)


def test_a_process_not_yet_written_down_is_found_by_its_environment(tmp_path: Path, service: Service):
    service.call("pools", "create", pool())
    service.go_on()
    root = until(lambda: list((tmp_path / "batch" / "nodes").iterdir()), what="a node's folder")[0]
    service.kill()
    environment = os.environ | {"AZ_BATCH_NODE_ROOT_DIR": str(root.resolve())}
    orphan = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], env=environment, start_new_session=True
    )
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    until(lambda: "AZ_BATCH_NODE_ROOT_DIR" in psutil.Process(orphan.pid).environ(), what="the orphan")

    async def look(engine: Engine) -> None:
        assert orphan.poll() is not None
        assert stranger.poll() is None

    recovered(tmp_path, look)
    stranger.kill()
    stranger.wait()


if sys.platform == "linux":

    def test_processes_that_left_session_and_environment_are_found_and_a_visitor_is_not(
        tmp_path: Path, service: Service
    ):
        """One escaped process works in the node's folder, one only writes there; a visitor has a terminal."""
        pids = tmp_path / "pids"
        escape = (
            "import os, sys; os.setsid(); os.chdir(sys.argv[1]); "
            "null = os.open('/dev/null', os.O_RDWR); [os.dup2(null, n) for n in map(int, sys.argv[2])]; "
            "os.execve(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)'], {})"
        )
        program = tmp_path / "escape.py"
        program.write_text(escape)
        start = f"[sys.executable, r'{program}', where, fds]"
        code = (
            f"import subprocess, sys; started = [subprocess.Popen({start}) for where, fds in (('.', '012'), ('/', '0'))]; "
            f"open(r'{pids}', 'w').write(' '.join(str(p.pid) for p in started) + '.'); [p.wait() for p in started]"
        )
        service.call("pools", "create", pool())
        service.call("jobs", "create", job())
        service.call("tasks", "create", "job", task(command=python(code)))
        service.go_on()
        until(lambda: pids.exists() and pids.read_text().endswith("."), what="the escaped processes")
        escaped = [int(pid) for pid in pids.read_text().rstrip(".").split()]
        until(
            lambda: all("sleep(60)" in psutil.Process(pid).cmdline()[-1] for pid in escaped),
            what="their escape",
        )
        assert not any(psutil.Process(pid).environ() for pid in escaped)
        (directory,) = tmp_path.glob("batch/nodes/*/workitems/job/job-1/task")
        visitor, _ = pty.fork()
        if visitor == 0:
            os.chdir(directory)
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"])
        until(lambda: psutil.Process(visitor).cwd() == str(directory.resolve()), what="the visitor")
        service.kill()
        assert all(map(alive, escaped))

        async def look(engine: Engine) -> None:
            assert not any(map(alive, escaped))
            assert alive(visitor)
            engine.tasks.terminate("job", "task")

        recovered(tmp_path, look)
        os.kill(visitor, signal.SIGKILL)
        os.waitpid(visitor, 0)


def test_moves_half_done_are_continued(tmp_path: Path, service: Service):
    (tmp_path / "pace.json").write_text('{"realistic": 1}')
    for name in ("growing", "going", "stopping"):
        service.call("pools", "create", pool(name, nodes=2))
    service.call("pools", "delete", "going")
    service.call("pools", "stop_resize", "stopping")
    for name in ("ending", "leaving"):
        service.call("jobs", "create", job(name))
        service.call("tasks", "create", name, task())
    service.call("jobs", "delete", "leaving")
    service.call("jobs", "terminate", "ending", "enough")
    service.kill()

    async def look(engine: Engine) -> None:
        await soon(lambda: node_states(engine, "growing") == ["idle"] * 2, what="the grown pool")
        await soon(lambda: engine.store.get("pools", "going") is None, what="the deleted pool to be gone")
        await soon(
            lambda: engine.pools.get("stopping")["allocationState"] == "steady", what="the stopped pool"
        )
        await soon(lambda: engine.jobs.get("ending")["state"] == "completed", what="the ended job")
        await soon(lambda: engine.store.get("jobs", "leaving") is None, what="the deleted job to be gone")
        assert engine.jobs.get("ending")["executionInfo"]["terminateReason"] == "enough"

    recovered(tmp_path, look)


def test_a_job_deleted_just_before_the_kill_takes_its_processes_along(tmp_path: Path, service: Service):
    service.call("pools", "create", pool())
    service.call("jobs", "create", job())
    service.call("tasks", "create", "job", task(command=SLEEP))
    until(lambda: list(tmp_path.glob("batch/nodes/*/workitems/job/job-1/task/stdout.txt")), what="the run")
    service.call("jobs", "delete", "job")
    service.kill()

    async def look(engine: Engine) -> None:
        await soon(lambda: engine.store.get("jobs", "job") is None, what="the job to be gone")
        assert list(tmp_path.glob("batch/nodes/*/workitems/*")) == []
        assert engine.store.runs() == []

    recovered(tmp_path, look)


def test_a_start_task_under_way_runs_again(tmp_path: Path, service: Service):
    flag, pid = tmp_path / "flag", tmp_path / "pid"
    code = (
        f"import os, pathlib, time; flag = pathlib.Path(r'{flag}'); again = flag.exists(); flag.touch(); "
        f"pathlib.Path(r'{pid}').write_text(str(os.getpid())); again or time.sleep(60)"
    )
    service.call("pools", "create", pool(startTask=start_task(python(code))))
    service.go_on()
    first = int(until(lambda: pid.exists() and pid.read_text(), what="the start task"))
    service.kill()

    async def look(engine: Engine) -> None:
        assert not alive(first)
        await soon(lambda: node_states(engine) == ["idle"], what="the node")
        assert engine.nodes.page("pool", None, None, 9)[0][0]["startTaskInfo"]["result"] == "success"

    recovered(tmp_path, look)


def test_an_orderly_stop_ends_processes_and_the_next_start_runs_them_again(tmp_path: Path):
    pids: list[int] = []

    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool(nodes=2))
            engine.jobs.create(job())
            engine.tasks.create_many("job", [task("long", SLEEP), task("short", python("print(5)"))])
            await completed(engine, "short")
            await running(engine, "long")
            pids.extend(row.pid for row in engine.store.runs() if row.pid)
        assert not any(map(alive, pids))
        async with engine_at(tmp_path) as engine:
            await running(engine, "long")
            assert engine.tasks.get("job", "short")["executionInfo"]["result"] == "success"
            assert output(engine, "short").strip() == "5"
            engine.tasks.terminate("job", "long")

    asyncio.run(scenario())


def test_outputs_not_yet_sent_are_sent_without_running_again(tmp_path: Path):
    runs = tmp_path / "runs"

    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job())
            delivering = asyncio.Event()

            async def never(*_: object) -> None:
                delivering.set()
                await asyncio.Event().wait()

            engine.runner.deliver = never  # type: ignore[method-assign]
            code = python(f"open(r'{runs}', 'a').write('x')")
            engine.tasks.create("job", task(command=code))
            await asyncio.wait_for(delivering.wait(), 20)
            assert engine.tasks.get("job", "task")["state"] == "running"
            engine.tasks.runs()[0].end(Ending.STOPPED)
        async with engine_at(tmp_path) as engine:
            done = await completed(engine)
            assert (done["executionInfo"]["exitCode"], done["executionInfo"]["result"]) == (0, "success")
            assert runs.read_text() == "x"

    asyncio.run(scenario())


def test_folders_of_nodes_that_are_gone_are_removed(tmp_path: Path):
    left = tmp_path / "batch" / "nodes" / "left" / "workitems"
    left.mkdir(parents=True)

    async def scenario() -> None:
        async with engine_at(tmp_path):
            assert not left.parent.exists()
            await soon(lambda: not list((tmp_path / "batch" / "trash").iterdir()), what="an empty trash")

    asyncio.run(scenario())


def test_a_fleet_goes_on_after_a_kill_as_if_there_had_been_none(tmp_path: Path, service: Service):
    wanted = {"seed": 5, "seconds": [0.02, 0.2], "failures": 0.3, "preemptions": 0.2}
    metadata = [{"name": SIMULATE, "value": json.dumps(wanted)}]
    names = [f"t-{number:03}" for number in range(150)]
    service.call("pools", "create", pool(nodes=0, spot=5, slots=3, metadata=metadata))
    service.call("jobs", "create", job())
    service.call("tasks", "create_many", "job", [task(name, retries=1) for name in names])
    database = f"{(tmp_path / 'batch' / 'batch.db').as_uri()}?mode=ro"

    def count(state: str) -> int:
        with closing(sqlite3.connect(database, uri=True)) as connection:
            return connection.execute("SELECT count(*) FROM tasks WHERE state = ?", (state,)).fetchone()[0]

    until(lambda: count("completed") > 30 and count("running"), what="a fleet at work")
    service.kill()
    assert count("active")

    async def look(engine: Engine) -> None:
        await soon(lambda: not engine.store.unfinished("job"), seconds=60, what="the end of all tasks")
        simulation = Simulation.read(json.dumps(wanted))
        for name in names:
            tries = engine.store.column("tasks", "tries", "job", name)
            plays = [simulation.play("job", name, tried) for tried in range(tries)]
            told = [play.exit_code for play in plays if play.taken_at is None]
            info = engine.tasks.get("job", name)["executionInfo"]
            assert (info["exitCode"], info["retryCount"]) == (told[-1], len(told) - 1)
            assert plays[-1].taken_at is None
            assert told in ([0], [1, 0], [1, 1])
        await soon(lambda: node_states(engine) == ["idle"] * 5, what="all nodes back")

    recovered(tmp_path, look)
