"""The store: pages in order, filters by index, all or nothing."""

from pathlib import Path

import pytest

from local_azure.batch.errors import BatchError
from local_azure.batch.odata import parse, to_sql
from local_azure.batch.store import Store, Where


@pytest.fixture
def store(tmp_path: Path):
    store = Store.open(tmp_path / "batch.db")
    yield store
    store.close()


def stored_task(name: str, state: str = "active", time: str = "2026-11-22T15:00:00.0000000Z") -> dict:
    return {"id": name, "state": state, "stateTransitionTime": time, "executionInfo": {}, "requiredSlots": 1}


def stored_job(name: str, ended: int | None = None) -> dict:
    """A job that ended so many minutes after three, or is active."""
    info = {} if ended is None else {"endTime": f"2026-11-22T15:{ended:02}:00.0000000Z"}
    state = "active" if ended is None else "completed"
    return {"id": name, "state": state, "poolInfo": {"poolId": "p"}, "executionInfo": info}


def pages(store: Store, kind, scope, where, limit) -> list[list[str]]:
    found, after = [], None
    while True:
        docs, after = store.page(kind, scope, where, after, limit)
        found.append([doc["id"] for doc in docs])
        if after is None:
            return found


def test_pages_are_in_ordinal_order_and_end(store: Store):
    for name in ("b", "a", "C", "a-1", "_x"):
        store.insert("tasks", stored_task(name), "Job")
    assert pages(store, "tasks", ("job",), None, 2) == [["C", "_x"], ["a", "a-1"], ["b"]]
    assert pages(store, "tasks", ("job",), None, 5) == [["C", "_x", "a", "a-1", "b"]]
    assert pages(store, "tasks", ("other",), None, 5) == [[]]


def test_a_task_that_stays_is_seen_once_while_others_come_and_go(store: Store):
    for number in range(6):
        store.insert("tasks", stored_task(f"t{number}"), "job")
    first, after = store.page("tasks", ("job",), None, None, 3)
    store.delete("tasks", "job", "t1")
    store.insert("tasks", stored_task("t0a"), "job")
    rest, _ = store.page("tasks", ("job",), None, after, 10)
    assert [doc["id"] for doc in first + rest] == ["t0", "t1", "t2", "t3", "t4", "t5"]


def test_completed_jobs_come_last(store: Store):
    for name, minute in (("a", 1), ("b", None), ("c", 2), ("d", None)):
        store.insert("jobs", stored_job(name, minute))
    assert pages(store, "jobs", (), None, 1) == [["b"], ["d"], ["a"], ["c"]]


def test_every_job_that_stays_is_seen_once_while_jobs_come_go_and_end(store: Store):
    """Between any two pages the first active job ends, one goes, and new ones come in front and behind."""
    stay = [f"j{number}" for number in range(1, 8)]
    for number, name in enumerate(stay):
        store.insert("jobs", stored_job(name, number if number % 3 == 0 else None))
    seen, after, turn = list[str](), None, 10
    while True:
        docs, after = store.page("jobs", (), None, after, 2)
        seen += [doc["id"] for doc in docs]
        if after is None:
            break
        turn += 1
        ending = next((name for name in stay if store.get("jobs", name) == stored_job(name)), None)
        if ending is not None:
            store.update("jobs", stored_job(ending, turn))
        store.insert("jobs", stored_job(f"a{turn}", turn))
        store.insert("jobs", stored_job(f"z{turn}", None))
        store.delete("jobs", f"z{turn - 1}")
    assert sorted(name for name in seen if name in stay) == stay
    assert len(seen) == len(set(seen))


def test_a_foreign_token_is_refused(store: Store):
    for token in ("WATV2", "", "ÿ", "!!!!"):
        with pytest.raises(BatchError) as refused:
            store.page("pools", (), None, token, 10)
        assert refused.value.code == "InvalidQueryParameterValue"


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("state eq 'running'", "tasks_by_state"),
        ("stateTransitionTime ge DateTime'2026-11-22T15:00:00Z'", "tasks_by_time"),
        ("stateTransitionTime ge DateTime'2026-11-22T15:00:00Z' and state eq 'completed'", "tasks_by_time"),
    ],
)
def test_the_filters_of_watchers_use_an_index(store: Store, text: str, index: str):
    asked: list[str] = []
    store._db.set_trace_callback(asked.append)
    store.page("tasks", ("job",), Where(*to_sql(parse(text, "tasks"))), None, 100)
    store._db.set_trace_callback(None)
    plan = " ".join(str(row) for row in store._db.execute("EXPLAIN QUERY PLAN " + asked[0]))
    assert index in plan


def test_filters_find_what_they_say(store: Store):
    store.insert("tasks", stored_task("old", "completed", "2026-11-22T14:00:00.0000000Z"), "job")
    store.insert("tasks", stored_task("new", "completed", "2026-11-22T15:00:00.0000001Z"), "job")
    store.insert("tasks", stored_task("now", "running", "2026-11-22T16:00:00.0000000Z"), "job")
    late = "stateTransitionTime ge DateTime'2026-11-22T15:00:00Z'"
    for text, names in ((late, ["new", "now"]), (f"{late} and state eq 'completed'", ["new"])):
        assert pages(store, "tasks", ("job",), Where(*to_sql(parse(text, "tasks"))), 1000) == [names]
        one_by_one = pages(store, "tasks", ("job",), Where(*to_sql(parse(text, "tasks"))), 1)
        assert one_by_one == [[name] for name in names]


def test_a_failed_transaction_leaves_nothing(store: Store):
    done: list[str] = []

    def fail() -> None:
        with store.transaction():
            store.insert("tasks", stored_task("a"), "job")
            with store.transaction():
                store.insert("tasks", stored_task("b"), "job")
            store.after_commit(lambda: done.append("told"))
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        fail()
    assert pages(store, "tasks", ("job",), None, 10) == [[]]
    with store.transaction():
        store.insert("tasks", stored_task("c"), "job")
        store.after_commit(lambda: done.append("c"))
        assert done == []
    assert done == ["c"]


def test_what_is_committed_outlives_the_connection(tmp_path: Path):
    first = Store.open(tmp_path / "batch.db")
    first.insert("tasks", stored_task("a"), "job")
    second = Store.open(tmp_path / "batch.db")
    assert second.get("tasks", "JOB", "A") == stored_task("a")
    first.close()
    second.close()


def test_a_database_of_an_earlier_version_goes_on(tmp_path: Path):
    first = Store.open(tmp_path / "batch.db")
    first.insert("tasks", stored_task("z"), "job")
    first.insert("tasks", stored_task("y"), "job")
    first._db.executescript(
        "DROP INDEX tasks_to_start; DROP TRIGGER task_came; DROP TRIGGER task_went; DROP TRIGGER task_changed;"
        "DROP TABLE task_counts; CREATE INDEX tasks_counted ON tasks (job, state, result, slots);"
        "ALTER TABLE tasks DROP COLUMN turn; ALTER TABLE tasks DROP COLUMN tries"
    )
    first.close()
    second = Store.open(tmp_path / "batch.db")
    assert second.task_groups("job") == [("active", "", 2, 2)]
    second.insert("tasks", stored_task("a"), "job", turn="2026-11-22T15:00:00.0000000Z a")
    order = []
    while (doc := second.next_task("job", 1)) is not None:
        order.append(doc["id"])
        second.update("tasks", {**doc, "state": "running"}, "job")
    assert second.task_groups("job") == [("active", "", 0, 0), ("running", "", 3, 3)]
    assert second.unfinished("job")
    for name in order:
        second.delete("tasks", "job", name)
    assert not second.unfinished("job")
    second.close()
    assert order == ["z", "y", "a"]


def test_no_step_of_the_scheduler_looks_at_every_task(store: Store):
    asked: list[str] = []
    store._db.set_trace_callback(asked.append)
    store.next_task("job", 1)
    store.unfinished("job")
    store.has_tasks("job")
    store.get("tasks", "job", "task")
    store.active_jobs("pool")
    store._db.set_trace_callback(None)
    for query in asked:
        steps = [row[3] for row in store._db.execute("EXPLAIN QUERY PLAN " + query)]
        ours = [step for step in steps if "task" in step or "jobs" in step]
        assert ours
        assert all(step.startswith("SEARCH") for step in ours), (query, steps)


@pytest.mark.parametrize("many", [10, 2000])
def test_tasks_that_do_not_fit_cost_nothing_to_pass_over(store: Store, many: int):
    with store.transaction():
        for number in range(many):
            store.insert("tasks", stored_task(f"large-{number}") | {"requiredSlots": 4}, "job", turn="1")
        store.insert("tasks", stored_task("small") | {"requiredSlots": 2}, "job", turn="2")
    assert (store.next_task("job", 4) or {})["id"] == "large-0"
    steps: list[int] = []
    store._db.set_progress_handler(lambda: steps.append(1), 10)
    found = store.next_task("job", 3)
    store._db.set_progress_handler(None, 0)
    assert found is not None
    assert found["id"] == "small"
    assert len(steps) < 50


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((kind, "stateTransitionTime ge DateTime'2026-11-22T16:00:00Z'") for kind in ("tasks", "nodes")),
        *((kind, "state eq 'running'") for kind in ("tasks", "nodes")),
        ("tasks", "executionInfo/result eq 'failure'"),
    ],
)
def test_a_list_filtered_by_what_monitors_ask_for_reads_only_what_it_shows(
    store: Store, kind: str, text: str
):
    with store.transaction():
        for number in range(2000):
            rare = number % 500 == 7
            doc = stored_task(f"id-{number:04}") | {
                "state": "running" if rare else "idle",
                "stateTransitionTime": f"2026-11-22T1{6 if rare else 5}:00:00.0000000Z",
                "executionInfo": {"result": "failure" if rare else "success"},
                "isDedicated": True,
            }
            more = {"folder": "f", "number": number} if kind == "nodes" else {}
            store.insert(kind, doc, "scope", **more)  # type: ignore[arg-type]
    steps: list[int] = []
    where = Where(*to_sql(parse(text, kind)))
    store._db.set_progress_handler(lambda: steps.append(1), 10)
    found, token = store.page(kind, ("scope",), where, None, 1000)  # type: ignore[arg-type]
    store._db.set_progress_handler(None, 0)
    assert [doc["id"] for doc in found] == ["id-0007", "id-0507", "id-1007", "id-1507"]
    assert token is None
    assert len(steps) < 50
