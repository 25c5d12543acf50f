"""A run in numbers, by made-up pictures of runs."""

import random
from dataclasses import replace
from datetime import timedelta
from time import perf_counter

import pytest

from batch_core.facts import GONE, State
from batch_core.forecast import Forecaster
from batch_core.load import MOST, Load
from batch_core.rows import Ledger
from batch_core.snapshot import Span, Stay
from batch_core.stay_book import StayBook
from tests.core.played_runs import START, at, picture, span


def test_the_rate_is_that_of_the_last_minutes_and_of_all_in_the_end() -> None:
    forecaster = Forecaster()
    early = tuple(span(f"e{i}", i, i + 1) for i in range(60))
    assert forecaster.numbers(picture(early, 60, 9)).rate == pytest.approx(60)
    late = (*early, *(span(f"l{i}", 590, 590 + i) for i in range(1, 11)))
    assert forecaster.numbers(picture(late, 600, 9)).rate == pytest.approx(2)
    over = forecaster.numbers(picture(late, 700, state="completed", ended=at(600)))
    assert over.rate == pytest.approx(7)
    assert over.last_end == at(600)


def test_busy_slots_over_time_add_up_however_long_it_takes() -> None:
    load = Load()
    chance = random.Random(1)
    worked = 0.0
    for _ in range(3000):
        begins = chance.uniform(0, 50_000)
        lasts = chance.uniform(0, 2000)
        load.add(begins, begins + lasts, True)
        worked += lasts
    running = [(100.0, 1), (40_000.0, 1)]
    told = load.stretches(running, 60_000.0)
    assert len(told) <= MOST
    area = sum(one.busy for one in told[:-1]) * load.width
    area += told[-1].busy * (60_000.0 - told[-1].start.timestamp())
    assert area == pytest.approx(worked + 59_900 + 20_000, rel=1e-6)
    assert sum(one.done for one in told) == 3000


def test_what_began_earlier_and_is_seen_later_brings_no_empty_time() -> None:
    load = Load()
    load.add(100, 110, True)
    load.add(97, 105, True)
    told = load.stretches((), 112)
    assert [one.start.timestamp() for one in told] == [float(second) for second in range(97, 112)]
    assert sum(one.busy for one in told) == pytest.approx(18)


def test_slots_are_busy_when_something_ran() -> None:
    spans = (span("a", 0, 10), span("b", 5, 10), span("c", 15, None))
    numbers = Forecaster().numbers(picture(spans, 20))
    assert [one.busy for one in numbers.load] == [1.0] * 5 + [2.0] * 5 + [0.0] * 5 + [1.0] * 5
    assert sum(one.done for one in numbers.load) == 2
    assert numbers.busy == 1
    left_open = Forecaster().numbers(picture(spans[:2], 500)).load
    assert len(left_open) == 10, "a job that stays open is no time in which slots could have been busy"


def test_a_task_keeps_as_many_slots_busy_as_it_takes() -> None:
    wide = replace(span("a", 0, 10), slots=4), replace(span("b", 5, None), slots=3)
    numbers = Forecaster().numbers(picture((*wide, span("c", 8, None)), 12))
    assert [one.busy for one in numbers.load] == [4.0] * 5 + [7.0] * 3 + [8.0] * 2 + [4.0] * 2
    assert numbers.busy == 4


def test_the_time_left_is_the_same_however_many_slots_each_task_takes() -> None:
    done = [span(f"d{i}", 10 * (i // 2), 10 * (i // 2 + 1), node=f"n{i % 2}") for i in range(12)]
    seen = picture((*done, span("x", 60, None), span("y", 60, None, node="n1")), 65, 40, nodes=2)
    wide = replace(seen, slots=4, spans=tuple(replace(one, slots=4) for one in seen.spans))
    busy = tuple(replace(node, slots_used=4) for node in seen.nodes)
    told = Forecaster().numbers(seen).left
    assert told is not None
    assert Forecaster().numbers(replace(wide, nodes=busy)).left == told


def test_node_hours_count_each_node_while_it_is_there_and_none_before_the_job() -> None:
    seen = picture((span("a", 0, 10),), 3600)
    stays = (Stay("n0", START, None), Stay("n1", at(-7200), None), Stay("gone", at(-600), at(1800)))
    assert Forecaster().numbers(replace(seen, stays=stays)).node_hours == pytest.approx(2.5)
    over = picture((span("b", 0, 10),), 9000, state="completed", ended=at(3600))
    later = Stay("later", at(5000), None), Stay("left", at(0), at(8000))
    assert Forecaster().numbers(replace(over, stays=(*stays, *later))).node_hours == pytest.approx(3.5)


def test_node_hours_stay_when_nodes_and_the_pool_go_boot_and_idle_time_included() -> None:
    forecaster, book = Forecaster(), StayBook()

    def hours(now: float, *states: State) -> float:
        book.update(states)
        return forecaster.numbers(replace(picture((), now), stays=book.picture())).node_hours

    booting = [
        State(id, state, at(since)) for id in "ab" for state, since in (("allocated", 0), ("idle", 300))
    ]
    assert hours(3600, *booting) == pytest.approx(2.0)
    assert hours(3600, State("a", GONE, at(3600)), State("b", GONE, at(3600))) == pytest.approx(2.0)
    assert hours(7200) == pytest.approx(2.0), "no node, no hours"


def test_a_spot_node_that_is_taken_back_costs_nothing_until_it_is_there_again() -> None:
    seen = ("creating", 0), ("idle", 60), ("preempted", 1800), ("starting", 5400), ("idle", 5460)
    book = StayBook(State("a", state, at(since)) for state, since in seen)
    book.update([State("a", "idle", at(5460)), State("a", "allocated", at(0))])  # told once more
    assert book.picture() == (Stay("a", at(0), at(1800)), Stay("a", at(5400), None))


def test_a_node_where_everything_failed_is_named_unless_everything_fails() -> None:
    bad = tuple(span(f"b{i}", i, i + 1, "failed", "n7") for i in range(2))
    assert not Forecaster().numbers(picture(bad, 10)).odd_nodes
    forecaster = Forecaster()
    (odd,) = forecaster.numbers(picture((*bad, span("g", 0, 1)), 10)).odd_nodes
    assert (odd.node_id, odd.failed) == ("n7", 2)
    healed = picture((*bad, span("g", 0, 1), span("h", 5, 6, node="n7")), 12)
    assert not forecaster.numbers(healed).odd_nodes


def test_a_node_is_named_also_for_failures_that_nobody_saw_but_not_timed_by_them() -> None:
    missed = [replace(span("b", 5, 5, "failed", "n7", number), missed=True) for number in (1, 2)]
    done = [span(f"d{i}", 0, 10) for i in range(4)]
    seen = Forecaster().numbers(picture((*missed, *done, span("b", 5, None, "running", "n7", 3)), 8))
    (odd,) = seen.odd_nodes
    assert (odd.node_id, odd.failed) == ("n7", 2)
    ended = (*missed, *done, span("b", 5, 15, "done", "n7", 3))
    assert not Forecaster().numbers(picture(ended, 20)).odd_nodes, "it ended well there in the end"


def test_a_node_that_takes_twice_as_long_is_named() -> None:
    fast = tuple(span(f"f{i}", i, i + 10, node=f"n{i % 3}") for i in range(9))
    slow = tuple(span(f"s{i}", i, i + 25, node="n9") for i in range(3))
    (odd,) = Forecaster().numbers(picture((*fast, *slow), 60)).odd_nodes
    assert (odd.node_id, odd.failed, odd.times) == ("n9", 0, pytest.approx(2.5))


def test_a_task_lags_behind_by_its_videos_length_or_by_its_peers() -> None:
    done = tuple(span(f"d{i}", 0, 20) for i in range(6))
    seen = picture((*done, span("long", 0, None), span("late", 0, None, node="n1")), 100, nodes=2)
    assert {one.task_id for one in Forecaster().numbers(seen).laggards} == {"long", "late"}
    lengths = {**{f"d{i}": 60.0 for i in range(6)}, "long": 600.0, "late": 60.0}
    (late,) = Forecaster(lengths).numbers(seen).laggards
    assert (late.task_id, late.node_id, late.lasts) == ("late", "n1", timedelta(seconds=100))
    assert late.expected == timedelta(seconds=20)
    soon = Forecaster().numbers(picture((*done, span("x", 70, None)), 100)).laggards
    assert not soon, "30 s are no reason to worry where 20 s are usual"


def test_a_later_job_of_the_same_name_begins_anew() -> None:
    forecaster = Forecaster()
    forecaster.numbers(picture(tuple(span(str(i), 0, 9) for i in range(5)), 10))
    later = forecaster.numbers(picture((span("a", 100, 101),), 110, created=at(100)))
    assert sum(one.done for one in later.load) == 1


def test_a_refresh_of_a_large_run_costs_what_has_changed() -> None:
    book: Ledger[int, Span] = Ledger()
    for number in range(20_000):
        book.put(number, span(f"t{number}", number / 100, number / 100 + 20, node=f"n{number % 500}"))
    forecaster = Forecaster()
    began = perf_counter()
    forecaster.numbers(picture(book.picture(), 300, 10_000, 500))
    first = perf_counter() - began
    again = []
    for step in range(5):
        for number in range(100):
            task = 20_000 + step * 100 + number
            book.put(task, span(f"t{task}", 290, 300 + step, node=f"n{number}"))
        seen = picture(book.picture(), 302 + step, 10_000, 500)
        began = perf_counter()
        numbers = forecaster.numbers(seen)
        again.append(perf_counter() - began)
    assert sum(one.done for one in numbers.load) == 20_500
    assert min(again) < first / 5
