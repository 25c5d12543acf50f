"""Whose turn it is among the waiting tasks of one job: first come, first served.

The service leaves the order inside a job open. Here tasks start in the order of their creation, and those of
collections that follow each other closely in the order of their ids, numbers in them read as numbers: the SDK's
`create_tasks` sends a list from its end, in chunks, so that the order of arrival is not the one anybody meant.
"""

from __future__ import annotations

import re

from local_azure.batch.engine.clock import moment

_GAP, _LONGEST = 2.0, 60.0
"""Seconds: a collection that comes so soon after the one before belongs to it, but the first waits no longer."""

_NUMBER = re.compile("[0-9]+")
_DIGITS = 20


class Turns:
    """Remembers which collections are coming in."""

    def __init__(self) -> None:
        self._coming: dict[str, tuple[str, str]] = {}

    def together(self, job_id: str, now: str) -> str:
        """The time that counts for the tasks of a collection: that of the first of those it belongs to."""
        self._coming = {job: times for job, times in self._coming.items() if _follows(*times, now)}
        since, _ = self._coming.get(job_id.lower(), (now, now))
        self._coming[job_id.lower()] = since, now
        return since


def _follows(since: str, last: str, now: str) -> bool:
    return moment(now) - moment(last) <= _GAP and moment(now) - moment(since) <= _LONGEST


def turn(since: str, task_id: str) -> str:
    """What tasks are ordered by as text: the time that counts for them, then their ids."""
    return f"{since} {_NUMBER.sub(lambda number: number[0].zfill(_DIGITS), task_id.lower())}"
