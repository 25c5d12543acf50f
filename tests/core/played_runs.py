"""Made-up runs whose end is known, as a recorder would see them."""

import heapq
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from batch_core.conversions import Options
from batch_core.jobs import Run
from batch_core.rows import Ledger
from batch_core.snapshot import Counts, NodeRow, Snapshot, Span, Stay

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def span(
    task: str, start: float, end: float | None, outcome: str = "done", node: str = "n0", attempt: int = 1
) -> Span:
    became: Any = outcome if end is not None else "running"
    return Span(node, task, task, at(start), None if end is None else at(end), became, attempt)


def picture(spans: Any, now: float, waiting: int = 0, nodes: int = 1, **job: Any) -> Snapshot:
    run = replace(Run("j", "j", "active", "", Options(), "p", START, None, 0, None, 1, True), **job)
    rows = tuple(NodeRow(f"n{n}", "running", START, True, 1, n, "", "", 0, START) for n in range(nodes))
    of = [one.outcome for one in spans]
    counts = Counts(waiting, of.count("running"), of.count("done"), of.count("failed"))
    stays = tuple(Stay(row.id, START, None) for row in rows)
    return Snapshot(1, at(now), None, run, rows, (), spans, counts, 1, stays=stays)


def played(seed: int, tasks: int, slots: int) -> tuple[dict[str, float], list[tuple[float, float, int, str]]]:
    """Videos of very different length, converted one after the other on some slots: what ran when and where."""
    chance = random.Random(seed)
    lengths = {f"t{i}": max(1.0, chance.lognormvariate(4, 0.8)) for i in range(tasks)}
    free = [(0.0, slot) for slot in range(slots)]
    ran = []
    for task, length in lengths.items():
        begins, slot = heapq.heappop(free)
        ends = begins + 0.2 + 2 + length * 0.3 * chance.uniform(0.8, 1.25)
        ran.append((begins + 0.2, ends, slot, task))
        heapq.heappush(free, (ends, slot))
    return lengths, ran


def pictures(
    ran: list[tuple[float, float, int, str]], slots: int, steps: int
) -> Iterator[tuple[float, Snapshot]]:
    """A run as seen at some moments, and what was left of it then."""
    end = max(ends for _, ends, _, _ in ran)
    book: Ledger[str, Span] = Ledger()
    for step in range(1, steps):
        now = end * step / steps
        for begins, ends, slot, task in ran:
            if begins <= now and (task not in book or book.get(task).end is None):
                book.put(task, span(task, begins, ends if ends <= now else None, node=f"n{slot}"))
        yield end - now, picture(book.picture(), now, len(ran) - len(book), slots)


def crowded(
    seed: int, tasks: int, slots: int
) -> tuple[dict[str, float], list[tuple[float, float, int, str]]]:
    """As `played`, on slots that share one processor: fewer tasks at once are faster ones."""
    chance = random.Random(seed)
    lengths = {f"t{i}": max(1.0, chance.lognormvariate(3, 0.8)) for i in range(tasks)}
    queue = [(task, length * chance.uniform(0.8, 1.25)) for task, length in lengths.items()]
    free, now = list(range(slots)), 0.0
    going: list[tuple[float, float, int, str]] = []  # work left, start, slot and task
    ran = []
    while queue or going:
        while queue and free:
            task, work = queue.pop(0)
            going.append((work, now, free.pop(), task))
        least, begun, slot, task = min(going)
        now += least * len(going)
        going = [(left - least, start, at, id) for left, start, at, id in going if id != task]
        ran.append((begun, now, slot, task))
        free.append(slot)
    return lengths, sorted(ran)
