"""All about one task: what it does, how far it is, why it failed, its log while that grows, and what it made."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from batch_core import closer_look, jobs, results
from batch_core.account import Account
from batch_core.closer_look import LOGS, NodeFile, TaskWork
from batch_core.errors import DashboardError, NotFound
from batch_core.monitor import Snapshot, Span, TaskRow
from batch_core.results import Result
from pages.charts.labels import duration, node_name
from pages.charts.palette import ERROR, outcome_family, outcome_words, task_family
from pages.components.download import download_button
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_lists import why
from pages.parts.monitor_tables import task_state
from pages.parts.monitor_work import work_of
from pages.parts.players import address
from pages.parts.steps import Step, names, step_button
from pages.shell import session, words

LOG_SECONDS = 2  # between two looks at a log that grows
NEARLY = 0.9  # of its time limit, from which a task is warned of
LINES = 14


def task_details(account: Account, watched: Watched, task: TaskRow, snapshot: Snapshot) -> None:
    """The task's facts, why it failed, its attempts, command, log and files, and a way to stop it."""
    job_id = watched.job_id or ""
    try:
        work = _work(account.fingerprint, job_id, task.id, account)
    except DashboardError as error:
        session.show_error(error)
        return
    _facts(account, watched, task, snapshot, work)
    if not task.stopped and task_family(task.state, task.result) is ERROR:
        why(account, watched, task)
    attempts(task, snapshot)
    st.caption("Command")
    st.code(work.command or "It has no command.", language=None, wrap_lines=True)
    if task.started:
        _log(account, job_id, task)
        _made(account, job_id, task, snapshot)
    if task.state != "completed" and not account.look_only:
        step_button(_stop(account, watched, task), f"monitor_stop_{task.id}")


@st.cache_data(max_entries=256, show_spinner=False)
def _work(fingerprint: str, job_id: str, task_id: str, _account: Account) -> TaskWork:
    """Asked for once: what a task is to do does not change while it exists."""
    return closer_look.task_work(_account, job_id, task_id)


def _facts(account: Account, watched: Watched, task: TaskRow, snapshot: Snapshot, work: TaskWork) -> None:
    facts = [task_state(task, work_of(account.fingerprint, watched, snapshot))]
    if task.exit_code is not None:
        facts.append(f"exit code {task.exit_code}")
    if task.node_id:
        order = snapshot.places.get(task.node_id)
        facts.append(f"on {words.plain(task.node_id if order is None else node_name(task.node_id, order))}")
    if task.started:
        facts.append(f"started {words.when(task.started)}")
    if task.started and task.ended:
        facts.append(f"took {duration(task.ended - task.started)}")
    if task.retries:
        facts.append(words.count(task.retries, "earlier attempt"))
    st.markdown(" · ".join(facts))
    if task.state == "running" and task.started:
        _progress(task, snapshot, work)
    st.caption(f"Task {words.plain(task.id)}")


def _progress(task: TaskRow, snapshot: Snapshot, work: TaskWork) -> None:
    """How long it has run of the time that it may, and how far it is, where that is known."""
    elapsed = snapshot.taken_at - (task.started or snapshot.taken_at)
    limits = [work.limit] if work.limit else []
    if snapshot.job and snapshot.job.limit and task.started:
        limits.append(snapshot.job.created + snapshot.job.limit - task.started)
    told = f"Runs for {duration(elapsed)}"
    if limits:
        told += f" of at most {duration(min(limits))}"
    if limits and elapsed > NEARLY * min(limits):
        st.warning(f"{told}: its time limit ends it soon.", icon=":material/timer:")
        return
    steps = next(
        (known for (id, _), known in snapshot.steps.items() if id == task.id and not task.ended), None
    )
    if steps and steps.out_seconds is not None:
        told += f" · {duration(timedelta(seconds=steps.out_seconds))} of the result made"
        told += f", {steps.speed:.1f} times as fast as it plays" if steps.speed else ""
    st.markdown(told)


def attempts(task: TaskRow, snapshot: Snapshot) -> None:
    """What became of each try, when there was more than one."""
    if not task.retries:
        return
    own = sorted((span for span in snapshot.spans if span.task_id == task.id), key=lambda span: span.attempt)
    st.caption("Attempts")
    st.markdown("\n".join(f"- {_attempt_line(span, snapshot)}" for span in own))


def _attempt_line(span: Span, snapshot: Snapshot) -> str:
    order = snapshot.places.get(span.node_id)
    where = words.plain(span.node_id if order is None else node_name(span.node_id, order))
    lasted = duration((span.end or snapshot.taken_at) - span.start)
    family = outcome_family(span.outcome)
    if span.missed:
        return f"{span.attempt}: {family.glyph} {outcome_words(span.outcome, missed=True)}, {words.when(span.start)}"
    return f"{span.attempt}: {family.glyph} {outcome_words(span.outcome)} on {where}, {words.when(span.start)}, {lasted}"


def _log(account: Account, job_id: str, task: TaskRow) -> None:
    """The end of a log, which follows while the task runs; of one that has ended, when somebody opens it."""
    running = task.ended is None
    box = st.expander(
        "Log, as it grows" if running else "Log",
        expanded=running,
        key=f"monitor_log_{task.id}_{running}",
        on_change="rerun",
    )
    if not box.open:
        return
    with box:
        name = st.segmented_control(
            "Log",
            LOGS,
            default=LOGS[0],
            required=True,
            key=f"monitor_log_name_{task.id}",
            label_visibility="collapsed",
        )
        try:
            ended = task.ended.isoformat() if task.ended else ""
            read = _growing if running else _whole
            text = read(account.fingerprint, job_id, task.id, ended, str(name), account)
        except DashboardError as error:
            session.show_error(error)
            return
        last = "\n".join(text.splitlines()[-LINES:])
        st.code(
            last or f"Nothing in {name} yet." if running else text or f"Nothing in {name}.", language=None
        )


@st.cache_data(max_entries=64, ttl=LOG_SECONDS, show_spinner=False)
def _growing(fingerprint: str, job_id: str, task_id: str, ended: str, name: str, _account: Account) -> str:
    """Asked for every two seconds at most, however many look at it."""
    return closer_look.log_now(_account, job_id, task_id, name, running=True)


@st.cache_data(max_entries=256, show_spinner=False)
def _whole(fingerprint: str, job_id: str, task_id: str, ended: str, name: str, _account: Account) -> str:
    return closer_look.log_now(_account, job_id, task_id, name, running=False)


def _made(account: Account, job_id: str, task: TaskRow, snapshot: Snapshot) -> None:
    """What it made: of our own runs the result, to play and to keep; else the files in its folder on the node."""
    if task.ended is None:
        return
    try:
        if snapshot.job and snapshot.job.ours:
            made = _result(account.fingerprint, job_id, task.id, task.ended.isoformat(), account)
            if made and made.state == "done":
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.markdown(
                        f"Made **{words.plain(made.name)}** ({words.size(made.size)})", width="stretch"
                    )
                    download_button(
                        f"Download {made.name}",
                        address(account, made.blob, made.content_type, made.name),
                        key=f"monitor_get_{task.id}",
                    )
            return
        found = _files(account.fingerprint, job_id, task.id, task.ended.isoformat(), account)
    except DashboardError as error:
        session.show_error(error)
        return
    if found:
        st.caption("Files on its node")
        st.markdown("\n".join(f"- {words.plain(file.name)}, {words.size(file.size)}" for file in found))


@st.cache_data(max_entries=256, ttl=60, show_spinner=False)
def _result(fingerprint: str, job_id: str, task_id: str, ended: str, _account: Account) -> Result | None:
    try:
        return next((row for row in results.list_results(_account, job_id) if row.task_id == task_id), None)
    except NotFound:
        return None


@st.cache_data(max_entries=256, ttl=60, show_spinner=False)
def _files(
    fingerprint: str, job_id: str, task_id: str, ended: str, _account: Account
) -> tuple[NodeFile, ...]:
    return closer_look.files_made(_account, job_id, task_id)


def _stop(account: Account, watched: Watched, task: TaskRow) -> Step:
    """Ends one task; the others go on."""
    runs = task.state == "running"
    return Step(
        "Stop this task",
        "stop_circle",
        lambda: jobs.stop_task(account, watched.job_id or "", task.id),
        "The task is stopped; the others go on.",
        f"{names([task.name])} {'is ended' if runs else 'is not started'} and makes no result. "
        "The job's other tasks go on.",
        "Stop the task",
    )
