"""Azurite killed while a task's outputs are sent, and right after: every output is there in the end."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.batch import models as batch
from azure.storage.blob import BlobServiceClient, generate_container_sas

from tests.local_azure.conftest import LocalProcess
from tests.local_azure.test_supervisor_tasks import client_of, make_job
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("local_no_process_left", "local_installation")
_COUNT, _BYTES = 40, 300_000


def test_outputs_outlive_an_azurite_killed_while_they_are_sent_and_right_after(
    tmp_path: Path, local_start: Callable[..., LocalProcess]
) -> None:
    cloud = local_start(tmp_path)
    endpoints = cloud.ready()
    storage = endpoints["storage"]
    blobs = BlobServiceClient(storage["url"], credential=storage["key"])
    results = blobs.create_container("results")
    sas = generate_container_sas(
        storage["account"],
        "results",
        account_key=storage["key"],
        permission="cw",
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    destination = batch.OutputFileBlobContainerDestination(container_url=f"{results.url}?{sas}")
    output = batch.OutputFile(
        file_pattern="*.bin",
        destination=batch.OutputFileDestination(container=destination),
        upload_options=batch.OutputFileUploadConfiguration(upload_condition="tasksuccess"),
    )
    code = f"[open(f'{{n:02}}.bin', 'wb').write(bytes([n]) * {_BYTES}) for n in range({_COUNT})]"
    task = batch.BatchTaskCreateOptions(
        id="task", command_line=f'{sys.executable} -c "{code}"', output_files=[output]
    )
    with client_of(endpoints) as client:
        make_job(client)
        client.create_task("job", task)
        log = "batch/nodes/*/workitems/job/job-1/task/fileuploadout.txt"
        until(lambda: any("->" in path.read_text() for path in tmp_path.glob(log)), what="the first upload")
        assert client.get_task("job", "task").state == batch.BatchTaskState.RUNNING
        cloud.azurite().kill()
        until(
            lambda: client.get_task("job", "task").state == batch.BatchTaskState.COMPLETED,
            seconds=60,
            what="the task's end",
        )
        cloud.azurite().kill()
        info = client.get_task("job", "task").execution_info
        assert info is not None
        assert (info.result, info.failure_info) == (batch.BatchTaskExecutionResult.SUCCESS, None)
    until(lambda: cloud.status()["sentence"] == "The local cloud is running.", what="Azurite's return")
    sizes = {one.name: one.size for one in results.list_blobs()}
    assert sizes == {f"{number:02}.bin": _BYTES for number in range(_COUNT)}
    assert results.download_blob("39.bin").readall() == bytes([39]) * _BYTES
