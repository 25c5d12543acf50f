"""What is left, what costs, and deleting just that."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from azure.batch import models

from batch_core import cleanup, pools, storage
from batch_core.account import Account
from batch_core.cleanup import Item
from batch_core.errors import InvalidInput
from batch_core.files import encode_name
from batch_core.storage import APP, INPUTS, RESULTS, ensure_containers
from tests.waiting import until

OURS = [models.BatchMetadataItem(name="app", value=APP)]


@pytest.fixture
def left(account: Account) -> Iterator[dict[str, str]]:
    """One thing of each kind, ours and another program's; gone afterwards."""
    tag = uuid.uuid4().hex[:8]
    names = {
        "pool": f"ours-{tag}",
        "their_pool": f"theirs-{tag}",
        "job": f"run-{tag}000000000000",
        "their_job": f"their-job-{tag}",
        "file": f"{uuid.uuid4().hex}/film.mp4",
        "their_file": f"folder-{tag}/film.mp4",
        "results": f"run-{tag}000000000000",
        "container": f"theirs-{tag}",
    }
    ensure_containers(account)
    pools.create(account, replace(SPEC, id=names["pool"], dedicated=1))
    theirs = pools.auto_pool(replace(SPEC, id="x")).auto_pool_specification
    assert theirs is not None
    machines = theirs.pool.virtual_machine_configuration
    account.batch.create_pool(
        models.BatchPoolCreateOptions(
            id=names["their_pool"],
            vm_size="standard_a1_v2",
            target_dedicated_nodes=0,
            virtual_machine_configuration=machines,
        )
    )
    for job, metadata in ((names["job"], OURS), (names["their_job"], None)):
        account.batch.create_job(
            models.BatchJobCreateOptions(
                id=job,
                display_name="Holiday to MP3" if metadata else None,
                pool_info=models.BatchPoolInfo(pool_id=names["pool"]),
                metadata=metadata,
            )
        )
    inputs, outputs = (account.blobs.get_container_client(name) for name in (INPUTS, RESULTS))
    inputs.upload_blob(names["file"], b"12345", metadata={"name": encode_name("Mein Film.mp4")})
    inputs.upload_blob(names["their_file"], b"123")
    for path in ("manifest.json", "file-0001/film.mp3", "file-0001/logs/stderr.txt"):
        outputs.upload_blob(f"{names['results']}/{path}", b"1234567890")
    outputs.upload_blob(f"{names['results']}-longer/film.mp3", b"1")
    account.blobs.create_container(names["container"]).upload_blob("x", b"123")
    yield names
    cleanup.delete(
        account, [item for item in cleanup.inventory(account) if tag in item.id or item.id == names["file"]]
    )


SPEC = pools.PoolSpec(id="x", dedicated=0, spot=0)


def found(account: Account) -> dict[tuple[str, str], Item]:
    return {(item.kind, item.id): item for item in cleanup.inventory(account)}


def test_everything_that_is_left_is_listed(account: Account, left: dict[str, str]) -> None:
    items = found(account)
    pool = items["pool", left["pool"]]
    assert (pool.ours, pool.costs, pool.size) == (True, True, None)
    assert "1 node" in pool.detail
    theirs = items["pool", left["their_pool"]]
    assert (theirs.ours, theirs.costs) == (False, False)
    job = items["job", left["job"]]
    assert (job.title, job.ours, job.costs) == ("Holiday to MP3", True, False)
    assert left["job"] in job.detail
    assert not items["job", left["their_job"]].ours
    file = items["files", left["file"]]
    assert (file.title, file.size, file.ours, file.costs) == ("Mein Film.mp4", 5, True, True)
    assert not items["files", left["their_file"]].ours
    made = items["results", left["results"]]
    assert (made.title, made.size, made.ours) == ("Holiday to MP3", 30, True)
    assert made.detail == "1 result with their logs"
    assert not items["container", left["container"]].ours
    assert items["container", INPUTS].ours
    assert items["container", RESULTS].ours


def test_what_another_program_made_is_never_ours(account: Account, left: dict[str, str]) -> None:
    ours = {item.id for item in cleanup.inventory(account) if item.ours}
    assert not ours & {left[name] for name in ("their_pool", "their_job", "their_file", "container")}


def test_only_what_is_chosen_is_deleted(account: Account, left: dict[str, str]) -> None:
    items = found(account)
    chosen = [
        items["results", left["results"]],
        items["files", left["file"]],
        items["job", left["job"]],
        items["pool", left["pool"]],
    ]
    outcomes = cleanup.delete(account, chosen)
    assert [outcome.item for outcome in outcomes] == chosen, "in the order in which they were asked for"
    assert all(outcome.ok and outcome.sentence for outcome in outcomes)
    gone = {(item.kind, item.id) for item in chosen}
    until(lambda: not gone & found(account).keys(), what="the deletion")
    assert items.keys() - gone <= found(account).keys(), "nothing else is touched"
    names = {blob.name for blob in account.blobs.get_container_client(RESULTS).list_blobs()}
    assert f"{left['results']}-longer/film.mp3" in names
    assert not any(name.startswith(f"{left['results']}/") for name in names)


def test_deleting_what_is_gone_already_is_fine(account: Account, left: dict[str, str]) -> None:
    items = found(account)
    chosen = [item for item in items.values() if item.id in left.values() and item.id != left["container"]]
    assert {item.kind for item in chosen} == {"pool", "job", "files", "results"}
    assert all(outcome.ok for outcome in cleanup.delete(account, chosen))
    until(lambda: left["pool"] not in {id for _, id in found(account)}, what="the pool's end")
    again = cleanup.delete(account, chosen)
    assert all(outcome.ok for outcome in again)
    assert "It was gone already." in {outcome.sentence for outcome in again}


def test_a_container_goes_with_all_that_is_in_it(account: Account, left: dict[str, str]) -> None:
    item = found(account)["container", left["container"]]
    assert cleanup.delete(account, [item])[0].sentence == "Deleted."
    assert ("container", left["container"]) not in found(account)


def test_one_failure_does_not_stop_the_others(account: Account, left: dict[str, str]) -> None:
    blob = account.blobs.get_blob_client(INPUTS, left["file"])
    lease = blob.acquire_lease(lease_duration=60)
    items = found(account)
    try:
        held, freed = cleanup.delete(
            account, [items["files", left["file"]], items["files", left["their_file"]]]
        )
    finally:
        lease.release()
    assert not held.ok
    assert "lease" in held.sentence
    assert freed.ok


def test_many_blobs_go_in_batches(
    account: Account, left: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "DELETED_AT_ONCE", 2)
    container = account.blobs.get_container_client(RESULTS)
    for number in range(5):
        container.upload_blob(f"{left['results']}/file-{number:04}/more.mp3", b"1")
    item = found(account)["results", left["results"]]
    assert item.detail == "6 results with their logs"
    assert cleanup.delete(account, [item])[0].ok
    assert not list(container.list_blobs(name_starts_with=f"{left['results']}/"))


def test_looking_only_deletes_nothing(account: Account, left: dict[str, str]) -> None:
    looking = replace(account, look_only=True)
    item = found(looking)["files", left["file"]]
    with pytest.raises(InvalidInput, match="look only"):
        cleanup.delete(looking, [item])
    assert ("files", left["file"]) in found(account)


def test_an_active_run_ends_with_its_job(account: Account, left: dict[str, str]) -> None:
    account.batch.create_task(
        left["job"],
        models.BatchTaskCreateOptions(
            id="t",
            command_line="ffmpeg -nostdin -f lavfi -i sine -f null -",
            constraints=models.BatchTaskConstraints(max_wall_clock_time=timedelta(minutes=1)),
        ),
    )
    item = found(account)["job", left["job"]]
    assert item.detail.endswith("running or waiting")
    assert cleanup.delete(account, [item])[0].ok
    until(lambda: ("job", left["job"]) not in found(account), what="the job's end")
