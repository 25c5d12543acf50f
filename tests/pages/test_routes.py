"""The signed streaming routes: who may use them, ranges, uploads, the archive, and what ends a stream."""

import base64
import io
import os
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from azure.storage.blob import ContentSettings

from batch_core import files, results, storage
from batch_core.account import Account, connect
from batch_core.jobs import Run
from batch_core.storage import INPUTS, RESULTS
from pages.shell import routes, signing

CONTENT = os.urandom(300_000)


@pytest.fixture
def blob(account: Account) -> Iterator[str]:
    """A sound in the results container."""
    storage.ensure_containers(account)
    name = f"routes/{os.urandom(8).hex()}.mp3"
    made = account.blobs.get_blob_client(RESULTS, name)
    made.upload_blob(CONTENT, content_settings=ContentSettings(content_type="audio/mpeg"))
    yield name
    made.delete_blob()


def link(account: Account, blob: str, **more: str) -> str:
    return signing.signed_url("blob", account, container=RESULTS, blob=blob, **more)


def new_input() -> str:
    return f"{os.urandom(16).hex()}/clip.mp4"


def upload_link(account: Account, blob: str, more: str = "") -> str:
    path, query = signing.signed_url("upload", account).split("?")
    return f"{path}/{blob}?{query}{more}"


def headers(name: str) -> dict[str, str]:
    return {"x-ms-meta-name": files.encode_name(name), "x-ms-blob-content-type": "video/mp4"}


def test_plotly_comes_from_the_installed_package_and_is_kept_by_the_browser(client: httpx.Client) -> None:
    answer = client.get(routes.PLOTLY_URL)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert b"plotly.js" in answer.content[:200]


def test_the_first_page_is_found_under_its_name_too(client: httpx.Client) -> None:
    for asked, place in (("/files", "./"), ("/files?run=run-1&pool=a%20b", "./?run=run-1&pool=a%20b")):
        answer = client.get(asked)
        assert (answer.status_code, answer.headers["location"]) == (307, place)


def test_a_blob_is_streamed_whole(client: httpx.Client, account: Account, blob: str) -> None:
    answer = client.get(link(account, blob))
    assert answer.status_code == 200
    assert answer.content == CONTENT
    assert answer.headers["content-type"] == "audio/mpeg"
    assert "content-disposition" not in answer.headers


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=0-", 0, 300_000),
        ("bytes=299990-", 299_990, 300_000),
        ("bytes=-5", 299_995, 300_000),
        ("bytes=100-99999999", 100, 300_000),
    ],
)
def test_a_range_is_streamed(
    client: httpx.Client, account: Account, blob: str, asked: str, start: int, end: int
) -> None:
    answer = client.get(link(account, blob), headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/300000"
    assert answer.content == CONTENT[start:end]


def test_a_range_behind_the_end_is_impossible(client: httpx.Client, account: Account, blob: str) -> None:
    answer = client.get(link(account, blob), headers={"Range": "bytes=300000-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */300000"


def test_a_head_tells_the_size_and_sends_nothing(client: httpx.Client, account: Account, blob: str) -> None:
    answer = client.head(link(account, blob))
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "300000", b"")


def test_a_download_has_its_true_name(client: httpx.Client, account: Account, blob: str) -> None:
    answer = client.get(link(account, blob, name='Ferien "2026" 🎬.mp3'))
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"Ferien _2026_ _.mp3\"; filename*=UTF-8''Ferien%20%222026%22%20%F0%9F%8E%AC.mp3"
    )


def test_a_stored_page_is_never_shown_as_one(client: httpx.Client, account: Account, blob: str) -> None:
    stored = account.blobs.get_blob_client(RESULTS, blob)
    stored.set_http_headers(ContentSettings(content_type="text/html"))
    answer = client.get(link(account, blob))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    answer = client.get(
        link(account, blob, type="video/mp4")
    )  # as for an original: the browser named it, not we
    assert answer.headers["content-type"] == "video/mp4"
    assert (
        client.get(link(account, blob, type="text/html")).headers["content-type"]
        == "application/octet-stream"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("container=video-results", "container=video-inputs"),
        ("blob=routes", "blob=others"),
        ("signature=", "signature=0"),
        ("expires=", "expires=9"),
        ("/blob?", "/blob?name=x&"),
        ("/blob?", "/blob?blob=routes&"),
        ("/blob?", "/zip?"),
    ],
)
def test_a_changed_link_is_refused(
    client: httpx.Client, account: Account, blob: str, old: str, new: str
) -> None:
    url = link(account, blob)
    assert old in url
    answer = client.get(url.replace(old, new, 1))
    assert answer.status_code == 403
    assert answer.text.startswith("This link was not made by this app")


def test_a_link_without_a_signature_is_refused(client: httpx.Client) -> None:
    assert client.get("/stream/blob").status_code == 403
    assert client.put("/stream/upload/x").status_code == 403


def test_an_old_link_is_refused(
    client: httpx.Client, account: Account, blob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, now = link(account, blob), time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + 3 * signing.LINK_SECONDS)
    answer = client.get(url)
    assert (answer.status_code, answer.text) == (
        403,
        "This link is too old. Reload the page that it came from.",
    )


def test_a_link_carries_no_key(account: Account, blob: str) -> None:
    for end in (account.storage_endpoint, account.batch_endpoint):
        assert end.key not in link(account, blob)


def test_what_is_gone_is_told_in_a_sentence(client: httpx.Client, account: Account) -> None:
    answer = client.get(link(account, "routes/never.mp3"))
    assert answer.status_code == 404
    assert answer.text.startswith("Could not look at the file")


def test_an_uploads_link_tells_whether_the_app_reaches_storage(
    client: httpx.Client, account: Account
) -> None:
    assert client.get(signing.signed_url("upload", account)).status_code == 204
    nowhere = connect(
        account.batch_endpoint, replace(account.storage_endpoint, url="http://127.0.0.1:9/devstoreaccount1")
    )
    assert client.get(signing.signed_url("upload", nowhere)).status_code == 502
    assert client.get("/stream/upload").status_code == 403


def test_a_refused_upload_carries_storages_own_code(client: httpx.Client, account: Account) -> None:
    body = "<BlockList><Latest>YWJzZW50</Latest></BlockList>"
    commit = upload_link(account, new_input(), "&comp=blocklist")
    answer = client.put(commit, content=body, headers=headers("a.mp4"))
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "InvalidBlockList")


def test_blocks_through_the_app_make_a_file(client: httpx.Client, account: Account) -> None:
    name, parts = new_input(), [os.urandom(100_000), os.urandom(50_000)]
    ids = [base64.b64encode(f"{index:06}".encode()).decode() for index in range(2)]
    for number, part in zip(ids, parts, strict=True):
        url = upload_link(account, name, f"&comp=block&blockid={number.replace('=', '%3D')}")
        assert client.put(url, content=part).status_code == 201
    chosen = "".join(f"<Latest>{number}</Latest>" for number in ids)
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{chosen}</BlockList>'
    commit = upload_link(account, name, "&comp=blocklist")
    named = headers("Übung.mp4") | {"x-ms-meta-folder": files.encode_name("trip/day 1")}
    assert client.put(commit, content=body, headers=named).status_code == 201
    assert account.blobs.get_blob_client(INPUTS, name).download_blob().readall() == b"".join(parts)
    assert [file.path for file in files.list_files(account) if file.blob == name] == ["trip/day 1/Übung.mp4"]
    assert client.put(commit, content=body, headers=headers("Other.mp4")).status_code == 409


def test_a_small_file_through_the_app_writes_over_nothing(client: httpx.Client, account: Account) -> None:
    name = new_input()
    hostile = headers("a.mp4") | {"x-ms-meta-folder": files.encode_name("../up")}
    assert client.put(upload_link(account, name), content=b"one", headers=hostile).status_code == 201
    assert client.put(upload_link(account, name), content=b"two", headers=headers("a.mp4")).status_code == 409
    stored = account.blobs.get_blob_client(INPUTS, name)
    assert stored.download_blob().readall() == b"one"
    assert set(stored.get_blob_properties().metadata) == {"name"}, "a folder that leads out is left out"


@pytest.mark.parametrize("name", ["clip.mp4", "x" * 32 + "/clip.mp4", "0" * 32 + "/a/b", "0" * 32 + "/ü.mp4"])
def test_an_upload_cannot_choose_any_name(client: httpx.Client, account: Account, name: str) -> None:
    answer = client.put(upload_link(account, name), content=b"x", headers=headers("a.mp4"))
    assert (answer.status_code, answer.text) == (400, "This is not the name of an upload.")


def test_a_block_has_its_limit(
    client: httpx.Client, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes.relay, "BLOCK_LIMIT", 1024**2)
    answer = client.put(upload_link(account, new_input()), content=bytes(1024**2 + 1), headers=headers("a"))
    assert (answer.status_code, answer.text) == (400, "A block may have 1 MiB at most.")


def test_an_account_to_look_at_takes_no_upload(client: httpx.Client, account: Account) -> None:
    looked_at = replace(account, look_only=True)
    answer = client.put(upload_link(looked_at, new_input()), content=b"x", headers=headers("a"))
    assert answer.status_code == 400
    assert answer.text == "This account is connected to look only."


def test_the_report_is_one_file_under_the_runs_name(
    client: httpx.Client, account: Account, finished_run: Run
) -> None:
    answer = client.get(signing.signed_url("report", account, run=finished_run.id))
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="Two to MP3 report.html"')
    assert answer.headers["content-type"].startswith("text/html")
    assert "2 done." in answer.text
    missing = client.get(signing.signed_url("report", account, run="run-00000000000000000000"))
    assert missing.status_code == 404


def test_all_results_of_a_run_come_as_one_archive(
    client: httpx.Client, account: Account, finished_run: Run
) -> None:
    answer = client.get(signing.signed_url("zip", account, run=finished_run.id))
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="Two to MP3.zip"')
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    made = {result.name: result.size for result in results.list_results(account, finished_run.id)}
    assert {entry.filename: entry.file_size for entry in archive.infolist()} == made


def test_a_stream_blocks_nobody_and_ends_with_its_reader(
    client: httpx.Client, account: Account, blob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, closed = threading.Event(), threading.Event()

    def slow(*_: object) -> Iterator[bytes]:
        try:
            yield CONTENT[:100_000]
            go_on.wait(20)
            while True:
                yield CONTENT
        finally:
            closed.set()

    monkeypatch.setattr(routes.reading, "read_blob", slow)
    with client.stream("GET", link(account, blob)) as answer:
        assert len(next(answer.iter_bytes(1000))) == 1000
        assert client.get(routes.PLOTLY_URL).status_code == 200
        go_on.set()
        assert not closed.is_set()
    assert closed.wait(20)
