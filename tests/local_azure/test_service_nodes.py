"""Actions on nodes through the unmodified SDK and raw requests."""

import json
from collections.abc import Iterator

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.local_azure.service_running import POOL, VERSION, RunningService
from tests.waiting import until

pytest_plugins = ["tests.local_azure.service_fixtures"]


@pytest.fixture
def nodes(service: RunningService, service_client: BatchClient) -> Iterator[list[str]]:
    """The ids of the three idle nodes of the pool `nodes`, which is the test's own."""
    body = {"id": "nodes", **POOL, "targetDedicatedNodes": 2, "targetLowPriorityNodes": 1}
    service_client.create_pool(models.BatchPoolCreateOptions(body))

    def idle() -> list[str]:
        found = list(service_client.list_nodes("nodes", filter="state eq 'idle'"))
        return [node.id for node in found] if len(found) == 3 else []  # type: ignore[misc]

    yield until(idle, what="three idle nodes")
    service.send("DELETE", "/pools/nodes?" + VERSION)
    until(lambda: service.send("HEAD", "/pools/nodes?" + VERSION).status_code == 404, what="the pool's end")


def state(client: BatchClient, node_id: str) -> models.BatchNode:
    return client.get_node("nodes", node_id)


def test_a_reboot_is_waited_for(service_client: BatchClient, nodes: list[str]) -> None:
    before = state(service_client, nodes[0])
    options = {"nodeRebootOption": "terminate"}
    poller = service_client.begin_reboot_node("nodes", nodes[0], options, polling_interval=0)  # type: ignore[arg-type]
    poller.wait()
    assert poller.status() == "Succeeded"
    until(lambda: state(service_client, nodes[0]).state == "idle", what="an idle node")
    assert state(service_client, nodes[0]).last_boot_time > before.last_boot_time  # type: ignore[operator]


def test_scheduling_is_switched_off_and_on(service_client: BatchClient, nodes: list[str]) -> None:
    options = models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="taskcompletion")
    service_client.disable_node_scheduling("nodes", nodes[0], options)
    node = state(service_client, nodes[0])
    assert (node.state, node.scheduling_state) == ("offline", "disabled")
    with pytest.raises(ResourceExistsError, match="NodeAlreadyInTargetSchedulingState"):
        service_client.disable_node_scheduling("nodes", nodes[0], options)
    (counts,) = service_client.list_pool_node_counts(filter="poolId eq 'nodes'")
    assert (counts.dedicated.offline + counts.low_priority.offline) == 1  # type: ignore[union-attr]
    service_client.enable_node_scheduling("nodes", nodes[0])
    node = state(service_client, nodes[0])
    assert (node.state, node.scheduling_state) == ("idle", "enabled")
    with pytest.raises(ResourceExistsError, match="NodeAlreadyInTargetSchedulingState"):
        service_client.enable_node_scheduling("nodes", nodes[0])


def test_nodes_are_removed_by_name(service_client: BatchClient, nodes: list[str]) -> None:
    options = models.BatchNodeRemoveOptions(node_ids=nodes[:2])
    poller = service_client.begin_remove_nodes("nodes", options, polling_interval=0)
    poller.wait()
    assert poller.status() == "Succeeded"
    assert [node.id for node in service_client.list_nodes("nodes")] == nodes[2:]
    pool = service_client.get_pool("nodes")
    assert pool.target_dedicated_nodes + pool.target_low_priority_nodes == 1  # type: ignore[operator]
    with pytest.raises(ResourceNotFoundError, match="NodeNotFound"):
        service_client.begin_remove_nodes("nodes", options, polling_interval=0)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "MissingRequiredProperty"),
        ({"nodeList": []}, "InvalidPropertyValue"),
        ({"nodeList": ["n"] * 101}, "InvalidPropertyValue"),
        ({"nodeList": ["n"], "resizeTimeout": "PT4M"}, "InvalidPropertyValue"),
        ({"nodeList": ["n"], "nodeDeallocationOption": "politely"}, "InvalidPropertyValue"),
        ({"nodeList": "n"}, "InvalidRequestBody"),
    ],
)
def test_the_body_of_a_removal_is_checked(service: RunningService, body: dict, code: str) -> None:
    answer = service.send("POST", "/pools/none/removenodes?" + VERSION, body=json.dumps(body).encode())
    assert (answer.status_code, answer.json()["code"]) == (400, code)


ACTIONS = {"reboot": 202, "disablescheduling": 200, "enablescheduling": 200}


def test_an_action_needs_no_body_and_answers_with_its_own_address(
    service: RunningService, nodes: list[str]
) -> None:
    for action, status in reversed(ACTIONS.items()):
        path = f"/pools/nodes/nodes/{nodes[0]}/{action}"
        if action == "enablescheduling":
            service.send("POST", f"/pools/nodes/nodes/{nodes[0]}/disablescheduling?{VERSION}", body=b"{}")
        answer = service.send("POST", f"{path}?{VERSION}")
        assert (answer.status_code, answer.content) == (status, b"")
        assert answer.headers["DataServiceId"] == service.url + path
        assert not {"etag", "last-modified"} & set(answer.headers)


@pytest.mark.parametrize("action", [*ACTIONS, "reimage"])
def test_an_action_on_nothing_says_what_is_missing(
    service: RunningService, service_pool: str, action: str
) -> None:
    for pool_id, code in (("none", "PoolNotFound"), (service_pool, "NodeNotFound")):
        answer = service.send("POST", f"/pools/{pool_id}/nodes/none/{action}?{VERSION}")
        assert (answer.status_code, answer.json()["code"]) == (404, code)


@pytest.mark.parametrize(
    ("action", "name"),
    [("reboot", "nodeRebootOption"), ("disablescheduling", "nodeDisableSchedulingOption")],
)
def test_an_unknown_option_is_refused(
    service: RunningService, service_pool: str, action: str, name: str
) -> None:
    path = f"/pools/{service_pool}/nodes/none/{action}?{VERSION}"
    answer = service.send("POST", path, body=json.dumps({name: "politely"}).encode())
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidPropertyValue")


def test_a_virtual_machine_is_not_reimaged(service_client: BatchClient, nodes: list[str]) -> None:
    with pytest.raises(HttpResponseError, match="OperationNotValidOnNode") as refused:
        service_client.begin_reimage_node("nodes", nodes[0], {"nodeReimageOption": "requeue"})  # type: ignore[arg-type]
    assert refused.value.status_code == 409
