"""A job's tasks as the history last knew them: what is shown until the service has listed them all."""

from collections.abc import Iterable
from datetime import datetime

from batch_core.facts import GONE, Known
from batch_core.failures import STOPPED
from batch_core.history import History
from batch_core.snapshot import Span, TaskRow


def remembered(history: History, job: int, known: Known) -> list[TaskRow]:
    """The rows of all tasks that were there, without what the history is not told, such as exit codes."""
    last = {span.task_id: span for span in known.spans if span.attempt == known.tries[span.task_id]}
    return [
        _row(id, name, state, since, first, last.get(id), known.tries.get(id, 0))
        for id, name, state, since, first in history.last_states(job)
        if state != GONE
    ]


def all_ended(rows: Iterable[TaskRow]) -> bool:
    """Whether nothing is left that could still change."""
    return all(row.state == "completed" for row in rows)


def _row(
    id: str, name: str, state: str, since: datetime, first: datetime, span: Span | None, tries: int
) -> TaskRow:
    ended, waits = state == "completed", state == "active"
    done = ended and span is not None and span.outcome == "done"
    ran = None if waits else span
    return TaskRow(
        id=id,
        name=name,
        state=state,
        result=("success" if done else "failure") if ended else None,
        exit_code=0 if done else None,
        node_id=ran.node_id if ran else None,
        created=first,
        started=ran.start if ran else None,
        ended=ran.end if ran else None,
        since=since,
        retries=max(0, tries if waits else tries - 1),
        failure=STOPPED if ended and span is not None and span.outcome == "stopped" else None,
        slots=span.slots if span else 1,
    )
