"""What holds for every request: signatures, hosts, versions, common headers, error bodies, limits."""

import asyncio
import json
import re
import socket

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from local_azure.ports import listen
from tests.local_azure.service_running import KEY, POOL, VERSION, RunningService, signed

pytest_plugins = ["tests.local_azure.service_fixtures"]

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def error(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_every_answer_carries_the_common_headers(service: RunningService) -> None:
    for target in ("/pools?" + VERSION, "/pools/none?" + VERSION, "/nonsense?" + VERSION):
        answer = service.send("GET", target)
        assert GUID.fullmatch(answer.headers["request-id"])
        assert answer.headers["DataServiceVersion"] == "3.0"
        assert answer.headers.get_list("Server") == ["Microsoft-HTTPAPI/2.0"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"] == "application/json;odata=minimalmetadata"
        assert "Date" in answer.headers


def test_a_client_request_id_is_echoed_only_when_asked_for(service: RunningService) -> None:
    silent = service.send("GET", "/pools?" + VERSION, client_request_id="mine")
    asked = service.send(
        "GET", "/pools?" + VERSION, client_request_id="mine", return_client_request_id="true"
    )
    assert "client-request-id" not in silent.headers
    assert asked.headers["client-request-id"] == "mine"


def test_an_error_body_names_the_request(service: RunningService) -> None:
    answer = service.send("GET", "/pools/none?" + VERSION)
    body = answer.json()
    fragment = "Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"
    assert answer.status_code == 404
    assert list(body) == ["odata.metadata", "code", "message"]
    assert body["odata.metadata"] == f"{service.url}/$metadata#{fragment}"
    text, request_id, time = body["message"]["value"].split("\n")
    assert (body["message"]["lang"], text) == ("en-US", "The specified pool does not exist.")
    assert request_id == "RequestId:" + answer.headers["request-id"]
    assert re.fullmatch(r"Time:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", time)


def test_a_head_of_something_missing_has_no_body(service: RunningService) -> None:
    answer = service.send("HEAD", "/pools/none?" + VERSION)
    assert answer.status_code == 404
    assert "Content-Type" not in answer.headers
    assert answer.headers["Content-Length"] == "0"


def test_the_sdk_reads_code_and_text(service: RunningService) -> None:
    with service.client() as client, pytest.raises(ResourceNotFoundError) as refused:
        client.get_pool("none")
    assert str(refused.value).startswith("(PoolNotFound) The specified pool does not exist.")
    assert refused.value.model.code == "PoolNotFound"  # type: ignore[union-attr]


def test_a_wrong_key_is_refused_and_a_missing_one_too(service: RunningService) -> None:
    with service.client("d3Jvbmc=") as client, pytest.raises(HttpResponseError) as refused:
        list(client.list_pools())
    assert refused.value.status_code == 403
    assert refused.value.model.code == "AuthenticationFailed"  # type: ignore[attr-defined]
    unsigned = service.send("GET", "/pools?" + VERSION, authorization="")
    assert error(unsigned) == (401, "AuthenticationFailed")
    assert "WWW-Authenticate" in unsigned.headers
    assert error(service.send("GET", "/nonsense?" + VERSION, authorization="")) == (
        401,
        "AuthenticationFailed",
    )
    bad = service.send("GET", "/pools?" + VERSION, authorization="SharedKey nonsense")
    assert error(bad) == (400, "InvalidAuthenticationInfo")


def test_an_old_request_is_refused(service: RunningService) -> None:
    headers = {"ocp-date": "Thu, 22 Jan 2026 22:58:03 GMT"}
    assert error(service.send("GET", "/pools?" + VERSION, **headers)) == (403, "AuthenticationFailed")


def test_another_host_name_is_refused(service: RunningService) -> None:
    assert error(service.send("GET", "/pools?" + VERSION, host="evil.example")) == (403, "Forbidden")
    assert service.send("GET", "/pools?" + VERSION, host="localhost:1").status_code == 200


@pytest.mark.parametrize("version", ["2025-06-01", "2024-07-01.20.0", "2019-08-01.10.0", "2016-07-01.3.1"])
def test_any_well_formed_version_up_to_ours_is_answered(service: RunningService, version: str) -> None:
    assert service.send("GET", f"/pools?api-version={version}").status_code == 200


@pytest.mark.parametrize(
    "version", ["2025-06-02", "2099-01-01.1.0", "latest", "2025-06-01-preview", "2025-06-01.1"]
)
def test_other_versions_are_refused(service: RunningService, version: str) -> None:
    refused = service.send("GET", f"/pools?api-version={version}")
    assert error(refused) == (400, "UnsupportedRequestVersion")


def test_a_missing_version_is_named(service: RunningService) -> None:
    answer = service.send("GET", "/pools?timeOut=30")
    assert error(answer) == (400, "MissingRequiredQueryParameter")
    assert answer.json()["values"] == [{"key": "QueryParameterName", "value": "api-version"}]


def test_unknown_paths_and_methods(service: RunningService) -> None:
    assert error(service.send("GET", "/nonsense?" + VERSION)) == (400, "InvalidUri")
    assert error(service.send("GET", "/pools/?" + VERSION)) == (400, "InvalidUri")
    assert error(service.send("PUT", "/pools?" + VERSION, body=b"{}")) == (405, "UnsupportedHttpVerb")
    assert service.send("HEAD", "/pools?" + VERSION).status_code == 405


def test_an_operation_we_do_not_have_says_so_by_name(service: RunningService) -> None:
    answer = service.send("POST", "/pools/none/nodes/none/deallocate?" + VERSION)
    assert error(answer) == (501, "NotImplemented")
    assert "deallocate node" in answer.json()["message"]["value"]


@pytest.mark.parametrize(
    ("text", "status"), [("30", 200), ("900", 200), ("0", 400), ("-1", 400), ("soon", 400)]
)
@pytest.mark.parametrize("name", ["timeOut", "timeout"])
def test_a_timeout_is_a_number_of_seconds(service: RunningService, name: str, text: str, status: int) -> None:
    assert service.send("GET", f"/pools?{name}={text}&{VERSION}").status_code == status


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"{", {}, (400, "InvalidRequestBody")),
        (b"[]", {}, (400, "InvalidRequestBody")),
        (b"null", {}, (400, "InvalidRequestBody")),
        (b"", {}, (400, "InvalidRequestBody")),
        (b"\xff\xfe", {}, (400, "InvalidRequestBody")),
        (b"{}", {"content_type": "text/plain"}, (400, "InvalidHeaderValue")),
        (b"{}", {}, (400, "MissingRequiredProperty")),
        (b'{"id":"' + b"x" * 1_048_576 + b'"}', {}, (413, "RequestBodyTooLarge")),
    ],
)
def test_bodies_are_checked(service: RunningService, body: bytes, headers: dict, expected: tuple) -> None:
    assert error(service.send("POST", "/pools?" + VERSION, body=body, **headers)) == expected


def test_a_body_that_hides_its_length_is_cut_off_too(service: RunningService) -> None:
    """Chunked, without Content-Length: the service stops reading at its limit."""
    probe = service.send("GET", "/pools?" + VERSION).request
    date = probe.headers["ocp-date"]
    sent = {"ocp-date": date, "content-type": "application/json"}
    sent["authorization"] = signed("POST", "/pools?" + VERSION, sent, KEY)
    lines = [f"POST /pools?{VERSION} HTTP/1.1", "host: 127.0.0.1", "transfer-encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in sent.items()]
    port = int(service.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in range(17):
            connection.sendall(chunk)
        assert b" 413 " in connection.recv(65536).split(b"\r\n")[0]


def test_conditions_decide_reads_and_writes(service: RunningService) -> None:
    service.send("POST", "/pools?" + VERSION, body=json.dumps({"id": "conditions", **POOL}).encode())
    path = "/pools/conditions?" + VERSION
    etag = service.send("GET", path).headers["ETag"]
    unchanged = service.send("GET", path, **{"if-none-match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert service.send("HEAD", path, **{"if-none-match": f'"{etag}"'}).status_code == 304
    patch = json.dumps({"metadata": []}).encode()
    stale = service.send("PATCH", path, body=patch, **{"if-match": "0x0"})
    assert error(stale) == (412, "ConditionNotMet")
    assert service.send("PATCH", path, body=patch, **{"if-match": etag}).status_code == 200
    assert service.send("PATCH", path, body=patch, **{"if-match": etag}).status_code == 412
    both = service.send("GET", path, **{"if-match": etag, "if-none-match": etag})
    assert error(both) == (400, "MultipleConditionHeadersNotSupported")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("maxresults=-5", "InvalidQueryParameterValue"),
        ("maxresults=0", "InvalidQueryParameterValue"),
        ("maxresults=many", "InvalidQueryParameterValue"),
        ("maxresults=1001", "OutOfRangeQueryParameterValue"),
        ("%24select=id%2Csecret", "InvalidQueryParameterValue"),
        ("%24filter=secret%20eq%20%27x%27", "InvalidQueryParameterValue"),
        ("%24expand=tasks", "InvalidQueryParameterValue"),
        ("%24skiptoken=nonsense", "InvalidQueryParameterValue"),
    ],
)
def test_list_parameters_are_checked(service: RunningService, query: str, code: str) -> None:
    assert error(service.send("GET", f"/pools?{VERSION}&{query}")) == (400, code)


def test_the_refusal_of_maxresults_is_the_recorded_one(service: RunningService) -> None:
    values = service.send("GET", f"/pools?{VERSION}&maxresults=-5").json()["values"]
    assert values == [
        {"key": "QueryParameterName", "value": "maxresults"},
        {"key": "QueryParameterValue", "value": "-5"},
        {"key": "Reason", "value": "MaxResults cannot be less than 1"},
    ]


def test_what_the_service_answers_is_sent_at_once():
    async def accepted() -> bool:
        delays: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            option = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            delays.set_result(not option)
            writer.close()

        listener = listen(0)
        async with await asyncio.start_server(connected, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.close()
            return await delays

    assert asyncio.run(accepted()) is False
