"""Fleets for tests: pools whose nodes and tasks are only played by the local Batch service, made through the SDK."""

import json
from typing import Any

from azure.batch import models

from batch_core.account import Account
from local_azure.batch.simulation import SIMULATE
from tests.waiting import until

_IMAGE = models.BatchVmImageReference(publisher="canonical", offer="ubuntu-24_04-lts", sku="server")
_MACHINE = models.VirtualMachineConfiguration(
    image_reference=_IMAGE, node_agent_sku_id="batch.node.ubuntu 24.04"
)


def simulated_pool(
    account: Account,
    pool_id: str,
    nodes: int,
    *,
    spot: int = 0,
    slots: int = 1,
    wait: bool = True,
    **simulate: Any,
) -> None:
    """A pool of `nodes` dedicated and `spot` Spot nodes that only play; returns once all are allocated.

    `simulate`: seed, seconds, failures, preemptions, boot, start_task_failures, as in the pool's metadata. The pool
    has a start task when start tasks are to fail. `wait=False` returns at once, while nodes still come.
    """
    start_task = (
        models.BatchStartTask(command_line="prepare") if simulate.get("start_task_failures") else None
    )
    account.batch.create_pool(
        models.BatchPoolCreateOptions(
            id=pool_id,
            vm_size="standard_d2s_v5",
            virtual_machine_configuration=_MACHINE,
            target_dedicated_nodes=nodes,
            target_low_priority_nodes=spot,
            task_slots_per_node=slots,
            start_task=start_task,
            metadata=[models.BatchMetadataItem(name=SIMULATE, value=json.dumps(simulate))],
        )
    )

    def allocated() -> bool:
        return account.batch.get_pool(pool_id).allocation_state == "steady"

    if wait:
        until(allocated, seconds=120, what=f"the nodes of {pool_id}")


def simulated_job(account: Account, job_id: str, pool_id: str, *, retries: int = 0, **more: Any) -> None:
    """A job on a pool, for `add_tasks`; `retries` for each of its tasks, `more` as BatchJobCreateOptions takes it."""
    limits = models.BatchJobConstraints(max_task_retry_count=retries)
    pool = models.BatchPoolInfo(pool_id=pool_id)
    account.batch.create_job(
        models.BatchJobCreateOptions(id=job_id, pool_info=pool, constraints=limits, **more)
    )


def add_tasks(account: Account, job_id: str, count: int, *, first: int = 0) -> list[str]:
    """Add `count` tasks to a job, `task-000000` and so on from number `first`, by the SDK in hundreds; their ids."""
    ids = [f"task-{number:06}" for number in range(first, first + count)]
    tasks = [models.BatchTaskCreateOptions(id=task_id, command_line=f"work {task_id}") for task_id in ids]
    account.batch.create_tasks(job_id, tasks)
    return ids
