"""Slow, broken, crowded and missing networks: every call ends, with its own sentence, and is tried again first."""

import base64
import errno
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import urllib3
from azure.batch import models

from batch_core import files, pools, relay, transport
from batch_core.account import Account, connect, endpoint
from batch_core.errors import Conflict, DashboardError, Throttled, Unreachable
from batch_core.feed import Feed
from batch_core.files import encode_name
from batch_core.storage import INPUTS, ensure_containers
from tests.core.clips import clip, uploaded
from tests.core.proxy import Call, Fault, door_to
from tests.core.stub_server import stub_server, without_dns

KEY = base64.b64encode(b"k" * 64).decode()
INPUT = f"{0:032x}/clip.mp4"
POOL = json.dumps({"id": "p", "state": "active", "creationTime": "2026-01-01T00:00:00Z"}).encode()
JSON = {"Content-Type": "application/json"}
CREATED = {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "x-ms-request-id": "1"}

Ask = Callable[[Account], object]
READS: dict[str, Ask] = {
    "batch": pools.list_pools,
    "batch, raw": lambda account: list(Feed(account).many("/pools")),
    "storage": files.list_files,
}


def account_at(url: str) -> Account:
    return connect(endpoint("batch", "mine", KEY, url), endpoint("storage", "mine", KEY, url))


def told(ask: Ask, account: Account, seconds: float = 20) -> DashboardError:
    """What a call that fails says; it does so soon, and without a secret."""
    began = time.monotonic()
    with pytest.raises(DashboardError) as caught:
        ask(account)
    assert time.monotonic() - began < seconds
    assert caught.value.hint
    assert KEY not in str(caught.value)
    assert "sig=" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_an_answer_that_drips_for_ever_is_given_up(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(transport, "RETRY_SECONDS", 0.2)
    with stub_server(200, b" " * 100_000, JSON) as stub:
        stub.drip = 0.02
        error = told(ask, account_at(stub.url))
        assert error.user_message.endswith(f"{stub.url} did not answer in time.")
    assert (type(error), error.code) == (Unreachable, "Silent")


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_silence_is_given_up_after_another_try(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 0.3)
    monkeypatch.setattr(transport, "RETRY_SECONDS", 1.2)
    with stub_server(silent=True) as stub:
        error = told(ask, account_at(stub.url))
        assert len(stub.asked) >= 2
    assert error.user_message.endswith("did not answer in time.")


def test_an_answer_that_comes_slowly_is_an_answer() -> None:
    with stub_server(200, POOL, JSON) as stub:
        stub.drip = 0.01
        assert pools.get_pool(account_at(stub.url), "p").id == "p"
        assert len(stub.asked) == 1


@contextmanager
def slow_taker(rate: int) -> Iterator[str]:
    """A storage service on a slow line: it takes `rate` bytes a second of what it is sent, and is content."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        server.bind(("127.0.0.1", 0))
        server.listen()

        def take() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as stream:
                length = 0
                while line := stream.readline().strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                while length > 0:
                    length -= len(stream.read(min(length, rate // 20)))
                    time.sleep(0.05)  # the slow line itself
                head = "".join(f"{name}: {value}\r\n" for name, value in CREATED.items())
                connection.sendall(f"HTTP/1.1 201 Created\r\n{head}Content-Length: 0\r\n\r\n".encode())

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_slow_line_takes_a_large_block_in_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 1.0)
    monkeypatch.setattr(transport, "LOCAL_CONNECT_SECONDS", 1.0)

    def connect(self: transport._Patient) -> None:
        """With a small buffer: what the system holds is not yet on its way."""
        transport.HTTPConnection.connect(self)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)

    monkeypatch.setattr(transport._Patient, "connect", connect)
    with slow_taker(2 * 1024**2) as url:
        began = time.monotonic()
        relay.receive_block(account_at(url), INPUT, "MDAwMDAw", bytes(4 * 1024**2))
    assert time.monotonic() - began > 1.2, "it took longer than any single send may take"


def create_job(account: Account) -> None:
    info = models.BatchPoolInfo(pool_id="p")
    account.batch.create_job(models.BatchJobCreateOptions(id="j", pool_info=info))


CROWDED: dict[str, tuple[Ask, int, bytes, dict[str, str]]] = {
    "batch reads": (lambda account: pools.get_pool(account, "p"), 200, POOL, JSON),
    "batch writes": (create_job, 201, b"", {}),
    "storage writes": (
        lambda account: relay.receive_block(account, INPUT, "MDAwMDAw", b"data"), 201, b"", CREATED,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("call", "status", "retry_after"),
    [
        *((call, status, None) for call in CROWDED for status in (429, 503)),
        ("batch reads", 429, "1"),
        ("batch writes", 503, "1"),
        ("storage writes", 429, "1"),
    ],
)
def test_a_crowded_service_is_asked_again_after_the_wait_that_it_wishes(
    call: str, status: int, retry_after: str | None
) -> None:
    ask, good, body, headers = CROWDED[call]
    with stub_server(good, body, headers | ({"Retry-After": retry_after} if retry_after else {})) as stub:
        stub.first = [status]
        began = time.monotonic()
        ask(account_at(stub.url))
        assert len(stub.asked) == 2
    assert not retry_after or time.monotonic() - began >= 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "hint"),
    [
        (None, "Wait a minute, then try again."),
        ("45", "Wait 45 seconds, then try again."),
        ("300", "Wait 5 minutes, then try again."),
        ("never", "Wait a minute, then try again."),
    ],
)
@pytest.mark.parametrize("ask", [READS["batch"], READS["storage"]], ids=["batch", "storage"])
def test_one_that_stays_crowded_says_how_long_to_wait(
    ask: Ask, retry_after: str | None, hint: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "RETRY_SECONDS", 0.0)
    with stub_server(status, b"", {"Retry-After": retry_after} if retry_after else {}) as stub:
        error = told(ask, account_at(stub.url))
        if retry_after in ("45", "300"):
            assert len(stub.asked) == 1, "one that wants a long rest gets it"
    assert type(error) is Throttled
    assert error.user_message.endswith("the service has too much to do.")
    assert error.hint == hint


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_a_connection_that_always_breaks_says_so(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "RETRY_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=hang_up, daemon=True).start()
        error = told(ask, account_at(f"http://127.0.0.1:{server.getsockname()[1]}"))
        server.shutdown(socket.SHUT_RDWR)
    assert error.user_message.endswith("ended the connection in the middle of an answer.")


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_an_answer_that_breaks_off_is_asked_for_again(ask: Ask, account: Account, cloud: dict) -> None:
    with door_to(cloud, lambda call: Fault("half") if call.nth == 1 else None) as (shaky, door):
        assert ask(shaky) == ask(account)
        assert len(door.faults) == 1


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_without_a_network_it_is_the_computer_that_has_no_way_out(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_way(*_: object, **__: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    without_dns(monkeypatch)
    monkeypatch.setattr(urllib3.connection.connection, "create_connection", no_way)
    monkeypatch.setattr(transport, "RETRY_SECONDS", 0.0)
    error = told(ask, account_at("https://mine.example"))
    assert error.user_message.endswith("this computer has no way to https://mine.example.")
    assert error.hint == "Connect it to the network, then try again."


@pytest.mark.parametrize("ask", READS.values(), ids=READS)
def test_an_address_that_nobody_knows_is_told_from_one_that_is_silent(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_dns(monkeypatch)
    monkeypatch.setattr(transport, "RETRY_SECONDS", 0.0)
    error = told(ask, account_at("https://mine.nowhere.invalid"))
    assert error.user_message.endswith("the address https://mine.nowhere.invalid is not known.")
    assert "online" in error.hint


def test_an_upload_whose_last_answer_is_lost_is_there_and_another_of_its_name_is_not(
    account: Account, cloud: dict
) -> None:
    ensure_containers(account)
    blob, name = f"{uuid.uuid4().hex}/clip.mp4", encode_name("clip.mp4")
    blocks = b"<BlockList><Latest>MDAwMDAw</Latest><Latest>MDAwMDAx</Latest></BlockList>"
    with door_to(cloud, lambda call: Fault("answer lost") if call.nth == 1 else None) as (shaky, door):
        relay.receive_block(shaky, blob, "MDAwMDAw", b"one")
        relay.receive_block(shaky, blob, "MDAwMDAx", b"two")
        relay.receive_list(shaky, blob, blocks, name, "video/mp4")
        assert door.faults
    stored = account.blobs.get_blob_client(INPUTS, blob)
    assert stored.download_blob().readall() == b"onetwo"
    relay.receive_list(account, blob, blocks, name, "video/mp4")
    for ids, other in ((blocks, encode_name("other.mp4")), (blocks[:42] + b"</BlockList>", name)):
        with pytest.raises(Conflict):
            relay.receive_list(account, blob, ids, other, "video/mp4")
    assert stored.download_blob().readall() == b"onetwo"
    stored.delete_blob()


def test_a_look_into_a_file_outlasts_what_happens_on_the_way(
    account: Account, cloud: dict, tmp_path: Path
) -> None:
    video = uploaded(account, clip(tmp_path / "clip.mp4", 0.3))
    faults = [Fault("half"), Fault("status", 429), Fault("request lost")]

    def judge(call: Call) -> Fault | None:
        return faults.pop(0) if call.by_node and faults else None

    with door_to(cloud, judge) as (shaky, door):
        assert files.probe_file(shaky, replace(video, probe=None)).probe == video.probe
        assert len(door.faults) == 3
