"""Azurite as our child: its account only, any web page, nothing acknowledged is lost when it ends."""

import http.client
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, generate_container_sas

from local_azure.azurite import cors
from local_azure.azurite import process as azurite_module
from local_azure.azurite.installation import Installation
from local_azure.azurite.process import Azurite, PortTaken
from local_azure.settings import Endpoints, make
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("local_no_process_left")


@pytest.fixture
def endpoints() -> Endpoints:
    return make(None, None, None)


@pytest.fixture
def azurite(tmp_path: Path, endpoints: Endpoints, local_installation: Installation) -> Iterator[Azurite]:
    one = Azurite(tmp_path / "storage", endpoints.storage)
    one.start(local_installation)
    yield one
    one.stop()


@pytest.fixture
def blobs(endpoints: Endpoints) -> BlobServiceClient:
    return BlobServiceClient(endpoints.storage_url, credential=endpoints.storage.key, retry_total=0)


def _sas_path(endpoints: Endpoints, container: str, blob: str) -> str:
    sas = generate_container_sas(
        endpoints.storage.account,
        container,
        account_key=endpoints.storage.key,
        permission="cw",
        expiry="2099-01-01T00:00:00Z",
    )
    return f"{urlsplit(endpoints.storage_url).path}/{container}/{blob}?{sas}"


def test_it_listens_on_loopback_with_our_account_and_key_only(
    azurite: Azurite, endpoints: Endpoints, blobs: BlobServiceClient
) -> None:
    blobs.create_container("mine")
    assert [one.name for one in blobs.list_containers()] == ["mine"]
    port = endpoints.storage.port
    wrong = BlobServiceClient(endpoints.storage_url, credential=make(None, None, None).storage.key)
    with pytest.raises(HttpResponseError) as refused:
        list(wrong.list_containers())
    assert refused.value.status_code == http.HTTPStatus.FORBIDDEN
    development = BlobServiceClient(
        f"http://127.0.0.1:{port}/devstoreaccount1", credential=endpoints.storage.key
    )
    with pytest.raises(ResourceNotFoundError):
        list(development.list_containers())
    listening = [one.laddr for one in psutil.Process(azurite.pid).net_connections() if one.status == "LISTEN"]
    assert listening == [("127.0.0.1", port)]


def test_what_was_uploaded_right_before_the_end_is_there_at_the_next_start(
    azurite: Azurite, blobs: BlobServiceClient, local_installation: Installation
) -> None:
    blobs.create_container("kept").upload_blob("a", b"last words")
    azurite.stop()
    assert azurite.wait() == 0
    azurite.start(local_installation)
    assert blobs.get_blob_client("kept", "a").download_blob().readall() == b"last words"


if os.name == "posix":

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_cleanly_too(
        azurite: Azurite, blobs: BlobServiceClient, local_installation: Installation, number: int
    ) -> None:
        blobs.create_container("kept")
        psutil.Process(azurite.pid).send_signal(number)
        assert azurite.wait() == 0
        azurite.start(local_installation)
        assert [one.name for one in blobs.list_containers()] == ["kept"]


def test_an_upload_under_way_is_answered_and_kept(
    azurite: Azurite, endpoints: Endpoints, blobs: BlobServiceClient, local_installation: Installation
) -> None:
    blobs.create_container("kept")
    connection = http.client.HTTPConnection("127.0.0.1", endpoints.storage.port, timeout=10)
    connection.putrequest("PUT", _sas_path(endpoints, "kept", "late"))
    for name, value in {
        "x-ms-version": "2021-12-02",
        "x-ms-blob-type": "BlockBlob",
        "Content-Length": "10",
        "Expect": "100-continue",
    }.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.sock.recv(4096).startswith(b"HTTP/1.1 100")  # it is being served
    connection.send(b"first")
    ending = threading.Thread(target=azurite.stop)
    ending.start()
    until(lambda: _refused(endpoints.storage.port), what="the end of listening")
    connection.send(b"-last")
    assert connection.getresponse().status == http.HTTPStatus.CREATED
    ending.join()
    assert azurite.wait() == 0
    azurite.start(local_installation)
    assert blobs.get_blob_client("kept", "late").download_blob().readall() == b"first-last"


def _refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_every_origin_may_read_and_write(azurite: Azurite, endpoints: Endpoints) -> None:
    def preflight() -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", endpoints.storage.port, timeout=10)
        headers = {
            "Origin": "http://example.test:8501",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "x-ms-blob-type,x-ms-meta-name",
        }
        connection.request("OPTIONS", "/localstorage/videos/a", headers=headers)
        response = connection.getresponse()
        response.read()
        return response

    assert preflight().status == http.HTTPStatus.FORBIDDEN
    cors.allow_every_origin(endpoints)
    allowed = preflight()
    assert allowed.status == http.HTTPStatus.OK
    assert allowed.headers["Access-Control-Allow-Origin"] in ("*", "http://example.test:8501")
    assert "PUT" in allowed.headers["Access-Control-Allow-Methods"]


def test_a_taken_port_is_named(
    tmp_path: Path,
    endpoints: Endpoints,
    local_installation: Installation,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as other, caplog.at_level(logging.DEBUG):
        other.bind(("127.0.0.1", endpoints.storage.port))
        other.listen()
        with pytest.raises(PortTaken, match=f"Port {endpoints.storage.port} is used by another program"):
            Azurite(tmp_path, endpoints.storage).start(local_installation)
    assert endpoints.storage.key not in caplog.text


def test_an_azurite_that_does_not_end_is_ended_before_the_next_takes_the_port(
    azurite: Azurite,
    endpoints: Endpoints,
    local_installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wedged = psutil.Process(azurite.pid)
    wedged.suspend()
    monkeypatch.setattr(azurite_module, "_STALE_END_WITHIN", 0.2)
    following = Azurite(azurite.folder, endpoints.storage)
    following.start(local_installation)
    assert not wedged.is_running() or wedged.status() == psutil.STATUS_ZOMBIE
    assert following.pid != wedged.pid
    following.stop()


def test_our_environment_is_not_passed_on(
    tmp_path: Path,
    endpoints: Endpoints,
    local_installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NODE_OPTIONS", "--no-such-option")
    monkeypatch.setenv("AZURITE_DB", "mysql://nobody@127.0.0.1/none")
    one = Azurite(tmp_path, endpoints.storage)
    one.start(local_installation)
    names = psutil.Process(one.pid).environ().keys()
    one.stop()
    assert "AZURITE_ACCOUNTS" in names
    assert not {"NODE_OPTIONS", "AZURITE_DB"} & set(names)
