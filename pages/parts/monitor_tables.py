"""Tasks, attempts and nodes as tables; choosing a row opens its details."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from batch_core.monitor import Snapshot, TaskRow
from pages.charts.labels import duration, node_name
from pages.charts.palette import (
    OFFLINE,
    PREEMPTED,
    SEVERITY,
    node_family,
    node_words,
    outcome_family,
    outcome_words,
    task_family,
    task_words,
)
from pages.components.live_chart import Click
from pages.parts.monitor_work import Work, once
from pages.shell import words

ROWS = 500
PAGE = 100  # rows of a table that grows with the job
SHOWN = "monitor_shown"  # the node or task whose details are open, a Click


def task_table(key: str, chosen: np.ndarray[Any, np.dtype[np.bool_]], work: Work) -> None:
    """The chosen tasks as a table, the newest change first."""
    first, last = paged(key, int(np.count_nonzero(chosen)), "the newest first")
    made = once((key, first, last, words.zone().key), work, lambda: _tasks(chosen, work, first, last))
    chosen_row(key, made[0], made[1], SHOWN)


def _tasks(
    chosen: np.ndarray[Any, np.dtype[np.bool_]], work: Work, first: int, last: int
) -> tuple[pd.DataFrame, list[Click]]:
    shown = work.tasks.newest(first, last, chosen)
    now, names = work.snapshot.taken_at, _names(work.snapshot)
    frame = pd.DataFrame(
        {
            "File": [task.name for task in shown],
            "State": [task_state(task, work) for task in shown],
            "Since": [words.when(task.since) for task in shown],
            "Took": [duration((task.ended or now) - task.started) if task.started else "" for task in shown],
            "Node": [names.get(task.node_id or "", task.node_id) for task in shown],
            "Attempts": [task.retries + 1 for task in shown],
            "Task": [task.id for task in shown],
        }
    )
    return frame, [Click("task", task.id) for task in shown]


def attempt_table(work: Work) -> None:
    """The timeline as a table: what ran where and when, what began last at the end."""
    if not len(work.attempts):
        st.caption("Nothing has run yet.")
        return
    first, last = paged("monitor_attempts", len(work.attempts), "those that began last first")
    by_start = np.argsort(-work.attempts.start, kind="stable")[first:last]
    shown = [work.attempts.spans[at] for at in by_start.tolist()]
    now, names = work.snapshot.taken_at, _names(work.snapshot)
    frame = pd.DataFrame(
        {
            "File": [span.name for span in shown],
            "Node": [names.get(span.node_id, span.node_id) for span in shown],
            "Began": [_clock(span.start) for span in shown],
            "Took": ["–" if span.missed else duration((span.end or now) - span.start) for span in shown],
            "Became": [
                f"{outcome_family(span.outcome).glyph} {outcome_words(span.outcome, span.missed)}"
                for span in shown
            ],
            "Attempt": [span.attempt for span in shown],
        }
    )
    chosen_row("monitor_attempts", frame, [Click("task", span.task_id) for span in shown], SHOWN)


def paged(key: str, total: int, order: str) -> tuple[int, int]:
    """Which rows of a long table are shown: the pages to choose from, and how many of how many these are."""
    if total <= PAGE:
        return 0, total
    pages = -(-total // PAGE)
    with st.container(horizontal=True, vertical_alignment="center"):
        page = min(st.session_state.get(f"{key}_page") or 1, pages)
        first, last = (page - 1) * PAGE, min(page * PAGE, total)
        st.caption(f"Showing {first + 1:,}–{last:,} of {total:,}, {order}", width="stretch")
        pages_to_choose(pages, f"{key}_page", visible=5)
    return first, last


def pages_to_choose(count: int, key: str, *, visible: int) -> None:
    """The pages of something long; of one that has become shorter the last."""
    if (st.session_state.get(key) or 1) > count:
        st.session_state[key] = count
    st.pagination(count, max_visible_pages=visible, key=key)


def phase_table(snapshot: Snapshot) -> None:
    """The timeline of a pool without a job as a table: when its nodes were starting, at work or away."""
    shown = snapshot.phases[-ROWS:]
    if not shown:
        st.caption("Nothing has run yet.")
        return
    now, names = snapshot.taken_at, _names(snapshot)
    frame = pd.DataFrame(
        {
            "Node": [names.get(phase.node_id, phase.node_id) for phase in shown],
            "Was": [f"{node_family(phase.state).glyph} {node_words(phase.state)}" for phase in shown],
            "From": [_clock(phase.start) for phase in shown],
            "Lasted": [duration((phase.end or now) - phase.start) for phase in shown],
        }
    )
    chosen_row("monitor_phases", frame, [Click("node", phase.node_id) for phase in shown], SHOWN)
    if len(snapshot.phases) > ROWS:
        st.caption(f"The last {ROWS:,} of {len(snapshot.phases):,}.")


def node_table(key: str, snapshot: Snapshot, kept_in: str) -> None:
    """The heatmap as a table, in the order in which the nodes came; those in trouble are the last to be left out."""
    worst_first = sorted(snapshot.nodes, key=lambda node: -SEVERITY.index(node_family(node.state)))
    nodes = sorted(worst_first[: 2 * ROWS], key=lambda node: node.order)
    if not nodes:
        st.caption("There are no nodes.")
        return
    frame = pd.DataFrame(
        {
            "Node": [node_name(node.id, node.order) for node in nodes],
            "State": [
                f"{node_family(node.state).glyph} {node_words(node.state, node.accepts)}" for node in nodes
            ],
            "State since": [node.since for node in nodes],
            "Kind": ["dedicated" if node.dedicated else "Spot" for node in nodes],
            f"Of {words.count(snapshot.slots, 'slot')}": [node.slots_used for node in nodes],
            "Tasks run": [node.tasks_run for node in nodes],
            "Problem": [node.error for node in nodes],
            "Address": [node.ip for node in nodes],
            "Id": [node.id for node in nodes],
        }
    )
    if not frame["Problem"].any():
        frame = frame.drop(columns="Problem")
    chosen_row(key, frame, [Click("node", node.id) for node in nodes], kept_in)
    left_out = ", those in trouble first" if len(snapshot.nodes) > len(nodes) else ""
    st.caption(f"Showing {len(nodes):,} of {len(snapshot.nodes):,}{left_out}.")


def chosen_row(key: str, frame: pd.DataFrame, things: Sequence[Click], kept_in: str) -> None:
    """A table of which a row can be chosen; what that row is about is then kept in the session under `kept_in`.

    Only a choice counts, not where it lies: the rows move while the table is refreshed.
    """
    st.dataframe(
        frame,
        hide_index=True,
        key=key,
        on_select=_row_chooser(key, things, kept_in),
        selection_mode="single-row",
        column_config={
            "State since": st.column_config.DatetimeColumn(
                format="distance", timezone=words.zone().key, width=110
            ),
            "State": st.column_config.TextColumn(width=150),
        },
    )


def _row_chooser(key: str, things: Sequence[Click], kept_in: str) -> Callable[[], None]:
    def choose() -> None:
        rows = st.session_state[key].selection.rows
        if rows and rows[0] < len(things):
            st.session_state[kept_in] = things[rows[0]]

    return choose


def task_state(task: TaskRow, work: Work) -> str:
    """A task's state with its glyph; of one that lost its node, who took that."""
    if task.stopped:
        return f"{OFFLINE.glyph} stopped"
    if task.lost:
        if work.interrupted.get(task.id) == "preempted":
            return f"{PREEMPTED.glyph} {outcome_words('preempted')}; it starts again by itself"
        return f"{OFFLINE.glyph} {outcome_words('lost')}; it starts again by itself"
    return f"{task_family(task.state, task.result).glyph} {task_words(task.state, task.result)}"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(words.zone()):%H:%M:%S}"


def _names(snapshot: Snapshot) -> dict[str, str]:
    """The short names of all nodes that the pool ever had."""
    orders = {**snapshot.places, **{node.id: node.order for node in snapshot.nodes}}
    return {node_id: node_name(node_id, order) for node_id, order in orders.items()}
