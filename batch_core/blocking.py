"""What waiting tasks wait for, where they depend on others.

A dependency is met when the other task has ended well (its exit conditions may say otherwise: then it starts, and
is none of the waiting). One that failed blocks its dependants for good, and theirs: they stay active for ever.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from batch_core.snapshot import TaskRow


@dataclass(frozen=True)
class Blocking:
    """Of the waiting tasks: how many wait for ones that failed, that are not there, or that have not ended.

    `failed` and `undone`: the tasks that they wait for; only those that failed themselves, not what waits for them.
    `lacking`: those that wait for one that is not there.
    """

    failed: tuple[TaskRow, ...]
    lacking: tuple[TaskRow, ...]
    undone: tuple[TaskRow, ...]
    after_failed: int
    after_undone: int

    @property
    def together(self) -> int:
        """All waiting tasks that have to wait."""
        return self.after_failed + len(self.lacking) + self.after_undone


class _Known:
    """The tasks of a job by id and, for ranges, by number: leading zeros of an id do not count."""

    def __init__(self, tasks: Iterable[TaskRow]) -> None:
        self.by_id = {task.id: task for task in tasks}
        numbered = sorted((int(id), id) for id in self.by_id if id.isascii() and id.isdigit())
        self._numbers, self._ids = [number for number, _ in numbered], [id for _, id in numbered]

    def unmet(self, task: TaskRow) -> list[TaskRow | None]:
        """The tasks that this one still waits for; None for those that are not there."""
        return [one for one in self._parents(task) if one is None or one.result != "success"]

    def _parents(self, task: TaskRow) -> Iterator[TaskRow | None]:
        for named in task.depends:
            if isinstance(named, str):
                yield self.by_id.get(named)
                continue
            low, high = bisect_left(self._numbers, named[0]), bisect_left(self._numbers, named[1] + 1)
            yield from (self.by_id[id] for id in self._ids[low:high])
            if low == high:
                yield None


def blocking(waiting: Sequence[TaskRow], tasks: Iterable[TaskRow]) -> Blocking:
    """Why tasks that depend on others wait, in all that a job has."""
    known = _Known(tasks)
    failed, rest = _after_failed(known, [task for task in waiting if task.depends])
    waits = {task.id for task in rest}
    undone: dict[str, TaskRow] = {}
    lacking: list[TaskRow] = []
    unmet = 0
    for task in rest:
        parents = known.unmet(task)
        if None in parents:
            lacking.append(task)
        elif parents:
            unmet += 1
            undone.update((one.id, one) for one in parents if one is not None and one.id not in waits)
    blocked = sum(1 for task in waiting if task.depends) - len(rest)
    return Blocking(tuple(failed.values()), tuple(lacking), tuple(undone.values()), blocked, unmet)


def _after_failed(known: _Known, left: list[TaskRow]) -> tuple[dict[str, TaskRow], list[TaskRow]]:
    """The failed tasks that others wait for, and the tasks that wait neither for these nor for ones that do."""
    failed: dict[str, TaskRow] = {}
    never: set[str] = set()
    while True:
        rest: list[TaskRow] = []
        for task in left:
            parents = [one for one in known.unmet(task) if one is not None]
            bad = [one for one in parents if one.state == "completed"]
            failed.update((one.id, one) for one in bad)
            if bad or any(one.id in never for one in parents):
                never.add(task.id)
            else:
                rest.append(task)
        if len(rest) == len(left):
            return failed, rest
        left = rest
