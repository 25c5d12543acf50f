"""What is left of a run, played through many times: how long the rest may take, at least and at most.

Each time, what waits takes as many times what was to be expected as some task did that has ended, and tasks go to
slots in their order, as Batch starts them; so the one long file that starts last is in it. Slots that share a computer
work faster when fewer of them do. The same numbers are played the same way again. Times are in seconds.
"""

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from math import sqrt
from statistics import pstdev

from batch_core.snapshot import Steps

TIMES = (6, 40)  # at least and at most; of many tasks together few times tell as much
TASKS = 6_000  # that are played in all, about
CUT = 0.05  # of the times: as many of the shortest and of the longest are left out
ONE_BY_ONE = 200  # tasks at the end of the queue that are played one by one
BEFORE = (0.7, 1.4)  # times what was expected: what is thought possible before much was seen
WIDER = 0.12  # of the range's ends, by which each lies beyond what was played: what has ended first was short
TELLING = 0.1  # of a result that must be made until it tells how fast that goes
TOLD = 0.2  # by how much what a task itself tells of its rest is off


@dataclass(frozen=True, slots=True)
class Going:
    """A task that runs: what it was expected to take, and how long it has run.

    What part of its result is `made`, and its `rest` as it tells that itself: an encoder begins with what is easy and
    ends with what it held back.
    """

    expected: float
    lasts: float
    made: float = 0.0
    rest: float = 0.0


def told(steps: Steps | None, promised: float | None, now: float) -> tuple[float, float]:
    """What part of its result of `promised` seconds a task has made, and its rest, as it tells; 0 where it does not."""
    if steps is None or steps.converting is None:
        return 0.0, 0.0
    if steps.uploading is not None:
        return 1.0, 0.0
    if not promised or not steps.speed or not steps.out_seconds:
        return 0.0, 0.0
    rest = (promised - steps.out_seconds) / steps.speed - (now - steps.seen.timestamp())
    return min(1.0, steps.out_seconds / promised), max(0.0, rest)


@dataclass(frozen=True)
class Rest:
    """All that is left to be done: what runs, then what waits, in its order (of many the last ones, and the seconds of
    those before them together).

    `ratios` are what ended tasks took, by what was expected of them, and `ended` the seconds of all these. `slots` are
    at work, at least and at most, and were `at_once` on average. `shared` processors do the work of all slots; 0 where
    every slot has its own. What is older than all that was seen may go on for `again` times its age.
    """

    running: Sequence[Going]
    waiting: Sequence[float]
    before: float
    ratios: Sequence[float]
    ended: float
    slots: tuple[int, int]
    at_once: float
    shared: int = 0
    again: float = 0.5

    def range(self) -> tuple[float, float]:
        """At least and at most, in nine of ten times."""
        chance = random.Random(len(self.waiting))
        ratios = sorted((*self.ratios, *BEFORE))
        slower, doubt = self._slower(), pstdev(ratios) / sqrt(len(ratios))
        times = max(TIMES[0], min(TIMES[1], TASKS // (len(self.running) + len(self.waiting))))
        offs = [slower * max(0.3, chance.gauss(1, doubt)) for _ in range(times)]
        ends = sorted(self._once(chance, ratios, off) for off in offs)
        cut = round(CUT * times)
        return ends[cut] * (1 - WIDER), ends[-1 - cut] * (1 + WIDER)

    def _slower(self) -> float:
        """Times as long as ended tasks as those take that run, by what these have made: the quick ones end first."""
        telling = [one for one in self.running if one.made >= TELLING]
        took = self.ended + sum(one.lasts for one in telling)
        return took / max(1e-3, self.ended + sum(one.made * one.expected for one in telling))

    def _once(self, chance: random.Random, ratios: Sequence[float], off: float) -> float:
        """The time until all is done, where all tasks take `off` times what is thought."""
        ends = [self._going(chance, one, ratios, off) for one in self.running]
        ends += [0.0] * (chance.randint(*self.slots) - len(ends))
        begun = self.before * off / len(ends)
        ends = [end + begun for end in ends]
        heapify(ends)
        for expected, ratio in zip(self.waiting, chance.choices(ratios, k=len(self.waiting)), strict=True):
            heapreplace(ends, ends[0] + expected * ratio * off)
        return self._passed(sorted(ends), chance)

    def _going(self, chance: random.Random, one: Going, ratios: Sequence[float], off: float) -> float:
        """The rest of one that runs: as one of those had it that took longer; the more is made, the more as it tells."""
        expected = max(1e-3, one.expected * off)
        longer = bisect_right(ratios, one.lasts / expected)
        if longer < len(ratios):
            rest = expected * ratios[chance.randrange(longer, len(ratios))] - one.lasts
        else:
            rest = one.lasts * chance.uniform(0, self.again)
        told = one.rest * max(0.3, chance.gauss(1, TOLD))
        return one.made * told + (1 - one.made) * rest

    def _passed(self, ends: Sequence[float], chance: random.Random) -> float:
        """The time until the last of these ends, which are told as if all went on as fast as now."""
        if not self.shared:
            return ends[-1]
        used = chance.choice((1, self.shared))  # processors that a task keeps busy which is alone
        alone = max(1.0, used * self.at_once / self.shared)
        passed, before = 0.0, 0.0
        for place, end in enumerate(ends):
            passed += (end - before) / min(self.at_once / (len(ends) - place), alone)
            before = end
        return passed
