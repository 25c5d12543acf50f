"""`--status`, `--reset` and the mishaps on request, with real processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from local_azure import command_line, fleet, mishap, reset
from local_azure.atomic import read_json, write_json
from local_azure.failures import StartFailure
from local_azure.overview import look, size
from local_azure.settings import make, save
from tests.local_azure.conftest import PROJECT, LocalProcess
from tests.local_azure.test_supervisor_tasks import run_one
from tests.waiting import until

Start = Callable[..., LocalProcess]
pytestmark = pytest.mark.usefixtures("local_no_process_left", "local_installation")


def asked(data: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a command line to its end: exit code, stdout, stderr."""
    command = [sys.executable, "-m", "local_azure", "--data", str(data), *arguments]
    done = subprocess.run(
        command,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_where_nothing_is_nothing_runs_and_nothing_is_made(tmp_path: Path) -> None:
    data = tmp_path / "data"
    code, out, err = asked(data, "--status", "--json")
    found = json.loads(out)
    assert (code, err, found["running"], found["phase"], found["pids"]) == (3, "", False, "stopped", {})
    assert asked(data, "--reset", "--yes")[0] == 1
    assert asked(data, "--lose", "pool")[0] == 1
    assert not data.exists()


def test_a_running_account_is_told_of_has_its_mishaps_and_is_reset(
    tmp_path: Path, local_start: Start
) -> None:
    data = tmp_path / "data"
    cloud = local_start(data, "--quota", "pools=1")
    endpoints = cloud.ready()
    assert read_json(data / "quota.json") == {"cores": None, "spotCores": None, "pools": 1, "jobs": None}
    client = run_one(endpoints, 60, spot=True)
    storage = endpoints["storage"]
    blobs = BlobServiceClient(storage["url"], credential=storage["key"], retry_total=0)
    blobs.create_container("videos").upload_blob("a", b"a" * 100_000)

    code, out, err = asked(data, "--status", "--json")
    found = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert (found["running"], found["phase"], found["data"]) == (True, "ready", str(data))
    assert found["pids"] == {"local cloud": cloud.process.pid, "storage": cloud.azurite().pid}
    assert found["urls"] == {name: endpoints[name]["url"] for name in ("batch", "storage")}
    assert (found["pools"], found["nodes"]) == (1, 1)
    assert (found["jobs"], found["tasks"]) == ({"active": 1}, {"running": 1})
    assert found["disk_bytes"] > 100_000
    code, text, _ = asked(data, "--status")
    assert code == 0
    for shown in ("The local cloud is running.", endpoints["batch"]["url"], "1 running", str(data)):
        assert shown in text
    for key in (endpoints["batch"]["key"], storage["key"]):
        assert key not in out + text

    code, out, _ = asked(data, "--preempt", "pool")
    assert (code, out.rpartition(" ")[2]) == (0, "preempted.\n")
    (node,) = client.list_nodes("pool")
    assert (node.state, client.get_task("job", "task").node_info) == ("preempted", None)
    with pytest.raises(StartFailure, match=r"^There is no node that this can befall\.$"):
        mishap.ask(data, "preempt", f"pool/{node.id}")
    with pytest.raises(StartFailure, match=r"^The specified pool does not exist\.$"):
        mishap.ask(data, "lose", "none")
    full = "The maximum number of pools has been reached for this account.\n"
    assert asked(data, "--fleet", "3") == (1, "", full)
    with pytest.raises(StartFailure, match=r"^The pool has no start task\.$"):
        mishap.ask(data, "failstart", "pool")
    assert mishap.ask(data, "restore", f"pool/{node.id}") == f"Node {node.id} of pool pool is creating."
    until(lambda: client.get_task("job", "task").state == "running", what="the task running again")

    code, out, err = asked(data, "--reset")
    assert (code, out) == (1, "")
    assert err.startswith("1 task runs in ")
    assert client.get_task("job", "task").state == "running"
    client.close()
    below = cloud.children()
    code, out, err = asked(data, "--reset", "--yes")
    assert (code, err) == (0, "")
    assert out.startswith(f"Deleted from {data}: 1 pools, 1 jobs and all files")
    assert cloud.ended()[0] == 0
    assert not any(one.is_running() for one in below)
    code, out, _ = asked(data, "--status", "--json")
    found = json.loads(out)
    assert (code, found["running"], found["pools"], found["jobs"], found["tasks"]) == (3, False, 0, {}, {})
    assert not [
        path.name for path in data.iterdir() if path.name in ("batch", "storage") or "reset" in path.name
    ]
    assert local_start(data).ready() == endpoints
    assert list(blobs.list_containers()) == []


def test_without_a_terminal_a_reset_needs_a_yes(tmp_path: Path) -> None:
    save(tmp_path, make(None, None, None))
    (tmp_path / "batch").mkdir()
    code, _, err = asked(tmp_path, "--reset")
    assert code == 1
    assert "Add --yes" in err
    assert (tmp_path / "batch").exists()


if os.name == "posix":

    @pytest.mark.parametrize("answer", ["n", "", "y"])
    def test_at_a_terminal_a_reset_asks(tmp_path: Path, answer: str) -> None:
        save(tmp_path, make(None, None, None))
        (tmp_path / "batch").mkdir()
        ours, theirs = os.openpty()
        command = [sys.executable, "-m", "local_azure", "--data", str(tmp_path), "--reset"]
        asking = subprocess.Popen(
            command, cwd=PROJECT, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        os.write(ours, f"{answer}\n".encode())
        out, err = asking.communicate(timeout=60)
        os.close(ours)
        os.close(theirs)
        assert "Delete? [y/N]" in err
        assert (tmp_path / "batch").exists() is (answer != "y")
        assert (asking.returncode, bool(out)) == ((0, True) if answer == "y" else (1, False))


def test_a_reset_cut_off_is_completed_by_the_next_start(tmp_path: Path, local_start: Start) -> None:
    write_json(tmp_path / "reset.json", {})  # from here on a reset counts as done
    (tmp_path / ".reset-1" / "batch").mkdir(parents=True)
    index = tmp_path / "storage" / "__azurite_db_blob__.json"
    index.parent.mkdir()
    index.write_text("{")  # with this nothing would start
    local_start(tmp_path).ready()
    assert not (tmp_path / "reset.json").exists()
    assert not list(tmp_path.glob(".reset-*"))


@pytest.mark.parametrize(
    "arguments",
    [["--json"], ["--yes"], ["--status", "--reset"], ["--quota", "cars=1"], ["--lose"], ["--fleet", "10001"]],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command_line.read(["--data", str(tmp_path), *arguments])
    assert refused.value.code == 2


def test_a_fleet_and_a_failing_start_task_are_asked_for(tmp_path: Path) -> None:
    failing = command_line.read(["--data", str(tmp_path), "--fail-start", "pool/node"])
    assert (failing.action, failing.node) == ("failstart", "pool/node")
    played = command_line.read(["--data", str(tmp_path), "--fleet", "100"])
    assert (played.action, played.nodes) == ("fleet", 100)
    with pytest.raises(StartFailure, match="No local cloud runs"):
        fleet.send(tmp_path, 100)


def test_a_reset_cut_off_before_it_began_has_deleted_nothing(tmp_path: Path) -> None:
    (tmp_path / "batch").mkdir()
    (tmp_path / ".reset-1").mkdir()
    reset.finish(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["batch"]


def test_a_database_that_can_not_be_read_hinders_no_status(tmp_path: Path) -> None:
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch" / "batch.db").write_bytes(b"no database at all" * 100)
    assert look(tmp_path).pools == 0


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 KB"), (2.5e9, "2.5 GB")]
)
def test_sizes_are_for_people(number: float, text: str) -> None:
    assert size(number) == text
