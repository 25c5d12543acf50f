"""The recorded scenarios that are replayed, and what each needs to run here."""

from __future__ import annotations

import sys
from typing import Any

from tests.local_azure.replay import Scenario

VERSION = "api-version=2025-06-01"
MACHINE = {
    "imageReference": {
        "publisher": "Canonical",
        "offer": "0001-com-ubuntu-server-jammy",
        "sku": "22_04-lts",
        "version": "latest",
    },
    "nodeAgentSKUId": "batch.node.ubuntu 22.04",
}
NAT = {
    "endpointConfiguration": {
        "inboundNATPools": [
            {
                "name": "ruleName",
                "protocol": "tcp",
                "backendPort": 3389,
                "frontendPortRangeStart": 15000,
                "frontendPortRangeEnd": 15100,
            }
        ]
    }
}
_FAST = f'"{sys.executable}" -c "print(12345)"'
_EXIT_3 = f'"{sys.executable}" -c "raise SystemExit(3)"'

LATER = "an operation of a later issue"
TOGETHER = "here all nodes of a pool become idle together"
THROTTLED = "the local service never throttles"
SOON = "tasks that can start here have started before they can be read"
LAG = "the real service counted late: three tasks added were 0 a second later; ours counts at once"


def portable(value: dict[str, Any]) -> dict[str, Any]:
    """Commands that run on this system; they are echoed, so that the recorded answers change with them."""
    command = value.get("commandLine", "")
    if command == "cmd /c exit 3":
        return {**value, "commandLine": _EXIT_3}
    if command.startswith(("cmd", "/bin/bash")):
        return {**value, "commandLine": _FAST}
    return value


def virtual_machines(value: dict[str, Any]) -> dict[str, Any]:
    """Cloud-service pools, which are no more, become pools of virtual machines."""
    renamed = {"cloudServiceConfiguration": "virtualMachineConfiguration"}
    return {
        renamed.get(name, name): MACHINE if name in renamed else inner
        for name, inner in portable(value).items()
    }


def without_files(value: dict[str, Any]) -> dict[str, Any]:
    """Tasks without files to fetch and send: the storage of the recording is not there."""
    return {
        name: inner for name, inner in portable(value).items() if name not in ("resourceFiles", "outputFiles")
    }


def without_network(value: dict[str, Any]) -> dict[str, Any]:
    """Pools outside of a virtual network, tasks without files to fetch."""
    return {name: inner for name, inner in without_files(value).items() if name != "networkConfiguration"}


def single_job(value: dict[str, Any]) -> dict[str, Any]:
    """As `portable`, with a job of a schedule renamed to one that can be created by itself."""
    return {
        name: inner.replace(":job-1", "-job-1") if isinstance(inner, str) else inner
        for name, inner in portable(value).items()
    }


def pool(pool_id: str, **fields: Any) -> tuple[str, str, Any]:
    """The request that makes a pool."""
    body = {"id": pool_id, "vmSize": "STANDARD_D2_V2", "virtualMachineConfiguration": MACHINE, **fields}
    return ("POST", f"/pools?{VERSION}", body)


def job(job_id: str, pool_id: str = "none", **fields: Any) -> tuple[str, str, Any]:
    """The request that makes a job."""
    return ("POST", f"/jobs?{VERSION}", {"id": job_id, "poolInfo": {"poolId": pool_id}, **fields})


def task(job_id: str, task_id: str, command: str = _FAST, **fields: Any) -> tuple[str, str, Any]:
    """The request that makes a task."""
    return ("POST", f"/jobs/{job_id}/tasks?{VERSION}", {"id": task_id, "commandLine": command, **fields})


def machine(offer: str, sku: str, agent: str, publisher: str = "Canonical") -> dict[str, Any]:
    """A virtual machine configuration."""
    image = {"publisher": publisher, "offer": offer, "sku": sku}
    return {"imageReference": image, "nodeAgentSKUId": agent}


UBUNTU_18 = machine("UbuntuServer", "18.04-LTS", "batch.node.ubuntu 18.04")
WINDOWS = machine(
    "WindowsServer", "2016-Datacenter-smalldisk", "batch.node.windows amd64", "MicrosoftWindowsServer"
)
IAAS = pool(
    "batch_iaas_1824222e",
    virtualMachineConfiguration={**WINDOWS, "windowsConfiguration": {"enableAutomaticUpdates": True}},
    taskSchedulingPolicy={"nodeFillType": "pack"},
    userAccounts=[
        {"name": "test-user-1", "password": "secret"},
        {"name": "test-user-2", "password": "secret", "elevationLevel": "admin"},
    ],
)
UBUNTU_16 = pool(
    "ncj-ubuntu1604",
    vmSize="STANDARD_D1_V2",
    virtualMachineConfiguration=machine("ubuntuserver", "18.04-lts", "batch.node.ubuntu 18.04", "canonical"),
    targetDedicatedNodes=1,
)
UNKEPT = "its request was not kept"
_PING = "ping 127.0.0.1 -n 20"
_SUBTASKS = "multi-instance tasks are refused by name, a later issue"

SCENARIOS: tuple[Scenario, ...] = (
    Scenario("2026-pool-update-delete"),
    Scenario("2026-job-state-changes"),
    Scenario("2026-not-found-and-exists"),
    Scenario(
        "2026-compute-nodes",
        setup=(
            pool(
                "computenodepool",
                displayName="test_pool",
                targetDedicatedNodes=2,
                networkConfiguration=NAT,
                userAccounts=[{"name": "task-user", "password": "secret", "elevationLevel": "admin"}],
            ),
        ),
        leave_out={2: LATER},
        before={7: ("POST", f"/pools/computenodepool/removenodes?{VERSION}", {"nodeList": ["one", "other"]})},
    ),
    Scenario("2025-pool-update"),
    Scenario(
        "2025-file-download-ranges",
        adapt=portable,
        leave_out={3: LAG, 4: SOON, 8: "which node ran what is up to the scheduler"},
    ),
    Scenario(
        "2025-files-windows-node",
        setup=(
            pool(
                "2b751f41",
                targetDedicatedNodes=1,
                virtualMachineConfiguration=WINDOWS,
                networkConfiguration=NAT,
            ),
            job("batch", "2b751f41"),
            task("batch", "test_task"),
        ),
        wait={1: "/jobs/batch/tasks/test_task"},
    ),
    Scenario(
        "2025-node-states",
        setup=(
            pool(
                "3d0a22a3",
                targetDedicatedNodes=2,
                virtualMachineConfiguration=UBUNTU_18,
                networkConfiguration=NAT,
            ),
        ),
        leave_out={2: TOGETHER},
    ),
    Scenario("2024-node-reboot"),
    Scenario(
        "2024-node-remove",
        setup=(
            pool(
                "removenodepool",
                vmSize="STANDARD_D2S_V3",
                targetDedicatedNodes=2,
                virtualMachineConfiguration=machine(
                    "0001-com-ubuntu-server-focal", "20_04-lts", "batch.node.ubuntu 20.04", "canonical"
                ),
            ),
        ),
    ),
    Scenario(
        "2024-job-ends-on-task-failure",
        adapt=single_job,
        setup=(
            job("testDisableEnableTerminateJobSchedule-job-1", "testPool"),
            (
                "POST",
                f"/jobs/testDisableEnableTerminateJobSchedule-job-1/terminate?{VERSION}",
                {"terminateReason": "TerminateWorkitem"},
            ),
        ),
    ),
    Scenario("2024-pool-osdisk"),
    Scenario(
        "2024-task-list-and-429",
        setup=(
            job("BatchUser-testCreateTasks"),
            *(task("BatchUser-testCreateTasks", f"task{n}", f"cmd /c echo Task {n}") for n in (0, 1, 7)),
        ),
        leave_out={1: THROTTLED},
    ),
    Scenario(
        "2023-compute-nodes",
        setup=(pool("3d0a22a3", targetDedicatedNodes=2, virtualMachineConfiguration=UBUNTU_18),),
        leave_out={1: TOGETHER, 3: LATER},
    ),
    Scenario("2023-task-crud-linux-node", adapt=without_network, leave_out={13: LATER}),
    Scenario(
        "2023-task-create-delete",
        adapt=without_files,
        leave_out={1: _SUBTASKS, 2: _SUBTASKS, 3: _SUBTASKS},
    ),
    Scenario("2023-pool-create-list-paging-errors", setup=(IAAS,), settle=True),
    Scenario("2023-pool-crud"),
    Scenario("2023-jobs", adapt=virtual_machines),
    Scenario(
        "2023-job-state-changes",
        leave_out={4: THROTTLED, 6: "a job of which nothing runs is disabled before it can be read"},
    ),
    Scenario(
        "2023-pool-autoscale-resize-stop",
        setup=(
            pool(
                "f50021c2",
                displayName="test_pool",
                virtualMachineConfiguration=UBUNTU_18,
                userAccounts=[{"name": "task-user", "password": "secret", "elevationLevel": "admin"}],
            ),
        ),
        leave_out={**dict.fromkeys((0, 1, 2, 3), LATER), 9: "retired"},
    ),
    Scenario("2022-linux-pool-job-task", adapt=without_files, leave_out={9: SOON}),
    Scenario(
        "2022-pool-resize-update",
        adapt=virtual_machines,
        leave_out={2: "images by id, refused in 2022, are taken since 2023"},
    ),
    Scenario("2022-pool-exists-error", setup=(UBUNTU_16,)),
    Scenario("2022-job-patch-put-conditions", adapt=virtual_machines),
    Scenario("2022-autopool-jobs-and-collections", adapt=without_files),
    Scenario("2022-pool-with-start-task", adapt=without_files),
    Scenario(
        "2020-tasks",
        setup=(
            job("HelloWorldJobNodeSDKTest", constraints={"maxTaskRetryCount": 3}),
            task("HelloWorldJobNodeSDKTest", "HelloWorldNodeSDKTestTask", _PING),
        ),
        leave_out={
            **dict.fromkeys((*range(8), 9, 11, *range(13, 24)), UNKEPT),
        },
    ),
    Scenario(
        "2020-pools",
        setup=(pool("nodesdktestpool1"), ("DELETE", f"/pools/nodesdktestpool1?{VERSION}", None)),
        leave_out=dict.fromkeys((*range(17), *range(18, 24)), UNKEPT),
    ),
    Scenario("2019-task-terminate-active"),
    Scenario(
        "errors-mixed",
        setup=(pool("BatchUser-testpool"),),
        leave_out=dict.fromkeys(range(2, 7), "single answers to requests that were not kept whole"),
    ),
)
