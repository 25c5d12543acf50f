"""Pools through the real SDK on the local Batch service, and images as people type them."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch_core import images, pools
from batch_core.account import Account
from batch_core.errors import Conflict, InvalidInput, NotFound
from batch_core.images import ImageRef
from batch_core.pools import PoolSpec
from batch_core.times import moment
from tests.waiting import until


@pytest.fixture
def pool_id(account: Account) -> Iterator[str]:
    """An id that no pool has, and whose pool is gone afterwards."""
    id = f"test-{uuid.uuid4().hex[:8]}"
    yield id
    pools.delete(account, id)


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("canonical/ubuntu-24_04-lts/server", ImageRef("canonical", "ubuntu-24_04-lts", "server")),
        (" canonical / ubuntu-24_04-lts / server / 24.04.1 ", ImageRef("canonical", "ubuntu-24_04-lts", "server", "24.04.1")),
        ("/subscriptions/a/resourceGroups/b/providers/c", ImageRef(gallery_id="/subscriptions/a/resourceGroups/b/providers/c")),
        ("/communityGalleries/g/images/i/", ImageRef(gallery_id="/communityGalleries/g/images/i")),
    ],
)  # fmt: skip
def test_an_image_is_read_as_people_type_it(text: str, image: ImageRef) -> None:
    assert images.parse_image(text) == image


@pytest.mark.parametrize(
    "text", ["", "ubuntu", "a/b", "a//c", "a/b/c/d/e", "a/b c/d", "/home/me/image", "https://x/y/z"]
)
def test_what_is_no_image_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        images.parse_image(text)
    assert "publisher/offer/sku" in refused.value.hint


def test_a_time_on_the_wire_is_read_to_the_microsecond() -> None:
    assert moment("2026-11-22T15:00:00.1234567Z") == datetime(2026, 11, 22, 15, 0, 0, 123456, UTC)
    assert moment("2026-11-22T15:00:00Z") == datetime(2026, 11, 22, 15, tzinfo=UTC)
    assert moment(None) is None


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "a b"},
        {"id": "x" * 65},
        {"spot": -1},
        {"slots": 0},
        {"vm_size": ""},
        {"agent": " "},
    ],
)
def test_a_pool_that_can_not_be_is_refused_before_anything_is_sent(account: Account, change: dict) -> None:
    with pytest.raises(InvalidInput):
        pools.create(account, replace(PoolSpec(id="fine"), **change))


def test_a_pool_is_made_found_resized_and_deleted(account: Account, pool_id: str) -> None:
    pools.create(account, PoolSpec(id=pool_id, dedicated=1, spot=0, slots=2))
    until(lambda: pools.get_pool(account, pool_id).dedicated == 1, what="one node")
    made = pools.get_pool(account, pool_id)
    assert (made.slots, made.target_dedicated, made.auto) == (2, 1, False)
    assert made.vm_size.lower() == "standard_d2s_v5"
    assert pool_id in [pool.id for pool in pools.list_pools(account)]
    with pytest.raises(Conflict, match="already exists"):
        pools.create(account, PoolSpec(id=pool_id))
    until(lambda: pools.get_pool(account, pool_id).allocation_state == "steady", what="a steady pool")
    pools.resize(account, pool_id, 0, 2)
    until(lambda: pools.get_pool(account, pool_id).spot == 2, what="two Spot nodes")
    pools.delete(account, pool_id)
    pools.delete(account, pool_id)
    until(lambda: pool_id not in [pool.id for pool in pools.list_pools(account)], what="no pool")
    with pytest.raises(NotFound):
        pools.get_pool(account, pool_id)


@pytest.fixture
def slowly(home: Path) -> Iterator[Callable[[float | None], None]]:
    """Sets how long nodes take to come, as a factor of the cloud's times; at once again afterwards."""
    pace = home / "local-azure" / "pace.json"

    def set_factor(factor: float | None) -> None:
        pace.write_text(json.dumps({"realistic": factor}))

    yield set_factor
    set_factor(None)


def test_a_resize_is_stopped_and_what_is_missing_is_told_with_a_way_out(
    account: Account, pool_id: str, slowly: Callable[[float | None], None]
) -> None:
    slowly(1)  # 45 s or more for nodes, 2 s to stop that
    pools.create(account, PoolSpec(id=pool_id, dedicated=1, spot=0))
    being = pools.get_pool(account, pool_id)
    assert (being.allocation_state, being.dedicated) == ("resizing", 0)
    assert being.allocation_since is not None
    pools.stop_resize(account, pool_id)
    until(lambda: pools.get_pool(account, pool_id).allocation_state == "steady", what="a steady pool")
    pools.stop_resize(account, pool_id)
    stopped = pools.get_pool(account, pool_id)
    assert (stopped.dedicated, stopped.target_dedicated) == (0, 1)
    assert stopped.errors == (
        "The resize was stopped before all nodes were there. Resize the pool to get the others.",
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"code": "AllocationTimedOut", "message": "x"}, "Azure did not find all the nodes in time. Resize"),
        ({"code": "AllocationFailed"}, "Azure could not allocate the nodes. Resize"),
        ({"code": "AccountCoreQuotaReached"}, "The account's quota of dedicated cores is used up. Resize"),
        ({"code": "AccountSpotCoreQuotaReached"}, "The account's quota of Spot cores is used up. Resize"),
        ({"code": "SkuNotAvailable", "message": "Not here\nmore"}, "Not here. Resize"),
        ({"code": "SkuNotAvailable"}, "Azure could not give all nodes (SkuNotAvailable). Resize"),
    ],
)
def test_why_a_pool_gets_no_nodes_is_told_with_a_way_out(error: dict, said: str) -> None:
    pool = pools.pool_from({"id": "p", "resizeErrors": [error]})
    assert pool.errors[0].startswith(said)


def test_the_start_task_runs_as_admin_and_the_node_waits_for_it(account: Account, pool_id: str) -> None:
    pools.create(account, PoolSpec(id=pool_id, spot=0, start_task=pools.INSTALL_FFMPEG))
    made = account.batch.get_pool(pool_id)
    assert made.start_task is not None
    assert made.start_task.command_line == pools.INSTALL_FFMPEG
    assert made.start_task.wait_for_success is True
    assert made.start_task.user_identity is not None
    assert made.start_task.user_identity.auto_user is not None
    assert str(made.start_task.user_identity.auto_user.elevation_level).lower().endswith("admin")
    assert pools.get_pool(account, pool_id).has_start_task


def test_images_offer_the_default_first_and_none_that_is_past_its_end(account: Account) -> None:
    listed = images.supported(account)
    assert (str(listed[0].image), listed[0].agent) == (str(images.DEFAULT_IMAGE), images.DEFAULT_AGENT)
    assert all(choice.end_of_life is None or choice.end_of_life > datetime.now(UTC) for choice in listed)
    assert {choice.os for choice in listed} <= {"Linux", "Windows"}


def test_this_computers_pool_is_made_once_by_any_number_at_once(account: Account) -> None:
    errors: list[BaseException] = []

    def make() -> None:
        try:
            pools.ensure_local_pool(account)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)

    makers = [threading.Thread(target=make) for _ in range(6)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert not errors
    pool = pools.get_pool(account, pools.LOCAL_POOL)
    assert (pool.target_dedicated, pool.target_spot, pool.slots) == (5, 0, 1)
    assert [p.id for p in pools.list_pools(account)].count(pools.LOCAL_POOL) == 1


def test_an_azure_account_gets_no_local_pool(azure_like: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "create", lambda *_: pytest.fail("a pool would cost money"))
    pools.ensure_local_pool(azure_like)


def test_who_only_looks_changes_nothing(account: Account, pool_id: str) -> None:
    looking = replace(account, look_only=True)
    for change in (
        lambda: pools.create(looking, PoolSpec(id=pool_id)),
        lambda: pools.resize(looking, pools.LOCAL_POOL, 1, 0),
        lambda: pools.delete(looking, pools.LOCAL_POOL),
    ):
        with pytest.raises(InvalidInput, match="look only"):
            change()


def test_node_hours_are_summed_over_the_nodes_that_are_there() -> None:
    now = datetime(2026, 11, 22, 15, tzinfo=UTC)
    allocated = [now - timedelta(hours=2), None, now - timedelta(minutes=30), now + timedelta(seconds=1)]
    ran = pools.node_time(allocated, now)
    assert ran is not None
    assert (ran.nodes, ran.since, ran.hours) == (3, now - timedelta(hours=2), 2.5)
    assert pools.node_time([None], now) is None
