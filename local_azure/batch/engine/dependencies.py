"""Which tasks wait for which others: by id, or by ranges of numbers that ids are read as (`4`, `04` are task 4).

Kept in memory and built from the store when a job is first asked about, so that the end of one task among many
costs no more than the tasks that waited for it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from local_azure.batch.engine import exits
from local_azure.batch.engine.activity import Outcome
from local_azure.batch.engine.documents import Doc
from local_azure.batch.failure import Failure
from local_azure.batch.store import Store


@dataclass
class _Span:
    """A range of numbers, both ends included, of which `missing` have not been satisfied yet."""

    start: int
    end: int
    missing: int


@dataclass
class _Needs:
    """What a task still waits for."""

    ids: set[str]
    spans: list[_Span]

    @property
    def met(self) -> bool:
        return not self.ids and not any(span.missing for span in self.spans)


@dataclass
class _Job:
    ids: set[str] = field(default_factory=set)
    numbers: set[int] = field(default_factory=set)
    waiting: dict[str, _Needs] = field(default_factory=dict)
    by_id: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    by_range: set[str] = field(default_factory=set)


class Dependencies:
    """The waiting tasks of all jobs that use dependencies."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs: dict[str, _Job] = {}

    def waits(self, job: Doc, task: Doc) -> bool:
        """Whether a new task must wait; from then on `satisfied_by` will tell when it need not any more."""
        if not task.get("dependsOn") or not job.get("usesTaskDependencies"):
            return False
        return _register(self._of(job), task)

    def satisfied_by(self, job: Doc, task: Doc) -> list[str]:
        """The tasks (ids in lower case) that may start because this one has completed."""
        if not job.get("usesTaskDependencies") or not satisfies(task):
            return []
        known, key = self._of(job), task["id"].lower()
        touched = known.by_id.pop(key, set())
        known.ids.add(key)
        for waiting in touched & known.waiting.keys():
            known.waiting[waiting].ids.discard(key)
        if key.isdecimal() and int(key) not in known.numbers:
            known.numbers.add(int(key))
            touched |= _count(known, int(key))
        free = [name for name in touched if name in known.waiting and known.waiting[name].met]
        for name in free:
            del known.waiting[name]
            known.by_range.discard(name)
        return free

    def forget(self, job_id: str) -> None:
        """The job is gone."""
        self._jobs.pop(job_id.lower(), None)

    def _of(self, job: Doc) -> _Job:
        key = job["id"].lower()
        if key not in self._jobs:
            known = self._jobs[key] = _Job()
            for task in self._store.tasks_in(key, "completed"):
                if satisfies(task):
                    known.ids.add(task["id"].lower())
                    if task["id"].isdecimal():
                        known.numbers.add(int(task["id"]))
            for task in self._store.dependent_tasks(key):
                _register(known, task)
        return self._jobs[key]


def satisfies(task: Doc) -> bool:
    """Whether a completed task lets those go that depend on it: a success does, a failure only when told to."""
    info = task["executionInfo"]
    failed = info.get("failureInfo")
    failure = Failure(failed["code"], failed["message"]) if failed else None
    options = exits.options(task, Outcome(info.get("exitCode"), failure))
    return str(options.get("dependencyAction", "block" if failure else "satisfy")).lower() == "satisfy"


def _register(known: _Job, task: Doc) -> bool:
    wanted, key = task["dependsOn"], task["id"].lower()
    ids = {name.lower() for name in wanted.get("taskIds") or ()} - known.ids
    spans = [_span(known, span["start"], span["end"]) for span in wanted.get("taskIdRanges") or ()]
    needs = _Needs(ids, spans)
    if needs.met:
        return False
    known.waiting[key] = needs
    for name in ids:
        known.by_id[name].add(key)
    if spans:
        known.by_range.add(key)
    return True


def _span(known: _Job, start: int, end: int) -> _Span:
    done = sum(start <= number <= end for number in known.numbers)
    return _Span(start, end, end - start + 1 - done)


def _count(known: _Job, number: int) -> set[str]:
    """Count a number off in every range that has it; the tasks that waited for those."""
    touched = set()
    for name in known.by_range:
        for span in known.waiting[name].spans:
            if span.start <= number <= span.end:
                span.missing -= 1
                touched.add(name)
    return touched
