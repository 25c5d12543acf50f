"""Why nothing runs: each thing that can hold a job up is made to happen, told in a sentence, and helped by a press."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.batch import models
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from batch_core import nodes, pools
from batch_core.account import Account
from batch_core.pools import PoolSpec
from local_azure import mishap
from tests.core.commands import DONE, python, takes
from tests.waiting import until

PAGE = "pages/monitor.py"
Open = Callable[..., AppTest]


@pytest.fixture
def pool_id(account: Account) -> Iterator[str]:
    """An id for a pool that is deleted afterwards."""
    id = f"held-{uuid.uuid4().hex[:8]}"
    yield id
    pools.delete(account, id)


@pytest.fixture
def job_id(account: Account, pool_id: str) -> Iterator[str]:
    """A job on that pool, whose tasks may depend on each other."""
    yield from _job(account, pool_id)


@pytest.fixture
def other_job_id(account: Account, pool_id: str) -> Iterator[str]:
    yield from _job(account, pool_id)


def _job(account: Account, pool_id: str) -> Iterator[str]:
    id = f"held-{uuid.uuid4().hex[:8]}"
    on = models.BatchPoolInfo(pool_id=pool_id)
    account.batch.create_job(models.BatchJobCreateOptions(id=id, pool_info=on, uses_task_dependencies=True))
    yield id
    account.batch.begin_delete_job(id, polling_interval=1)


def add(account: Account, job_id: str, id: str, command: str = DONE, **more: object) -> None:
    account.batch.create_task(job_id, models.BatchTaskCreateOptions(id=id, command_line=command, **more))


def nodes_of(account: Account, pool_id: str) -> dict[str, str]:
    return {node.id: node.state.value for node in account.batch.list_nodes(pool_id)}


def steady(account: Account, pool_id: str) -> bool:
    return pools.get_pool(account, pool_id).allocation_state == "steady"


def with_nodes(account: Account, pool_id: str, **spec: object) -> None:
    """The pool, with its nodes there and none on its way."""
    pools.create(account, PoolSpec(**{"id": pool_id, "dedicated": 1, "spot": 0, **spec}))
    coming = ("creating", "starting")
    until(
        lambda: (
            steady(account, pool_id)
            and not any(state in coming for state in nodes_of(account, pool_id).values())
        ),
        what="the pool's nodes",
    )


def state(account: Account, job_id: str, task_id: str) -> str:
    return account.batch.get_task(job_id, task_id).state.value


def told(app: Open, sentence: str, **query: str) -> AppTest:
    """The Monitor, as soon as it says this."""
    opened = app(PAGE, **query)

    def said() -> list[str]:
        opened.run()
        assert not opened.exception
        lines = [box.value for box in [*opened.error, *opened.warning, *opened.info]]
        return [line for line in lines if line.replace("\\", "").replace("*", "").startswith(sentence)]

    until(said, seconds=30, what=sentence)
    return opened


def button(opened: AppTest, label: str) -> Button:
    return next(button for button in opened.button if button.label == label)


def press(opened: AppTest, label: str) -> None:
    button(opened, label).click()
    opened.run()
    assert not opened.exception
    assert not [box for box in opened.error if not box.icon], "what went wrong with the press"


def confirm(opened: AppTest, label: str, asked: str) -> None:
    """Press a button that asks first, read its question, and press the one that does it."""
    press(opened, label)
    said = [box.value.replace("\\", "").replace("*", "") for box in opened.markdown]
    assert [line for line in said if line.startswith(asked)], said
    sure = opened.button(key="step_do")
    assert sure.label == label
    sure.click().run()
    assert not opened.exception


def test_a_quota_that_is_used_up_offers_nodes_of_the_other_kind(
    app: Open, account: Account, home: Path, pool_id: str, job_id: str
) -> None:
    limits = home / "local-azure" / "quota.json"
    limits.write_text(json.dumps({"spotCores": 0}))
    try:
        pools.create(account, PoolSpec(id=pool_id, dedicated=0, spot=1))
        add(account, job_id, "task")
        until(lambda: steady(account, pool_id), what="the refusal")
        opened = told(app, "The pool has no nodes. The account's quota of Spot cores is used up.", job=job_id)
        asked = {field.label: field.value for field in opened.number_input}
        assert (asked["Dedicated nodes"], asked["Spot nodes"]) == (1, 0)
        press(opened, "Resize")
        until(lambda: state(account, job_id, "task") == "completed", what="the task's end")
    finally:
        limits.unlink()


def test_an_allocation_that_failed_is_tried_again(
    app: Open, account: Account, pool_id: str, job_id: str
) -> None:
    image = models.BatchVmImageReference(publisher="canonical", offer="ubuntu-24_04-lts", sku="server")
    machine = models.VirtualMachineConfiguration(
        image_reference=image, node_agent_sku_id="batch.node.ubuntu 24.04"
    )
    refuse = models.BatchMetadataItem(name="local:allocation", value="fail")
    account.batch.create_pool(
        models.BatchPoolCreateOptions(
            id=pool_id,
            vm_size="standard_d2s_v5",
            virtual_machine_configuration=machine,
            target_dedicated_nodes=1,
            metadata=[refuse],
        )
    )
    until(lambda: steady(account, pool_id), what="the refusal")
    opened = told(app, "The pool has no nodes. Azure could not allocate the nodes.", job=job_id)
    account.batch.update_pool(pool_id, models.BatchPoolUpdateOptions(metadata=[]))
    press(opened, "Try again")
    until(lambda: list(nodes_of(account, pool_id).values()) == ["idle"], what="an idle node")


def test_a_start_task_that_failed_shows_its_last_lines_and_the_node_is_restarted(
    app: Open, account: Account, pool_id: str, job_id: str
) -> None:
    fails = python("import sys; sys.stderr.write('no package ffmpeg'); sys.exit(3)")
    with_nodes(account, pool_id, start_task=fails)
    until(lambda: list(nodes_of(account, pool_id).values()) == ["starttaskfailed"], what="the failure")
    opened = told(app, "The start task failed on the only node, so no task runs there.", job=job_id)
    until(
        lambda: "no package ffmpeg" in [code.value for code in opened.run().code],
        seconds=30,
        what="its last lines",
    )
    assert button(opened, "See the node")
    (node_id,) = nodes_of(account, pool_id)
    before = account.batch.get_node(pool_id, node_id).last_boot_time
    press(opened, "Restart the node")
    assert account.batch.get_node(pool_id, node_id).last_boot_time == before, "not before it is confirmed"
    opened.button(key="step_leave").click().run()
    confirm(opened, "Restart the node", "node 1. Its start task runs again.")
    until(lambda: account.batch.get_node(pool_id, node_id).last_boot_time != before, what="another start")


def test_a_start_task_that_runs_is_told_and_shows_its_node(
    app: Open, account: Account, pool_id: str, job_id: str
) -> None:
    with_nodes(account, pool_id, start_task=takes(60))
    opened = told(app, "The start task runs on the only node (", job=job_id)
    press(opened, "See the node")
    (node_id,) = nodes_of(account, pool_id)
    assert any(node_id in caption.value.replace("\\", "") for caption in opened.caption)


def test_a_node_that_is_out_of_order_is_removed(
    app: Open, account: Account, home: Path, pool_id: str, job_id: str
) -> None:
    with_nodes(account, pool_id)
    mishap.ask(home / "local-azure", "lose", pool_id)
    opened = told(app, "The only node is out of order (The node no longer answers", job=job_id)
    confirm(opened, "Remove the node", "node 1 leaves the pool, which then has 1 node less.")
    until(lambda: not nodes_of(account, pool_id), what="a pool without nodes")
    opened = told(app, "The pool has no nodes. Resize it to give it some.", job=job_id)
    press(opened, "Resize")
    until(lambda: len(nodes_of(account, pool_id)) == pools.LOCAL_NODES, what="nodes again")


def test_a_disabled_job_is_enabled(app: Open, account: Account, pool_id: str, job_id: str) -> None:
    with_nodes(account, pool_id)
    account.batch.begin_disable_job(job_id, models.BatchJobDisableOptions(disable_tasks="requeue"))
    opened = told(app, "Somebody has disabled the job: nothing starts until it is enabled again.", job=job_id)
    press(opened, "Enable the job")
    until(lambda: account.batch.get_job(job_id).state == "active", what="an active job")


def test_slots_that_another_job_takes_are_told_and_more_nodes_come(
    app: Open, account: Account, pool_id: str, job_id: str, other_job_id: str
) -> None:
    with_nodes(account, pool_id)
    add(account, other_job_id, "long", takes(60))
    until(lambda: state(account, other_job_id, "long") == "running", what="the other job's task")
    add(account, job_id, "task")
    opened = told(app, "Other jobs take all 1 slot of the pool; 1 task waits for a free one.", job=job_id)
    press(opened, "Resize")
    until(lambda: state(account, job_id, "task") == "completed", what="the task's end on another node")


def test_a_task_that_is_too_large_for_every_node_is_told(
    app: Open, account: Account, pool_id: str, job_id: str
) -> None:
    with_nodes(account, pool_id)
    add(account, job_id, "large", required_slots=4)
    opened = told(app, "1 task needs up to 4 slots on one node, and a node of this pool has 1.", job=job_id)
    assert "pool" in {link.proto.page for link in opened.get("page_link")}
    press(opened, "See the task")
    assert any(caption.value == "Task large" for caption in opened.caption)


def test_nodes_that_take_no_tasks_take_them_again(
    app: Open, account: Account, pool_id: str, job_id: str
) -> None:
    with_nodes(account, pool_id)
    (node_id,) = nodes_of(account, pool_id)
    nodes.disable_scheduling(account, pool_id, node_id)
    add(account, job_id, "task")
    opened = told(app, "The only node takes no tasks: somebody has switched that off.", job=job_id)
    press(opened, "Let tasks start on it")
    until(lambda: state(account, job_id, "task") == "completed", what="the task's end")


def test_tasks_that_wait_for_one_that_failed_start_when_it_is_run_again(
    app: Open, account: Account, pool_id: str, job_id: str, tmp_path: Path
) -> None:
    with_nodes(account, pool_id)
    ready = tmp_path / "ready"
    add(account, job_id, "first", python(f"import os; raise SystemExit(not os.path.exists({str(ready)!r}))"))
    add(account, job_id, "then", depends_on=models.BatchTaskDependencies(task_ids=["first"]))
    add(account, job_id, "last", depends_on=models.BatchTaskDependencies(task_ids=["then"]))
    until(lambda: state(account, job_id, "first") == "completed", what="the first task's failure")
    opened = told(app, "2 tasks wait for first, which failed: without it nothing of that starts.", job=job_id)
    ready.touch()
    press(opened, "Run it again")
    until(lambda: state(account, job_id, "last") == "completed", what="the last task's end")


def test_a_task_that_waits_for_one_that_is_not_there_is_stopped(
    app: Open, account: Account, pool_id: str, job_id: str
) -> None:
    with_nodes(account, pool_id)
    number = models.BatchTaskIdRange(start=7, end=9)
    add(account, job_id, "lost", depends_on=models.BatchTaskDependencies(task_id_ranges=[number]))
    opened = told(app, "1 task waits for tasks that this job does not have.", job=job_id)
    confirm(opened, "Stop the task", "lost ends and makes no result.")
    until(lambda: state(account, job_id, "lost") == "completed", what="the task's end")


def test_while_nodes_are_free_tasks_say_what_they_wait_for(
    app: Open, account: Account, pool_id: str, job_id: str
) -> None:
    with_nodes(account, pool_id, dedicated=2)
    add(account, job_id, "first", takes(60))
    add(account, job_id, "then", depends_on=models.BatchTaskDependencies(task_ids=["first"]))
    until(lambda: state(account, job_id, "first") == "running", what="the first task's start")
    opened = told(app, "1 task waits until first has ended.", job=job_id)
    press(opened, "See the task")
    assert any(caption.value == "Task first" for caption in opened.caption)


def test_for_nodes_that_were_taken_back_dedicated_ones_come(
    app: Open, account: Account, home: Path, pool_id: str, job_id: str
) -> None:
    with_nodes(account, pool_id, dedicated=0, spot=1)
    mishap.ask(home / "local-azure", "preempt", pool_id)
    add(account, job_id, "task")
    opened = told(app, "Azure has taken back the only Spot node.", job=job_id)
    assert button(opened, "Resize")
    press(opened, "Resize")
    until(lambda: state(account, job_id, "task") == "completed", what="the task's end on a dedicated node")
    pool = pools.get_pool(account, pool_id)
    assert (pool.target_dedicated, pool.target_spot) == (1, 0)


def test_the_page_pool_has_the_same_sentence_and_fix(app: Open, account: Account, pool_id: str) -> None:
    with_nodes(account, pool_id)
    (node_id,) = nodes_of(account, pool_id)
    nodes.disable_scheduling(account, pool_id, node_id)
    opened = app("pages/pool.py", pool=pool_id)
    until(
        lambda: any("takes no tasks" in box.value for box in opened.run().warning),
        seconds=30,
        what="it says so",
    )
    press(opened, "Let tasks start on it")
    until(lambda: nodes_of(account, pool_id) == {node_id: "idle"}, what="an idle node")
