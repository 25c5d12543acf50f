"""Fixtures all tests share: the local cloud (started as a user's machine starts it) and accounts on it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from platformdirs import user_data_path
from streamlit.testing.v1 import AppTest

from batch_core.account import Account, AccountKind, connect, endpoint

PROJECT = Path(__file__).parents[1]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts its jobs in the background lets them ignore Ctrl+C, and all that these start: some tests send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def node_home() -> Path:
    """Where Azurite is installed: the place the app uses, so that a machine installs it once."""
    return user_data_path("batch-video-dashboard") / "node"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, node_home: Path) -> Iterator[Path]:
    """An app home of its own for this test session, named in BATCH_DASHBOARD_HOME."""
    folder = tmp_path_factory.mktemp("home")
    node_home.mkdir(parents=True, exist_ok=True)
    (folder / "node").symlink_to(node_home, target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BATCH_DASHBOARD_HOME", str(folder))
        yield folder


@contextmanager
def started_cloud(data: Path, node_home: Path) -> Iterator[dict]:
    """A local cloud with its data in this folder: the JSON of its ready line, with the keys "batch" and "storage"."""
    command = [sys.executable, "-m", "local_azure", "--data", str(data), "--node-home", str(node_home)]
    service = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    line = service.stdout.readline()
    assert line, f"the local cloud ended with code {service.wait()}"
    yield json.loads(line)
    service.send_signal(signal.SIGTERM if os.name == "posix" else signal.CTRL_BREAK_EVENT)
    assert service.wait(timeout=30) == 0


@pytest.fixture(scope="session")
def cloud(home: Path, node_home: Path) -> Iterator[dict]:
    """The local cloud that the tests share."""
    with started_cloud(home / "local-azure", node_home) as running:
        yield running


@pytest.fixture(scope="session")
def account(cloud: dict) -> Account:
    """The account "this computer"."""
    return connected(cloud, AccountKind.LOCAL)


@pytest.fixture(scope="session")
def azure_like(cloud: dict) -> Account:
    """The same cloud as a stranger would connect to it: by names, keys and URLs."""
    return connected(cloud, AccountKind.AZURE)


def connected(cloud: dict, kind: AccountKind) -> Account:
    return connect(endpoint("batch", **cloud["batch"]), endpoint("storage", **cloud["storage"]), kind=kind)


@pytest.fixture
def app(account: Account) -> Callable[..., AppTest]:
    """Open the dashboard as a new browser session: `app("pages/convert.py", run="run-1")` returns it, run once."""

    def open_page(page: str | None = None, **query: str) -> AppTest:
        session = AppTest.from_file(str(PROJECT / "dashboard.py"), default_timeout=30)
        for name, value in query.items():
            session.query_params[name] = value
        session.run()
        if page:
            session.switch_page(page).run()
        return session

    return open_page
