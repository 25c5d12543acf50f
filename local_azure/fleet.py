"""`--fleet NODES`: gives the running account a pool whose nodes only play, and a job that keeps them at work."""

import json
import secrets
from pathlib import Path

from local_azure.batch.simulation import SIMULATE
from local_azure.failures import StartFailure
from local_azure.mishap import account_client, refused

MOST_NODES = 10_000
_MOST_TASKS = 100_000
_TASKS_A_NODE = 20
_SIMULATION = {
    "seconds": [20, 60],
    "failures": 0.02,
    "preemptions": 0.01,
    "boot": [5, 40],
    "start_task_failures": 0.005,
}
_MACHINE = {
    "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
    "nodeAgentSKUId": "batch.node.ubuntu 24.04",
}


def send(data: Path, nodes: int) -> str:
    """Make the pool `fleet-NODES` unless it is there, a tenth of its nodes Spot, and a new job on it; says which.

    StartFailure when no local cloud runs or the service refuses.
    """
    from azure.batch import models
    from azure.core.exceptions import HttpResponseError

    pool_id, spot = f"fleet-{nodes}", nodes // 10
    job_id, count = f"{pool_id}-{secrets.token_hex(3)}", min(_MOST_TASKS, nodes * _TASKS_A_NODE)
    pool = {
        "id": pool_id,
        "vmSize": "standard_d2s_v5",
        "virtualMachineConfiguration": _MACHINE,
        "targetDedicatedNodes": nodes - spot,
        "targetLowPriorityNodes": spot,
        "startTask": {"commandLine": "prepare", "waitForSuccess": True},
        "metadata": [{"name": SIMULATE, "value": json.dumps(_SIMULATION)}],
    }
    job = {"id": job_id, "poolInfo": {"poolId": pool_id}, "constraints": {"maxTaskRetryCount": 1}}
    tasks = [{"id": f"task-{number:06}", "commandLine": f"work {number}"} for number in range(1, count + 1)]
    with account_client(data) as client:
        try:
            if not any(found.id == pool_id for found in client.list_pools(filter=f"id eq '{pool_id}'")):
                client.create_pool(models.BatchPoolCreateOptions(pool))
            client.create_job(models.BatchJobCreateOptions(job))
            client.create_tasks(job_id, [models.BatchTaskCreateOptions(task) for task in tasks])
            client.update_job(job_id, models.BatchJobUpdateOptions({"onAllTasksComplete": "terminatejob"}))
        except HttpResponseError as error:
            raise StartFailure(refused(error)) from error
    return f"Pool {pool_id} plays job {job_id} with {count} tasks; no program runs."
