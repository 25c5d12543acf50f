"""Azurite's installation: once, with true progress, whole or not at all, repaired."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from local_azure.atomic import read_json
from local_azure.azurite import node_tools
from local_azure.azurite.installation import Installation, Installer
from local_azure.azurite.process import Azurite, BrokenInstallation
from local_azure.azurite.storage import Storage
from local_azure.failures import StartFailure, Stopped
from local_azure.processes import ProcessIdentity
from local_azure.settings import make
from local_azure.status import StatusFile
from tests.local_azure.conftest import PROJECT
from tests.waiting import until

Said = list[tuple[str, float | None]]


def _installer(home: Path) -> tuple[Installer, Said, threading.Event]:
    said: Said = []
    stop = threading.Event()
    return Installer(home, lambda sentence, fraction: said.append((sentence, fraction)), stop), said, stop


def _entries(home: Path) -> set[str]:
    return {entry.name for entry in home.iterdir() if entry.is_dir()}


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copy2(source, target)


def _rewrite(file: Path, text: str) -> None:
    """Put another file in a file's place; what it was linked to stays as it is."""
    file.unlink()
    file.write_text(text)


@pytest.fixture
def damaged(tmp_path: Path, local_installation: Installation) -> Installation:
    """A copy of the shared installation, by hard links: a test may take files away and `_rewrite` them."""
    folder = tmp_path / "home" / local_installation.folder.name
    shutil.copytree(local_installation.folder, folder, copy_function=_link)
    return Installation(folder, local_installation.token)


def test_the_lockfile_names_no_address_and_every_package_by_its_hash() -> None:
    packages = json.loads((node_tools.SCRIPTS / "package-lock.json").read_text())["packages"]
    del packages[""]
    assert packages["node_modules/azurite"]["version"] == "3.37.0"
    for name, entry in packages.items():
        ours = entry.get("resolved") == "file:unused"
        assert ours or ("resolved" not in entry and entry["integrity"].startswith("sha512-")), name


_INSTALL = """
import sys, threading
from pathlib import Path
from local_azure.azurite.installation import Installer
def report(sentence, fraction):
    print(fraction, flush=True)
Installer(Path(sys.argv[1]), report, threading.Event()).ensure()
"""


@pytest.mark.usefixtures("local_no_process_left")
def test_an_installation_killed_in_the_middle_is_made_anew_once_by_two_starts_that_tell_how_far(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", _INSTALL, str(tmp_path)]
    victim = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    for line in victim.stdout:
        if float(line) > 0.02:
            break
    npm = [ProcessIdentity.of(one.pid) for one in psutil.Process(victim.pid).children()]
    assert npm
    victim.kill()
    victim.communicate()
    until(lambda: not any(one.running() for one in npm), seconds=5, what="npm's end")
    (half,) = _entries(tmp_path)
    assert ".new-" in half
    assert not (tmp_path / half / "node_modules" / ".package-lock.json").exists()  # npm's last act
    installed = []
    starts = [_installer(tmp_path), _installer(tmp_path)]
    threads = [threading.Thread(target=lambda one=one: installed.append(one[0].ensure())) for one in starts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert installed[0] == installed[1]
    one, other = sorted((said for _, said, _ in starts), key=len)
    fractions = [
        fraction for sentence, fraction in one + other if fraction is not None and "Installing" in sentence
    ]
    assert fractions[0] == 0
    assert fractions == sorted(fractions)
    assert any(0 < fraction < 1 for fraction in fractions)
    waited = [sentence for _, said, _ in starts for sentence, fraction in said if fraction is None]
    assert waited
    assert set(waited) == {"Another start is installing storage (Azurite); waiting for it."}
    assert _entries(tmp_path) == {installed[0].folder.name}
    again, said, _ = _installer(tmp_path)
    assert again.ensure() == installed[0]
    assert said == []


@pytest.mark.parametrize("lost", ["node_modules/express/package.json", "installed.json"])
def test_a_lost_file_means_another_installation(damaged: Installation, lost: str) -> None:
    (damaged.folder / lost).unlink()
    installer, said, stop = _installer(damaged.folder.parent)
    stop.set()  # we only want to know whether it begins
    with pytest.raises(Stopped):
        installer.ensure()
    assert said[0] == ("Installing storage (Azurite), once.", 0.0)


def test_another_lockfile_means_another_installation(damaged: Installation) -> None:
    marker = damaged.folder / "installed.json"
    _rewrite(marker, marker.read_text().replace(read_json(marker)["lockfile"], "0" * 64))
    installer, _, stop = _installer(damaged.folder.parent)
    stop.set()
    with pytest.raises(Stopped):
        installer.ensure()


@pytest.mark.usefixtures("local_no_process_left")
def test_damage_that_shows_at_the_start_is_repaired_by_the_start(
    damaged: Installation, tmp_path: Path
) -> None:
    _rewrite(damaged.folder / "node_modules/azurite/dist/src/blob/BlobServer.js", "(")
    endpoints = make(None, None, None)
    with pytest.raises(BrokenInstallation):
        Azurite(tmp_path / "storage", endpoints.storage).start(damaged)
    stop = threading.Event()
    storage = Storage(tmp_path, damaged.folder.parent, StatusFile(tmp_path), stop)
    storage.start(endpoints, may_move=False)
    stop.set()
    storage.stop()
    assert _entries(damaged.folder.parent) == {damaged.folder.name}
    assert read_json(damaged.folder / "installed.json")["token"] != damaged.token


@pytest.mark.usefixtures("local_no_process_left")
def test_being_stopped_ends_npm_and_leaves_nothing(tmp_path: Path) -> None:
    installer, said, stop = _installer(tmp_path)
    failures: list[BaseException] = []

    def install() -> None:
        try:
            installer.ensure()
        except Stopped as stopped:
            failures.append(stopped)

    thread = threading.Thread(target=install)
    thread.start()
    until(lambda: len(said) > 1, what="npm's start")
    stop.set()
    thread.join(timeout=5)
    assert len(failures) == 1
    assert _entries(tmp_path) == set()


def test_without_a_network_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    installer, _, _ = _installer(tmp_path / "home")
    with pytest.raises(StartFailure, match="the npm registry can't be reached"):
        installer.ensure()
    assert _entries(tmp_path / "home") == set()


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    installer, _, _ = _installer(tmp_path / "file" / "home")
    with pytest.raises(StartFailure, match=r"could not be installed in .*home"):
        installer.ensure()
