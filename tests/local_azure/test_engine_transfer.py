"""Resource files and output files, to and from the local cloud's storage."""

import asyncio
import http.server
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient, generate_blob_sas, generate_container_sas

from tests.local_azure.engine_fixtures import (
    completed,
    engine_at,
    job,
    output,
    pool,
    python,
    ready,
    running,
    soon,
    task,
)


@pytest.fixture(scope="module")
def storage(cloud: dict) -> Iterator[BlobServiceClient]:
    endpoint = cloud["storage"]
    credential = {"account_name": endpoint["account"], "account_key": endpoint["key"]}
    with BlobServiceClient(endpoint["url"], credential=credential) as client:
        yield client


@pytest.fixture
def container(storage: BlobServiceClient) -> Iterator[ContainerClient]:
    client = storage.create_container(f"test-{uuid.uuid4().hex}")
    yield client
    client.delete_container()


def container_url(container: ContainerClient, permission: str, *, gone: bool = False) -> str:
    """The container's URL with a SAS; with `gone`, that of a container which doesn't exist."""
    credential = container.credential
    name = f"{container.container_name}-gone" if gone else container.container_name
    signature = generate_container_sas(
        account_name=credential.account_name,
        container_name=name,
        account_key=credential.account_key,
        permission=permission,
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{container.url.replace(container.container_name, name)}?{signature}"


def blob_url(container: ContainerClient, name: str) -> str:
    credential = container.credential
    signature = generate_blob_sas(
        account_name=credential.account_name,
        container_name=container.container_name,
        blob_name=name,
        account_key=credential.account_key,
        permission="r",
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{container.get_blob_client(name).url}?{signature}"


def sent(
    container: ContainerClient, pattern: str, condition: str = "taskcompletion", **destination: object
) -> dict:
    """An output file as on the wire."""
    target = {"containerUrl": container_url(container, "cw"), **destination}
    return {
        "filePattern": pattern,
        "destination": {"container": target},
        "uploadOptions": {"uploadCondition": condition},
    }


def run_task(folder: Path, document: dict) -> tuple[dict, dict[str, str]]:
    """Run one task: its record, and its text files by their path."""

    async def scenario() -> tuple[dict, dict[str, str]]:
        async with engine_at(folder) as engine:
            await ready(engine, pool())
            engine.jobs.create(job())
            engine.tasks.create("job", document)
            done = await completed(engine)
            directory = engine.tasks.directory("job", "task")
            files = [path for path in directory.rglob("*") if path.is_file()]
            return done, {path.relative_to(directory).as_posix(): path.read_text("latin-1") for path in files}

    return asyncio.run(scenario())


def names(container: ContainerClient) -> list[str]:
    return sorted(container.list_blob_names())


def failure(done: dict) -> tuple[str, str]:
    info = done["executionInfo"]["failureInfo"]
    return info["code"], info["category"]


def test_a_blob_is_there_before_the_program_starts(tmp_path: Path, container: ContainerClient):
    container.upload_blob("a b/ü.txt", b"hello")
    files = [{"httpUrl": blob_url(container, "a b/ü.txt"), "filePath": "in/input.txt", "fileMode": "0640"}]
    code = "import os; print(open('in/input.txt').read(), oct(os.stat('in/input.txt').st_mode)[-3:])"
    done, found = run_task(tmp_path, task(command=python(code), resourceFiles=files))
    assert done["executionInfo"]["result"] == "success"
    assert found["stdout.txt"].split() == ["hello", "640"]


def test_a_container_comes_with_its_folders(tmp_path: Path, container: ContainerClient):
    for name in ("set/a.txt", "set/deep/b.txt", "settled.txt", "other.txt"):
        container.upload_blob(name, name.encode())
    url = container_url(container, "rl")
    files = [
        {"storageContainerUrl": url, "blobPrefix": "set/", "filePath": "into"},
        {"storageContainerUrl": url, "blobPrefix": "settl"},
    ]
    done, found = run_task(tmp_path, task(resourceFiles=files))
    assert done["executionInfo"]["result"] == "success"
    inside = {name: text for name, text in found.items() if name.startswith("wd/")}
    assert inside == {
        "wd/into/set/a.txt": "set/a.txt",
        "wd/into/set/deep/b.txt": "set/deep/b.txt",
        "wd/settled.txt": "settled.txt",
    }


def test_inputs_that_can_not_be_had_are_named(tmp_path: Path, container: ContainerClient):
    container.upload_blob("there", b"1")
    gone = container_url(container, "rl", gone=True)
    cases = [
        ({"httpUrl": blob_url(container, "missing"), "filePath": "f"}, "BlobNotFound"),
        (
            {"httpUrl": container.get_blob_client("there").url, "filePath": "f"},
            "BlobNotFound|BlobAccessDenied",
        ),
        ({"httpUrl": blob_url(container, "there")[:-8] + "AAAAAA%3D", "filePath": "f"}, "BlobAccessDenied"),
        ({"httpUrl": blob_url(container, "there"), "filePath": "../../f"}, "ResourceFileCreateFailed"),
        ({"storageContainerUrl": gone, "filePath": "f"}, "ResourceContainerNotFound"),
        (
            {"storageContainerUrl": container_url(container, "r"), "filePath": "f"},
            "ResourceContainerAccessDenied",
        ),
    ]

    async def scenario() -> list[dict]:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool(nodes=2))
            engine.jobs.create(job())
            for number, (file, _) in enumerate(cases):
                engine.tasks.create("job", task(f"t{number}", retries=2, resourceFiles=[file]))
            return [await completed(engine, f"t{number}") for number in range(len(cases))]

    for done, (file, codes) in zip(asyncio.run(scenario()), cases, strict=True):
        info = done["executionInfo"]
        assert info["failureInfo"]["code"] in codes.split("|")
        assert info["failureInfo"]["details"] == [{"name": "FilePath", "value": file["filePath"]}]
        assert "exitCode" not in info
        assert info["retryCount"] == 0
        assert "sig=" not in str(info)


def test_outputs_go_where_they_are_sent(tmp_path: Path, container: ContainerClient):
    code = (
        "import os, pathlib; [(p.parent.mkdir(exist_ok=True, parents=True), p.write_text(n)) for n in "
        "('a.mp3', 'b.mp3', '.c.mp3', 'd.txt', 'deep/e.mp3', 'deep/er/f.mp3', '.hid/g.mp3') "
        "for p in [pathlib.Path(n)]]; print(1)"
    )
    files = [
        sent(container, "a.mp3", path="single/My name (1).mp3"),
        sent(container, "d.txt"),
        sent(container, "missing.bin", path="never"),
        sent(container, "**/*.mp3", path="all"),
        sent(container, "[!a].mp3", path="not-a"),
        sent(container, "../std*.txt", path="logs"),
        sent(container, "$AZ_BATCH_TASK_DIR/wd/deep/*.mp3", path="by-variable"),
    ]
    done, found = run_task(tmp_path, task(command=python(code), outputFiles=files))
    assert done["executionInfo"]["result"] == "success"
    assert names(container) == [
        "all/a.mp3",
        "all/b.mp3",
        "all/deep/e.mp3",
        "all/deep/er/f.mp3",
        "by-variable/e.mp3",
        "d.txt",
        "logs/stderr.txt",
        "logs/stdout.txt",
        "not-a/b.mp3",
        "single/My name (1).mp3",
    ]
    assert container.download_blob("all/deep/er/f.mp3").readall() == b"deep/er/f.mp3"
    assert "a.mp3 -> " in found["fileuploadout.txt"]
    assert found["fileuploaderr.txt"] == ""
    assert "sig=" not in found["fileuploadout.txt"]


@pytest.mark.parametrize("exit_code", [0, 1])
def test_conditions_look_at_the_exit_code(tmp_path: Path, container: ContainerClient, exit_code: int):
    conditions = ("TaskSuccess", "taskfailure", "taskcompletion")
    files = [sent(container, "../stdout.txt", condition, path=condition) for condition in conditions]
    done, _ = run_task(tmp_path, task(command=python(f"raise SystemExit({exit_code})"), outputFiles=files))
    assert done["executionInfo"]["exitCode"] == exit_code
    assert names(container) == sorted(["taskfailure" if exit_code else "TaskSuccess", "taskcompletion"])


def test_upload_headers_become_properties_and_metadata(tmp_path: Path, container: ContainerClient):
    headers = [
        {"name": "x-ms-meta-Run", "value": "run-1"},
        {"name": "x-ms-blob-content-type", "value": "audio/mpeg"},
        {"name": "x-ms-blob-content-disposition", "value": "attachment"},
    ]
    files = [sent(container, "../stdout.txt", path="out.mp3", uploadHeaders=headers)]
    run_task(tmp_path, task(command=python("print(5)"), outputFiles=files))
    properties = container.get_blob_client("out.mp3").get_blob_properties()
    assert {name.lower(): value for name, value in properties.metadata.items()} == {"run": "run-1"}
    settings = properties.content_settings
    assert (settings.content_type, settings.content_disposition) == ("audio/mpeg", "attachment")


def test_a_failed_upload_makes_a_failure_of_a_success(tmp_path: Path, container: ContainerClient):
    gone = sent(container, "../stdout.txt", path="x")
    gone["destination"]["container"]["containerUrl"] = container_url(container, "cw", gone=True)
    denied = sent(container, "../stderr.txt", path="y")
    denied["destination"]["container"]["containerUrl"] = container_url(container, "r")
    good = sent(container, "../stdout.txt", path="good")
    done, found = run_task(tmp_path, task(retries=3, outputFiles=[gone, denied, good]))
    info = done["executionInfo"]
    assert (info["exitCode"], info["result"], info["retryCount"]) == (0, "failure", 0)
    assert failure(done) == ("FileUploadContainerNotFound", "UserError")
    assert names(container) == ["good"]
    log = found["fileuploaderr.txt"]
    assert "FileUploadAccessDenied" in log
    assert "sig=" not in log


def test_big_files_pass_both_ways(tmp_path: Path, container: ContainerClient):
    block = bytes(range(256)) * 4096
    container.upload_blob("big", iter([block] * 40), length=40 * len(block))
    files = [{"httpUrl": blob_url(container, "big"), "filePath": "big.bin"}]
    document = task(resourceFiles=files, outputFiles=[sent(container, "big.bin", path="copy")])
    done, _ = run_task(tmp_path, document)
    assert done["executionInfo"]["result"] == "success"
    assert container.download_blob("copy").readall() == block * 40


class _Moody(http.server.BaseHTTPRequestHandler):
    """Answers 503 twice before it gives the file; /slow gives its beginning and then nothing more."""

    refusals = 2
    stopping = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"begin")
            self.wfile.flush()
            self.stopping.wait(30)
            return
        type(self).refusals -= 1
        self.send_response(503 if self.refusals >= 0 else 200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"data")

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def moody() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Moody)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    _Moody.refusals = 2
    _Moody.stopping.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    _Moody.stopping.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_download_is_tried_again(tmp_path: Path, moody: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    files = [{"httpUrl": f"{moody}/file", "filePath": "file"}]
    done, found = run_task(tmp_path, task(resourceFiles=files))
    assert done["executionInfo"]["result"] == "success"
    assert found["wd/file"] == "data"


def test_a_task_can_be_ended_while_it_downloads(tmp_path: Path, moody: str):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job())
            files = [{"httpUrl": f"{moody}/slow", "filePath": "file"}]
            engine.tasks.create("job", task(resourceFiles=files))
            await soon(lambda: list(tmp_path.glob("**/task/wd/file")), what="the download")
            engine.tasks.terminate("job", "task")
            done = await completed(engine)
            assert done["executionInfo"]["failureInfo"]["code"] == "TaskEnded"
            engine.tasks.create("job", task("next", python("print(1)")))
            await completed(engine, "next")
            assert output(engine, "next").strip() == "1"

    asyncio.run(scenario())


def test_a_running_task_can_be_read(tmp_path: Path):
    async def scenario() -> None:
        async with engine_at(tmp_path) as engine:
            await ready(engine, pool())
            engine.jobs.create(job())
            engine.tasks.create(
                "job", task(command=python("import time; print(7, flush=True); time.sleep(60)"))
            )
            await running(engine)
            await soon(lambda: output(engine).strip() == "7", what="output while it runs")

    asyncio.run(scenario())
