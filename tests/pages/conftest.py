"""What several pages' tests need: videos in the account, a run of them that has ended, the app's routes served."""

import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from batch_core import files, jobs, pools, samples, storage
from batch_core.account import Account
from batch_core.files import VideoFile
from batch_core.jobs import Plan, Run
from pages.shell import routes
from tests.waiting import until


@pytest.fixture(scope="session")
def videos(account: Account) -> list[VideoFile]:
    """The sample videos, in storage and looked into."""
    storage.ensure_containers(account)
    made = {file.id for file in samples.make_samples(account, lambda done, total: None)}
    list(files.probe_new(account, [file for file in files.list_files(account) if file.id in made]))
    return [file for file in files.list_files(account) if file.id in made]


@pytest.fixture(scope="session")
def finished_run(account: Account, videos: list[VideoFile]) -> Run:
    """Two of the videos as MP3, on this computer's pool."""
    pools.ensure_local_pool(account)
    plan = Plan(
        files=tuple(videos[:2]), conversion="mp3", pool_id=pools.LOCAL_POOL, name="Two to MP3", nonce="pages"
    )
    run = jobs.launch(account, plan)
    return until(lambda: over(account, run.id), seconds=60, what="the end of the run")


def over(account: Account, run_id: str) -> Run | None:
    run = jobs.get_run(account, run_id)
    return run if run.over else None


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The routes behind the real server."""
    config = uvicorn.Config(Starlette(routes=routes.ROUTES), port=0, log_level="warning")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    until(lambda: running.started, what="the server's start")
    port = running.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(20)


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, trust_env=False) as made:
        yield made
