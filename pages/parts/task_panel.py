"""All about one task: what it does, how far it is, why it failed, its log while that grows, and what it made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import streamlit as st

from batch_core import closer_look, jobs, results, task_files
from batch_core.account import Account
from batch_core.closer_look import TaskWork
from batch_core.errors import NotFound
from batch_core.monitor import Snapshot, Span, TaskRow
from batch_core.results import Result
from batch_core.task_files import NodeFile
from pages.charts.labels import duration, node_name
from pages.charts.palette import ERROR, outcome_family, outcome_words, task_family
from pages.components.download import download_button
from pages.components.live_chart import Click
from pages.parts.log_box import log_box
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_lists import why
from pages.parts.monitor_tables import SHOWN, task_state
from pages.parts.monitor_work import found, work_of
from pages.parts.players import address
from pages.parts.steps import Step, names, step_button
from pages.shell import readings, session, signing, words
from pages.shell.readings import Reading

T = TypeVar("T")

LOG_SECONDS = 2  # between two looks at a log that grows
GROWING_SECONDS = 5  # between two looks at the files of a task that runs
FILES_SECONDS = 60  # between two looks at what a task has made: checks and cleaning up change it
OPEN_FILES = 5  # so many files are shown at once, more when somebody opens them
NEARLY = 0.9  # of its time limit, from which a task is warned of


def task_details(account: Account, watched: Watched, task: TaskRow, snapshot: Snapshot) -> None:
    """The task's facts, why it failed, its attempts, command, log and files, and a way to stop it."""
    job_id = watched.job_id or ""
    work = _read(account, job_id, task, "work", lambda: closer_look.task_work(account, job_id, task.id))
    _facts(account, watched, task, snapshot, work.value)
    if not task.stopped and task_family(task.state, task.result) is ERROR:
        why(account, watched, task)
    attempts(task, snapshot)
    st.caption("Command")
    if work.say() and work.value:
        st.code(work.value.command or "It has no command.", language=None, wrap_lines=True)
    if task.started:
        _log(account, job_id, task)
        _made(account, job_id, task, snapshot)
    if task.state != "completed" and not account.look_only:
        step_button(_stop(account, watched, task), f"monitor_stop_{task.id}")


def _read(
    account: Account,
    job_id: str,
    task: TaskRow,
    what: str,
    work: Callable[[], T],
    every: float | None = None,
) -> Reading[T]:
    """What Batch or storage tells of the task: read once for every end of it, or `every` so many seconds."""
    return readings.look((what, account.fingerprint, job_id, task.id, task.ended), work, every)


def _facts(
    account: Account, watched: Watched, task: TaskRow, snapshot: Snapshot, work: TaskWork | None
) -> None:
    facts = [task_state(task, work_of(account.fingerprint, watched, snapshot))]
    if task.exit_code is not None:
        facts.append(f"exit code {task.exit_code}")
    if task.started:
        facts.append(f"started {words.when(task.started)}")
    if task.started and task.ended:
        facts.append(f"took {duration(task.ended - task.started)}")
    if task.retries:
        facts.append(words.count(task.retries, "earlier attempt"))
    st.markdown(" · ".join(facts))
    if task.node_id:
        _node(task.node_id, snapshot)
    if task.state == "running" and task.started:
        _progress(task, snapshot, work)
    st.caption(f"Task {words.plain(task.id)}")


def _node(node_id: str, snapshot: Snapshot) -> None:
    """The node that it runs or ran on; a press opens that node's panel, as long as there is such a node."""
    order = snapshot.places.get(node_id)
    name = words.plain(node_id if order is None else node_name(node_id, order))
    if found(snapshot.nodes, node_id) is None:
        st.markdown(f"On {name}, which is no longer there")
        return
    st.button(
        f"On {name}",
        f"monitor_node_{node_id}",
        type="tertiary",
        icon=":material/dns:",
        on_click=lambda: st.session_state.update({SHOWN: Click("node", node_id)}),
    )


def _progress(task: TaskRow, snapshot: Snapshot, work: TaskWork | None) -> None:
    """How long it has run of the time that it may, and how far it is, where that is known."""
    elapsed = snapshot.taken_at - (task.started or snapshot.taken_at)
    limits = [work.limit] if work and work.limit else []
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
    runs = task.ended is None

    def read(name: str) -> Reading[str]:
        return _read(
            account,
            job_id,
            task,
            name,
            lambda: closer_look.log_now(account, job_id, task.id, name, running=runs),
            LOG_SECONDS if runs else None,
        )

    log_box("Log", f"monitor_log_{task.id}", read, grows=runs)


def _made(account: Account, job_id: str, task: TaskRow, snapshot: Snapshot) -> None:
    """What it made: of our own runs the result, to play and to keep; else the files in its folder on the node."""
    if not (snapshot.job and snapshot.job.ours):
        _files(account, job_id, task)
    elif task.ended:
        _result(account, job_id, task)


def _result(account: Account, job_id: str, task: TaskRow) -> None:
    reading = _read(
        account, job_id, task, "result", lambda: _result_of(account, job_id, task.id), FILES_SECONDS
    )
    made = reading.value if reading.say() else None
    if made is None or made.state != "done":
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Made **{words.plain(made.name)}** ({words.size(made.size)})", width="stretch")
        url = address(account, made.blob, made.content_type, made.name)
        download_button(f"Download {made.name}", url, key=f"monitor_get_{task.id}")


def _result_of(account: Account, job_id: str, task_id: str) -> Result | None:
    try:
        return next((row for row in results.list_results(account, job_id) if row.task_id == task_id), None)
    except NotFound:
        return None


def _files(account: Account, job_id: str, task: TaskRow) -> None:
    """The files in its folder, also while it runs, each to keep."""
    every = FILES_SECONDS if task.ended else GROWING_SECONDS
    reading = _read(
        account, job_id, task, "files", lambda: task_files.files_made(account, job_id, task.id), every
    )
    made = reading.value if reading.say() else None
    if not made or not made.files:
        return
    shown = f"{len(made.files)} of " if made.count > len(made.files) else ""
    count = f"more than {made.count:,} files" if made.more else words.count(made.count, "file")
    box = st.expander(
        f"In its folder on the node: {shown}{count}",
        expanded=made.count <= OPEN_FILES,
        key=f"monitor_files_{task.id}",
        on_change="rerun",
    )
    if box.open:
        with box.container(gap="xsmall"):
            for file in made.files:
                _file(account, job_id, task, file)


def _file(account: Account, job_id: str, task: TaskRow, file: NodeFile) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{words.plain(file.name)}, {words.size(file.size)}", width="stretch")
        link = signing.signed_url("file", account, job=job_id, task=task.id, file=file.name)
        download_button(
            f"Download {file.name}",
            session.origin() + link,
            key=f"monitor_file_{task.id}_{file.name}",
            shown="Download",
        )


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
