"""This computer's cloud as the app starts, finds, keeps and leaves it: the real process each time."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from batch_core.account import AccountKind
from batch_core.errors import ServiceFailure
from batch_core.local_cloud import LocalCloud, LocalStatus, app_home
from batch_core.verdicts import check
from tests.waiting import until

pytestmark = pytest.mark.timeout(150)


def process(cloud: LocalCloud) -> psutil.Process:
    return psutil.Process(json.loads((cloud.data / "status.json").read_text())["pid"])


@pytest.fixture
def own(tmp_path: Path, node_home: Path, cloud: dict) -> Iterator[LocalCloud]:
    """A cloud of its own, ended afterwards. (`cloud` is there so that Azurite is installed.)"""
    tmp_path.joinpath("node").symlink_to(node_home, target_is_directory=True)
    made = LocalCloud(tmp_path)
    yield made
    made.release()
    if (made.data / "status.json").exists():
        (made.data / "stop").touch()
        until(lambda: not running(made), seconds=30, what="the cloud's end")


def running(cloud: LocalCloud) -> bool:
    try:
        return process(cloud).status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False


def test_start_serve_die_and_start_again(own: LocalCloud) -> None:
    assert own.status().phase == "stopped"
    assert own.account() is None
    began = time.monotonic()
    own.start()
    assert time.monotonic() - began < 1.0, "start returns at once"
    assert own.status().phase in ("starting", "installing")
    account = own.wait(60)
    assert (account.kind, account.name) == (AccountKind.LOCAL, "This computer")
    assert all(verdict.ok for verdict in check(account))
    assert own.status() == LocalStatus("ready", "This computer is ready.", 1.0)
    written = own.data / "status.json"
    full = json.loads(written.read_text()) | {"sentence": "The disk is full: no more files are taken."}
    written.write_text(json.dumps(full))
    assert own.status() == LocalStatus("ready", "The disk is full: no more files are taken.", 1.0)
    assert own.account() is account, "the same object"
    leases = list((own.data / "leases").glob("*.json"))
    assert [json.loads(lease.read_text())["pid"] for lease in leases] == [os.getpid()]
    if os.name == "posix":
        assert os.getsid(process(own).pid) != os.getsid(0), "out of reach of the terminal's signals"

    own.start()
    assert process(own).pid == own._process.pid, "a second start starts nothing"  # type: ignore[union-attr]

    service = process(own)
    service.kill()
    until(lambda: own.account() is None, what="noticing the death")
    own.start()
    again = own.wait(60)
    assert process(own).pid != service.pid
    assert again.fingerprint == account.fingerprint, "keys and ports are kept"
    assert all(verdict.ok for verdict in check(again))


def test_another_app_finds_it_at_once_and_it_outlives_the_first(own: LocalCloud) -> None:
    own.start()
    first = own.wait(60)
    began = time.monotonic()
    other = LocalCloud(own.data.parent)
    other.start()
    account = other.account()
    assert time.monotonic() - began < 0.25, "0.05 s on a quiet machine"
    assert account is not None
    assert account.fingerprint == first.fingerprint
    assert other._process is None
    assert len(list((own.data / "leases").glob("*.json"))) == 2
    own.release()
    assert len(list((own.data / "leases").glob("*.json"))) == 1
    other.release()
    other.release()
    until(lambda: not running(own), seconds=40, what="the end by itself when no one holds a lease")
    assert own.account() is None
    assert own.status().phase == "stopped"


def test_it_comes_back_by_itself_while_a_lease_is_held(own: LocalCloud) -> None:
    own.start()
    own.wait(60)
    other = LocalCloud(own.data.parent)
    other.start()
    died = process(own)
    died.kill()
    until(lambda: other.account() is not None and process(own).pid != died.pid, seconds=60, what="the return")
    other.release()


def test_one_that_is_killed_while_it_serves_is_back_without_a_word(own: LocalCloud) -> None:
    own.start()
    own.wait(60)
    killed = process(own)
    killed.kill()

    def back() -> bool:
        assert own.status().phase != "failed"
        return own.account() is not None and process(own).pid != killed.pid

    until(back, seconds=60, what="the return of the one that started it")


def test_a_failed_start_says_why_and_can_be_tried_again(own: LocalCloud) -> None:
    own.start()
    url = own.wait(60).batch_endpoint.url
    own.release()
    (own.data / "stop").touch()
    until(lambda: not running(own), seconds=30, what="the end")
    port = int(url.rpartition(":")[2])
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        other = LocalCloud(own.data.parent)
        other.start()
        with pytest.raises(ServiceFailure) as caught:
            other.wait(60)
        assert str(port) in caught.value.user_message
        assert "log.txt" in caught.value.hint
        assert other.status().phase == "failed"
        assert other.account() is None, "what listens there is not it"
    other.start()
    assert other.wait(60).batch_endpoint.url == url
    other.release()


def test_waiting_ends(tmp_path: Path) -> None:
    with pytest.raises(ServiceFailure, match="not running"):
        LocalCloud(tmp_path).wait(5)


def test_cloud_speed(tmp_path: Path) -> None:
    cloud = LocalCloud(tmp_path)
    assert cloud.realistic is None
    cloud.realistic = 0.5
    assert LocalCloud(tmp_path).realistic == 0.5
    assert json.loads((cloud.data / "pace.json").read_text()) == {"realistic": 0.5}
    cloud.realistic = None
    assert LocalCloud(tmp_path).realistic is None
    for nonsense in ("x", "[]", '{"realistic": "fast"}', '{"realistic": true}'):
        (cloud.data / "pace.json").write_text(nonsense)
        assert cloud.realistic is None


@pytest.mark.parametrize(
    "written", ["", "x", "[]", "{}", '{"phase": "ready", "pid": 1}', '{"phase": 5, "pid": "x"}']
)
def test_nonsense_in_the_folder_means_not_running(tmp_path: Path, written: str) -> None:
    cloud = LocalCloud(tmp_path)
    cloud.data.mkdir()
    for name in ("status.json", "endpoints.json"):
        (cloud.data / name).write_text(written)
    assert cloud.account() is None
    assert cloud.status().phase == "stopped"


def test_where_the_app_keeps_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_DASHBOARD_HOME", str(tmp_path))
    assert app_home() == tmp_path
    monkeypatch.delenv("BATCH_DASHBOARD_HOME")
    assert app_home().name == "batch-video-dashboard"


def test_importing_it_starts_nothing_and_needs_no_page() -> None:
    code = "import sys, batch_core.local_cloud; print(any(m.startswith(('local_azure', 'streamlit')) for m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "False"
