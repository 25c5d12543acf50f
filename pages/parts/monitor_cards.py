"""The cards above the Monitor's charts: tasks by what became of them, how fast they end, how long it may still take."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from batch_core.forecast import Numbers
from batch_core.monitor import Snapshot
from pages.charts.labels import duration
from pages.parts.monitor_words import elapsed
from pages.parts.numbers import ground, per_time, range_words
from pages.shell.words import count


def cards(snapshot: Snapshot, numbers: Numbers | None, slots: int) -> None:
    """One card each (`slots` are those of nodes that are up), as high from the start as they get, so that nothing moves when a number comes."""
    if snapshot.job is None or numbers is None:
        return
    counts, stopped = snapshot.counts, snapshot.stopped
    rate = per_time(numbers.rate) if numbers.rate else None
    told = [
        ("Done", f"{counts.succeeded} / {counts.total}", rate)
        if counts.total < 1000
        else (f"Done of {counts.total:,}", f"{counts.succeeded:,}", rate),
        ("Running", f"{counts.running:,}", f"{numbers.busy:,} of {count(slots, 'slot')}" if slots else None),
        ("Waiting", f"{counts.active:,}", None),
        ("Failed · stopped", f"{counts.failed - stopped:,} · {stopped:,}", None)
        if stopped
        else ("Failed", f"{counts.failed:,}", None),
        _time(snapshot, numbers),
    ]
    grid = st.grid(len(told), min_column_width=150, gap="xsmall")  # room for "3 min 20 s"
    for label, value, more, *help in told:
        grid.metric(
            label,
            value,
            more,
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
            help=help[0] if help else None,
        )


def _time(snapshot: Snapshot, numbers: Numbers) -> tuple[str, ...]:
    """How long it may still take; when that is over, how long it took."""
    if ended(snapshot):
        return "Took", duration(took(snapshot, numbers)), f"{numbers.node_hours:,.1f} node-hours"
    so_far = f"{duration(elapsed(snapshot))} so far"
    left = numbers.left
    if left is None:
        return "Time left", "–", so_far
    by = ", by the length of their videos" if left.by_length else ""
    return "Time left", range_words(left), ground(left), f"Known {ground(left)}{by}; {so_far}."


def ended(snapshot: Snapshot) -> bool:
    """Whether no task of the job is left, though the job itself may stay open."""
    counts, job = snapshot.counts, snapshot.job
    return job is not None and (job.over or bool(counts.total and not counts.active + counts.running))


def took(snapshot: Snapshot, numbers: Numbers) -> timedelta:
    """From the job's start to its end, or to its last task's while it stays open."""
    job = snapshot.job
    if job is not None and job.ended is None and numbers.last_end is not None:
        return max(timedelta(0), numbers.last_end - job.created)
    return elapsed(snapshot)
