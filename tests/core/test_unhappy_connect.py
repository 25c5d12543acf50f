"""Whatever is wrong with a name, a key, a URL or a clock has its own sentence, for each service by itself."""

import base64
import ipaddress
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from batch_core import verdicts
from batch_core.account import Account, Service, connect, endpoint
from batch_core.verdicts import Verdict, check
from tests.core.stub_server import Stub, stub_server, without_dns

KEY = base64.b64encode(b"k" * 64).decode()
OTHER_KEY = base64.b64encode(b"o" * 64).decode()
LOOPBACK = ipaddress.ip_address("127.0.0.1")
SERVICES: tuple[Service, ...] = ("batch", "storage")
TITLES = {"batch": "Batch", "storage": "Storage"}
HOUR = "Set the clock right in the system's settings, then try again: every request is signed with the time."


def verdict(service: Service, url: str, account: str = "mine", key: str = KEY) -> Verdict:
    """What Connect says of one service's name, key and URL; the other's are nowhere."""
    ends = {other: endpoint(other, "other", OTHER_KEY, "http://127.0.0.1:9") for other in SERVICES}
    ends[service] = endpoint(service, account, key, url)
    said = check(connect(ends["batch"], ends["storage"]))[SERVICES.index(service)]
    assert not said.ok
    assert said.service == TITLES[service]
    assert said.hint
    assert not any(
        secret in f"{said.sentence} {said.hint}" for secret in (KEY, key, OTHER_KEY, "Signature", "sig=")
    )
    return said


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this computer, signed by nobody but itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    text = serialization.Encoding.PEM
    plain = key.private_bytes(text, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(plain + made.public_bytes(text))
    return path


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address on which nothing listens as long as the test runs."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


def of(service: Service, url: str) -> str:
    """The URL as it is shown: an emulator's Storage URL ends with the account."""
    return f"{url}/mine" if service == "storage" and "127.0.0.1" in url else url


@pytest.mark.parametrize("service", SERVICES)
def test_a_wrong_key(cloud: dict, service: Service) -> None:
    said = verdict(service, cloud[service]["url"], cloud[service]["account"], OTHER_KEY)
    assert said.sentence == "The key does not fit the account."
    assert "Keys page" in said.hint


def test_a_wrong_name(cloud: dict) -> None:
    batch = verdict("batch", cloud["batch"]["url"], "someoneelse", cloud["batch"]["key"])
    assert batch.sentence == "The service does not know an account of this name."
    assert batch.hint == "The name is the part of the URL before its first dot."
    url = cloud["storage"]["url"].rpartition("/")[0]
    storage = verdict("storage", url, "someoneelse", cloud["storage"]["key"])
    assert storage.sentence == f"No account answers at {url}/someoneelse: check the name."


@pytest.mark.parametrize("service", SERVICES)
def test_the_other_services_url(cloud: dict, service: Service) -> None:
    other = cloud["storage" if service == "batch" else "batch"]
    url = other["url"].removesuffix(f"/{other['account']}")
    said = verdict(service, url)
    assert said.sentence == f"What answers at {of(service, url)} is not a {TITLES[service]} account."


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("status", [200, 302, 404, 503])
def test_a_page_of_something_else(service: Service, status: int) -> None:
    headers = {"Content-Type": "text/html", "Location": "/login"}
    with stub_server(status, b"<html>Welcome</html>", headers) as stub:
        said = verdict(service, stub.url)
    assert said.sentence == f"What answers at {of(service, stub.url)} is not a {TITLES[service]} account."


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_that_listens(service: Service, nowhere: str) -> None:
    said = verdict(service, nowhere)
    assert (
        said.sentence
        == f"Nothing answers at {of(service, nowhere)}: it is no {TITLES[service]} account's address."
    )


@pytest.mark.parametrize("service", SERVICES)
def test_a_name_that_is_not_known(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    without_dns(monkeypatch)
    said = verdict(service, "https://mine.nowhere.invalid")
    title = TITLES[service]
    assert (
        said.sentence
        == f"There is no {title} account at https://mine.nowhere.invalid: the address is not known."
    )
    assert "online" in said.hint
    assert ("region" in said.hint) == (service == "batch")


@pytest.mark.parametrize("service", SERVICES)
def test_a_certificate_that_nobody_trusts(service: Service, certificate: Path) -> None:
    with stub_server(certificate=certificate) as stub:
        said = verdict(service, stub.url)
        assert stub.asked == [], "nothing was sent, and no signature with it"
    assert said.sentence == f"{stub.url} does not prove who it is (its certificate is not trusted)."


def test_a_trusted_certificate_lets_both_services_answer(certificate: Path) -> None:
    facts = {
        "Content-Type": "application/json",
        "x-ms-sku-name": "Standard_LRS",
        "x-ms-account-kind": "StorageV2",
    }
    with stub_server(200, b'{"id": "p", "state": "active"}', facts, certificate=certificate) as stub:
        ends = endpoint("batch", "mine", KEY, stub.url), endpoint("storage", "mine", KEY, stub.url)
        account = connect(*ends)
        trust = {"connection_verify": str(certificate)}
        assert account.batch.get_pool("p", **trust).id == "p"
        assert account.blobs.get_account_information(**trust)["sku_name"] == "Standard_LRS"


@pytest.mark.parametrize("service", SERVICES)
def test_an_address_that_says_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "CHECK_SECONDS", 0.5)
    with stub_server(silent=True) as stub:
        said = verdict(service, stub.url)
    assert said.sentence == f"No {TITLES[service]} account answered at {of(service, stub.url)} in time."


def refused_for_its_time(stub: Stub, minutes: float) -> None:
    """As both services answer a request that is signed with another time than theirs."""
    stub.headers["Date"] = format_datetime(datetime.now(UTC) - timedelta(minutes=minutes), usegmt=True)


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(60, "about an hour ahead"), (-60, "about an hour behind"), (25, "about 25 minutes ahead"),
     (-600, "about 10 hours behind"), (60 * 24 * 365, "about 365 days ahead")],
)  # fmt: skip
@pytest.mark.parametrize("service", SERVICES)
def test_a_clock_that_is_wrong(service: Service, minutes: int, said: str) -> None:
    body = {"code": "AuthenticationFailed", "message": {"lang": "en-US", "value": "Server failed."}}
    headers = {"Content-Type": "application/json", "x-ms-error-code": "AuthenticationFailed"}
    headers["request-id" if service == "batch" else "x-ms-request-id"] = "1"
    with stub_server(403, json.dumps(body).encode(), headers) as stub:
        refused_for_its_time(stub, minutes)
        found = verdict(service, stub.url)
    assert found.sentence == f"This computer's clock is {said}."
    assert found.hint == HOUR


@pytest.mark.parametrize(("hours", "said"), [(1, "ahead"), (-1, "behind")])
def test_the_batch_service_refuses_a_clock_that_is_an_hour_off(
    cloud: dict, azure_like: Account, monkeypatch: pytest.MonkeyPatch, hours: int, said: str
) -> None:
    class Off(datetime):
        """Our clock, by which the SDK signs."""

        @classmethod
        def utcnow(cls) -> datetime:
            return datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=hours)

    monkeypatch.setattr("azure.batch._patch.datetime", Off)
    found = check(azure_like)
    assert found[0].sentence == f"This computer's clock is about an hour {said}."
    assert found[0].hint == HOUR
    assert found[1].ok
