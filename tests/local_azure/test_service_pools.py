"""Pools, nodes and the account through the unmodified SDK."""

import pytest
from azure.batch import BatchClient, models
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from tests.local_azure.service_running import POOL, VERSION, RunningService
from tests.waiting import until

pytest_plugins = ["tests.local_azure.service_fixtures"]


def make(client: BatchClient, pool_id: str, **fields: object) -> None:
    client.create_pool(models.BatchPoolCreateOptions({"id": pool_id, **POOL, **fields}))


def steady(client: BatchClient, pool_id: str) -> models.BatchPool:
    def pool() -> models.BatchPool | None:
        found = client.get_pool(pool_id)
        return found if found.allocation_state == models.AllocationState.STEADY else None

    return until(pool, what=f"pool {pool_id} steady")  # type: ignore[return-value]


def test_images_are_listed_filtered_and_paged(service_client: BatchClient) -> None:
    images = list(service_client.list_supported_images())
    ubuntu = [image for image in images if image.image_reference.offer == "ubuntu-24_04-lts"]
    assert {image.node_agent_sku_id for image in ubuntu} == {"batch.node.ubuntu 24.04"}
    assert any(image.batch_support_end_of_life for image in images)
    linux = list(
        service_client.list_supported_images(filter="osType eq 'linux' and verificationType eq 'verified'")
    )
    assert {(image.os_type, image.verification_type) for image in linux} == {("linux", "verified")}
    paged = list(service_client.list_supported_images(max_results=3))
    assert [image.image_reference.sku for image in paged] == [image.image_reference.sku for image in images]


def test_a_pool_comes_grows_shrinks_and_goes(service: RunningService, service_client: BatchClient) -> None:
    make(service_client, "life", targetDedicatedNodes=1, displayName="Life")
    with pytest.raises(ResourceExistsError, match=r"^\(PoolExists\) The specified pool already exists\."):
        make(service_client, "LIFE")
    pool = steady(service_client, "life")
    assert (pool.display_name, pool.current_dedicated_nodes, pool.vm_size) == ("Life", 1, "standard_d2s_v5")
    resize = models.BatchPoolResizeOptions(target_dedicated_nodes=2, target_low_priority_nodes=1)
    poller = service_client.begin_resize_pool("life", resize, polling_interval=0)
    poller.wait()
    assert poller.status() == "Succeeded"
    pool = steady(service_client, "life")
    assert (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (2, 1)
    counts = {row.pool_id: row for row in service_client.list_pool_node_counts(filter="poolId eq 'life'")}
    assert (counts["life"].dedicated.total, counts["life"].low_priority.total) == (2, 1)  # type: ignore[union-attr]
    nodes = list(service_client.list_nodes("life"))
    assert sorted(node.is_dedicated for node in nodes) == [False, True, True]
    one = service_client.get_node("life", nodes[0].id, select=["id", "state"])
    assert (one.id, one.ip_address) == (nodes[0].id, None)
    deletion = service_client.begin_delete_pool("life", polling_interval=0)
    deletion.wait()
    assert deletion.status() == "Succeeded"
    until(lambda: service.send("HEAD", "/pools/life?" + VERSION).status_code == 404, what="the pool's end")
    with pytest.raises(ResourceNotFoundError, match="PoolNotFound"):
        list(service_client.list_nodes("life"))


def test_pools_are_listed_by_id_in_pages_with_filter_and_select(service_client: BatchClient) -> None:
    for pool_id in ("list-b", "list-a", "list-C"):
        make(service_client, pool_id)
    found = list(service_client.list_pools(max_results=1, filter="startswith(id,'LIST-')"))
    assert [pool.id for pool in found] == ["list-C", "list-a", "list-b"]
    (only,) = service_client.list_pools(filter="id eq 'list-a'", select=["id", "state"], expand=["stats"])
    assert (only.id, only.state, only.allocation_state, only.vm_size) == ("list-a", "active", None, None)


def test_properties_are_patched_and_replaced(service: RunningService, service_client: BatchClient) -> None:
    make(service_client, "change", startTask={"commandLine": "true"}, metadata=[{"name": "a", "value": "b"}])
    steady(service_client, "change")
    items = [models.BatchMetadataItem(name="foo", value="bar")]
    service_client.update_pool("change", models.BatchPoolUpdateOptions(metadata=items))
    pool = service_client.get_pool("change")
    assert pool.start_task is not None
    assert [(item.name, item.value) for item in pool.metadata or []] == [("foo", "bar")]
    replacement = models.BatchPoolReplaceOptions(application_package_references=[], metadata=[])
    service_client.replace_pool_properties("change", replacement)
    pool = service_client.get_pool("change")
    assert (pool.start_task, pool.metadata) == (None, None)
    assert service_client.pool_exists("change")
    stale = {"etag": "0x0", "match_condition": MatchConditions.IfNotModified}
    with pytest.raises(ResourceModifiedError):
        service_client.update_pool("change", models.BatchPoolUpdateOptions(metadata=items), **stale)


def test_a_stopped_resize_names_itself(service_client: BatchClient) -> None:
    make(service_client, "stop")
    steady(service_client, "stop")
    with pytest.raises(HttpResponseError) as refused:
        service_client.begin_stop_pool_resize("stop", polling_interval=0)
    assert refused.value.status_code == 409


def test_passwords_never_come_back(service: RunningService, service_client: BatchClient) -> None:
    make(service_client, "secret", userAccounts=[{"name": "u", "password": "hunter2"}])
    answer = service.send("GET", "/pools/secret?" + VERSION)
    assert answer.json()["userAccounts"] == [{"name": "u", "elevationLevel": "nonadmin"}]
    assert "hunter2" not in service.send("GET", "/pools?" + VERSION).text


def test_an_account_without_applications(service_client: BatchClient) -> None:
    assert list(service_client.list_applications()) == []
    with pytest.raises(ResourceNotFoundError, match="ApplicationNotFound"):
        service_client.get_application("none")
