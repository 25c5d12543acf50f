"""Monitor: what is watched, what it says about it, and where it leads."""

import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.batch import models
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from batch_core import jobs, monitor, pools
from batch_core.account import Account
from batch_core.conversions import Options
from batch_core.errors import Unreachable
from batch_core.files import VideoFile
from batch_core.jobs import Plan, Run
from batch_core.pools import PoolInfo, PoolSpec
from batch_core.snapshot import Counts, NodePhase, NodeRow, Snapshot
from pages.charts.palette import ERROR, node_family
from pages.components.live_chart import Click, PackedChart, unpack
from pages.parts import monitor_choice
from pages.parts.monitor_words import settled, state_line
from pages.parts.pool_words import badge
from pages.shell import session, words
from tests.slow_runs import slow_run
from tests.waiting import until

PAGE = "pages/monitor.py"
NOW = datetime(2026, 11, 22, 13, 10, tzinfo=UTC)
CODE = 7
Open = Callable[..., AppTest]


@pytest.fixture
def foreign_job(account: Account) -> Iterator[str]:
    """A job that another program made: one task succeeds, one fails with a message."""
    pools.ensure_local_pool(account)
    job_id = f"foreign-{uuid.uuid4().hex[:8]}"
    pool = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    account.batch.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=pool))
    python = f'"{sys.executable}" -c'
    commands = {
        "good": f'{python} "print(1)"',
        "bad": f"{python} \"import sys; sys.stderr.write('no *sound* in it'); sys.exit({CODE})\"",
    }
    tasks = [models.BatchTaskCreateOptions(id=name, command_line=line) for name, line in commands.items()]
    account.batch.create_tasks(job_id, tasks)
    yield job_id
    account.batch.begin_delete_job(job_id, polling_interval=0.1).wait(30)


def watched(opened: AppTest, ready: Callable[[AppTest], bool]) -> AppTest:
    """The page, run again until its picture is there."""
    until(lambda: ready(opened.run()), seconds=30, what="the picture on the page")
    assert not opened.exception
    return opened


def metrics(opened: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in opened.metric}


def charts(opened: AppTest) -> list[dict[str, Any]]:
    """The figures of the page's live charts."""
    parts = [part.proto for part in opened.get("bidi_component")]
    return [unpack(PackedChart(part.bytes)) for part in parts if part.component_name == "live_chart"]


def text(opened: AppTest) -> str:
    return "\n".join(element.value for element in [*opened.markdown, *opened.caption])


def links(opened: AppTest) -> set[str]:
    return {link.proto.page for link in opened.get("page_link")}


# The page on the running service


def test_a_run_that_has_ended_is_shown_whole_and_leads_to_its_results(app: Open, finished_run: Run) -> None:
    opened = watched(app(PAGE, run=finished_run.id), lambda page: bool(page.success))
    assert [title.value for title in opened.title] == ["Monitor"]
    assert opened.selectbox(key="monitor_job").value == finished_run.id
    assert opened.selectbox(key="monitor_pool").value == pools.LOCAL_POOL
    assert metrics(opened)["Done"] == "2 / 2"
    assert metrics(opened)["Failed"] == "0"
    assert opened.success[0].value.startswith("All 2 done in ")
    assert "results" in links(opened)
    assert not [button for button in opened.button if button.label == "Stop the job"]
    assert opened.query_params["run"] == finished_run.id


def test_the_charts_show_the_runs_nodes_and_tasks(app: Open, finished_run: Run) -> None:
    opened = watched(app(PAGE, run=finished_run.id), lambda page: bool(page.success))
    nodes, timeline = charts(opened)
    assert len(nodes["tiles"]["id"]) == pools.LOCAL_NODES
    assert nodes["alt"].startswith(f"Nodes, {pools.LOCAL_NODES} of {pools.LOCAL_NODES}:")
    assert timeline["alt"].endswith("2 done.")
    (tasks,) = (drawn for drawn in timeline["bars"]["sets"] if drawn["kind"] == "task")
    assert sorted(tasks["id"]) == ["file-0001", "file-0002"]


def test_beside_each_chart_there_is_the_same_as_a_table(app: Open, finished_run: Run) -> None:
    opened = watched(app(PAGE, run=finished_run.id), lambda page: bool(page.success))
    for key in ("monitor_nodes_as", "monitor_time_as"):
        opened.get_by_key(key).set_value("Table")
    opened.run()
    assert not charts(opened)
    nodes, attempts = (table.value for table in opened.dataframe[:2])
    assert len(nodes) == pools.LOCAL_NODES
    assert list(attempts["Became"]) == ["✓ done", "✓ done"]
    assert set(attempts["Node"]) <= set(nodes["Node"])


def test_a_failed_task_of_a_foreign_job_shows_its_exit_code_and_the_end_of_stderr(
    app: Open, foreign_job: str
) -> None:
    opened = watched(app(PAGE, job=foreign_job), lambda page: metrics(page).get("Failed") == "1")
    assert opened.selectbox(key="monitor_job").value == foreign_job
    assert metrics(opened)["Done"] in ("0 / 2", "1 / 2")
    assert "Needs attention (1)" in [header.value for header in opened.subheader]
    assert [expander.label for expander in opened.expander if "exit code" in expander.label] == [
        f"**bad** · exit code {CODE}"
    ]
    assert f"The command ended with exit code {CODE}" in text(opened)
    assert [code.value for code in opened.code] == ["no *sound* in it"]
    assert [button for button in opened.button if button.label == "Stop the job"]


def test_pickers_list_every_pool_and_job_and_a_choice_is_kept_in_the_address(
    app: Open, account: Account, foreign_job: str, finished_run: Run
) -> None:
    opened = app(PAGE, run=finished_run.id)
    monitor_choice.listed.clear()
    opened.run()
    assert len(opened.selectbox(key="monitor_pool").options) == len(monitor.list_pool_ids(account))
    listed = opened.selectbox(key="monitor_job").options
    assert any(option.startswith(f"{foreign_job} · under way · ") for option in listed)
    opened.selectbox(key="monitor_job").set_value(foreign_job).run()
    assert opened.query_params["job"] == foreign_job
    opened.selectbox(key="monitor_job").set_value(monitor_choice.NO_JOB).run()
    assert not {"job", "run"} & set(opened.query_params)
    watched(opened, lambda page: len(charts(page)) == 2)
    assert not opened.metric


def test_a_pool_alone_is_in_the_address_and_is_shown_without_asking_for_videos(
    app: Open, finished_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = watched(app(PAGE, pool=pools.LOCAL_POOL), lambda page: len(charts(page)) == 2)
    assert opened.query_params["pool"] == pools.LOCAL_POOL
    assert not {"job", "run"} & set(opened.query_params)
    assert opened.selectbox(key="monitor_job").value == monitor_choice.NO_JOB
    assert "Add videos" not in text(opened)
    assert not {"files", "convert"} & links(opened)
    ask = monitor.Recorder.snapshot

    def at_work(recorder: monitor.Recorder) -> Snapshot | None:
        seen = ask(recorder)
        return replace(seen, phases=(NodePhase(seen.nodes[0].id, "running", NOW, None),)) if seen else None

    monkeypatch.setattr(monitor.Recorder, "snapshot", at_work)
    opened.get_by_key("monitor_time_as").set_value("Table")
    opened.get_by_key("monitor_nodes_as").set_value("Table")
    watched(opened, lambda page: len(page.dataframe) == 2)
    assert list(opened.dataframe[0].value["Node"]) == [f"node {n}" for n in range(1, 6)]
    assert opened.dataframe[1].value["Was"].to_list() == ["► running"]
    assert not charts(opened)
    again = app(PAGE, **opened.query_params)
    assert again.selectbox(key="monitor_job").value == monitor_choice.NO_JOB


def test_jobs_that_look_the_same_can_be_told_apart_and_the_right_one_is_chosen(
    app: Open, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins = [monitor.JobChoice(id, "Same", "active", NOW, pools.LOCAL_POOL) for id in ("twin-a", "twin-b")]
    monkeypatch.setattr(monitor, "list_job_ids", lambda account: twins)
    monitor_choice.listed.clear()
    opened = app(PAGE, job="twin-a")
    job = opened.selectbox(key="monitor_job")
    assert len(set(job.options)) == len(job.options)
    job.set_value("twin-b").run()
    monitor_choice.listed.clear()
    assert opened.query_params["job"] == "twin-b"


def test_a_run_that_starts_later_takes_the_place_of_another_job(
    app: Open, foreign_job: str, finished_run: Run
) -> None:
    opened = app(PAGE, job=foreign_job)
    assert opened.selectbox(key="monitor_job").value == foreign_job
    del opened.query_params["job"]
    opened.session_state["id_run"] = finished_run.id  # as a launch leaves it
    opened.run()
    assert opened.selectbox(key="monitor_job").value == finished_run.id


@pytest.mark.parametrize(
    ("sent", "chosen"),
    [("job-1", ["job-1"]), (monitor_choice.NO_JOB, [None]), ("job-1 · under way · 14:02", [])],
)
def test_a_jobs_label_from_before_its_end_chooses_nothing(
    monkeypatch: pytest.MonkeyPatch, sent: str, chosen: list[str | None]
) -> None:
    """Streamlit hands over the label itself when no option has it any more."""
    job = monitor.JobChoice("job-1", "job-1", "completed", datetime.now(UTC), "pool-1")
    remembered: list[str | None] = []
    monkeypatch.setattr(
        monitor_choice, "_remember", lambda pool, job: remembered.append(job.id if job else None)
    )
    monkeypatch.setattr(monitor_choice.st, "session_state", {"monitor_job": sent, "monitor_pool": "pool-1"})
    monitor_choice._job_chosen({"job-1": job})
    assert remembered == chosen


def test_an_account_without_jobs_is_told_what_to_do(app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "list_job_ids", lambda account: [])
    monkeypatch.setattr(monitor, "list_pool_ids", lambda account: [])
    monitor_choice.listed.clear()
    opened = app(PAGE)
    monitor_choice.listed.clear()
    assert not opened.exception
    assert "Add videos and convert them" in text(opened)
    assert {"files", "convert"} <= links(opened)


def test_a_job_that_is_not_there_is_named(app: Open, finished_run: Run) -> None:
    opened = app(PAGE, job="never-made")
    assert any("The job never\\-made is not in this account." in box.value for box in opened.warning)


def test_an_old_picture_says_so_with_the_reason(
    app: Open, finished_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(app(PAGE, run=finished_run.id), lambda page: bool(page.success))
    ask = monitor.Recorder.snapshot
    error = Unreachable("Could not list the tasks: no account answers.", "Check the name and the region.")

    def late(recorder: monitor.Recorder) -> Snapshot | None:
        picture = ask(recorder)
        if picture is None or picture.job is None:
            return picture
        still = replace(picture.job, state="active")
        return replace(picture, job=still, error=error, taken=time.monotonic() - 30)

    monkeypatch.setattr(monitor.Recorder, "snapshot", late)
    opened = app(PAGE, run=finished_run.id)
    assert "updated 30 s ago" in text(opened)
    assert "Could not list the tasks: no account answers." in opened.error[0].value
    assert metrics(opened)["Done"] == "2 / 2"


def test_a_picture_of_the_history_says_when_that_was_seen_and_is_not_the_last(
    app: Open, finished_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(app(PAGE, run=finished_run.id), lambda page: bool(page.success))
    ask, asked = monitor.Recorder.snapshot, []

    def first(recorder: monitor.Recorder) -> Snapshot | None:
        asked.append(picture := ask(recorder))
        return picture and replace(picture, asking=True, taken_at=datetime(2026, 11, 22, 14, 2, tzinfo=UTC))

    monkeypatch.setattr(monitor.Recorder, "snapshot", first)
    opened = app(PAGE, run=finished_run.id)
    assert re.search(r"as last seen at .*\d\d:02, asking now", text(opened))
    assert not settled(replace(asked[-1], asking=True)), "else the page would stop to look"
    assert settled(asked[-1])


def test_pause_holds_the_picture(app: Open, foreign_job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = watched(app(PAGE, job=foreign_job), lambda page: metrics(page).get("Failed") == "1")
    opened.toggle(key="monitor_paused").set_value(True).run()
    monkeypatch.setattr(monitor.Recorder, "snapshot", lambda recorder: pytest.fail("a paused page asked"))
    opened.run()
    assert metrics(opened)["Failed"] == "1"
    assert "as of " in text(opened)


def test_bars_and_tiles_tell_how_far_files_are_when_the_run_is_ours(
    app: Open, account: Account, foreign_job: str
) -> None:
    pools.ensure_local_pool(account)
    run_id = slow_run(account, pools.LOCAL_POOL, 1, seconds=400, begin=100)
    bars, tiles = far(watched(app(PAGE, run=run_id), lambda page: all(far(page))))
    (percent, short, told) = bars["file-0001"]
    assert 25 <= percent < 50
    assert short == f"{percent} %"
    assert told.startswith(f"converting, {percent} %, 1.0×, ")
    assert any(tile.split("<br>")[2] == short for tile in tiles), "the same number"
    jobs.stop(account, run_id)
    assert far(watched(app(PAGE, job=foreign_job), lambda page: "Failed" in metrics(page))) == ({}, [])


def far(opened: AppTest) -> tuple[dict[str, Any], list[str]]:
    """What the page's bars tell of how far they are, by their task, and what stands in tiles with a percent sign."""
    shown = charts(opened)
    sets = [columns for figure in shown for columns in figure.get("bars", {}).get("sets", ())]
    texts = [
        text for figure in shown if "tiles" in figure for trace in figure["data"] for text in trace["text"]
    ]
    bars = {columns["id"][int(at)]: one for columns in sets for at, one in columns.get("far", {}).items()}
    return {id: one for id, one in bars.items() if one[0] is not None}, [
        text for text in texts if "%" in text
    ]


def test_one_task_is_stopped_and_is_no_failure(app: Open, account: Account, videos: list[VideoFile]) -> None:
    plan = Plan(tuple(videos[:2]), "mp3", pool_id="nowhere", name="Waiting", nonce=uuid.uuid4().hex)
    run = jobs.launch(account, plan)
    opened = watched(app(PAGE, run=run.id), lambda page: metrics(page).get("Waiting") == "2")
    opened.session_state["monitor_shown"] = Click("task", "file-0002")
    opened.run()
    opened.button(key="monitor_stop_file-0002").click().run()
    assert " is not started and makes no result." in text(opened)
    assert metrics(opened)["Waiting"] == "2", "before it is confirmed"
    opened.button(key="step_do").click().run()
    assert not opened.exception
    watched(opened, lambda page: "Stopped (1)" in [expander.label for expander in page.expander])
    assert "Needs attention (1)" not in [header.value for header in opened.subheader]
    assert "⊘ stopped" in text(opened)
    assert metrics(opened)["Failed · stopped"] == "0 · 1"
    jobs.stop(account, run.id)


def test_a_disabled_job_says_so_and_is_enabled(app: Open, account: Account, foreign_job: str) -> None:
    account.batch.begin_disable_job(foreign_job, models.BatchJobDisableOptions(disable_tasks="requeue"))
    opened = watched(
        app(PAGE, job=foreign_job), lambda page: any(b.label == "Enable the job" for b in page.button)
    )
    assert [box.value for box in opened.warning] == [
        "Somebody has disabled the job: nothing starts until it is enabled again."
    ]
    node_button(opened, "Enable the job").click()
    opened.run()
    until(lambda: account.batch.get_job(foreign_job).state == "active", what="an active job")


# A node


@pytest.fixture
def node_pool(account: Account) -> Iterator[str]:
    """The id of a pool of two idle nodes."""
    id = f"panel-{uuid.uuid4().hex[:8]}"
    pools.create(account, PoolSpec(id=id, dedicated=2, spot=0))
    until(
        lambda: [node.state for node in account.batch.list_nodes(id)] == ["idle"] * 2, what="two idle nodes"
    )
    yield id
    pools.delete(account, id)


def panel(app: Open, account: Account, pool_id: str, **query: str) -> tuple[AppTest, str]:
    """The Monitor of a pool with the details of its first node open, and that node's id."""
    opened = watched(app(PAGE, pool=pool_id, **query), lambda page: len(charts(page)) == 2)
    node_id = next(iter(account.batch.list_nodes(pool_id))).id
    opened.session_state["monitor_shown"] = Click("node", node_id)
    return opened.run(), node_id


def node_button(opened: AppTest, label: str) -> Button:
    return next(button for button in opened.button if button.label == label)


@pytest.mark.parametrize("page", [PAGE, "pages/pool.py"])
def test_details_that_were_closed_stay_closed_when_a_refresh_asked_for_before_comes_late(
    page: str, app: Open, account: Account, node_pool: str
) -> None:
    opened = watched(
        app(page, pool=node_pool), lambda shown: any(s.label == "Details" for s in shown.selectbox)
    )
    picker = next(select for select in opened.selectbox if select.label == "Details")
    picker.set_value(Click("node", next(iter(account.batch.list_nodes(node_pool))).id)).run()
    key = "monitor_shown" if page == PAGE else "pool_node"
    assert opened.session_state[key]
    asked_before = opened._tree.get_widget_states()
    if page == PAGE:
        node_button(opened, "Close").click().run()
    else:
        opened.session_state[key] = None  # as the table does when its row is let go
        opened.run()
    assert opened.session_state[key] is None
    opened._run(asked_before)
    assert opened.session_state[key] is None


def test_tasks_are_kept_away_from_a_node_and_let_come_again(
    app: Open, account: Account, node_pool: str
) -> None:
    opened, node_id = panel(app, account, node_pool)
    node_button(opened, "Take no more tasks").click()
    watched(opened, lambda page: "⊘ offline, takes no tasks since" in text(page))
    assert account.batch.get_node(node_pool, node_id).scheduling_state == "disabled"
    node_button(opened, "Take tasks again").click()
    watched(opened, lambda page: "○ idle since" in text(page))
    assert account.batch.get_node(node_pool, node_id).scheduling_state == "enabled"


def test_a_node_is_restarted_from_its_panel(app: Open, account: Account, node_pool: str) -> None:
    opened, node_id = panel(app, account, node_pool)
    before = account.batch.get_node(node_pool, node_id).last_boot_time
    node_button(opened, "Restart").click()
    opened.run()
    assert account.batch.get_node(node_pool, node_id).last_boot_time == before, "before it is confirmed"
    opened.button(key="step_do").click().run()
    assert not opened.exception
    until(lambda: account.batch.get_node(node_pool, node_id).last_boot_time != before, what="the restart")


def test_before_a_node_is_removed_it_is_named(app: Open, account: Account, node_pool: str) -> None:
    opened, node_id = panel(app, account, node_pool)
    node_button(opened, "Remove").click()
    opened.run()
    said = text(opened)
    assert f"({words.plain(node_id)}) leaves the pool" in said
    assert node_button(opened, "Remove the node")
    assert len(list(account.batch.list_nodes(node_pool))) == 2


def test_who_only_looks_sees_a_node_and_can_do_nothing_to_it(
    app: Open, account: Account, node_pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = replace(account, look_only=True)
    monkeypatch.setattr(session, "account", lambda: looking)
    opened, _ = panel(app, account, node_pool)
    for label in ("Take no more tasks", "Restart", "Remove"):
        assert node_button(opened, label).disabled


# The sentence


def a_node(order: int, state: str, error: str = "") -> NodeRow:
    return NodeRow(f"n{order}", state, NOW, True, 0, order, error, "", 0)


def a_pool(nodes: int = 5, **changes: Any) -> PoolInfo:
    created = NOW - timedelta(minutes=2)
    pool = PoolInfo("p", "active", "steady", "v", nodes, 0, nodes, 0, 1, created, (), False)
    return replace(pool, **changes)


def a_job(**changes: Any) -> Run:
    created = NOW - timedelta(minutes=2)
    job = Run("j", "j", "active", "mp3", Options(), "p", created, None, 5, None, 1, True)
    return replace(job, **changes)


def a_picture(job: Run | None, pool: PoolInfo | None, states: str, counts: Counts) -> Snapshot:
    nodes = tuple(a_node(order, state) for order, state in enumerate(states.split()))
    return Snapshot(1, NOW, pool, job, nodes, (), (), counts, 1)


ENDED = {"state": "completed", "ended": NOW}
SAID = [
    (a_job(**ENDED), a_pool(), "idle", Counts(0, 0, 5, 0), "All 5 done in 2 min."),
    (a_job(**ENDED), a_pool(), "idle", Counts(0, 0, 4, 1), "Ended after 2 min: 4 done, 1 failed."),
    (
        a_job(**ENDED, reason="UserTerminate"),
        None,
        "",
        Counts(0, 0, 1, 4),
        "It was stopped after 2 min: 1 of 5 done, 4 failed.",
    ),
    (
        a_job(**ENDED, reason="MaxWallClockTimeExpiry"),
        None,
        "",
        Counts(0, 0, 1, 4),
        "It was stopped at its time limit after 2 min: 1 of 5 done, 4 failed.",
    ),
    (a_job(error="No *quota*"), a_pool(), "idle", Counts(5), r"The job can't start: No \*quota\*"),
    (
        a_job(state="disabled"),
        a_pool(),
        "idle",
        Counts(5),
        "Somebody has disabled the job: nothing starts until it is enabled again.",
    ),
    (
        a_job(),
        None,
        "",
        Counts(5),
        "The job's pool p does not exist, so nothing can run. Make a pool of that name, or stop the job and convert "
        "the files again.",
    ),
    (
        a_job(),
        a_pool(),
        "",
        Counts(5),
        "The pool has no nodes yet, and Azure gives no reason. Resize it to ask again.",
    ),
    (a_job(pool_id=None), None, "", Counts(5), "The pool is being made."),
    (
        a_job(ours=False),
        None,
        "",
        Counts(0, 0, 4, 1),
        "Every task has ended, 1 failed; the job stays open until it is stopped.",
    ),
    (
        a_job(),
        a_pool(),
        "starting waitingforstarttask",
        Counts(5),
        "The start task runs on 1 of 2 nodes (0 s so far). Tasks start there when it has ended.",
    ),
    (
        a_job(),
        a_pool(),
        "running running idle",
        Counts(3, 2),
        "2 tasks run on 2 of 3 nodes; 3 wait for a free node.",
    ),
    (
        a_job(at_once=2),
        a_pool(),
        "running running idle",
        Counts(3, 2),
        "2 tasks run on 2 of 3 nodes; 3 wait, as the job runs at most 2 tasks at once.",
    ),
    (
        a_job(at_once=3),
        a_pool(),
        "running running",
        Counts(1, 2),
        "2 tasks run on 2 of 2 nodes; 1 waits for a free node.",
    ),
    (a_job(), a_pool(), "running idle", Counts(0, 1), "1 task runs on 1 of 2 nodes."),
    (a_job(), a_pool(), "idle idle", Counts(5), "5 tasks wait to be taken by 2 idle nodes."),
    (a_job(), a_pool(), "idle", Counts(), "The job has no tasks yet."),
    (a_job(), a_pool(), "idle", Counts(0, 0, 5), "Every task has ended; the job ends in a moment."),
    (
        a_job(ours=False),
        a_pool(),
        "idle",
        Counts(0, 0, 5),
        "Every task has ended; the job stays open until it is stopped.",
    ),
]


@pytest.mark.parametrize(
    ("job", "pool", "states", "counts", "sentence"), SAID, ids=[said[-1] for said in SAID]
)
def test_one_sentence_says_what_goes_on(
    job: Run | None, pool: PoolInfo | None, states: str, counts: Counts, sentence: str
) -> None:
    line = state_line(a_picture(job, pool, states, counts))
    assert line is not None
    assert line.text == sentence


QUOTA = pools.pool_from({"id": "p", "resizeErrors": [{"code": "AccountSpotCoreQuotaReached"}]}).errors
RESIZING = {"allocation_state": "resizing", "allocation_since": NOW - timedelta(minutes=2)}
HELD_UP = [
    (
        a_pool(0, target_spot=5, errors=QUOTA),
        "",
        "The pool has no nodes. The account's quota of Spot cores is used up. Resize the pool to fewer Spot nodes",
    ),
    (
        a_pool(5, errors=("Azure could not allocate the nodes.",)),
        "idle idle",
        "The pool has 2 of 5 nodes. Azure could not allocate the nodes.",
    ),
    (a_pool(5, **RESIZING), "", "No nodes yet: Azure is allocating 5 (2 min so far)."),
    (a_pool(5, allocation_state="stopping"), "", "The resize is being stopped."),
    (a_pool(0), "", "The pool has no nodes. Resize it to give it some."),
    (a_pool(state="deleting"), "leavingpool", "The pool is being deleted: nothing new starts in it."),
    (
        a_pool(2),
        "idle starttaskfailed",
        "The start task failed on 1 of 2 nodes, so no task runs there. no *sound*. Restart the node to try again",
    ),
    (
        a_pool(2),
        "starttaskfailed starttaskfailed",
        "The start task failed on both nodes, so no task runs there.",
    ),
    (
        a_pool(2),
        "waitingforstarttask idle",
        "The start task has been running for 10 min on 1 of 2 nodes; no task starts there before it ends.",
    ),
    (
        a_pool(2),
        "idle unusable",
        "1 of 2 nodes is out of order (no *sound*). Batch tries to repair such nodes;",
    ),
    (a_pool(3), "idle unknown unknown", "Nothing has been heard of 2 of 3 nodes for 10 min. What ran there"),
    (
        a_pool(3),
        "idle preempted running",
        "Azure has taken back 1 of 3 Spot nodes. What ran there starts again",
    ),
    (a_pool(3), "offline offline offline", "All 3 nodes take no tasks: somebody has switched that off."),
]


@pytest.mark.parametrize(("pool", "states", "sentence"), HELD_UP, ids=[held[-1] for held in HELD_UP])
def test_each_thing_that_holds_a_pool_up_has_its_own_sentence(
    pool: PoolInfo, states: str, sentence: str
) -> None:
    picture = a_picture(a_job(), pool, states, Counts(5))
    ago = NOW - timedelta(minutes=10)
    nodes = [
        replace(
            node,
            since=ago,
            accepts=node.state != "offline",
            error="no *sound*." if node_family(node.state) is ERROR else "",
        )
        for node in picture.nodes
    ]
    for watched_job in (picture.job, None):
        line = state_line(replace(picture, job=watched_job, nodes=tuple(nodes)))
        assert line is not None
        assert line.text.replace("\\*", "*").startswith(sentence)


def test_a_start_task_that_has_only_begun_holds_nothing_up() -> None:
    line = state_line(a_picture(a_job(), a_pool(2), "waitingforstarttask idle", Counts(0, 1)))
    assert line is not None
    assert line.text.startswith("1 task runs")


@pytest.mark.parametrize(
    ("pool", "states", "said"),
    [
        (a_pool(2), "idle running", ":green[● ready]"),
        (a_pool(2), "idle starttaskfailed", ":red[● 1 node of 2 out of order]"),
        (a_pool(2), "starting starttaskfailed", ":red[● 1 node of 2 out of order]"),
        (a_pool(5, errors=QUOTA), "idle", ":red[● 1 of 5 nodes]"),
        (a_pool(2, allocation_state="resizing"), "idle", ":orange[● resizing]"),
        (a_pool(2), "idle starting", ":orange[● 1 node of 2 starting]"),
        (a_pool(2), "idle offline", ":orange[● 1 node of 2 offline]"),
        (a_pool(0), "", ":orange[● no nodes]"),
        (a_pool(2, state="deleting"), "idle", ":orange[● being deleted]"),
        (None, "", ":gray[● gone]"),
    ],
)
def test_the_worst_of_a_pool_decides_its_mark(pool: PoolInfo | None, states: str, said: str) -> None:
    assert badge(a_picture(None, pool, states, Counts())) == said


def test_a_pool_alone_needs_no_sentence_when_all_is_well() -> None:
    assert state_line(a_picture(None, a_pool(), "idle running", Counts())) is None


def test_this_computers_nodes_are_not_called_azures() -> None:
    line = state_line(a_picture(a_job(), a_pool(**RESIZING), "", Counts(5)), local=True)
    assert line is not None
    assert "this computer" in line.text


def test_a_job_is_settled_when_it_is_over_and_nothing_runs() -> None:
    assert settled(a_picture(a_job(**ENDED), None, "", Counts(0, 0, 5)))
    assert not settled(a_picture(a_job(**ENDED), None, "", Counts(0, 1, 4)))
    assert not settled(a_picture(a_job(), None, "", Counts(0, 0, 5)))
    assert not settled(a_picture(None, a_pool(), "idle", Counts()))


def test_a_job_of_the_service_stands_in_the_pickers_with_its_name(
    account: Account, finished_run: Run
) -> None:
    job = next(job for job in monitor.list_job_ids(account) if job.id == finished_run.id)
    assert monitor_choice.job_name(job).startswith("Two to MP3 · ended · ")
    assert jobs.get_run(account, finished_run.id).over
