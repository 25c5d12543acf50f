"""The time left of a run: a range that holds what was left, by made-up runs whose end is known."""

import heapq
import random
from dataclasses import replace
from statistics import median

import pytest

from batch_core.forecast import Forecaster
from batch_core.snapshot import Snapshot, Steps
from tests.core.played_runs import START, at, crowded, picture, pictures, played, span


def test_the_time_left_is_a_range_that_holds_what_was_left() -> None:
    held = told = 0
    widths, off = [], []
    for seed in range(6):
        for tasks, slots in ((20, 5), (50, 10), (200, 20)):
            lengths, ran = played(seed, tasks, slots)
            forecaster = Forecaster(lengths)
            for left, seen in pictures(ran, slots, 25):
                said = forecaster.numbers(seen).left
                if said is None:
                    assert seen.counts.succeeded < 3, "once some are done there is a range"
                    continue
                told += 1
                held += said.low.total_seconds() <= left <= said.high.total_seconds()
                widths.append((said.high - said.low).total_seconds() / left)
                off.append(abs((said.high + said.low).total_seconds() / 2 - left) / left)
                assert said.finished == seen.counts.succeeded
                assert said.by_length
    assert held / told > 0.9
    assert median(widths) < 0.8, "a range as wide as that tells nothing"
    assert median(off) < 0.2


def test_where_slots_share_a_computer_the_last_tasks_are_faster() -> None:
    off: dict[int, list[float]] = {0: [], 1: []}
    held = 0
    for seed in range(8):
        lengths, ran = crowded(seed, 20, 5)
        for processors in off:
            forecaster = Forecaster(lengths, processors=processors)
            for left, seen in pictures(ran, 5, 20):
                if (said := forecaster.numbers(seen).left) is not None:
                    off[processors].append(abs((said.high + said.low).total_seconds() / 2 - left) / left)
                    held += processors and said.low.total_seconds() <= left <= said.high.total_seconds()
    assert held / len(off[1]) > 0.9
    assert median(off[1]) < 0.2
    assert median(off[0]) > 1.5 * median(off[1])


def test_what_running_tasks_have_made_makes_the_range_better() -> None:
    """Tasks of one length of which some take four times as long, as those of larger pictures do."""
    chance, off = random.Random(3), {True: [], False: []}
    for _ in range(8):
        takes = [chance.choice((10.0, 40.0)) for _ in range(12)]
        free = [(0.0, slot) for slot in range(4)]
        ran = []
        for number, lasts in enumerate(takes):
            begins, slot = heapq.heappop(free)
            ran.append((begins, begins + lasts, slot, f"t{number}"))
            heapq.heappush(free, (begins + lasts, slot))
        lengths = {f"t{number}": 60.0 for number in range(12)}
        for known, told in off.items():
            forecaster = Forecaster(lengths, lengths)
            for left, seen in pictures(ran, 4, 20):
                now = seen.taken_at
                made = {
                    (task, 1): Steps(task, 1, at(begins), None, 60 * share, 60 / (ends - begins), now)
                    for begins, ends, _, task in ran
                    if 0 < (share := ((now - START).total_seconds() - begins) / (ends - begins)) < 1
                }
                said = forecaster.numbers(replace(seen, steps=made if known else {})).left
                if said is not None:
                    told.append(abs((said.high + said.low).total_seconds() / 2 - left) / left)
    assert median(off[True]) < 0.7 * median(off[False])


def test_one_long_file_at_the_end_of_the_queue_is_waited_for() -> None:
    """Four slots, twenty files of 10 s of work, and one of 100 s among those that wait: first, or last."""
    spans = tuple(span(f"t{number}", 10 * (number // 4), 10 * (number // 4) + 10) for number in range(8))
    going = tuple(span(f"t{number}", 20, None, node=f"n{number % 4}") for number in range(8, 12))
    left = {}
    for long in ("t12", "t19"):
        lengths = {f"t{number}": 10.0 for number in range(20)} | {long: 100.0}
        said = Forecaster(lengths).numbers(picture((*spans, *going), 25, 8, 4)).left
        assert said is not None
        left[long] = (said.low + said.high).total_seconds() / 2
    assert left["t12"] == pytest.approx(105, rel=0.25)
    assert left["t19"] == pytest.approx(115, rel=0.25)
    assert left["t12"] < left["t19"]


def test_lengths_of_videos_make_the_range_better() -> None:
    held = {True: 0, False: 0}
    for seed in range(6):
        lengths, ran = played(seed, 50, 10)
        for known in held:
            forecaster = Forecaster(lengths if known else None)
            for left, seen in pictures(ran, 10, 25):
                said = forecaster.numbers(seen).left
                held[known] += bool(said) and said.low.total_seconds() <= left <= said.high.total_seconds()
    assert held[True] > held[False]


@pytest.mark.parametrize(
    "seen",
    [
        picture((span("a", 0, 10), span("b", 0, 10), span("c", 10, None)), 12, 5),
        picture((span("a", 0, 10), span("b", 0, 10), span("c", 0, 10)), 12, 5),
        picture((), 5, 5),
        picture(tuple(span(str(i), 0, 9) for i in range(5)), 9, 0, state="completed", ended=at(9)),
    ],
    ids=["only two are done", "nothing runs", "nothing has begun", "it is over"],
)
def test_nothing_is_said_of_the_time_left_where_nothing_can_be(seen: Snapshot) -> None:
    assert Forecaster().numbers(seen).left is None
