"""How far tasks of our own runs are, from the progress file that ffmpeg writes beside its output.

ffmpeg begins to write it when the task's input is there, and ends it with `progress=end`. On Linux nodes Batch keeps
no time of a file's creation [SDK: ocp-creation-time]; there it is what ffmpeg's own speed makes it: its speed is what
it has made, by the time since it began.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from urllib.parse import quote

from batch_core.errors import DashboardError
from batch_core.feed import Feed, Part
from batch_core.history import Change, Step
from batch_core.pacing import Backoff
from batch_core.recording import TaskBook
from batch_core.snapshot import Span, Steps

Key = tuple[str, int]  # task and attempt
EVERY = 2.0  # seconds at least between two looks at a task
MOST = 25  # files that are read in a poll
LONGEST = 1.5  # seconds of a poll after which no other file is read
PART = 64 * 1024  # bytes that are read at once
AGAIN = 1024  # bytes before the end as last known that are read again: a block of ffmpeg's is some 250
HALF = timedelta(seconds=0.5)  # times of files come in whole seconds
CLOCK = timedelta(seconds=1)  # the service's clock, too: it may be as much later than it says
PROGRESS_FILE = quote("wd/progress.txt", safe="")
_log = logging.getLogger(__name__)


@dataclass
class _Look:
    """Where the last look at a file ended, and whether there is more to see."""

    at: float = 0.0
    read: int = 0
    done: bool = False


class Closer:
    """Reads the progress files of the tasks that somebody looks at. For one thread."""

    def __init__(self, feed: Feed, known: Iterable[Steps] = ()) -> None:
        self._feed = feed
        self.steps: Mapping[Key, Steps] = {(one.task_id, one.attempt): one for one in known}
        self._looks: dict[Key, _Look] = {}
        self._refused = Backoff(10.0, 120.0)
        self._again_at = 0.0

    def look(self, job_id: str, wanted: Iterable[str], book: TaskBook, now: datetime) -> list[Change]:
        """Reads on in the files of these tasks: what of it the history has to know. `steps` is a new mapping then."""
        begun = monotonic()
        if begun < self._again_at:
            return []
        changes: list[Change] = []
        found: dict[Key, Steps] = {}
        try:
            for span in self._due(wanted, book):
                if monotonic() - begun > LONGEST:
                    break
                steps = self._read(job_id, span, now)
                key = (span.task_id, span.attempt)
                if steps and steps != self.steps.get(key):
                    changes += _new(self.steps.get(key), steps)
                    found[key] = steps
        except DashboardError as error:
            wait = self._refused.seconds()
            self._again_at = monotonic() + wait
            _log.warning("The tasks' progress can't be read for %d s: %s", wait, error)
        if found:
            self.steps = {**self.steps, **found}
        return changes

    def _due(self, wanted: Iterable[str], book: TaskBook) -> list[Span]:
        """The attempts whose files may have more to say, those first that were not looked at for longest."""
        before = monotonic() - EVERY
        due: list[tuple[float, Span]] = []
        for id in wanted:
            span = book.attempt(id)
            if span is None:
                continue
            look = self._looks.setdefault((span.task_id, span.attempt), _Look())
            if not look.done and look.at <= before:
                due.append((look.at, span))
        return [span for _, span in sorted(due, key=lambda one: one[0])[:MOST]]

    def _read(self, job_id: str, span: Span, now: datetime) -> Steps | None:
        key = (span.task_id, span.attempt)
        look, before = self._looks[key], self.steps.get(key)
        first = max(0, look.read - AGAIN)
        part = self._feed.part(f"/jobs/{job_id}/tasks/{span.task_id}/files/{PROGRESS_FILE}", first, PART)
        look.at = monotonic()
        full = part is not None and len(part.data) == PART
        look.done = span.end is not None and not full
        if part is None or part.modified is None or part.modified + 2 * HALF < span.start:
            if before or span.end:
                return before
            # Nothing yet, or what an attempt before has left: ffmpeg has not begun, its input is on its way.
            return Steps(span.task_id, span.attempt, None, None, None, None, now, fetching=True)
        look.read = first + len(part.data)
        steps = _steps(span, part, now) if not full else None
        look.done |= steps is not None and steps.uploading is not None
        if steps and before:  # a time once told stays: it comes from whole seconds and a rounded speed
            steps = replace(
                steps,
                converting=before.converting or steps.converting,
                uploading=before.uploading or steps.uploading,
            )
        return steps or (before and replace(before, fetching=False))


def _steps(span: Span, part: Part, now: datetime) -> Steps:
    """What the end of a progress file tells."""
    told = last_block(part.data)
    made, speed = _number(told.get("out_time_us")), _number(told.get("speed", "").rstrip("x"))
    out = made / 1e6 if made is not None and made >= 0 else None
    latest = span.end or max(now + CLOCK, span.start)
    written = min(max((part.modified or now) + HALF, span.start), latest)
    began = part.created
    if began is None and out is not None and speed:
        began = written - timedelta(seconds=out / speed)
    return Steps(
        task_id=span.task_id,
        attempt=span.attempt,
        converting=min(max(began, span.start), written) if began else None,
        uploading=written if told.get("progress") == "end" else None,
        out_seconds=out,
        speed=speed,
        seen=now,
    )


def last_block(data: bytes) -> dict[str, str]:
    """The names and values of the last whole block of ffmpeg's progress; empty when there is none."""
    lines = data.decode("utf-8", errors="replace").splitlines(keepends=True)
    ends = [
        number for number, line in enumerate(lines) if line.startswith("progress=") and line.endswith("\n")
    ]
    if not ends:
        return {}
    begin = ends[-2] + 1 if len(ends) > 1 else 0
    pairs = (line.strip().partition("=") for line in lines[begin : ends[-1] + 1])
    return {name: value.strip() for name, _, value in pairs}


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:  # ffmpeg writes N/A for what it does not know yet
        return None


def _new(before: Steps | None, steps: Steps) -> Iterator[Step]:
    """The times that were not known before."""
    if steps.converting and not (before and before.converting):
        yield Step(steps.task_id, steps.attempt, "converting", steps.converting)
    if steps.uploading and not (before and before.uploading):
        yield Step(steps.task_id, steps.attempt, "uploading", steps.uploading)
