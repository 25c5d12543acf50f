"""The seam: what the SDKs raise becomes sentences, and nothing secret passes."""

import base64
import json
import socket
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from batch_core.account import Account, connect, endpoint
from batch_core.errors import (
    Conflict,
    CredentialError,
    DashboardError,
    InvalidInput,
    NotFound,
    QuotaError,
    ServiceFailure,
    Throttled,
    Unreachable,
    translated,
    without_secrets,
)
from tests.core.stub_server import stub_server

KEY = base64.b64encode(bytes(range(64))).decode()
ODATA = "application/json; odata=minimalmetadata"


def account_at(url: str) -> Account:
    return connect(endpoint("batch", "somebatch", KEY, url), endpoint("storage", "somestorage", KEY, url))


def batch_error(code: str, message: str, values: dict[str, str] | None = None) -> bytes:
    body: dict = {
        "odata.metadata": "https://x/$metadata#Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element",
        "code": code,
        "message": {"lang": "en-US", "value": f"{message}\nRequestId:1-2\nTime:2026-01-01T00:00:00Z"},
    }
    if values:
        body["values"] = [{"key": key, "value": value} for key, value in values.items()]
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (404, "PoolNotFound", NotFound, "Could not see the pool: the thing is so."),
        (409, "PoolExists", Conflict, "Could not see the pool: the thing is so."),
        (409, "PoolBeingDeleted", Conflict, "Could not see the pool: the pool is being deleted."),
        (409, "PoolQuotaReached", QuotaError, "Could not see the pool: the account has as many pools"),
        (409, "ActiveJobAndScheduleQuotaReached", QuotaError, "the account has as many active jobs"),
        (412, "ConditionNotMet", Conflict, "the thing is so"),
        (403, "AuthenticationFailed", CredentialError, "Could not see the pool: the key does not fit the account."),
        (401, "", CredentialError, "the key does not fit"),
        (403, "AccountIsDisabled", CredentialError, "the account is disabled"),
        (429, "TooManyRequests", Throttled, "the service has too much to do"),
        (503, "ServerBusy", Throttled, "the service has too much to do"),
        (500, "InternalError", ServiceFailure, "the thing is so"),
        (400, "InvalidRequestBody", InvalidInput, "the thing is so"),
    ],
)  # fmt: skip
def test_answers_of_batch(status: int, code: str, kind: type[DashboardError], said: str) -> None:
    headers = {
        "Content-Type": ODATA,
        "request-id": "req-7",
        "Date": format_datetime(datetime.now(UTC), usegmt=True),
    }
    with stub_server(status, batch_error(code, "The thing is so."), headers) as stub:
        account = account_at(stub.url)
        with pytest.raises(kind) as caught, translated("see the pool"):
            account.batch.get_pool("p", retry_total=0)
    assert type(caught.value) is kind
    assert said in caught.value.user_message
    assert str(caught.value) == caught.value.user_message
    assert caught.value.request_id == "req-7"
    assert caught.value.code == code
    assert "RequestId" not in str(caught.value)


def test_a_refused_value_is_named() -> None:
    values = {"PropertyName": "vmSize", "PropertyValue": "huge", "Reason": "There is no such size"}
    body = batch_error("InvalidPropertyValue", "The value provided is invalid.", values)
    with stub_server(400, body, {"Content-Type": ODATA}) as stub:
        account = account_at(stub.url)
        with pytest.raises(InvalidInput) as caught, translated("create the pool"):
            account.batch.get_pool("p", retry_total=0)
    assert str(caught.value) == (
        "Could not create the pool: the value provided is invalid (vmSize). There is no such size."
    )


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(125, "about 2 hours behind"), (-40, "about 40 minutes ahead"), (57, "about an hour behind")],
)
def test_a_wrong_clock_is_told_from_a_wrong_key(minutes: int, said: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    headers = {"Content-Type": ODATA, "Date": date}
    with stub_server(403, batch_error("AuthenticationFailed", "Server failed."), headers) as stub:
        account = account_at(stub.url)
        with pytest.raises(CredentialError, match=said), translated("see the pool"):
            account.batch.get_pool("p", retry_total=0)


def test_nothing_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        account = account_at(f"http://127.0.0.1:{port}")
        for ask in (lambda: account.batch.get_pool("p"), lambda: account.blobs.get_account_information()):
            with pytest.raises(Unreachable, match=f"http://127.0.0.1:{port}") as caught, translated("look"):
                ask()
            assert caught.value.hint


def test_nonsense_is_a_failure_and_not_a_crash() -> None:
    with stub_server(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"}) as stub:
        account = account_at(stub.url)
        with pytest.raises(ServiceFailure, match="status 502"), translated("look"):
            account.batch.get_pool("p", retry_total=0)


def test_a_wrong_key_shows_neither_key_nor_signature(cloud: dict) -> None:
    good, wrong = cloud["storage"], base64.b64encode(b"0" * 64).decode()
    storage = endpoint("storage", good["account"], wrong, good["url"])
    account = connect(endpoint("batch", "somebatch", KEY, "http://127.0.0.1:9"), storage)
    with pytest.raises(CredentialError) as caught, translated("list"):
        list(account.blobs.list_containers(retry_total=0))
    shown = "".join(traceback.format_exception(caught.value))
    assert wrong not in shown
    assert "SharedKey" not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert caught.value.request_id


def test_what_looks_secret_is_taken_out() -> None:
    signed = "see http://127.0.0.1:1/a/b?sv=2026&sp=r&sig=abc%2Fdef%3D now"
    assert "abc" not in without_secrets(signed)
    assert without_secrets(signed).endswith(" now")
    assert KEY not in without_secrets(f"key {KEY}")
    assert without_secrets("Authorization: SharedKey name:c2ln") == "Authorization: …"
    assert without_secrets("run-0123456789abcdef0123 is fine") == "run-0123456789abcdef0123 is fine"


def test_other_errors_pass_through() -> None:
    with pytest.raises(ZeroDivisionError), translated("divide"):
        1 / 0  # noqa: B018
