"""Containers, signed URLs and CORS rules, on the real storage of this computer."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests
from azure.storage.blob import CorsRule

from batch_core import storage
from batch_core.account import Account
from batch_core.errors import InvalidInput
from batch_core.storage import INPUTS, RESULTS, allow_browser, container_url, cors_allows, read_url


@pytest.fixture
def blob(account: Account) -> str:
    """A blob with an awkward name among the results, and its content "hello"."""
    storage.ensure_containers(account)
    name = f"{uuid.uuid4().hex}/100% ünïcode # & co.mp4"
    account.blobs.get_blob_client(RESULTS, name).upload_blob(b"hello")
    return name


def test_containers_are_made_once_and_private(account: Account, blob: str) -> None:
    storage.ensure_containers(account)
    for name in (INPUTS, RESULTS):
        properties = account.blobs.get_container_client(name).get_container_properties()
        assert properties.public_access is None
        assert properties.metadata == {"app": storage.APP}


def test_looking_only_makes_nothing(account: Account) -> None:
    broken = replace(account, look_only=True, blobs=None)  # type: ignore[arg-type]
    storage.ensure_containers(broken)


def test_a_read_url_reads_one_blob_and_nothing_else(account: Account, blob: str) -> None:
    url = read_url(account, RESULTS, blob)
    assert requests.get(url, timeout=5).content == b"hello"
    assert requests.get(url, headers={"Range": "bytes=1-2"}, timeout=5).content == b"el"
    other = blob.replace(".mp4", ".mp3")
    account.blobs.get_blob_client(RESULTS, other).upload_blob(b"secret")
    wrong = read_url(account, RESULTS, other).partition("?")[0] + "?" + url.partition("?")[2]
    assert requests.get(wrong, timeout=5).status_code == 403
    assert requests.put(url, data=b"x", headers={"x-ms-blob-type": "BlockBlob"}, timeout=5).status_code == 403
    assert requests.delete(url, timeout=5).status_code == 403
    assert account.storage_endpoint.key not in url


def test_a_download_has_its_true_name(account: Account, blob: str) -> None:
    url = read_url(account, RESULTS, blob, name='Ünser "bester" Film.mp4', content_type="video/mp4")
    headers = requests.get(url, timeout=5).headers
    assert headers["Content-Type"] == "video/mp4"
    assert headers["Content-Disposition"] == (
        "attachment; filename=\"_nser _bester_ Film.mp4\"; filename*=UTF-8''"
        "%C3%9Cnser%20%22bester%22%20Film.mp4"
    )


def test_a_url_made_again_is_the_same_and_lasts_long_enough(account: Account, blob: str) -> None:
    assert read_url(account, RESULTS, blob) == read_url(account, RESULTS, blob)
    for hours in (0.5, 2, 24):
        left = storage.expiry(hours) - datetime.now(UTC)
        assert timedelta(hours=hours) <= left <= timedelta(hours=hours + 1)


def test_a_container_url_has_its_permissions_only(account: Account, blob: str) -> None:
    base, _, sas = container_url(account, RESULTS, "cw", 1).partition("?")
    new = f"{base}/{uuid.uuid4().hex}?{sas}"
    assert requests.put(new, data=b"x", headers={"x-ms-blob-type": "BlockBlob"}, timeout=5).status_code == 201
    assert requests.get(new, timeout=5).status_code == 403
    assert requests.get(f"{base}?restype=container&comp=list&{sas}", timeout=5).status_code == 403


@pytest.fixture
def cors(azure_like: Account) -> Iterator[Account]:
    """An account without CORS rules; the rules of before come back afterwards."""
    before = azure_like.blobs.get_service_properties()["cors"]
    azure_like.blobs.set_service_properties(cors=[])
    yield azure_like
    azure_like.blobs.set_service_properties(cors=before)


OTHERS = CorsRule(["https://other.example"], ["GET"], max_age_in_seconds=5)


def preflight(account: Account, origin: str) -> int:
    headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    headers["Access-Control-Request-Headers"] = "x-ms-blob-type,x-ms-meta-name,if-none-match"
    url = f"{account.storage_endpoint.url}/{INPUTS}/x"
    return requests.options(url, headers=headers, timeout=5).status_code


def test_a_cors_rule_is_added_and_others_stay(cors: Account) -> None:
    cors.blobs.set_service_properties(cors=[OTHERS])
    origin = "http://127.0.0.1:8501"
    assert not cors_allows(cors, origin)
    assert preflight(cors, origin) == 403
    assert allow_browser(cors, [origin])
    assert cors_allows(cors, origin)
    assert preflight(cors, origin) == 200
    assert not cors_allows(cors, "http://127.0.0.1:9999")
    rules = cors.blobs.get_service_properties()["cors"]
    assert len(rules) == 2
    assert "other.example" in str(rules[0].allowed_origins)
    assert allow_browser(cors, [origin])
    assert len(cors.blobs.get_service_properties()["cors"]) == 2


def test_five_rules_of_others_are_left_alone(cors: Account) -> None:
    cors.blobs.set_service_properties(cors=[OTHERS] * 5)
    assert not allow_browser(cors, ["http://127.0.0.1:8501"])
    assert len(cors.blobs.get_service_properties()["cors"]) == 5


def test_looking_only_changes_no_rule(cors: Account) -> None:
    with pytest.raises(InvalidInput, match="look only"):
        allow_browser(replace(cors, look_only=True), ["http://127.0.0.1:8501"])
    assert not cors.blobs.get_service_properties()["cors"]


def test_a_rule_for_everyone_is_enough(cors: Account) -> None:
    everyone = CorsRule(
        ["*"], ["GET", "PUT", "HEAD", "OPTIONS"], allowed_headers=["*"], exposed_headers=["*"]
    )
    cors.blobs.set_service_properties(cors=[everyone])
    assert cors_allows(cors, "http://anything:1")
    assert allow_browser(replace(cors, look_only=True), ["http://anything:1"])
