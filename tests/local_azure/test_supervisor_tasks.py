"""A running task: it keeps the local cloud alive, and ends with it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from azure.batch import BatchClient
from azure.batch import models as batch
from azure.core.credentials import AzureNamedKeyCredential

from local_azure.processes import ProcessIdentity
from tests.local_azure.conftest import ENDING, LocalProcess
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("local_no_process_left", "local_installation")
Start = Callable[..., LocalProcess]


def client_of(endpoints: dict) -> BatchClient:
    """The SDK's client on a running local cloud."""
    account = endpoints["batch"]
    return BatchClient(account["url"], AzureNamedKeyCredential(account["account"], account["key"]))


def make_job(client: BatchClient, *, spot: bool = False) -> None:
    """Make the pool `pool` with one node (a Spot one if asked for) and the job `job` in it."""
    image = batch.BatchVmImageReference(publisher="canonical", offer="ubuntu-24_04-lts", sku="server")
    machine = batch.VirtualMachineConfiguration(
        image_reference=image, node_agent_sku_id="batch.node.ubuntu 24.04"
    )
    client.create_pool(
        batch.BatchPoolCreateOptions(
            id="pool",
            vm_size="standard_d2s_v5",
            virtual_machine_configuration=machine,
            target_dedicated_nodes=0 if spot else 1,
            target_low_priority_nodes=1 if spot else 0,
        )
    )
    client.create_job(batch.BatchJobCreateOptions(id="job", pool_info=batch.BatchPoolInfo(pool_id="pool")))


def run_one(endpoints: dict, seconds: float, *, spot: bool = False) -> BatchClient:
    """Start one task that waits, on a node of its own (a Spot one if asked for); returns when it runs."""
    client = client_of(endpoints)
    make_job(client, spot=spot)
    line = f'{sys.executable} -c "import time; time.sleep({seconds})"'
    client.create_task("job", batch.BatchTaskCreateOptions(id="task", command_line=line))
    until(
        lambda: client.get_task("job", "task").state == batch.BatchTaskState.RUNNING, what="the task's start"
    )
    return client


def _task(cloud: LocalProcess) -> psutil.Process | None:
    return next((one for one in cloud.children() if "time.sleep" in " ".join(one.cmdline())), None)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_ends_it(tmp_path: Path, local_start: Start, number: int) -> None:
    cloud = local_start(tmp_path)
    run_one(cloud.ready(), 60)
    task = until(lambda: _task(cloud), what="its process")
    assert cloud.end(number) == 0
    assert not task.is_running()


def test_it_keeps_a_cloud_that_nobody_holds_a_lease_on(tmp_path: Path, local_start: Start) -> None:
    lease = tmp_path / "leases" / "ours.json"
    lease.parent.mkdir()
    lease.write_text(json.dumps(ProcessIdentity.of().to_json()))
    cloud = local_start(tmp_path, "--leased", "0.5")
    client = run_one(cloud.ready(), 3)
    lease.unlink()
    done = until(
        lambda: (task := client.get_task("job", "task")).state == batch.BatchTaskState.COMPLETED and task,
        what="its end",
    )
    assert done.execution_info.exit_code == 0
    client.close()
    assert cloud.ended()[0] == 0


def test_answers_name_one_server_as_the_real_service_does(tmp_path: Path, local_start: Start) -> None:
    cloud = local_start(tmp_path)
    answer = httpx.get(cloud.ready()["batch"]["url"] + "/pools", params={"api-version": "2025-06-01"})
    assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert answer.headers.get_list("server") == ["Microsoft-HTTPAPI/2.0"]
