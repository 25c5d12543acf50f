"""What is done to single nodes, through the real SDK on the local Batch service."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from azure.batch import models

from batch_core import launching, nodes, pools
from batch_core.account import Account
from batch_core.errors import InvalidInput, NotFound
from batch_core.pools import PoolSpec
from tests.core.commands import takes
from tests.core.proxy import Call, Fault, door_to
from tests.waiting import until


@pytest.fixture(scope="module")
def pool_id(account: Account) -> Iterator[str]:
    """A pool of two idle nodes."""
    id = f"nodes-{uuid.uuid4().hex[:8]}"
    pools.create(account, PoolSpec(id=id, dedicated=2, spot=0))
    until(lambda: states(account, id) == ["idle", "idle"], what="two idle nodes")
    until(lambda: pools.get_pool(account, id).allocation_state == "steady", what="a steady pool")
    yield id
    pools.delete(account, id)


def states(account: Account, pool_id: str) -> list[str]:
    return sorted(node.state.value for node in account.batch.list_nodes(pool_id))


def one(account: Account, pool_id: str, node_id: str) -> models.BatchNode:
    return account.batch.get_node(pool_id, node_id)


@pytest.fixture
def node_id(account: Account, pool_id: str) -> str:
    return min(node.id for node in account.batch.list_nodes(pool_id))


def test_a_node_takes_no_more_tasks_until_it_is_let_and_what_runs_on_it_ends_first(
    account: Account, pool_id: str, node_id: str
) -> None:
    job_id = f"nodes-{uuid.uuid4().hex[:8]}"
    account.batch.create_job(
        models.BatchJobCreateOptions(id=job_id, pool_info=models.BatchPoolInfo(pool_id=pool_id))
    )
    try:
        tasks = [models.BatchTaskCreateOptions(id=f"t{i}", command_line=takes(60)) for i in range(2)]
        launching.add_tasks(account, job_id, tasks)
        until(lambda: states(account, pool_id) == ["running", "running"], what="two running nodes")
        nodes.disable_scheduling(account, pool_id, node_id)
        nodes.disable_scheduling(account, pool_id, node_id)
        node = one(account, pool_id, node_id)
        assert (node.state, node.scheduling_state) == ("running", "disabled")
    finally:
        account.batch.begin_delete_job(job_id, polling_interval=1).wait(30)
    until(lambda: one(account, pool_id, node_id).state == "offline", what="an offline node")
    nodes.enable_scheduling(account, pool_id, node_id)
    nodes.enable_scheduling(account, pool_id, node_id)
    until(lambda: one(account, pool_id, node_id).state == "idle", what="an idle node")


def test_a_node_is_restarted(account: Account, pool_id: str, node_id: str) -> None:
    before = one(account, pool_id, node_id).last_boot_time
    nodes.reboot(account, pool_id, node_id)

    def up_again() -> bool:
        node = one(account, pool_id, node_id)
        return node.state == "idle" and node.last_boot_time != before

    until(up_again, what="the restart")


def test_who_only_looks_does_nothing_to_a_node(account: Account, pool_id: str, node_id: str) -> None:
    looking = replace(account, look_only=True)
    actions = (nodes.reboot, nodes.remove, nodes.disable_scheduling, nodes.enable_scheduling)
    for action in actions:
        with pytest.raises(InvalidInput, match="look only"):
            action(looking, pool_id, node_id)
    with pytest.raises(InvalidInput, match="look only"):
        pools.stop_resize(looking, pool_id)
    assert states(account, pool_id) == ["idle", "idle"]


def test_a_node_that_is_gone_is_told_as_such(account: Account, pool_id: str) -> None:
    for action in (nodes.reboot, nodes.disable_scheduling, nodes.enable_scheduling):
        with pytest.raises(NotFound, match="Could not"):
            action(account, pool_id, "tvmps_gone_d")


def answered_once(path: str, code: str) -> Callable[[Call], Fault | None]:
    """The first request's answer is lost; the next hears of the state that the first has brought."""
    body = json.dumps({"code": code, "message": {"lang": "en-US", "value": "It is so."}}).encode()
    fates = {1: Fault("answer lost"), 2: Fault("status", 409, body=body)}
    return lambda call: fates.get(call.nth) if call.method == "POST" and call.path.endswith(path) else None


def test_a_restart_whose_answer_is_lost_is_a_restart(
    account: Account, cloud: dict, pool_id: str, node_id: str
) -> None:
    before = one(account, pool_id, node_id).last_boot_time
    with door_to(cloud, answered_once("/reboot", "NodeBeingRebooted")) as (shaky, door):
        nodes.reboot(shaky, pool_id, node_id)
        assert len(door.faults) == 2
    until(lambda: one(account, pool_id, node_id).last_boot_time != before, what="the restart")
    until(lambda: states(account, pool_id) == ["idle", "idle"], what="two idle nodes")


def test_a_removed_node_goes_and_the_pool_wants_one_less(
    account: Account, cloud: dict, pool_id: str, node_id: str
) -> None:
    with door_to(cloud, answered_once("/removenodes", "PoolBeingResized")) as (shaky, door):
        nodes.remove(shaky, pool_id, node_id)
        assert len(door.faults) == 2
    until(lambda: len(states(account, pool_id)) == 1, what="the node's end")
    assert node_id not in [node.id for node in account.batch.list_nodes(pool_id)]
    assert pools.get_pool(account, pool_id).target_dedicated == 1
