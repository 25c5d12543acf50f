"""Shared keys and the Host header."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from starlette.datastructures import Headers

from local_azure.batch.auth import Signer
from local_azure.batch.errors import BatchError

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
KEY = base64.b64encode(b"a key of the tests").decode()
SIGNER = Signer.of("localbatch", KEY, "http://batch.example:8080")
PATH = "/jobs/j/tasks/t/files/wd%2Fa%20b.txt"


def authorization(text: str, *, key: str = KEY, account: str = "localbatch") -> str:
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return f"SharedKey {account}:{base64.b64encode(digest).decode()}"


def text_to_sign(method: str, length: str, resource: str, date: str, kind: str = "") -> str:
    return f"{method}\n\n\n{length}\n\n{kind}\n\n\n\n\n\n\nocp-date:{date}\n/localbatch{resource}"


def headers(signature: str, date: datetime = NOW, **more: str) -> Headers:
    return Headers({"authorization": signature, "ocp-date": format_datetime(date, usegmt=True), **more})


def check(method: str, query: str, given: Mapping[str, str], path: str = "/pools") -> None:
    SIGNER.check(method, path, query, given, NOW)


DATE = format_datetime(NOW, usegmt=True)


@pytest.mark.parametrize("length", ["", "0"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_an_empty_body_may_be_signed_both_ways(method: str, length: str) -> None:
    resource = "/pools\napi-version:2025-06-01"
    check(
        method, "api-version=2025-06-01", headers(authorization(text_to_sign(method, length, resource, DATE)))
    )


def test_query_values_are_signed_decoded_and_names_as_sent_or_in_lower_case() -> None:
    query = "timeOut=30&api-version=2025-06-01&%24filter=startswith%28id%2C%27a%20b%27%29&empty="
    as_sent = "/pools\n$filter:startswith(id,'a b')\napi-version:2025-06-01\ntimeOut:30"
    for resource in (as_sent, as_sent.replace("timeOut", "timeout")):
        check("GET", query, headers(authorization(text_to_sign("GET", "", resource, DATE))))


def test_the_path_is_signed_as_it_is_sent() -> None:
    good = headers(authorization(text_to_sign("GET", "", PATH, DATE)))
    check("GET", "", good, PATH)
    with pytest.raises(BatchError, match="AuthenticationFailed"):
        check("GET", "", good, PATH.replace("%2F", "/"))


def test_a_body_is_signed_with_its_length_and_type() -> None:
    kind = "application/json; odata=minimalmetadata"
    signature = authorization(text_to_sign("POST", "12", "/pools", DATE, kind))
    check("POST", "", headers(signature, **{"content-length": "12", "content-type": kind}))
    with pytest.raises(BatchError, match="AuthenticationFailed"):
        check("POST", "", headers(signature, **{"content-length": "13", "content-type": kind}))


def refusal(given: Mapping[str, str]) -> BatchError:
    with pytest.raises(BatchError) as refused:
        check("GET", "", given)
    return refused.value


def test_wrong_credentials_are_refused() -> None:
    text = text_to_sign("GET", "", "/pools", DATE)
    other = base64.b64encode(b"another key").decode()
    assert refusal(headers(authorization(text, key=other))).status == 403
    assert refusal(headers(authorization(text, account="else"))).status == 403
    assert refusal(headers(authorization(text) + "x")).status == 403
    assert refusal(headers("SharedKey localbatch:ü")).status == 403
    assert refusal(headers("Bearer token")).code == "AuthenticationFailed"
    assert refusal(headers("SharedKey localbatch")).code == "InvalidAuthenticationInfo"
    assert refusal(headers("")).status == 401


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_clock_that_is_a_little_off_is_accepted(minutes: int) -> None:
    moment = NOW + timedelta(minutes=minutes)
    text = text_to_sign("GET", "", "/pools", format_datetime(moment, usegmt=True))
    check("GET", "", headers(authorization(text), moment))


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_request_from_another_time_is_refused(minutes: int) -> None:
    moment = NOW + timedelta(minutes=minutes)
    text = text_to_sign("GET", "", "/pools", format_datetime(moment, usegmt=True))
    assert (
        "15 minutes"
        in dict(refusal(headers(authorization(text), moment)).values)["AuthenticationErrorDetail"]
    )


def test_a_request_without_a_date_is_refused() -> None:
    text = "GET\n\n\n\n\n\n\n\n\n\n\n\n/localbatch/pools"
    given = Headers({"authorization": authorization(text)})
    assert "Date" in dict(refusal(given).values)["AuthenticationErrorDetail"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "LOCALHOST", "[::1]:80", "batch.example:8080", "batch.example"]
)
def test_loopback_and_own_names_are_hosts(host: str) -> None:
    SIGNER.check_host(Headers({"host": host}))


@pytest.mark.parametrize("host", ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil:80", "[::2]"])
def test_other_hosts_are_refused(host: str) -> None:
    with pytest.raises(BatchError) as refused:
        SIGNER.check_host(Headers({"host": host}))
    assert refused.value.status == 403


def test_the_key_is_in_no_representation() -> None:
    assert KEY not in repr(SIGNER)
    assert "a key of the tests" not in repr(SIGNER)
    with pytest.raises(ValueError, match=r"."):
        Signer.of("a", "no base64!", "http://x")
