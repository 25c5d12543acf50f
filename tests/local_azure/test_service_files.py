"""Files of tasks and nodes, through the SDK and as other clients ask for them."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from local_azure.batch.errors import BatchError
from local_azure.batch.handlers import tree
from tests.local_azure.service_running import VERSION, RunningService, completed
from tests.waiting import until

pytest_plugins = ["tests.local_azure.service_fixtures"]

COMMAND = """/bin/sh -c 'echo hello; mkdir -p deep/er; echo x > "deep/er/a b.txt"; echo ü > ü%2F.bin; touch .empty'"""
BIG = 8 * 1_048_576


@pytest.fixture(scope="module")
def directory(service: RunningService, service_client: BatchClient, service_pool: str) -> Path:
    """The directory of a completed task, files/task."""
    body = {"id": "files", "poolInfo": {"poolId": service_pool}}
    service_client.create_job(models.BatchJobCreateOptions(body))
    service_client.create_task("files", models.BatchTaskCreateOptions(id="task", command_line=COMMAND))
    completed(service_client, "files", "task")
    info = service_client.get_task("files", "task").node_info
    assert info is not None
    (root,) = (
        path
        for path in service.engine.nodes_dir.iterdir()
        if (path / "workitems" / "files" / "job-1" / "task").is_dir()
    )
    return root / "workitems" / "files" / "job-1" / "task"


@pytest.fixture
def node_id(service_client: BatchClient, directory: Path) -> str:
    """The node that the task ran on."""
    return service_client.get_task("files", "task").node_info.node_id  # type: ignore[union-attr, return-value]


def names(items: Iterator[models.BatchNodeFile]) -> list[str]:
    return [item.name.replace("\\", "/") for item in items]  # type: ignore[union-attr]


def test_task_files_are_listed_level_by_level(service_client: BatchClient, directory: Path) -> None:
    assert names(service_client.list_task_files("files", "task")) == ["stderr.txt", "stdout.txt", "wd"]
    recursive = names(service_client.list_task_files("files", "task", recursive=True))
    level = [name.count("/") for name in recursive]
    assert level == sorted(level)
    assert recursive[-1] == "wd/deep/er/a b.txt"
    assert {"wd/.empty", "wd/ü%2F.bin", "wd/deep"} <= set(recursive)
    paged = service_client.list_task_files("files", "task", recursive=True, max_results=2)
    assert names(paged) == recursive


def test_lists_are_filtered_by_the_beginning_of_the_name(
    service_client: BatchClient, directory: Path
) -> None:
    found = service_client.list_task_files("files", "task", filter="startswith(name,'std')")
    assert names(found) == ["stderr.txt", "stdout.txt"]
    folder = service_client.list_task_files(
        "files", "task", filter="startswith(name,'wd/deep')", recursive=True
    )
    assert names(folder) == ["wd/deep", "wd/deep/er", "wd/deep/er/a b.txt"]
    inside = service_client.list_task_files("files", "task", filter="startswith(name,'wd/deep/')")
    assert names(inside) == ["wd/deep/er"]
    assert names(service_client.list_task_files("files", "task", filter="startswith(name,'no/')")) == []


def test_properties_tell_what_the_list_tells(
    service: RunningService, service_client: BatchClient, directory: Path
) -> None:
    (item,) = service_client.list_task_files("files", "task", filter="startswith(name,'stdout')")
    assert item.properties is not None
    assert (item.is_directory, item.properties.content_length) == (False, 6)
    assert item.properties.content_type == "text/plain"
    properties = service_client.get_task_file_properties("files", "task", "stdout.txt")
    assert (properties.content_length, properties.is_directory) == (6, False)
    assert unquote(str(properties.url)) == f"{service.url}/jobs/files/tasks/task/files/stdout.txt"
    head = service.send("HEAD", f"/jobs/files/tasks/task/files/wd?{VERSION}")
    assert (head.status_code, head.headers["ocp-batch-file-isdirectory"]) == (200, "True")


@pytest.mark.parametrize("name", ["wd/deep/er/a b.txt", "/wd/deep/er/a b.txt"])
def test_names_with_blanks_and_slashes_are_read(
    service_client: BatchClient, directory: Path, name: str
) -> None:
    assert b"".join(service_client.download_task_file("files", "task", name)) == b"x\n"


def test_percent_signs_and_umlauts_in_names_are_read(service_client: BatchClient, directory: Path) -> None:
    content = b"".join(service_client.download_task_file("files", "task", "wd/ü%2F.bin"))
    assert content.decode() == "ü\n"


def test_slashes_may_be_sent_as_they_are(service: RunningService, directory: Path) -> None:
    answer = service.send("GET", f"/jobs/files/tasks/task/files/wd/deep/er/a%20b.txt?{VERSION}")
    assert (answer.status_code, answer.content) == (200, b"x\n")


def test_node_files_are_listed_and_read(service_client: BatchClient, service_pool: str, node_id: str) -> None:
    top = names(service_client.list_node_files(service_pool, node_id))
    assert {"shared", "startup", "workitems"} <= set(top)
    path = "workitems/files/job-1/task/stdout.txt"
    assert b"".join(service_client.download_node_file(service_pool, node_id, path)) == b"hello\n"
    assert service_client.get_node_file_properties(service_pool, node_id, path).content_length == 6


@pytest.mark.parametrize(
    ("header", "status", "content"),
    [
        ("bytes=1-2", 200, b"el"),
        ("bytes=0-0", 200, b"h"),
        ("bytes=4-100", 200, b"o\n"),
        ("bytes=3-", 200, b"lo\n"),
        ("bytes=-2", 200, b"o\n"),
        ("bytes=6-7", 416, None),
        ("bytes=3-2", 416, None),
        ("lines=1-2", 400, None),
        ("bytes=-", 400, None),
    ],
)
def test_ranges(
    service: RunningService, directory: Path, header: str, status: int, content: bytes | None
) -> None:
    target = f"/jobs/files/tasks/task/files/stdout.txt?{VERSION}"
    answer = service.send("GET", target, **{"ocp-range": header})
    assert answer.status_code == status
    if content is not None:
        assert answer.content == content
        assert int(answer.headers["Content-Length"]) == len(content)
        assert "Content-Range" not in answer.headers
        assert "ETag" not in answer.headers


def test_the_sdk_reads_a_range(service_client: BatchClient, directory: Path) -> None:
    part = service_client.download_task_file("files", "task", "stdout.txt", ocp_range="bytes=1-2")
    assert b"".join(part) == b"el"


def test_an_empty_file_is_read_as_nothing(service_client: BatchClient, directory: Path) -> None:
    assert b"".join(service_client.download_task_file("files", "task", "wd/.empty")) == b""


@pytest.mark.parametrize(
    "path",
    [
        "..%2F..%2Fx",
        "wd%2F..%2F..%2F..%2F..%2Fbatch.db",
        "wd/%2e%2e/%2e%2e/task/stdout.txt",
        "wd%2F%2Fx",
        "none",
        "%00",
    ],
)
def test_nothing_outside_or_missing_is_found(service: RunningService, directory: Path, path: str) -> None:
    answer = service.send("GET", f"/jobs/files/tasks/task/files/{path}?{VERSION}")
    assert (answer.status_code, answer.json()["code"]) == (404, "FileNotFound")


def test_links_that_lead_outside_are_not_followed(
    service: RunningService, directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (directory / "wd" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (directory / "wd" / "folder").symlink_to(tmp_path)
    (directory / "wd" / "inside.txt").symlink_to(directory / "stdout.txt")
    base = "/jobs/files/tasks/task/files/wd%2F"
    assert service.send("GET", f"{base}link.txt?{VERSION}").status_code == 404
    assert service.send("GET", f"{base}folder%2Fsecret.txt?{VERSION}").status_code == 404
    assert service.send("GET", f"{base}inside.txt?{VERSION}").content == b"hello\n"
    assert (
        "secret.txt" not in service.send("GET", f"/jobs/files/tasks/task/files?recursive=true&{VERSION}").text
    )


if hasattr(os, "mkfifo"):

    def test_a_pipe_holds_nobody_up(service: RunningService, directory: Path) -> None:
        os.mkfifo(directory / "wd" / "pipe")
        assert service.send("GET", f"/jobs/files/tasks/task/files/wd%2Fpipe?{VERSION}").status_code == 404
        with pytest.raises(BatchError, match="IOError"):
            tree.opened(directory / "wd" / "pipe")


def test_a_directory_cannot_be_read(service: RunningService, directory: Path) -> None:
    answer = service.send("GET", f"/jobs/files/tasks/task/files/wd?{VERSION}")
    assert (answer.status_code, answer.json()["code"]) == (403, "IOError")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("below", ["task", "node"])
def test_files_know_only_conditions_on_time(
    service: RunningService, directory: Path, node_id: str, method: str, below: str
) -> None:
    target = f"/jobs/files/tasks/task/files/stdout.txt?{VERSION}"
    if below == "node":
        path = "workitems%2Ffiles%2Fjob-1%2Ftask%2Fstdout.txt"
        target = f"/pools/pool/nodes/{node_id}/files/{path}?{VERSION}"
    modified = service.send("GET", target).headers["Last-Modified"]
    old = "Thu, 22 Jan 2015 00:00:00 GMT"
    unchanged = service.send(method, target, **{"if-modified-since": modified})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert service.send(method, target, **{"if-modified-since": old}).status_code == 200
    assert service.send(method, target, **{"if-unmodified-since": modified}).status_code == 200
    assert service.send(method, target, **{"if-unmodified-since": old}).status_code == 412
    assert service.send(method, target, **{"if-match": "0x0"}).status_code == 200


def test_files_are_deleted(service: RunningService, service_client: BatchClient, directory: Path) -> None:
    (directory / "wd" / "old").mkdir()
    (directory / "wd" / "old" / "file.txt").write_text("x")
    with pytest.raises(HttpResponseError):
        service_client.delete_task_file("files", "task", "wd/old")
    service_client.delete_task_file("files", "task", "wd/old/file.txt")
    assert (
        service.send("HEAD", f"/jobs/files/tasks/task/files/wd%2Fold%2Ffile.txt?{VERSION}").status_code == 404
    )
    (directory / "wd" / "old" / "file.txt").write_text("x")
    service_client.delete_task_file("files", "task", "wd/old", recursive=True)
    assert not (directory / "wd" / "old").exists()


def test_files_of_a_node_are_deleted(
    service: RunningService, service_client: BatchClient, directory: Path, node_id: str
) -> None:
    shared = directory.parents[3] / "shared"
    (shared / "full" / "inner").mkdir(parents=True)
    (shared / "full" / "inner" / "file.txt").write_text("x")
    (shared / "empty").mkdir()
    with pytest.raises(HttpResponseError, match="IOError") as refused:
        service_client.delete_node_file("pool", node_id, "shared/full")
    assert refused.value.status_code == 403
    service_client.delete_node_file("pool", node_id, "shared/empty")
    service_client.delete_node_file("pool", node_id, "shared/full/inner/file.txt")
    assert [path.name for path in shared.rglob("*")] == ["full", "inner"]
    with pytest.raises(ResourceNotFoundError, match="FileNotFound"):
        service_client.delete_node_file("pool", node_id, "shared/full/inner/file.txt")
    answer = service.send(
        "DELETE", f"/pools/pool/nodes/{node_id}/files/shared%2Ffull?recursive=true&{VERSION}"
    )
    assert (answer.status_code, answer.content, "etag" in answer.headers) == (200, b"", False)
    assert list(shared.iterdir()) == []
    for name in ("shared%2F..%2F..", "shared%2F"):
        target = f"/pools/pool/nodes/{node_id}/files/{name}?recursive=true&{VERSION}"
        assert service.send("DELETE", target).status_code == 404
    wrong = f"/pools/pool/nodes/{node_id}/files/shared?recursive=maybe&{VERSION}"
    assert service.send("DELETE", wrong).json()["code"] == "InvalidQueryParameterValue"
    assert shared.is_dir()


def test_a_link_is_deleted_and_not_what_it_leads_to(service_client: BatchClient, directory: Path) -> None:
    kept = directory / "wd" / "kept"
    kept.mkdir()
    (kept / "file.txt").write_text("x")
    links = {"to-folder": "kept", "to-file": "kept/file.txt"}
    for name, target in links.items():
        (directory / "wd" / name).symlink_to(target)
        service_client.delete_task_file("files", "task", f"wd/{name}", recursive=True)
        assert not (directory / "wd" / name).is_symlink()
    (directory / "wd" / "by-way-of").symlink_to("kept")
    service_client.delete_task_file("files", "task", "wd/by-way-of/file.txt")
    assert list(kept.iterdir()) == []
    (directory / "wd" / "outside").symlink_to(directory.parents[5])
    with pytest.raises(ResourceNotFoundError):
        service_client.delete_task_file("files", "task", "wd/outside", recursive=True)


def test_a_task_that_never_ran_has_no_files(service_client: BatchClient) -> None:
    service_client.create_job(models.BatchJobCreateOptions({"id": "idle", "poolInfo": {"poolId": "none"}}))
    service_client.create_task("idle", models.BatchTaskCreateOptions(id="t", command_line="true"))
    with pytest.raises(HttpResponseError, match="TaskFilesUnavailable") as refused:
        list(service_client.list_task_files("idle", "t"))
    assert refused.value.status_code == 409
    with pytest.raises(ResourceNotFoundError, match="NodeNotFound"):
        list(service_client.list_node_files("pool", "none"))


def test_a_growing_file_is_read_while_its_task_runs(
    service: RunningService, service_client: BatchClient, service_pool: str
) -> None:
    service_client.create_job(
        models.BatchJobCreateOptions({"id": "grow", "poolInfo": {"poolId": service_pool}})
    )
    command = "/bin/sh -c 'echo first; until [ -e go ]; do sleep 0.05; done; echo second'"
    service_client.create_task("grow", models.BatchTaskCreateOptions(id="t", command_line=command))
    target = f"/jobs/grow/tasks/t/files/stdout.txt?{VERSION}"
    until(lambda: service.send("GET", target).content == b"first\n", what="the first line")
    (root,) = service.engine.nodes_dir.glob("*/workitems/grow/job-1/t/wd")
    (root / "go").touch()
    completed(service_client, "grow", "t")
    assert service.send("GET", target, **{"ocp-range": "bytes=6-"}).content == b"second\n"


def test_a_big_file_streams_while_others_are_answered(
    service: RunningService, service_client: BatchClient, directory: Path
) -> None:
    (directory / "wd" / "big.bin").write_bytes(os.urandom(1024) * (BIG // 1024))
    stream = service_client.download_task_file("files", "task", "wd/big.bin")
    size = len(next(stream))
    answered = threading.Event()

    def ask() -> None:
        assert service.send("GET", f"/pools?{VERSION}").status_code == 200
        answered.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert answered.wait(10), "the service did not answer while a file was being read"
    asking.join()
    assert size + sum(map(len, stream)) == BIG
