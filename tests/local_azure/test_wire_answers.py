"""Answers and conditions: what is shown, what is hidden, what is not changed."""

import pytest
from starlette.datastructures import Headers

from local_azure.batch.errors import BatchError
from local_azure.batch.wire.conditions import check_conditions
from local_azure.batch.wire.pages import next_page
from local_azure.batch.wire.serialise import error_body, path_of, selected, shown

TIME = "2026-01-22T22:58:03.9000000Z"
POOL = {
    "id": "p",
    "displayName": "Pool",
    "eTag": "0x1",
    "lastModified": TIME,
    "state": "active",
    "taskSchedulingPolicy": {"nodeFillType": "pack", "jobDefaultOrder": "none"},
    "userAccounts": [
        {"name": "u", "password": "secret", "linuxUserConfiguration": {"uid": 1, "sshPrivateKey": "secret"}}
    ],
    "virtualMachineConfiguration": {
        "osDisk": {"caching": "readonly"},
        "dataDisks": [{"caching": "readonly"}],
        "nodePlacementConfiguration": {"policy": "zonal"},
        "containerConfiguration": {"containerRegistries": [{"username": "u", "password": "secret"}]},
    },
    "mountConfiguration": [
        {"azureBlobFileSystemConfiguration": {"sasKey": "secret", "accountKey": "secret"}}
    ],
    "metadata": [{"name": "time", "value": TIME}],
}


def test_a_pool_is_shown_with_url_and_without_secrets() -> None:
    whole = shown(POOL, "http://x/pools/p")
    assert list(whole)[:3] == ["id", "displayName", "url"]
    assert whole["lastModified"] == "2026-01-22T22:58:03.9Z"
    assert whole["metadata"] == POOL["metadata"]
    assert "secret" not in repr(whole)
    assert POOL["userAccounts"][0]["password"] == "secret"


def test_enumerations_are_spelt_like_the_services() -> None:
    whole = shown(POOL, "")
    machine = whole["virtualMachineConfiguration"]
    assert whole["taskSchedulingPolicy"]["nodeFillType"] == "Pack"
    assert machine["osDisk"]["caching"] == "ReadOnly"
    assert machine["dataDisks"][0]["caching"] == "readonly"
    assert machine["nodePlacementConfiguration"]["policy"] == "Zonal"
    outputs = {"id": "t", "outputFiles": [{"uploadOptions": {"uploadCondition": "taskcompletion"}}]}
    assert shown(outputs, "")["outputFiles"][0]["uploadOptions"]["uploadCondition"] == "TaskCompletion"


def test_only_selected_fields_are_shown() -> None:
    assert shown(POOL, "", selected("pools", "id, state")) == {"id": "p", "state": "active"}
    assert shown(POOL, "u", selected("pools", "url")) == {"url": "u"}
    assert selected("pools", None) is None
    assert selected("nodes", "id") == {"id", "virtualMachineInfo"}
    with pytest.raises(BatchError, match="InvalidQueryParameterValue"):
        selected("tasks", "id,password")


def test_paths_are_encoded() -> None:
    assert path_of("jobs", "a b/c", "tasks", "ü") == "/jobs/a%20b%2Fc/tasks/%C3%BC"


def test_error_bodies_leave_out_empty_values() -> None:
    body = error_body("http://x", BatchError("PoolNotFound"), "guid", TIME)
    assert body == {
        "odata.metadata": "http://x/$metadata#Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element",
        "code": "PoolNotFound",
        "message": {
            "lang": "en-US",
            "value": f"The specified pool does not exist.\nRequestId:guid\nTime:{TIME}",
        },
    }


BEFORE, SAME, LATER = (f"Thu, 22 Jan 2026 22:58:0{second} GMT" for second in (2, 3, 4))


@pytest.mark.parametrize(
    ("headers", "reading", "status"),
    [
        ({}, True, None),
        ({"If-Match": '"0x1"'}, False, None),
        ({"If-Match": "0x1"}, False, None),
        ({"If-Match": "*"}, False, None),
        ({"If-Match": "0x2"}, False, 412),
        ({"If-Match": "0x2"}, True, 412),
        ({"If-None-Match": "0x2"}, True, None),
        ({"If-None-Match": "0x1"}, True, 304),
        ({"If-None-Match": "0x1"}, False, 412),
        ({"If-None-Match": "*"}, True, 304),
        ({"If-Modified-Since": BEFORE}, True, None),
        ({"If-Modified-Since": SAME}, True, 304),
        ({"If-Modified-Since": SAME}, False, 412),
        ({"If-Unmodified-Since": SAME}, False, None),
        ({"If-Unmodified-Since": LATER}, False, None),
        ({"If-Unmodified-Since": BEFORE}, False, 412),
        ({"If-Unmodified-Since": "yesterday"}, False, 400),
        ({"If-Match": "0x1", "If-None-Match": "0x1"}, True, 400),
        ({"If-Match": "0x1", "If-Unmodified-Since": LATER}, False, None),
    ],
)
def test_conditions(headers: dict[str, str], reading: bool, status: int | None) -> None:
    found = None
    try:
        check_conditions(Headers(headers), last_modified=TIME, etag="0x1", reading=reading)
    except BatchError as error:
        found = error.status
    assert found == status


def test_pages_go_on_after_the_last_key_even_when_items_vanish() -> None:
    items = [{"name": name} for name in ("c", "a", "b+/ü", "d")]
    page, token = next_page(items, lambda item: item["name"], None, 2)
    assert [item["name"] for item in page] == ["a", "b+/ü"]
    assert token is not None
    assert "+" not in token
    left = [item for item in items if item["name"] != "b+/ü"]
    page, token = next_page(left, lambda item: item["name"], token, 2)
    assert [item["name"] for item in page] == ["c", "d"]
    assert token is None
    with pytest.raises(BatchError, match="InvalidQueryParameterValue"):
        next_page(items, lambda item: item["name"], "not a token!", 2)
