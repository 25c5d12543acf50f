"""The timeline as data: what is where, in which colour, at 0, 1, 5, 1,000 nodes and with more than bars can show."""

import gc
import re
import weakref
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from batch_core.snapshot import Counts, NodePhase, NodeRow, Outcome, Snapshot, Span, Steps, TaskRow
from pages.charts import timeline
from pages.charts.axis import pool_start, run_axis
from pages.charts.columns import Attempts, attempts_of, tasks_of
from pages.charts.lanes import lanes, order, troubled
from pages.charts.palette import DONE, ERROR, OFFLINE, PREEMPTED, RUNNING, SEVERITY, STARTING, Family
from pages.components.live_chart import pack, unpack
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_work import once, work_of

START = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
Figure = dict[str, Any]


def node(place: int, state: str = "idle") -> NodeRow:
    return NodeRow(f"n{place}", state, START, True, 0, place, "", "10.0.0.4", 0)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def span(
    task: str,
    where: str,
    start: float,
    end: float | None,
    outcome: Outcome = "done",
    name: str = "a.mp4",
    attempt: int = 1,
) -> Span:
    return Span(where, task, name, after(start), None if end is None else after(end), outcome, attempt)


def waiting(task: str, since: float = 0) -> TaskRow:
    return TaskRow(task, task, "active", None, None, None, after(since), None, None, after(since), 0, None)


def gantt(nodes: Sequence[NodeRow], spans: Sequence[Span], seconds: float = 60, **more: Any) -> Figure:
    axis = run_axis(START, after(seconds), BERLIN, relative=more.pop("relative", True))
    work = attempts_of(spans)
    lanes_shown = order(nodes, work, more.pop("places", None), more.pop("first", frozenset()))
    facts = timeline.Facts(
        tasks_of(more.pop("tasks", ())),
        more.pop("phases", ()),
        more.pop("steps", None),
        more.pop("limit", None),
        more.pop("expected", {}),
    )
    return timeline.timeline(
        lanes_shown, work, facts, slots=more.pop("slots", 1), axis=axis, view="v", **more
    )


def drawn(figure: Figure, kind: str = "task") -> list[tuple[str, Family, int, float, float | None]]:
    """Each bar as (id, colour, lane, start, end), in seconds since the axis' start; None: it goes on."""
    unit = figure["bars"]["unit"] / 1000
    bars = []
    for columns in figure["bars"]["sets"]:
        if columns["kind"] == kind:
            starts = accumulate(columns["start"])
            for at, start in enumerate(starts):
                look, length = columns["looks"][columns["look"][at]], columns["length"][at]
                family = next(family for family in SEVERITY if family.colour == look["colour"])
                end = None if length < 0 else (start + length) * unit
                bars.append((columns["id"][at], family, columns["lane"][at], start * unit, end))
    return bars


def test_a_bar_lies_from_start_to_end_in_its_results_colour() -> None:
    spans = [
        span("t1", "n0", 0, 10),
        span("t2", "n1", 5, 20, "failed"),
        span("t3", "n0", 12, None, "running"),
    ]
    figure = gantt([node(0), node(1)], spans)
    assert drawn(figure) == [
        ("t1", DONE, 0, 0, 10),
        ("t2", ERROR, 1, 5, 20),
        ("t3", RUNNING, 0, 12, None),
    ]
    assert figure["layout"]["yaxis"]["ticktext"] == ["n0", "n1"]
    assert figure["bars"]["base"] == "2000-01-01 00:00:00.000"


def test_a_try_that_nobody_saw_is_drawn_says_so_and_leads_to_its_successor() -> None:
    missed = replace(span("t1", "n0", 20, 20, "failed"), missed=True)
    spans = [missed, span("t1", "n0", 20, 30, attempt=2)]
    figure = gantt([node(0)], spans)
    assert drawn(figure) == [("t1", ERROR, 0, 20, 20), ("t1", DONE, 0, 20, 30)]
    columns = figure["bars"]["sets"][1]
    assert [columns["looks"][at]["words"] for at in columns["look"]] == ["failed between two looks", "done"]
    assert columns["links"] == [0, 1]
    assert [one["text"] for one in figure["legend"] if one["id"] == ERROR.id] == [f"{ERROR.glyph} Failed 1"]
    crowd = [*spans, *(span(f"c{i}", "n1", i / 200, 40 + i / 200) for i in range(10_000))]
    cells = drawn(gantt([node(0), node(1)], crowd), "node")
    assert next(family for _, family, lane, *_ in cells if lane == 0) == ERROR


def test_a_task_tells_of_each_try_also_of_one_that_nobody_saw() -> None:
    def page() -> None:
        from dataclasses import replace

        from batch_core.monitor import TaskRow
        from pages.parts.task_panel import attempts
        from tests.core.test_forecast import START, picture, span

        missed = replace(span("t1", 20, 20, "failed"), missed=True)
        shot = replace(picture([missed, span("t1", 20, 30, attempt=2)], 40), places={"n0": 0})
        attempts(
            TaskRow("t1", "a", "completed", "success", 0, "n0", START, START, START, START, 1, None), shot
        )

    (told,) = [one.value for one in AppTest.from_function(page).run().markdown]
    first, second = told.splitlines()
    assert re.match(rf"- 1: {ERROR.glyph} failed between two looks, .*\d\d:\d\d", first)
    assert re.match(rf"- 2: {DONE.glyph} done on .*, 10 s$", second)


def test_the_clock_axis_is_in_the_viewers_zone() -> None:
    figure = gantt([node(0)], [span("t1", "n0", 0, 10)], relative=False)
    assert figure["bars"]["base"] == figure["bars"]["clock"] == "2026-11-22 14:00:00.000"
    assert "CET" in figure["layout"]["xaxis"]["title"]["text"]


def test_an_hour_is_an_hour_also_when_the_clock_is_changed() -> None:
    night = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 2:30, half an hour before it is 2 o'clock again
    axis = run_axis(night, night + timedelta(hours=2), BERLIN, relative=False)
    assert axis.at(night) == "2026-10-25 01:30:00.000"
    assert axis.at(axis.now) == "2026-10-25 03:30:00.000"


def test_overlapping_work_gets_lanes_of_its_own_that_stay() -> None:
    nodes = [node(0), node(1)]
    spans = [span("t1", "n0", 0, 30), span("t2", "n0", 10, 20), span("t3", "n1", 0, 5)]
    work = attempts_of(spans)
    first = lanes(order(nodes, work), work, 2)
    assert first.placed.tolist() == [0, 1, 2]
    assert first.labels == ("n0", "", "n1")
    grown = [
        *spans,
        span("t4", "n0", 25, None, "running"),
        span("t5", "n0", 40, None, "running"),
    ]
    more = attempts_of(grown, work)
    assert lanes(order(nodes, more), more, 2).placed.tolist() == [0, 1, 2, 1, 0]


def test_columns_made_of_the_last_ones_are_the_same_as_new_ones() -> None:
    spans = [span(f"t{i}", f"n{i % 3}", i, None, "running") for i in range(20)]
    before = attempts_of(spans)
    spans = [*spans[:5], span("t5", "n2", 5, 9, "failed"), *spans[6:], span("new", "n9", 30, 31)]
    for now in (spans, spans[:-3]):
        made, anew = attempts_of(now, before), attempts_of(now)
        assert [row(made, at) for at in range(len(made))] == [row(anew, at) for at in range(len(anew))]
    assert troubled([], attempts_of(spans, before)) == {"n2"}


def row(work: Attempts, at: int) -> tuple[Any, ...]:
    ids = {place: id for id, place in work.node_ids.items()}
    return work.spans[at], work.start[at], work.end[at], ids[work.node[at]], work.outcome[at]


def test_a_node_that_is_gone_keeps_its_lane_at_the_end() -> None:
    figure = gantt([node(1), node(0)], [span("t1", "old", 0, 5)])
    assert figure["layout"]["yaxis"]["ticktext"] == ["n0", "n1", "old"]
    assert drawn(figure)[0][2] == 2


def test_a_failure_lies_over_what_is_good_and_has_a_mark() -> None:
    spans = [span("t1", "n0", 0, 0.001, "failed"), *(span(f"d{i}", "n0", i, i + 1) for i in range(50))]
    looks = gantt([node(0)], spans)["bars"]["sets"][1]["looks"]
    ranks = {look["words"]: look["rank"] for look in looks}
    assert ranks["failed"] == max(ranks.values())
    assert [look["words"] for look in looks if look["mark"]] == ["Azure took its Spot node back", "failed"]


def test_an_attempt_is_linked_to_the_next() -> None:
    spans = [
        span("t2", "n1", 1, 4),
        span("t1", "n0", 0, 5, "preempted"),
        span("t1", "n1", 9, None, "running", attempt=2),
    ]
    figure = gantt([node(0), node(1)], spans)
    tasks = figure["bars"]["sets"][1]
    assert [tasks["id"][at] for at in tasks["links"]] == ["t1", "t1"]
    assert tasks["links"] == [0, 2]
    assert tasks["attempt"] == {"2": 2}


def test_a_run_of_ours_tells_where_downloading_and_converting_end() -> None:
    steps = {
        ("t1", 1): Steps("t1", 1, after(3), after(8), 1.0, 1.0, after(9)),
        ("t2", 1): Steps("t2", 1, None, None, None, None, after(9)),
    }
    spans = [span("t1", "n0", 0, 10), span("t2", "n1", 5, None, "running"), span("t3", "n1", 0, 4)]
    figure = gantt([node(0), node(1)], spans, steps=steps)
    assert figure["legend"][-1]["text"].startswith("Pale: ")
    tasks = figure["bars"]["sets"][1]
    assert {tasks["id"][int(at)]: told for at, told in tasks["steps"].items()} == {
        "t1": [3_000, 8_000],
        "t2": [None, None],
    }


def test_a_running_bar_tells_how_far_it_is() -> None:
    steps = {
        ("t1", 1): Steps("t1", 1, after(3), after(8), 4.0, 1.0, after(9)),
        ("t2", 1): Steps("t2", 1, after(7), None, 1.0, 0.5, after(9)),
        ("t3", 1): Steps("t3", 1, after(7), None, 1.0, 0.5, after(9)),
    }
    spans = [
        span("t1", "n0", 0, 10),
        span("t2", "n1", 5, None, "running"),
        span("t3", "n2", 5, None, "running"),
        span("t4", "n0", 11, None, "running"),
    ]
    nodes = [node(0), node(1), node(2)]
    figure = gantt(nodes, spans, steps=steps, expected={"t1": 4.0, "t2": 4.0, "t4": 4.0})
    tasks = figure["bars"]["sets"][1]
    assert {tasks["id"][int(at)]: told for at, told in tasks["far"].items()} == {
        "t2": [25, "25 %", "converting, 25 %, 0.5×, 6 s left"],
        "t3": [None, "", "converting, 0.5×"],
    }
    assert figure["legend"][-1]["text"].startswith("Foot of a running bar: ")
    unknown = gantt(nodes, spans, steps=steps)
    assert not any("Foot" in entry["text"] for entry in unknown["legend"])
    assert gantt(nodes, spans)["bars"]["sets"][1]["far"] == {}, "a job of others has none"


def test_a_time_limit_lies_on_the_axis() -> None:
    assert gantt([node(0)], [], limit=after(90))["bars"]["limit"] == 90_000
    assert gantt([node(0)], [])["bars"]["limit"] is None


def test_what_is_past_stays_as_it_was_when_nodes_are_gone() -> None:
    nodes = [node(0), node(1), node(2)]
    spans = [span("t1", "n2", 3, 9)]
    phases = [NodePhase(f"n{place}", "starting", after(0), after(2)) for place in range(3)]
    places = {"n0": 0, "n1": 1, "n2": 2}
    before = gantt(nodes, spans, phases=phases, places=places)
    gone = gantt([], spans, phases=phases, places=places)
    assert gone["layout"]["yaxis"]["ticktext"] == ["n0", "n1", "n2"]
    assert drawn(gone) == drawn(before)
    assert drawn(gone, "node") == drawn(before, "node")


def test_what_goes_on_after_the_end_of_the_axis_goes_on() -> None:
    phases = [NodePhase("n0", "starting", after(50), after(500)), NodePhase("n0", "offline", after(61), None)]
    figure = gantt([node(0)], [], phases=phases)
    assert drawn(figure, "node") == [("n0", STARTING, 0, 50, None)]
    assert [entry["text"] for entry in figure["legend"]] == [f"{STARTING.glyph} Starting"]


def test_a_stop_a_loss_and_a_preemption_are_told_apart_and_counted() -> None:
    outcomes: list[Outcome] = ["done", "failed", "stopped", "requeued", "lost", "preempted", "done"]
    spans = [span(f"t{i}", "n0", 10 * i, 10 * i + 5, outcome) for i, outcome in enumerate(outcomes)]
    figure = gantt([node(0)], spans, seconds=90)
    assert [entry["text"][2:] for entry in figure["legend"]] == [
        "Done 2",
        "Preempted 1",
        "Stopped 1, Sent back to waiting 1, Lost with their node 1",
        "Failed 1",
    ]
    assert [id for id, family, *_ in drawn(figure) if family is OFFLINE] == ["t2", "t3", "t4"]
    assert [id for id, family, *_ in drawn(figure) if family is PREEMPTED] == ["t5"]
    assert timeline.alt_text(attempts_of(spans)).endswith(
        "2 done, 1 failed, 1 stopped, 1 sent back to waiting, 1 preempted, 1 lost with their node."
    )


def test_a_pool_alone_is_shown_since_it_was_made_or_for_some_hours_that_begin_with_an_hour() -> None:
    assert pool_start(after(-60), START) == after(-60)
    for now in (START, after(1), after(3_599)):
        assert pool_start(after(-86_400), now) == START - timedelta(hours=6)
    assert pool_start(None, START) == START - timedelta(hours=6)


def test_starting_is_shown_from_the_start_on_and_what_waits_in_a_lane_of_its_own() -> None:
    phases = [
        NodePhase("n0", "waitingforstarttask", after(-100), after(8)),
        NodePhase("n1", "unusable", after(3), None),
        NodePhase("n1", "starting", after(-50), after(-10)),
    ]
    tasks = [*(waiting(f"t{i}") for i in range(5)), *(waiting(f"u{i}", 30) for i in range(3))]
    figure = gantt([node(0), node(1)], [], phases=phases, tasks=tasks)
    assert drawn(figure, "node") == [("n0", STARTING, 0, 0, 8), ("n1", ERROR, 1, 3, None)]
    heights = {look["words"]: look["height"] for look in figure["bars"]["sets"][0]["looks"]}
    assert heights["out of order"] < heights["running its start task"]
    queue = figure["bars"]["queue"]
    assert figure["layout"]["yaxis"]["ticktext"][-1] == "8 waiting"
    assert (queue["lane"], queue["count"], queue["waiting"][0], queue["waiting"][-1]) == (2, 8, 5, 8)
    assert figure["legend"][0]["text"].endswith("Waiting 8")


def test_a_name_is_text_of_which_nothing_is_left_that_cannot_be_seen() -> None:
    figure = gantt([node(0)], [span("t1", "n0", 0, 10, name="<a href='x'>\u202ey</a>")])
    assert figure["bars"]["sets"][1]["name"] == ["<a href='x'>\ufffdy</a>"]


@pytest.mark.parametrize("count", [0, 1, 5, 1_000])
def test_every_node_has_its_lane_on_one_of_the_pages(count: int) -> None:
    nodes = [node(place) for place in range(count)]
    spans = [span(f"t{i}", f"n{i % count}", i, i + 1) for i in range(2 * count)]
    seen: list[str] = []
    for first in range(0, max(1, count), timeline.LANES):
        figure = gantt(nodes, spans, 2_000, part=timeline.Part(first))
        shown = figure["shown"]
        assert (shown["of_nodes"], shown["of_tasks"]) == (count, 2 * count)
        ids = [id for id, *_ in drawn(figure)]
        assert len(ids) == len(set(ids)) == shown["tasks"] == 2 * shown["nodes"]
        seen += ids
        assert figure["layout"]["height"] <= timeline.HEIGHT_AT_MOST + 1
    assert sorted(seen) == sorted(f"t{i}" for i in range(2 * count))


def test_nodes_with_trouble_come_first_and_then_each_in_its_place() -> None:
    nodes = [node(place, "unusable" if place == 70 else "idle") for place in range(100)]
    spans = [span("t1", "n90", 0, 5, "failed"), span("t2", "n80", 0, 5)]
    first = troubled(nodes, attempts_of(spans))
    assert first == {"n70", "n90"}
    lanes_shown = order(nodes, attempts_of(spans), None, first).node_ids
    assert lanes_shown[:3] == ("n70", "n90", "n0")
    assert lanes_shown[3:] == tuple(f"n{place}" for place in range(1, 100) if place not in (70, 90))


def crowd() -> list[Span]:
    """More than bars can show, on four nodes in an hour, of which one thing failed for half a second."""
    count = timeline.BARS_AT_MOST + 1
    spans = [span(f"t{i}", f"n{i % 4}", i % 3_600, i % 3_600 + 1) for i in range(count)]
    return [*spans, span("bad", "n2", 130, 130.5, "failed")]


def test_more_than_bars_can_show_becomes_cells_and_the_worst_wins() -> None:
    figure = gantt([node(place) for place in range(4)], crowd(), 3_600)
    step = figure["shown"]["step"]
    assert 3_600 / step <= 300
    cells = drawn(figure, "node")
    (bad,) = (cell for cell in cells if cell[1] is ERROR)
    assert bad[:3] == ("n2", ERROR, 2)
    assert bad[3:] == pytest.approx((130 // step * step, (130 // step + 1) * step), abs=0.1)
    before_and_after = [cell for cell in cells if cell[2] == 2 and cell[1] is DONE]
    assert before_and_after[0][4] == bad[3]
    assert before_and_after[1][3] == bad[4]
    assert figure["layout"]["meta"]["window"]


def test_above_the_cells_lies_how_many_tasks_were_in_which_state() -> None:
    tasks = [
        TaskRow(
            f"t{i}",
            "x",
            "completed",
            "success",
            0,
            "n0",
            START,
            after(i),
            after(i + 1),
            after(i + 1),
            0,
            None,
        )
        for i in range(3_600)
    ]
    tasks.append(TaskRow("r", "x", "running", None, None, "n0", START, after(3_599), None, START, 0, None))
    spans = [*crowd(), span("r", "n0", 3_599.5, None, "running")]
    figure = gantt([node(place) for place in range(4)], spans, 3_600, tasks=[*tasks, waiting("w")])
    done, failed, running, queued = (trace for trace in figure["data"] if trace.get("stackgroup"))
    assert (done["fillcolor"], done["yaxis"]) == (DONE.colour, "y2")
    assert (done["y"][0], done["y"][-1], failed["y"][-1]) == (0, 3_600, 0)
    assert (running["y"][-1], queued["y"][-1]) == (1, 1)


def test_a_window_of_a_crowd_has_bars_again() -> None:
    base = round(START.timestamp() * 1000)
    part = timeline.Part(0, (base + 100_000, base + 160_000))
    figure = gantt([node(place) for place in range(4)], crowd(), 3_600, part=part)
    assert figure["shown"]["step"] is None
    shown = drawn(figure)
    assert "bad" in [id for id, *_ in shown]
    assert all(end > 100 and start < 160 for *_, start, end in shown if end)
    assert len(shown) == figure["shown"]["tasks"] < 300


def test_ten_thousand_bars_are_drawn_one_by_one_and_stay_small_when_sent() -> None:
    spans = [
        span(
            f"file-{i:05}",
            f"n{i % 60}",
            i * 1.37,
            i * 1.37 + 60 + i % 91,
            name=f"holiday {i * 7919 % 10_007}.mp4",
        )
        for i in range(timeline.BARS_AT_MOST)
    ]
    figure = gantt([node(place) for place in range(60)], spans, 14_000)
    assert len(drawn(figure)) == timeline.BARS_AT_MOST
    sent = pack(figure, alt="Timeline")
    assert len(sent.payload) < 150_000
    assert unpack(sent)["bars"]["sets"][1]["id"] == [f"file-{i:05}" for i in range(timeline.BARS_AT_MOST)]


def test_what_began_and_ended_is_counted_for_who_does_not_follow() -> None:
    events = [
        gantt([node(0)], spans)["layout"]["meta"]["events"]
        for spans in ([], [span("t1", "n0", 0, None, "running")], [span("t1", "n0", 0, 5)])
    ]
    assert events == [0, 1, 2]


def test_without_anything_the_axis_still_reaches_from_start_to_now() -> None:
    figure = gantt([], [], seconds=30)
    assert figure["data"][0]["x"] == ["2000-01-01 00:00:00.000", "2000-01-01 00:00:30.000"]
    assert timeline.alt_text(attempts_of(())) == "Timeline of the nodes: nothing has run yet."


def test_of_many_tasks_the_newest_of_a_family_are_found_stopped_ones_apart() -> None:
    def ended(number: int, result: str, failure: str | None = None) -> TaskRow:
        at = after(number)
        return TaskRow(f"t{number}", "x", "completed", result, 0, "n0", START, START, at, at, 0, failure)

    rows = [ended(i, "success") for i in range(600)]
    rows[7] = ended(700, "failure", "FailureExitCode")
    rows[9] = ended(701, "failure", "TaskEnded")
    tasks = tasks_of([*rows, waiting("w", 800)])
    done = tasks.in_family(DONE)
    assert done.sum() == 598
    assert [task.id for task in tasks.newest(0, 3, done)] == ["t599", "t598", "t597"]
    assert [task.id for task in tasks.newest(596, 999, done)] == ["t1", "t0"]
    assert [task.id for task in tasks.newest(0, 9, tasks.in_family(ERROR))] == ["t700"]
    assert [task.id for task in tasks.newest(0, 9, tasks.in_family(ERROR, stopped=True))] == ["t701"]
    assert [task.id for task in tasks.newest(0, 2)] == ["w", "t701"]


def test_a_chart_is_made_once_a_picture_and_the_picture_is_let_go() -> None:
    def picture() -> Snapshot:
        return Snapshot(0, START, None, None, (), (), (), Counts(), 1)

    watched = Watched("pool", "once")
    made: list[str] = []
    work = work_of("account", watched, picture())
    for _ in range(2):
        assert once(("chart",), work, lambda: [made.append("chart"), len(made)][1]) == 1
    kept = weakref.ref(work)
    del work
    newer = work_of("account", watched, picture())
    gc.collect()
    assert kept() is None
    assert once(("chart",), newer, lambda: "another") == "another"
