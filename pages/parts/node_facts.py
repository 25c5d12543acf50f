"""How a node's start task went, with the end of its log, and what runs and has run on the node."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from batch_core.account import Account
from batch_core.monitor import NodeRow, Snapshot, Span
from batch_core.node_facts import NodeFacts, RecentTask, StartTask, node_facts
from pages.charts.labels import duration
from pages.charts.palette import outcome_words
from pages.components.live_chart import Click
from pages.parts.log_box import log_box
from pages.parts.monitor_tables import SHOWN
from pages.parts.start_log import FRESH_SECONDS, start_log
from pages.shell import readings, session, words

RECENT = 5


def facts(account: Account, pool_id: str, node: NodeRow, snapshot: Snapshot) -> None:
    """What is wrong with it, its start task's result and log, running tasks, and those before."""
    key = ("node facts", account.fingerprint, pool_id, node.id, node.since)
    reading = readings.look(key, lambda: node_facts(account, pool_id, node.id), FRESH_SECONDS)
    reading.say()
    found = reading.value or NodeFacts()
    for error in found.errors:
        if error != node.error:  # which stands above already
            st.warning(words.sentence(error), icon=":material/error:")
    if found.start:
        st.markdown(start_task_words(found.start, snapshot.taken_at))
        _log(account, pool_id, node, found.start)
    _tasks(node, snapshot, found)


def _log(account: Account, pool_id: str, node: NodeRow, start: StartTask) -> None:
    log_box(
        "Log of its start task",
        f"node_log_{node.id}",
        lambda name: start_log(account, pool_id, node, start.started, name),
        grows=start.ended is None,
        matters=start.exit_code != 0,
    )


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


@dataclass(frozen=True)
class Ran:
    """A task on the node, or an attempt at one. `said` is what became of it; `job_id` names another job than the
    one that is watched."""

    task_id: str
    name: str
    said: str
    started: datetime
    over: bool
    job_id: str | None = None


def _tasks(node: NodeRow, snapshot: Snapshot, found: NodeFacts) -> None:
    """What runs and ran on the node, of the watched job and of others; a press leads to the task."""
    ran = tasks_on(node.id, snapshot, found)
    for title, some in (
        ("Runs now", [one for one in ran if not one.over]),
        ("Ran last", [one for one in ran if one.over]),
    ):
        if some:
            st.markdown(f"**{title}** (showing {min(RECENT, len(some))} of {len(some):,})")
            with st.container(gap=None):
                for one in some[:RECENT]:
                    _lead_to(one, f"node_task_{node.id}_{one.job_id}_{one.task_id}_{one.started}")


def tasks_on(node_id: str, snapshot: Snapshot, found: NodeFacts) -> list[Ran]:
    """The watched job's attempts on a node and other jobs' recent tasks there, the newest first."""
    now, own = snapshot.taken_at, snapshot.job.id if snapshot.job else None
    ran = [_attempt(span, now) for span in snapshot.spans if span.node_id == node_id]
    ran += [_recent(task, now) for task in found.recent if task.job_id != own]
    return sorted(ran, key=lambda one: one.started, reverse=True)


def _attempt(span: Span, now: datetime) -> Ran:
    took = "" if span.missed else f", {duration((span.end or now) - span.start)}"
    said = f"{outcome_words(span.outcome, span.missed)}{took}"
    return Ran(span.task_id, span.name, said, span.start, span.end is not None)


def _recent(task: RecentTask, now: datetime) -> Ran:
    took = f", {duration((task.ended or now) - task.started)}" if task.started else ""
    code = f", exit code {task.exit_code}" if task.exit_code is not None else ""
    said, over = f"{task.state}{code}{took}", task.ended is not None
    return Ran(task.task_id, task.task_id, said, task.started or now, over, task.job_id)


def _lead_to(one: Ran, key: str) -> None:
    """A line that opens the task's panel, on the Monitor of its job."""
    name = f"{one.name} of the job {one.job_id}" if one.job_id else one.name
    label, icon = words.plain(f"{name}: {one.said}"), ":material/chevron_right:"
    shown = Click("task", one.task_id)
    if one.job_id is None:
        st.button(label, key, type="tertiary", icon=icon, on_click=_show, args=(shown,))
    elif st.button(label, key, type="tertiary", icon=icon):
        session.set_id("job", one.job_id)
        _show(shown)
        st.switch_page("pages/monitor.py")


def _show(shown: Click) -> None:
    st.session_state[SHOWN] = shown
