"""A node's panel: how its start task went, what runs on it and has run, and the question before it loses work."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button, Selectbox

from batch_core import pools
from batch_core.account import Account
from batch_core.monitor import Snapshot
from batch_core.node_book import node_errors
from batch_core.node_facts import NodeFacts, StartTask, node_facts
from batch_core.pools import PoolSpec
from batch_core.snapshot import Counts
from pages.components.live_chart import Click
from pages.parts import monitor_tables
from pages.parts.node_facts import start_task_words
from pages.shell import words
from tests.core.commands import python
from tests.fleet import add_tasks, simulated_job, simulated_pool
from tests.pages.nodes import START, node
from tests.waiting import until

PAGE = "pages/monitor.py"
Open = Callable[..., AppTest]


@pytest.fixture
def pool_id(account: Account) -> Iterator[str]:
    name = f"panel-{uuid.uuid4().hex[:8]}"
    yield name
    pools.delete(account, name)


def panel(app: Open, account: Account, pool_id: str, said: str, **query: str) -> tuple[AppTest, str]:
    """The Monitor with the panel of the pool's only node, once it says this; and the node's id."""
    node_id = next(iter(account.batch.list_nodes(pool_id))).id
    opened = app(PAGE, pool=pool_id, **query)

    def there() -> bool:
        opened.session_state["monitor_shown"] = Click("node", node_id)
        opened.run()
        return said in text(opened)

    until(there, seconds=30, what=said)
    assert not opened.exception
    return opened, node_id


def text(opened: AppTest) -> str:
    return "\n".join(element.value for element in [*opened.markdown, *opened.caption])


def test_a_failed_start_task_is_told_with_its_exit_code(app: Open, account: Account, pool_id: str) -> None:
    simulated_pool(account, pool_id, 1, start_task_failures=1.0)
    until(
        lambda: [node.state for node in account.batch.list_nodes(pool_id)] == ["starttaskfailed"],
        what="a failed start task",
    )
    opened, node_id = panel(app, account, pool_id, "Its start task ended with exit code 1 after ")
    log = next(box for box in opened.expander if box.label == "Log of its start task")
    assert log.proto.expanded
    found = node_facts(account, pool_id, node_id)
    assert [error.startswith("The start task failed. ") for error in found.errors] == [True]
    start = found.start
    assert start
    assert start.exit_code == 1
    assert node_facts(account, pool_id, "tvmps_gone_d") == NodeFacts()


def test_close_holds_though_a_refresh_from_before_it_comes_later(
    app: Open, account: Account, pool_id: str
) -> None:
    simulated_pool(account, pool_id, 1)
    until(lambda: list(account.batch.list_nodes(pool_id)), what="a node")
    opened = app(PAGE, pool=pool_id)
    until(lambda: _pickers(opened.run()), seconds=30, what="the list to pick from")
    node = Click("node", next(iter(account.batch.list_nodes(pool_id))).id)
    _pickers(opened)[0].set_value(node).run()
    assert opened.session_state["monitor_shown"] == node
    sent_before = opened._tree.get_widget_states()
    for sent in [sent for sent in sent_before.widgets if sent.id.endswith("monitor_close")]:
        sent_before.widgets.remove(sent)  # a browser sends a button with its press only
    opened.button(key="monitor_close").click().run()
    assert opened.session_state["monitor_shown"] is None
    opened._run(sent_before)
    assert opened.session_state["monitor_shown"] is None
    assert _pickers(opened)[0].value is None
    assert "monitor_close" not in {button.key for button in opened.button}


def _pickers(opened: AppTest) -> list[Selectbox]:
    return [field for field in opened.selectbox if field.label == "Details"]


def test_what_runs_is_told_and_a_restart_that_costs_work_asks_first(
    app: Open, account: Account, pool_id: str
) -> None:
    simulated_pool(account, pool_id, 1, seconds=[600, 600])
    job_id = f"{pool_id}-job"
    simulated_job(account, job_id, pool_id)
    add_tasks(account, job_id, 1)
    try:
        opened, node_id = panel(app, account, pool_id, "Runs now", job=job_id)
        assert lines(opened, "task-000000: running, ")
        booted = account.batch.get_node(pool_id, node_id).last_boot_time
        next(button for button in opened.button if button.label == "Restart").click()
        opened.run()
        assert f"({words.plain(node_id)}) starts anew. What runs on it (1 slot in use) goes back" in text(
            opened
        )
        assert [button for button in opened.button if button.label == "Restart the node"]
        assert account.batch.get_node(pool_id, node_id).last_boot_time == booted
        (recent,) = node_facts(account, pool_id, node_id).recent
        assert (recent.job_id, recent.task_id, recent.state) == (job_id, "task-000000", "running")
    finally:
        account.batch.begin_delete_job(job_id, polling_interval=0.1).wait(30)


def test_the_log_of_a_start_task_that_went_well_is_there_to_open(
    app: Open, account: Account, pool_id: str
) -> None:
    says = python("import sys; print('made ready'); sys.stderr.write('a warning')")
    pools.create(account, PoolSpec(id=pool_id, dedicated=1, spot=0, start_task=says))
    until(lambda: [node.state for node in account.batch.list_nodes(pool_id)] == ["idle"], what="an idle node")
    opened, node_id = panel(app, account, pool_id, "Its start task was done in ")
    assert not [code.value for code in opened.code]
    opened.session_state[f"node_log_{node_id}_False"] = True  # as a press on it does
    until(lambda: [code.value for code in opened.run().code] == ["a warning"], what="its stderr")
    opened.get_by_key(f"node_log_{node_id}_name").set_value("stdout.txt")
    until(lambda: [code.value for code in opened.run().code] == ["made ready"], what="its stdout")


def test_all_that_is_wrong_with_a_node_is_told_and_a_failed_start_task_first() -> None:
    doc = {
        "startTaskInfo": {"result": "failure", "exitCode": 4, "failureInfo": {"code": "FailureExitCode"}},
        "errors": [
            {
                "code": "FailureExitCode",
                "message": "The task exited with an exit code representing a failure",
            },
            {"code": "DiskFull", "message": "There is not enough disk space"},
            {"code": "NodeLost", "message": "The node no longer answers."},
            {"code": "NodeLost", "message": "The node no longer answers."},
        ],
    }
    assert node_errors(doc) == (
        "The start task failed. The command ended with exit code 4.",
        "The node's disk is full.",
        "The node no longer answers.",
    )
    assert node_errors({}) == ()


def test_node_and_task_lead_to_each_other_also_to_another_jobs_task(
    app: Open, account: Account, pool_id: str
) -> None:
    simulated_pool(account, pool_id, 1, seconds=[600, 600], slots=2)
    jobs = [f"{pool_id}-a", f"{pool_id}-b"]
    for job_id in jobs:
        simulated_job(account, job_id, pool_id)
        add_tasks(account, job_id, 1)
    try:
        theirs = f"task-000000 of the job {jobs[1]}: running, "
        opened, node_id = panel(app, account, pool_id, "Runs now", job=jobs[0])
        until(lambda: lines(opened.run(), theirs), seconds=30, what="the other job's task")
        lines(opened, "task-000000: running, ")[0].click().run()
        assert "Task task\\-000000" in text(opened)
        lines(opened, "On node 1")[0].click().run()
        assert f"Node {words.plain(node_id)}" in text(opened)
        lines(opened, theirs)[0].click().run()
        until(lambda: "Task task\\-000000" in text(opened.run()), seconds=30, what="the other job's task")
        assert opened.query_params["job"] == jobs[1]
        assert opened.selectbox(key="monitor_job").value == jobs[1]
    finally:
        for job_id in jobs:
            account.batch.begin_delete_job(job_id, polling_interval=0.1).wait(30)


def lines(opened: AppTest, begin: str) -> list[Button]:
    """The buttons whose label begins so."""
    return [one for one in opened.button if one.label.replace("\\", "").startswith(begin)]


@pytest.mark.parametrize(
    ("exit_code", "retries", "ended", "said"),
    [
        (None, 0, None, "Its start task has been running for 1 min."),
        (0, 0, 5, "Its start task was done in 5 s (exit code 0)."),
        (100, 2, 5, "Its start task ended with exit code 100 after 5 s, after 2 earlier tries."),
        (None, 0, 5, "Its start task ended without an exit code after 5 s."),
    ],
)
def test_how_a_start_task_went_in_words(
    exit_code: int | None, retries: int, ended: int | None, said: str
) -> None:
    over = START + timedelta(seconds=ended) if ended else None
    now = START + timedelta(minutes=1)
    assert start_task_words(StartTask(exit_code, retries, START, over), now) == said


def test_of_more_nodes_than_a_table_shows_those_in_trouble_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = tuple(node(order, "unusable" if order == 1_499 else "idle") for order in range(1_500))
    shown: list[list[str]] = []
    said: list[str] = []
    monkeypatch.setattr(
        monitor_tables, "chosen_row", lambda key, frame, things, kept_in: shown.append(list(frame["Node"]))
    )
    monkeypatch.setattr(monitor_tables.st, "caption", said.append)
    picture = Snapshot(1, START, None, None, nodes, (), (), Counts(), 1)
    monitor_tables.node_table("k", picture, "kept")
    assert (len(shown[0]), shown[0][0], shown[0][-1]) == (1_000, "n0", "n1499")
    assert said == ["Showing 1,000 of 1,500, those in trouble first."]
