"""The local cloud as a process: one line when ready, kept addresses, and an end that leaves nothing behind."""

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from local_azure import settings
from local_azure.atomic import read_json
from local_azure.ports import free_port
from local_azure.processes import ProcessIdentity
from tests.local_azure.conftest import ENDING, LocalProcess
from tests.waiting import until

Start = Callable[..., LocalProcess]
pytestmark = pytest.mark.usefixtures("local_no_process_left", "local_installation")


def _container(endpoints: dict, name: str = "videos") -> ContainerClient:
    storage = endpoints["storage"]
    service = BlobServiceClient(storage["url"], credential=storage["key"], retry_total=0)
    return service.get_container_client(name)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _port(endpoints: dict, service: str) -> int:
    return int(endpoints[service]["url"].split(":")[2].split("/")[0])


def test_ready_is_one_line_and_the_same_in_a_private_file_and_on_loopback_only(
    tmp_path: Path, local_start: Start
) -> None:
    cloud = local_start(tmp_path)
    line = cloud.ready()
    assert read_json(tmp_path / "endpoints.json") == line
    assert {name: sorted(one) for name, one in line.items()} == {
        "batch": ["account", "key", "url"],
        "storage": ["account", "key", "url"],
    }
    status = cloud.status()
    assert (status["phase"], status["fraction"], status["pid"]) == ("ready", 1.0, cloud.process.pid)
    assert not (tmp_path / "pace.json").exists()
    program = tmp_path / "bin" / ("ffmpeg.exe" if os.name == "nt" else "ffmpeg")
    assert subprocess.run([program, "-version"], capture_output=True, check=True).stdout
    listening = {
        (one.laddr.ip, one.laddr.port)
        for process in [psutil.Process(cloud.process.pid), *cloud.children()]
        for one in process.net_connections()
        if one.status == psutil.CONN_LISTEN
    }
    assert listening == {("127.0.0.1", _port(line, "batch")), ("127.0.0.1", _port(line, "storage"))}
    log = (tmp_path / "log.txt").read_text(encoding="utf-8")
    for service in ("batch", "storage"):
        assert line[service]["key"] not in log
        assert all(line[service]["key"] not in " ".join(child.cmdline()) for child in cloud.children())
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "endpoints.json").stat().st_mode) == 0o600
    assert cloud.end(ENDING[0]) == 0
    assert cloud.process.stdout is not None
    assert cloud.process.stdout.read() == ""


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_ends_every_child_and_the_next_start_is_the_same_account(
    tmp_path: Path, local_start: Start, number: int
) -> None:
    first = local_start(tmp_path)
    endpoints = first.ready()
    below = first.children()
    assert below
    container = _container(endpoints)
    container.create_container()
    container.upload_blob("a", b"kept")
    assert first.end(number) == 0
    assert first.status()["phase"] == "stopped"
    assert not any(one.is_running() for one in below)
    assert local_start(tmp_path).ready() == endpoints
    assert container.download_blob("a").readall() == b"kept"


def test_a_second_start_tells_of_the_first_also_while_that_is_starting(
    tmp_path: Path, local_start: Start
) -> None:
    first = local_start(tmp_path)
    until(first.status, what="the first one's status")
    second = local_start(tmp_path)
    code, out, err = second.ended()
    line = first.ready()
    third = local_start(tmp_path).ended()
    for found in ((code, out, err), third):
        assert found[0] == 0
        assert json.loads(found[1]) == line
        assert found[2].count("\n") == 1
        assert "is running" in found[2]
    assert first.process.poll() is None
    assert first.status()["phase"] == "ready"


def test_killed_it_takes_azurite_along_and_loses_nothing(tmp_path: Path, local_start: Start) -> None:
    cloud = local_start(tmp_path)
    endpoints = cloud.ready()
    below = [ProcessIdentity.of(one.pid) for one in cloud.children()]
    container = _container(endpoints)
    container.create_container()
    container.upload_blob("a", b"acknowledged")
    cloud.process.kill()
    cloud.process.wait()
    until(lambda: not any(one.running() for one in below), seconds=10, what="Azurite's end")
    assert cloud.status()["phase"] == "ready"  # as it was when it died
    assert local_start(tmp_path).ready() == endpoints
    assert container.download_blob("a").readall() == b"acknowledged"


def test_an_azurite_that_dies_is_started_again(tmp_path: Path, local_start: Start) -> None:
    cloud = local_start(tmp_path)
    cloud.ready()
    for name in ("one", "two"):
        old = cloud.azurite()
        old.kill()
        until(lambda old=old: not old.is_running(), what="its end")
        until(lambda: _listens(_port(cloud.endpoints, "storage")), what="another Azurite")
        until(lambda: cloud.status()["sentence"] == "The local cloud is running.", what="the status")
        _container(cloud.endpoints, name).create_container()
    assert cloud.azurite().pid != old.pid


def test_a_storage_that_can_not_be_kept_running_ends_the_cloud(tmp_path: Path, local_start: Start) -> None:
    cloud = local_start(tmp_path)
    cloud.ready()
    below = [ProcessIdentity.of(one.pid) for one in cloud.children()]
    (tmp_path / "storage" / "__azurite_db_blob__.json").write_text("{")
    cloud.azurite().kill()
    code, _, err = cloud.ended()
    assert code == 1
    assert "Storage (Azurite) did not start" in err
    assert cloud.status()["phase"] == "failed"
    assert not any(one.running() for one in below)


@pytest.mark.parametrize(("service", "option"), [("batch", "--batch-port"), ("storage", "--blob-port")])
def test_a_port_taken_meanwhile_is_named(
    tmp_path: Path, local_start: Start, service: str, option: str
) -> None:
    settings.save(tmp_path, settings.make(None, None, None))
    endpoints = read_json(tmp_path / "endpoints.json")
    port = _port(endpoints, service)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        second = local_start(tmp_path)
        code, out, err = second.ended()
    assert (code, out) == (1, "")
    assert f"Port {port} is used by another program" in err
    assert option in err
    assert "Traceback" not in err
    assert (second.status()["phase"], second.status()["sentence"]) == ("failed", err.strip())
    moved = local_start(tmp_path, option, str(free_port())).ready()
    assert moved[service]["url"] != endpoints[service]["url"]
    assert moved[service]["key"] == endpoints[service]["key"]


def test_ports_and_cloud_speed_can_be_chosen_and_are_kept(tmp_path: Path, local_start: Start) -> None:
    batch, blob = free_port(), free_port()
    ports = ("--batch-port", str(batch), "--blob-port", str(blob))
    first = local_start(tmp_path, *ports, "--realistic", "0.1")
    endpoints = first.ready()
    assert endpoints["batch"]["url"] == f"http://127.0.0.1:{batch}"
    assert endpoints["storage"]["url"] == f"http://127.0.0.1:{blob}/localstorage"
    assert read_json(tmp_path / "pace.json") == {"realistic": 0.1}
    first.end()
    second = local_start(tmp_path)
    assert second.ready() == endpoints
    assert read_json(tmp_path / "pace.json") == {"realistic": 0.1}
    second.end()
    local_start(tmp_path, "--realistic").ready()
    assert read_json(tmp_path / "pace.json") == {"realistic": 1.0}


def test_leased_it_stays_while_the_holder_lives_and_then_ends_by_itself(
    tmp_path: Path, local_start: Start
) -> None:
    holder = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lease = tmp_path / "leases" / "one.json"
    lease.parent.mkdir()
    lease.write_text(json.dumps(ProcessIdentity.of(holder.pid).to_json()))
    cloud = local_start(tmp_path, "--leased", "0.5")
    cloud.ready()
    with pytest.raises(subprocess.TimeoutExpired):
        cloud.process.wait(timeout=1.5)
    holder.communicate(b"\n")
    assert cloud.ended()[0] == 0
    assert cloud.status()["phase"] == "stopped"
    assert not lease.exists()


def test_a_stop_file_ends_it(tmp_path: Path, local_start: Start) -> None:
    (tmp_path / "stop").touch()  # left over from an earlier end
    cloud = local_start(tmp_path)
    cloud.ready()
    (tmp_path / "stop").touch()
    assert cloud.ended()[0] == 0
    assert not (tmp_path / "stop").exists()


def test_stopped_while_installing_it_leaves_nothing_behind(tmp_path: Path, local_start: Start) -> None:
    home = tmp_path / "home"
    cloud = local_start(tmp_path / "data", node_home=home)
    until(lambda: (cloud.status().get("fraction") or 0) > 0, what="progress")
    assert cloud.status()["phase"] == "installing"
    assert "Installing storage (Azurite)" in cloud.status()["sentence"]
    assert cloud.end() == 0
    assert cloud.status()["phase"] == "stopped"
    assert [one for one in home.iterdir() if one.is_dir()] == []


def test_a_damaged_endpoints_file_is_a_sentence_not_a_traceback(tmp_path: Path, local_start: Start) -> None:
    (tmp_path / "endpoints.json").write_text("{")
    cloud = local_start(tmp_path)
    code, _, err = cloud.ended()
    assert code == 1
    assert "endpoints.json can't be read" in err
    assert "Traceback" not in err
    assert cloud.status()["phase"] == "failed"


def test_a_folder_that_can_not_be_used_is_named(tmp_path: Path, local_start: Start) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = local_start(tmp_path / "file").ended()
    assert code == 1
    assert f"The folder {tmp_path / 'file'} can't be used" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [["--batch-port", "0"], ["--blob-port", "x"], ["--realistic", "-1"], ["--leased", "nan"]]
)
def test_a_wrong_option_is_refused(tmp_path: Path, local_start: Start, arguments: list[str]) -> None:
    code, _, err = local_start(tmp_path, *arguments).ended()
    assert code == 2
    assert arguments[0] in err


def test_started_while_the_first_is_stopping_it_is_the_next(tmp_path: Path, local_start: Start) -> None:
    first = local_start(tmp_path)
    endpoints = first.ready()
    first.azurite().suspend()  # so that the end takes until it is resumed
    azurite = first.azurite()
    first.process.send_signal(ENDING[0])
    until(lambda: first.status()["phase"] == "stopped", what="the beginning of its end")
    second = local_start(tmp_path)
    azurite.resume()
    assert second.ready() == endpoints
    assert first.process.wait(timeout=20) == 0
    assert second.status()["pid"] == second.process.pid
