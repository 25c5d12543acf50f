"""What documents of nodes and tasks change: rows, counts, states for the history, attempts and their ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batch_core.history import ALLOCATED, GONE, QUIET, Attempt, Known, State
from batch_core.node_book import NodeBook
from batch_core.phase_book import PhaseBook
from batch_core.recording import TaskBook
from batch_core.snapshot import Counts, Span

T0 = datetime(2026, 11, 22, 15, 0, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def wire(seconds: float) -> str:
    return at(seconds).strftime("%Y-%m-%dT%H:%M:%S.%f") + "7Z"


def task(state: str, since: float, **more: Any) -> dict[str, Any]:
    """A task's document as the service gives it, at `since` seconds."""
    info = {"retryCount": more.pop("retries", 0), "requeueCount": more.pop("requeues", 0)}
    if "start" in more:
        info["startTime"] = wire(more.pop("start"))
    if state == "completed":
        info |= {
            "endTime": wire(since),
            "result": more.pop("result", "success"),
            "exitCode": more.pop("code", 0),
        }
    doc = {
        "id": "t1",
        "displayName": "holiday.mov",
        "state": state,
        "stateTransitionTime": wire(since),
        "creationTime": wire(0),
        "executionInfo": info,
    }
    if node := more.pop("node", None):
        doc["nodeInfo"] = {"nodeId": node}
    if before := more.pop("before", None):
        doc |= {"previousState": before[0], "previousStateTransitionTime": wire(before[1])}
    assert not more
    return doc


def drawn(book: TaskBook) -> list[tuple]:
    return [
        (
            s.attempt,
            s.node_id,
            (s.start - T0).total_seconds(),
            s.end and (s.end - T0).total_seconds(),
            s.outcome,
        )
        for s in book.spans.picture()
    ]


def test_a_task_that_is_watched_all_the_way() -> None:
    book = TaskBook(Known())
    assert book.update([task("active", 0)]) == (True, [State("t1", "active", at(0))])
    assert book.counts() == Counts(active=1)
    book.update([task("running", 5, start=5, node="n1", before=("active", 0))])
    assert drawn(book) == [(1, "n1", 5.0, None, "running")]
    assert book.counts() == Counts(running=1)
    done = task("completed", 9, start=5, node="n1", before=("running", 5))
    changed, changes = book.update([done])
    assert changed
    assert changes[-1] == Attempt("t1", "holiday.mov", 1, "n1", at(5), at(9), "done", 0)
    assert drawn(book) == [(1, "n1", 5.0, 9.0, "done")]
    assert book.counts() == Counts(succeeded=1)
    assert book.update([done]) == (False, []), "seen twice is no change"


def test_a_task_seen_only_when_it_was_over_tells_of_its_run_and_its_state_before() -> None:
    book = TaskBook(Known())
    _, changes = book.update(
        [task("completed", 9, start=5, node="n1", before=("running", 5), result="failure", code=1)]
    )
    assert State("t1", "running", at(5)) in changes
    assert drawn(book) == [(1, "n1", 5.0, 9.0, "failed")]
    row = book.rows.get("t1")
    assert row
    assert (row.result, row.exit_code, row.started, row.ended) == ("failure", 1, at(5), at(9))


def test_a_retry_ends_the_attempt_before_it_as_failed() -> None:
    book = TaskBook(Known())
    book.update([task("running", 5, start=5, node="n1")])
    book.update([task("running", 8, start=8, node="n2", retries=1, before=("active", 7))])
    assert drawn(book) == [(1, "n1", 5.0, 7.0, "failed"), (2, "n2", 8.0, None, "running")]
    assert [row.retries for row in book.rows.picture()] == [1]


def test_a_lost_node_ends_the_attempt_as_lost_also_when_no_count_tells() -> None:
    book = TaskBook(Known())
    book.update([task("running", 5, start=5, node="n1")])
    book.update([task("active", 7, before=("running", 5))])
    assert drawn(book) == [(1, "n1", 5.0, 7.0, "lost")]
    book.update([task("running", 9, start=9, node="n2", before=("active", 7))])
    book.update([task("completed", 12, start=9, node="n2", before=("running", 9))])
    assert drawn(book) == [(1, "n1", 5.0, 7.0, "lost"), (2, "n2", 9.0, 12.0, "done")]


def test_tries_that_only_a_count_tells_of_are_drawn_before_the_one_that_followed() -> None:
    book = TaskBook(Known())
    seen = task("running", 20, start=20, node="n3", retries=2, requeues=1)
    seen["executionInfo"] |= {"lastRetryTime": wire(9), "lastRequeueTime": wire(15)}
    _, changes = book.update([seen])
    missed = [change for change in changes if isinstance(change, Attempt) and change.start is None]
    assert [(one.number, one.outcome, one.end) for one in missed] == [
        (1, "failed", at(9)),
        (2, "failed", at(9)),
        (3, "requeued", at(15)),
    ]
    assert drawn(book) == [
        (1, "n3", 9.0, 9.0, "failed"),
        (2, "n3", 9.0, 9.0, "failed"),
        (3, "n3", 15.0, 15.0, "requeued"),
        (4, "n3", 20.0, None, "running"),
    ]
    assert [span.missed for span in book.spans.picture()] == [True, True, True, False]
    assert [Attempt.span(one) for one in missed] == list(book.spans.picture())[:3], "as from the history"


def test_a_missed_try_lies_between_the_one_before_and_the_one_after() -> None:
    book = TaskBook(Known())
    book.update([task("running", 5, start=5, node="n1")])
    book.update([task("running", 12, start=12, node="n2", retries=2, before=("active", 10))])
    assert drawn(book) == [
        (1, "n1", 5.0, 10.0, "failed"),
        (2, "n2", 12.0, 12.0, "failed"),
        (3, "n2", 12.0, None, "running"),
    ]


def test_a_reactivated_task_runs_under_the_next_number() -> None:
    book = TaskBook(Known())
    book.update([task("completed", 9, start=5, node="n1", result="failure", code=1)])
    book.update([task("active", 11, before=("completed", 9))])
    book.update([task("completed", 14, start=12, node="n1", before=("running", 12))])
    assert drawn(book) == [(1, "n1", 5.0, 9.0, "failed"), (2, "n1", 12.0, 14.0, "done")]


def test_a_task_that_was_ended_before_it_ran_has_no_attempt() -> None:
    book = TaskBook(Known())
    book.update([task("completed", 3, result="failure")])
    assert drawn(book) == []
    assert book.counts() == Counts(failed=1)


def test_after_a_restart_the_open_attempt_goes_on_under_its_number() -> None:
    span = Span("n1", "t1", "holiday.mov", at(5), None, "running", 1)
    book = TaskBook(
        Known([span], {"t1": 1}, [Attempt("t1", "holiday.mov", 1, "n1", at(5), None, "running", 0)])
    )
    _, changes = book.update([task("completed", 9, start=5, node="n1")])
    assert [one for one in changes if isinstance(one, Attempt)] == [
        Attempt("t1", "holiday.mov", 1, "n1", at(5), at(9), "done", 0)
    ]
    assert drawn(book) == [(1, "n1", 5.0, 9.0, "done")]


def test_tasks_that_a_whole_list_lacks_are_forgotten_and_their_spans_stay() -> None:
    book = TaskBook(Known())
    book.update([task("running", 5, start=5, node="n1"), {**task("active", 0), "id": "t2"}])
    assert book.keep_only({"t2"}, at(8)) == (
        True,
        [State("t1", GONE, at(8)), Attempt("t1", "holiday.mov", 1, "n1", at(5), at(8), "stopped", 0)],
    )
    assert list(book.rows) == ["t2"]
    assert book.counts() == Counts(active=1)
    assert drawn(book) == [(1, "n1", 5.0, 8.0, "stopped")]


@pytest.mark.parametrize("spelling", ["Success", "success"])
def test_results_are_read_in_any_case(spelling: str) -> None:
    book = TaskBook(Known())
    book.update([task("completed", 9, start=5, node="n1", result=spelling)])
    assert book.counts() == Counts(succeeded=1)


def node(id: str, state: str = "idle", **more: Any) -> dict[str, Any]:
    return {"id": id, "state": state, "stateTransitionTime": wire(1), "isDedicated": True, **more}


def test_nodes_seen_first_together_stand_in_the_order_of_their_addresses_and_keep_their_places() -> None:
    book = NodeBook({})
    book.update([node("a", ipAddress="10.0.0.10"), node("b", ipAddress="10.0.0.9")], at(1))
    assert [row.id for row in book.in_order()] == ["b", "a"]
    book.update([node("a", ipAddress="10.0.0.10"), node("c", ipAddress="10.0.0.4")], at(2))
    assert [(row.id, row.order) for row in book.in_order()] == [("a", 1), ("c", 2)]


def lie(book: NodeBook) -> dict[str, int]:
    return {row.id: row.place for row in book.in_order()}


def test_holes_are_closed_once_and_then_a_departure_moves_nobody() -> None:
    book = NodeBook({})
    crowd = [node(f"n{i:03}") for i in range(100)]
    book.update(crowd, at(1))
    few = crowd[:3] + crowd[60:62]
    book.update(few, at(2))
    assert lie(book) == {"n000": 0, "n001": 1, "n002": 2, "n060": 3, "n061": 4}, "almost all was empty"
    assert [row.order for row in book.in_order()] == [0, 1, 2, 60, 61], "names stay"
    book.update(few[1:4], at(3))
    assert lie(book) == {"n001": 1, "n002": 2, "n060": 3}
    assert book.reach == 5
    book.update([*few[1:4], node("new")], at(4))
    assert lie(book)["new"] == 5, "not where another has just been"
    _, changes = book.update([*few[1:4], node("new"), node("later")], at(4 + 5 * 60))
    assert lie(book) == {"n001": 1, "n002": 2, "n060": 3, "new": 5, "later": 0}
    assert [change.id for change in changes] == ["later"], "a move is no change of state"


def test_after_a_restart_a_pool_that_had_thousands_of_nodes_lies_together() -> None:
    book = NodeBook({f"n{i}": i for i in range(5_000)})
    book.update([node("n4000"), node("n17"), node("fresh")], at(1))
    assert lie(book) == {"n17": 0, "n4000": 1, "fresh": 2}


def test_every_state_of_a_node_is_a_change_once_and_so_is_its_going() -> None:
    book = NodeBook({})
    assert book.update([node("a")], at(1)) == (True, [State("a", "idle", at(1))])
    assert book.update([node("a")], at(2)) == (False, [])
    busy = node("a", runningTaskSlotsCount=2)
    assert book.update([busy], at(3)) == (True, []), "slots are for the screen only"
    assert book.rows["a"].slots_used == 2
    assert book.update([], at(4)) == (True, [State("a", GONE, at(4))])


def test_since_when_a_pool_has_a_node_is_kept_from_before_its_first_seen_state() -> None:
    book = NodeBook({})
    there = node("a", allocationTime=wire(-200))
    seen = [State("a", ALLOCATED, at(-200)), State("a", "idle", at(1))]
    assert book.update([there], at(2)) == (True, seen)
    assert book.update([there | {"state": "running"}], at(3))[1] == [State("a", "running", at(1))]
    assert NodeBook({}).update([node("a", "creating", allocationTime=wire(1))], at(2))[1] == [
        State("a", "creating", at(1))
    ]


def test_a_failed_start_task_is_told_in_words() -> None:
    book = NodeBook({})
    info = {"result": "failure", "exitCode": 100, "failureInfo": {"code": "FailureExitCode"}}
    book.update([node("a", "starttaskfailed", startTaskInfo=info)], at(1))
    assert book.rows["a"].error == "The start task failed. The command ended with exit code 100."


def test_nodes_that_went_while_nobody_looked_are_gone_since_they_were_last_seen() -> None:
    book = NodeBook({"a": 0, "b": 1}, {"a": at(5), "b": at(5)})
    assert book.update([node("b")], at(900))[1] == [State("b", "idle", at(1)), State("a", GONE, at(5))]
    assert book.update([node("b")], at(901)) == (False, [])


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({}, True),
        ({"previousState": "preparing"}, True),
        ({"state": "running"}, False),
        ({"previousState": None, "previousStateTransitionTime": None}, False),
        ({"executionInfo": {"lastRetryTime": "2026-11-22T10:00:05Z", "retryCount": 1}}, False),
        ({"executionInfo": {"lastRequeueTime": "2026-11-22T10:00:05Z", "requeueCount": 1}}, False),
        ({"executionInfo": {"lastRequeueTime": "2026-11-22T09:00:00Z", "requeueCount": 1}}, True),
    ],
)
def test_a_task_that_lost_its_node_is_told_from_one_that_was_sent_back(change: dict, lost: bool) -> None:
    doc = {
        "id": "t",
        "state": "active",
        "stateTransitionTime": "2026-11-22T10:00:05Z",
        "previousState": "running",
        "previousStateTransitionTime": "2026-11-22T10:00:00Z",
        **change,
    }
    book = TaskBook(Known())
    book.update([doc])
    assert [row.lost for row in book.rows.picture()] == [lost]


def test_what_a_request_sent_back_is_not_called_lost() -> None:
    book = TaskBook(Known())
    book.update([task("running", 5, start=5, node="n1")])
    doc = task("active", 7, before=("running", 5), requeues=1)
    doc["executionInfo"]["lastRequeueTime"] = wire(7)
    book.update([doc])
    assert drawn(book) == [(1, "n1", 5.0, 7.0, "requeued")]


def test_what_somebody_stopped_is_not_called_failed() -> None:
    book = TaskBook(Known())
    doc = task("completed", 9, start=5, node="n1", result="failure")
    doc["executionInfo"]["failureInfo"] = {"category": "UserError", "code": "TaskEnded"}
    book.update([doc])
    assert drawn(book) == [(1, "n1", 5.0, 9.0, "stopped")]


@pytest.mark.parametrize(
    ("phase", "outcome"),
    [
        (("n1", "preempted", 7), "preempted"),
        (("n1", "preempted", 60), "preempted"),  # the node's state may be told later than the task's
        (("n1", "preempted", 4), "lost"),
        (("n1", "preempted", 3600), "lost"),
        (("n1", "unusable", 7), "lost"),
        (("n2", "preempted", 7), "lost"),
    ],
)
def test_only_what_ran_on_a_node_that_batch_calls_preempted_is_called_so(
    phase: tuple[str, str, float], outcome: str
) -> None:
    book, phases = TaskBook(Known()), PhaseBook((), QUIET)
    book.update(
        [task("running", 5, start=5, node="n1"), {**task("running", 5, start=5, node="n1"), "id": "t2"}]
    )
    book.update(
        [task("active", 8, before=("running", 5)), {**task("completed", 6, start=5, node="n1"), "id": "t2"}]
    )
    node_id, state, since = phase
    phases.update([State(node_id, state, at(since))])
    for _ in range(2):
        book.call_preempted(phases.taken_back, at(9))
    assert [span.outcome for span in book.spans.picture()] == [outcome, "done"]


def test_a_node_that_takes_no_tasks_is_told_from_one_that_does() -> None:
    book = NodeBook({})
    book.update(
        [node("a", "running", schedulingState="disabled"), node("b", schedulingState="Enabled")], at(1)
    )
    assert (book.rows["a"].accepts, book.rows["b"].accepts) == (False, True)
    assert book.places == {"a": 0, "b": 1}


def test_what_a_task_waits_for_and_the_slots_it_takes_are_told() -> None:
    book = TaskBook(Known())
    depends = {"taskIds": ["a", "b"], "taskIdRanges": [{"start": 3, "end": 9}]}
    _, changes = book.update(
        [
            task("active", 0) | {"dependsOn": depends},
            task("running", 2, start=2, node="n1") | {"id": "t2", "requiredSlots": 2},
        ]
    )
    assert [(row.depends, row.slots) for row in book.rows.picture()] == [(("a", "b", (3, 9)), 1), ((), 2)]
    assert (book.busy["n1"], book.touched) == (2, {"n1"})
    assert [change.slots for change in changes if isinstance(change, Attempt)] == [2]
    assert [one.slots for one in book.spans.picture()] == [2]
