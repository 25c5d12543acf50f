"""A container deleted under our feet: what is said, what is kept, and that the next write makes it anew."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from batch_core import archives, files, jobs, plans, pools, reading, relay, results, samples
from batch_core import manifests as kept
from batch_core.account import Account, AccountKind, connect, endpoint
from batch_core.errors import Conflict, InvalidInput, NotFound
from batch_core.files import VideoFile, encode_name
from batch_core.jobs import Plan
from batch_core.storage import INPUTS, RESULTS, ensure_containers
from tests.conftest import connected, started_cloud
from tests.core.clips import clip, uploaded
from tests.core.commands import takes
from tests.core.stub_server import stub_server
from tests.waiting import until


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, node_home: Path) -> Iterator[Account]:
    """An account of their own: other tests keep what they have in the containers of theirs."""
    with started_cloud(tmp_path_factory.mktemp("own") / "local-azure", node_home) as cloud:
        yield connected(cloud, AccountKind.LOCAL)


@pytest.fixture
def video(account: Account, tmp_path: Path) -> Iterator[VideoFile]:
    """A file in storage; afterwards the containers are there for other tests."""
    pools.ensure_local_pool(account)
    yield uploaded(account, clip(tmp_path / "clip.mp4", 0.3), "holiday.mp4")
    ensure_containers(account)


def plan_of(*videos: VideoFile) -> Plan:
    return Plan(videos, "mp3", pool_id=pools.LOCAL_POOL, name="run", nonce=uuid.uuid4().hex)


def removed(account: Account, container: str) -> None:
    account.blobs.delete_container(container)
    until(lambda: not account.blobs.get_container_client(container).exists(), what="the container's end")


def ended(account: Account, run_id: str) -> jobs.Run:
    return until(
        lambda: (run := jobs.get_run(account, run_id)).over and run, seconds=60, what="the run's end"
    )


def test_without_the_inputs_nothing_is_started_and_the_container_is_back(
    account: Account, video: VideoFile
) -> None:
    removed(account, INPUTS)
    assert files.list_files(account) == []
    plan = plan_of(video, video)
    with pytest.raises(NotFound) as caught:
        jobs.launch(account, plan)
    assert caught.value.user_message == ("The 2 files are no longer in storage, so nothing was started.")
    assert "Files page" in caught.value.hint
    for look in (jobs.get_run, jobs.manifest):
        with pytest.raises(NotFound):
            look(account, plan.run_id)
    assert account.blobs.get_container_client(INPUTS).exists()


def test_a_run_that_was_started_is_attached_to_when_its_inputs_are_gone(
    account: Account, video: VideoFile
) -> None:
    plan = plan_of(video)
    run = jobs.launch(account, plan)
    ended(account, run.id)
    files.delete_files(account, [video])
    assert jobs.launch(account, plan).id == run.id


def test_uploads_through_the_app_make_the_container_anew(account: Account, video: VideoFile) -> None:
    removed(account, INPUTS)
    whole, parts = f"{uuid.uuid4().hex}/a.mp4", f"{uuid.uuid4().hex}/b.mp4"
    relay.receive_blob(account, whole, b"whole", encode_name("a.mp4"), "video/mp4")
    removed(account, INPUTS)
    relay.receive_block(account, parts, "MDAwMDAw", b"part")
    block_list = b"<BlockList><Latest>MDAwMDAw</Latest></BlockList>"
    relay.receive_list(account, parts, block_list, encode_name("b.mp4"), "video/mp4")
    assert [file.name for file in files.list_files(account)] == ["b.mp4"]


def test_a_container_deleted_between_the_parts_of_an_upload_asks_for_the_file_again(
    account: Account, video: VideoFile
) -> None:
    parts = f"{uuid.uuid4().hex}/b.mp4"
    relay.receive_block(account, parts, "MDAwMDAw", b"part")
    removed(account, INPUTS)
    ensure_containers(account)
    block_list = b"<BlockList><Latest>MDAwMDAw</Latest></BlockList>"
    with pytest.raises(InvalidInput, match="storage no longer has all parts of the file") as caught:
        relay.receive_list(account, parts, block_list, encode_name("b.mp4"), "video/mp4")
    assert "once more" in caught.value.hint


def test_samples_are_made_into_a_new_container(
    account: Account, video: VideoFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "SAMPLES", samples.SAMPLES[-1:])
    removed(account, INPUTS)
    made = samples.make_samples(account)
    assert {file.blob for file in files.list_files(account)} == {file.blob for file in made}


def test_results_lost_while_the_run_is_under_way_fail_with_their_reason(
    account: Account, video: VideoFile
) -> None:
    plan = plan_of(video)
    made = plans.manifest_of(plan)
    kept.keep(account, replace(made, files=(replace(made.files[0], command=takes(1.5)),)))
    run = jobs.launch(account, plan)
    until(lambda: account.batch.get_task(run.id, "file-0001").state == "running", what="the task's start")
    removed(account, RESULTS)
    ended(account, run.id)
    assert jobs.failure(account, run.id, "file-0001").message == (
        "The container for results was deleted before the result was stored. Convert the file again: the "
        "container is made anew."
    )
    with pytest.raises(NotFound) as caught:
        results.list_results(account, run.id)
    assert caught.value.user_message.startswith("The container for results was deleted, so nothing is known")
    again = jobs.launch(account, plan_of(video))
    assert ended(account, again.id).reason == "AllTasksComplete"
    assert [row.state for row in results.list_results(account, again.id)] == ["done"]


def test_results_deleted_before_they_were_downloaded_are_named_and_can_be_made_again(
    account: Account, video: VideoFile
) -> None:
    run = jobs.launch(account, plan_of(video))
    ended(account, run.id)
    (row,) = results.list_results(account, run.id)
    removed(account, RESULTS)
    with pytest.raises(NotFound) as archive:
        archives.zip_stream(account, run.id)
    assert archive.value.user_message.startswith("The container for results was deleted")
    assert archive.value.hint == "Convert the files again: what is needed is made anew."
    with pytest.raises(NotFound, match="the container was deleted"):
        list(reading.read_blob(account, RESULTS, row.blob, 0, 10))
    again = jobs.launch(account, plan_of(video))
    ended(account, again.id)
    assert [row.state for row in results.list_results(account, again.id)] == ["done"]


def test_a_container_that_is_still_being_deleted_says_how_long_that_takes() -> None:
    """The cloud keeps the name for a while; Azurite does not."""
    headers = {"x-ms-error-code": "ContainerBeingDeleted", "Content-Type": "application/xml"}
    with stub_server(409, b"", headers) as stub:
        key = "a2V5IGtleSBrZXkga2V5IGtleQ=="
        ends = endpoint("batch", "mine", key, stub.url), endpoint("storage", "mine", key, stub.url)
        with pytest.raises(Conflict) as caught:
            ensure_containers(connect(*ends))
    assert (
        caught.value.user_message
        == "Could not make the containers for videos: the container is being deleted."
    )
    assert caught.value.hint == "Try again in about a minute."
