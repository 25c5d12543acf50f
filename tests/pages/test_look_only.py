"""An account to look at only: every page opens, no button changes anything, and the core refuses what is tried."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from azure.batch import models
from streamlit.testing.v1 import AppTest

import dashboard
from batch_core import jobs, pools, samples, storage
from batch_core.account import Account, AccountKind
from batch_core.conversions import CONVERSIONS
from batch_core.files import encode_name
from batch_core.jobs import Plan
from batch_core.local_cloud import LocalCloud
from tests.waiting import until

PAGES = ("files", "convert", "results", "monitor", "pool", "cleanup")
CARDS = {f"**{one.label}**" for one in CONVERSIONS} | {"**Own arguments**", ":blue[**MP3**]"}
PAST = {"Play back", "Back to now", "Pause", "Previous problem", "Next problem"}
HARMLESS = {"Convert", "Play", "Close", *CARDS, "Resize the pool", *PAST}
EMPTY = {
    "files": ("There are no videos in this account.", set()),
    "convert": ("There are no videos yet.", {"files"}),
    "results": ("Nothing has been converted yet.", {"convert"}),
    "monitor": ("Nothing runs here yet.", {"files", "convert"}),
    "pool": ("There is no pool yet.", {"convert"}),
    "cleanup": ("Nothing is left in this account", {"files"}),
}


@pytest.fixture(scope="module")
def untouched(node_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The account of another local cloud, in which nothing has ever been made."""
    own = tmp_path_factory.mktemp("untouched")
    (own / "node").symlink_to(node_home, target_is_directory=True)
    cloud = LocalCloud(own)
    cloud.start()
    yield cloud.wait(60)
    cloud.release()
    (cloud.data / "stop").touch()
    until(lambda: cloud.status().phase == "stopped", what="the end of the other cloud")


def look(account: Account, page: str, **query: str) -> AppTest:
    """A page of a session that has connected this account, as Azure, to look only."""
    looking = replace(account, kind=AccountKind.AZURE, look_only=True)
    session = AppTest.from_file(str(Path(dashboard.__file__)), default_timeout=30)
    session.session_state["azure_account"] = looking
    session.session_state["id_account"] = looking.handle
    for name, value in query.items():
        session.query_params[name] = value
    session.run().switch_page(f"pages/{page}.py").run()
    assert not session.exception
    return session


def everything(account: Account) -> dict[str, object]:
    """All that an account holds, with the marks that change with it."""
    rules = account.blobs.get_service_properties()["cors"]
    found: dict[str, object] = {"cors": [vars(rule) for rule in rules]}
    for pool in account.batch.list_pools():
        found[f"pool {pool.id}"] = (pool["eTag"], pool["allocationState"])
    for job in account.batch.list_jobs():
        found[f"job {job.id}"] = (job["eTag"], job["state"])
        found |= {f"task {job.id} {task.id}": task["eTag"] for task in account.batch.list_tasks(job.id)}
    for container in account.blobs.list_containers():
        blobs = account.blobs.get_container_client(container.name).list_blobs(include=["metadata"])
        found[f"container {container.name}"] = container.etag
        found |= {f"blob {container.name} {blob.name}": (blob.etag, str(blob.metadata)) for blob in blobs}
    return found


def test_an_account_without_anything_is_shown_with_a_way_on_and_gets_nothing(untouched: Account) -> None:
    before = everything(untouched)
    for page, (sentence, ways) in EMPTY.items():
        opened = look(untouched, page)
        shown = "\n".join(text.value for text in opened.markdown)
        assert sentence in shown, page
        assert {link.proto.page for link in opened.get("page_link")} >= ways, page
    assert everything(untouched) == before
    assert not [name for name in before if not name.startswith("cors")]


@pytest.fixture(scope="module")
def busy(untouched: Account) -> Iterator[str]:
    """The account with something of each kind in it; the id of its run."""
    storage.ensure_containers(untouched)
    pools.ensure_local_pool(untouched)
    clips = samples.make_samples(untouched)
    untouched.blobs.get_blob_client(storage.INPUTS, f"{'0' * 32}/new.mp4").upload_blob(
        b"nobody has looked into this", metadata={"name": encode_name("new.mp4")}
    )
    plan = Plan(files=(clips[4],), conversion="mp3", pool_id=pools.LOCAL_POOL, name="One to MP3", nonce="x")
    run = jobs.launch(untouched, plan)
    until(lambda: jobs.get_run(untouched, run.id).over, seconds=60, what="the end of the run")
    pool = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    untouched.batch.create_job(models.BatchJobCreateOptions(id="open", pool_info=pool))
    sleep = f'"{sys.executable}" -c "import time; time.sleep(600)"'
    untouched.batch.create_task("open", models.BatchTaskCreateOptions(id="long", command_line=sleep))
    until(lambda: untouched.batch.get_task("open", "long").state == "running", what="the running task")
    yield run.id
    jobs.stop(untouched, "open")


def enabled(opened: AppTest) -> dict[str, str]:
    """Labels of the buttons that can be pressed, by key."""
    return {button.key or button.label: button.label for button in opened.button if not button.disabled}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("job", ["the run", "open"])
def test_no_button_changes_anything(untouched: Account, busy: str, page: str, job: str) -> None:
    before = everything(untouched)
    query = {"run": busy} if job == "the run" else {"job": job}
    opened = look(untouched, page, **query)
    pressed: set[str] = set()

    def press(by: Callable[[AppTest], dict[str, str]]) -> bool:
        rest = {key: label for key, label in by(opened).items() if key not in pressed}
        for key, label in list(rest.items())[:1]:
            pressed.add(key)
            next(button for button in opened.button if (button.key or button.label) == key).click().run()
            assert label in HARMLESS, f"{label} can be pressed on {page}"
        return bool(rest)

    while press(enabled):
        assert not opened.exception
    assert everything(untouched) == before
