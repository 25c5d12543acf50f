"""A lease is held as long as the very process that left it lives."""

import json
import subprocess
import sys
from pathlib import Path

import psutil

from local_azure.leases import IdleWatch, held
from tests.waiting import until


def _lease(folder: Path, name: str, pid: int, create_time: float) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(json.dumps({"pid": pid, "create_time": create_time}))
    return file


def test_no_folder_and_no_lease_hold_nothing(tmp_path: Path) -> None:
    assert not held(tmp_path / "leases")
    (tmp_path / "leases").mkdir()
    assert not held(tmp_path / "leases")


def test_a_lease_is_held_while_its_process_lives_and_removed_after(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    file = _lease(tmp_path, "one.json", holder.pid, psutil.Process(holder.pid).create_time())
    assert held(tmp_path)
    assert file.exists()
    holder.communicate(b"\n")
    assert not held(tmp_path)
    assert not file.exists()


def test_a_zombie_holds_nothing(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = psutil.Process(holder.pid)
    _lease(tmp_path, "one.json", holder.pid, process.create_time())
    process.kill()  # and nobody asks for its exit code
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, what="its end")
    assert not held(tmp_path)
    holder.communicate()


def test_another_process_with_the_same_id_holds_nothing(tmp_path: Path) -> None:
    me = psutil.Process()
    _lease(tmp_path, "one.json", me.pid, me.create_time() - 60)
    assert not held(tmp_path)


def test_one_living_holder_among_others_is_enough(tmp_path: Path) -> None:
    me = psutil.Process()
    gone = _lease(tmp_path, "a.json", me.pid, me.create_time() - 60)
    _lease(tmp_path, "b.json", me.pid, me.create_time())
    assert held(tmp_path)
    assert not gone.exists()


def test_a_lease_that_is_being_written_is_looked_at_again(tmp_path: Path) -> None:
    for number, text in enumerate(["", "{", "[]", '{"pid": "x"}', '{"pid": 1}']):
        (tmp_path / f"{number}.json").write_text(text)
    assert not held(tmp_path)
    assert len(list(tmp_path.glob("*.json"))) == 5


def test_idle_for_the_whole_grace_is_over() -> None:
    now = 100.0
    watch = IdleWatch(10, clock=lambda: now)
    now = 109.9
    assert not watch.over(needed=False)
    now = 110.0
    assert watch.over(needed=False)


def test_being_needed_starts_the_grace_anew() -> None:
    now = 0.0
    watch = IdleWatch(10, clock=lambda: now)
    now = 9.0
    assert not watch.over(needed=True)
    now = 18.9
    assert not watch.over(needed=False)
    now = 19.0
    assert watch.over(needed=False)
