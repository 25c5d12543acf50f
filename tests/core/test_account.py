"""Accounts: what people type, what is shown of it, and the plain verdicts."""

import base64
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from batch_core import verdicts as verdicts_module
from batch_core.account import Account, AccountKind, connect, endpoint
from batch_core.errors import InvalidInput
from batch_core.verdicts import check
from tests.core.stub_server import Stub, stub_server, without_dns

KEY = base64.b64encode(bytes(range(64))).decode()
OTHER_KEY = base64.b64encode(bytes(range(1, 65))).decode()


@pytest.mark.parametrize(
    ("service", "account", "url", "becomes"),
    [
        ("batch", "mine", "https://mine.westeurope.batch.azure.com", "https://mine.westeurope.batch.azure.com"),
        ("batch", " Mine ", "mine.westeurope.batch.azure.com/", "https://mine.westeurope.batch.azure.com"),
        ("batch", "mine", "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("batch", "mine", "http://localhost:8080", "http://localhost:8080"),
        ("batch", "mine", "http://[::1]:8080", "http://[::1]:8080"),
        ("storage", "mine", "", "https://mine.blob.core.windows.net"),
        ("storage", "mine", "https://mine.blob.core.chinacloudapi.cn/", "https://mine.blob.core.chinacloudapi.cn"),
        ("storage", "mine", "http://127.0.0.1:10000/mine", "http://127.0.0.1:10000/mine"),
        ("storage", "mine", "http://127.0.0.1:10000", "http://127.0.0.1:10000/mine"),
    ],
)  # fmt: skip
def test_urls_as_people_paste_them(service: str, account: str, url: str, becomes: str) -> None:
    made = endpoint(service, account, f" {KEY}\n", url)  # type: ignore[arg-type]
    assert (made.account, made.key, made.url) == ("mine", KEY, becomes)


@pytest.mark.parametrize(
    ("service", "account", "key", "url", "sentence"),
    [
        ("batch", "", KEY, "https://x.batch.azure.com", "name of the Batch account"),
        ("batch", "my account", KEY, "https://x.batch.azure.com", "name of the Batch account"),
        ("batch", "mine", "", "https://mine.w.batch.azure.com", "key of the Batch account"),
        ("batch", "mine", KEY[:-3], "https://mine.w.batch.azure.com", "key of the Batch account"),
        ("batch", "mine", "not a key!", "https://mine.w.batch.azure.com", "key of the Batch account"),
        ("batch", "mine", KEY, "", "URL of the Batch account is missing"),
        ("batch", "mine", KEY, "http://mine.w.batch.azure.com", "must start with https"),
        ("batch", "mine", KEY, "ftp://mine.w.batch.azure.com", "must start with https"),
        ("batch", "mine", KEY, "http://127.0.0.1.evil.example", "must start with https"),
        ("batch", "mine", KEY, "https://mine.w.batch.azure.com/path", "not the URL of a Batch account"),
        ("batch", "mine", KEY, "https://user:pass@mine.w.batch.azure.com", "not the URL"),
        ("batch", "mine", KEY, "https://mine.w.batch.azure.com?sig=1", "not the URL"),
        ("batch", "mine", KEY, "https://mine.w.batch.azure.com:port", "not the URL"),
        ("batch", "mine", KEY, "https://", "not the URL"),
        ("batch", "mine", KEY, "https://yours.w.batch.azure.com", "account “yours”, the name is “mine”"),
        ("storage", "mine", KEY, "https://yours.blob.core.windows.net", "account “yours”"),
        ("storage", "mine", KEY, "http://127.0.0.1:10000/yours", "not the URL of a Storage account"),
    ],
)
def test_what_can_not_be_an_account_is_refused(
    service: str, account: str, key: str, url: str, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence) as caught:
        endpoint(service, account, key, url)  # type: ignore[arg-type]
    assert caught.value.hint
    assert key == "" or key not in str(caught.value)


def some_account(key: str = KEY, look_only: bool = False) -> Account:
    batch = endpoint("batch", "mine", key, "https://mine.westeurope.batch.azure.com")
    return connect(batch, endpoint("storage", "mine", key, ""), look_only=look_only)


def test_no_key_is_shown() -> None:
    account = some_account()
    assert KEY not in repr(account) + repr(account.batch_endpoint) + str(vars(account).keys())
    assert KEY not in account.fingerprint


def test_fingerprints_tell_accounts_and_keys_apart() -> None:
    account = some_account()
    assert account.fingerprint == some_account().fingerprint
    assert len(account.fingerprint) == 16
    assert int(account.fingerprint, 16) >= 0
    assert account.fingerprint != some_account(OTHER_KEY).fingerprint
    moved = replace(account, storage_endpoint=endpoint("storage", "mine", KEY, "http://127.0.0.1:1"))
    assert account.fingerprint != moved.fingerprint


def test_names_and_looking_only(account: Account) -> None:
    assert account.name == "This computer"
    assert some_account().name == "mine"
    account.require_writable()
    with pytest.raises(InvalidInput, match="look only"):
        some_account(look_only=True).require_writable()


def test_both_services_answer(azure_like: Account) -> None:
    batch, storage = check(azure_like)
    assert (batch.service, batch.ok, batch.sentence) == ("Batch", True, "The Batch account answers.")
    assert (storage.service, storage.ok, storage.sentence) == (
        "Storage",
        True,
        "The Storage account answers.",
    )


@pytest.mark.parametrize("wrong", ["batch", "storage"])
def test_a_wrong_key_is_found_for_each_service_by_itself(cloud: dict, wrong: str) -> None:
    ends = {
        name: endpoint(name, found["account"], OTHER_KEY if name == wrong else found["key"], found["url"])  # type: ignore[arg-type]
        for name, found in cloud.items()
    }
    verdicts = dict(zip(("batch", "storage"), check(connect(ends["batch"], ends["storage"])), strict=True))
    assert not verdicts[wrong].ok
    assert verdicts[wrong].sentence == "The key does not fit the account."
    assert verdicts[wrong].hint
    del verdicts[wrong]
    assert all(verdict.ok for verdict in verdicts.values())


def test_a_name_that_storage_does_not_know(cloud: dict) -> None:
    batch = endpoint("batch", **cloud["batch"])
    url = cloud["storage"]["url"].rpartition("/")[0]
    verdict = check(connect(batch, endpoint("storage", "nosuchaccount", KEY, url)))[1]
    assert not verdict.ok
    assert verdict.sentence == f"No account answers at {url}/nosuchaccount: check the name."


def at(url: str) -> Account:
    return connect(endpoint("batch", "mine", KEY, url), endpoint("storage", "mine", KEY, url))


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address on which nothing listens as long as the test runs."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


def test_nothing_answers(nowhere: str) -> None:
    began = time.monotonic()
    batch, storage = check(at(nowhere))
    assert time.monotonic() - began < 4
    assert batch.sentence == f"Nothing answers at {nowhere}: it is no Batch account's address."
    assert storage.sentence == f"Nothing answers at {nowhere}/mine: it is no Storage account's address."
    assert not batch.ok
    assert not storage.ok


def test_a_host_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    without_dns(monkeypatch)
    batch = check(at("https://mine.nowhere.invalid"))[0]
    assert batch.sentence == (
        "There is no Batch account at https://mine.nowhere.invalid: the address is not known."
    )


def test_a_host_that_says_nothing_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert verdicts_module.CHECK_SECONDS < 10
    monkeypatch.setattr(verdicts_module, "CHECK_SECONDS", 0.5)
    with stub_server(silent=True) as stub:
        began = time.monotonic()
        batch, storage = check(at(stub.url))
        assert time.monotonic() - began < 3
    assert batch.sentence == f"No Batch account answered at {stub.url} in time."
    assert storage.sentence == f"No Storage account answered at {stub.url}/mine in time."


@pytest.mark.parametrize("status", [200, 404, 403, 500])
def test_what_answers_may_be_something_else(status: int) -> None:
    with stub_server(status, b"<html>Welcome</html>", {"Content-Type": "text/html"}) as stub:
        batch, storage = check(at(stub.url))
    assert batch.sentence == f"What answers at {stub.url} is not a Batch account."
    assert storage.sentence == f"What answers at {stub.url}/mine is not a Storage account."


def test_swapped_urls_are_noticed(cloud: dict) -> None:
    batch_url = cloud["batch"]["url"]
    storage_url = cloud["storage"]["url"].rpartition("/")[0]
    swapped = connect(
        endpoint("batch", cloud["batch"]["account"], cloud["batch"]["key"], storage_url),
        endpoint("storage", cloud["storage"]["account"], cloud["storage"]["key"], batch_url),
    )
    batch, storage = check(swapped)
    assert batch.sentence == f"What answers at {storage_url} is not a Batch account."
    assert "is not a Storage account" in storage.sentence


def skewed(stub: Stub, minutes: int) -> None:
    stub.headers["Date"] = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)


def test_a_wrong_clock_is_told_from_a_wrong_key() -> None:
    body = json.dumps({"code": "AuthenticationFailed", "message": {"lang": "en-US", "value": "No."}}).encode()
    with stub_server(403, body, {"Content-Type": "application/json", "request-id": "1"}) as stub:
        skewed(stub, 110)
        batch = check(at(stub.url))[0]
    assert batch.sentence == "This computer's clock is about 2 hours behind."
    assert "clock" in batch.hint


def test_kind_alters_only_the_name(cloud: dict) -> None:
    ends = endpoint("batch", **cloud["batch"]), endpoint("storage", **cloud["storage"])
    local, azure = connect(*ends, kind=AccountKind.LOCAL), connect(*ends)
    assert local.fingerprint == azure.fingerprint
    assert (local.name, azure.name) == ("This computer", cloud["batch"]["account"])
