"""How a node's start task went, with the end of its log, and what runs and has run on the node."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from batch_core.account import Account
from batch_core.monitor import NodeRow, Snapshot, Span
from batch_core.node_facts import NodeFacts, RecentTask, StartTask, node_facts
from pages.charts.labels import duration
from pages.charts.palette import outcome_words
from pages.parts.start_log import FRESH_SECONDS, start_log
from pages.shell import readings, words

RECENT = 5
IN_START_TASK = ("waitingforstarttask", "starttaskfailed")


def facts(account: Account, pool_id: str, node: NodeRow, snapshot: Snapshot) -> None:
    """The start task's result, its last words where they matter, running tasks, and those before."""
    key = ("node facts", account.fingerprint, pool_id, node.id, node.since)
    reading = readings.look(key, lambda: node_facts(account, pool_id, node.id), FRESH_SECONDS)
    reading.say()
    found = reading.value or NodeFacts()
    if found.start:
        st.markdown(start_task_words(found.start, snapshot.taken_at))
    if node.state in IN_START_TASK:
        _log(account, pool_id, node)
    _tasks(node, snapshot, found)


def _log(account: Account, pool_id: str, node: NodeRow) -> None:
    st.caption("The last lines of its start task's stderr.txt")
    reading = start_log(account, pool_id, node)
    if reading.say():
        text = reading.value or "Nothing was written to stderr."
        st.code(text, language=None, wrap_lines=True, height="content")


def start_task_words(start: StartTask, now: datetime) -> str:
    """How a start task went, in a sentence."""
    took = duration((start.ended or now) - start.started)
    tries = f", after {words.count(start.retries, 'earlier try', 'earlier tries')}" if start.retries else ""
    if start.ended is None:
        return f"Its start task has been running for {took}{tries}."
    if start.exit_code == 0:
        return f"Its start task was done in {took} (exit code 0){tries}."
    told = "without an exit code" if start.exit_code is None else f"with exit code {start.exit_code}"
    return f"Its start task ended {told} after {took}{tries}."


def _tasks(node: NodeRow, snapshot: Snapshot, found: NodeFacts) -> None:
    """Of the watched job; of any job where none is watched."""
    now = snapshot.taken_at
    own = sorted((span for span in snapshot.spans if span.node_id == node.id), key=lambda span: span.start)
    running = [_span_line(span, now) for span in reversed(own) if span.end is None]
    before = [_span_line(span, now) for span in reversed(own) if span.end is not None]
    if not own:
        running = [_recent_line(task, now) for task in found.recent if task.ended is None]
        before = [_recent_line(task, now) for task in found.recent if task.ended is not None]
    for title, lines in (("Runs now", running), ("Ran last", before)):
        if lines:
            shown = "\n".join(f"- {line}" for line in lines[:RECENT])
            st.markdown(f"**{title}** (showing {min(RECENT, len(lines))} of {len(lines):,})\n{shown}")


def _span_line(span: Span, now: datetime) -> str:
    took = "" if span.missed else f", {duration((span.end or now) - span.start)}"
    return f"{words.plain(span.name)}: {outcome_words(span.outcome, span.missed)}{took}"


def _recent_line(task: RecentTask, now: datetime) -> str:
    took = f", {duration((task.ended or now) - task.started)}" if task.started else ""
    code = f", exit code {task.exit_code}" if task.exit_code is not None else ""
    return f"{words.plain(task.task_id)} of {words.plain(task.job_id)}: {words.plain(task.state)}{code}{took}"
