"""The two charts of the Monitor, built once for a picture however many people look at it."""

from __future__ import annotations

from datetime import datetime, tzinfo

import streamlit as st

from batch_core.monitor import Snapshot
from pages.charts import timeline
from pages.charts.axis import pool_start, run_axis
from pages.charts.bars import Waiting
from pages.components.live_chart import PackedChart, live_chart, pack
from pages.parts.drawn import CHART, TABLE, choice, once
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_nodes import nodes_part
from pages.parts.monitor_tables import SHOWN, attempt_table, phase_table
from pages.shell import words

AXES = {"Elapsed": True, "Clock": False}


def charts(fingerprint: str, watched: Watched, snapshot: Snapshot) -> None:
    """Nodes on the left, time on the right, each as a chart or as a table; what is clicked is kept for the details."""
    left, right = st.columns([2, 3])
    with left:
        nodes_part(fingerprint, watched, snapshot)
    with right:
        _time_part(fingerprint, watched, snapshot)


def _time_part(fingerprint: str, watched: Watched, snapshot: Snapshot) -> None:
    zone, now, alone = words.zone(), _now(snapshot), watched.job_id is None
    relative = False
    with st.container(border=False, horizontal=True, vertical_alignment="center"):
        st.markdown(
            "**Timeline**" + (" by minute" if timeline.too_many(snapshot.spans) else ""), width="stretch"
        )
        if not alone:
            relative = AXES[choice("Time as", list(AXES), "monitor_axis")]
        table = choice("Timeline as", [CHART, TABLE], "monitor_time_as") == TABLE
    if table:
        (phase_table if alone else attempt_table)(snapshot)
        return
    tasks = once(
        (fingerprint, watched, zone.key, "relative" if relative else "clock"),
        (now, snapshot.nodes, snapshot.spans, snapshot.phases, snapshot.tasks, snapshot.places),
        lambda: _timeline(watched, snapshot, now, zone, relative),
    )
    if clicked := live_chart("monitor_timeline", tasks):
        st.session_state[SHOWN] = clicked


def _now(snapshot: Snapshot) -> datetime:
    """Where the time axis ends: the moment of the picture, or the end of a job that is over."""
    job = snapshot.job
    if job is None or job.ended is None:
        return snapshot.taken_at
    return max([job.ended, *(span.end for span in snapshot.spans if span.end)])


def _timeline(
    watched: Watched, snapshot: Snapshot, now: datetime, zone: tzinfo, relative: bool
) -> PackedChart:
    job, spans = snapshot.job, snapshot.spans
    pool = snapshot.pool
    began = job.created if job else pool_start(pool.created if pool else None, now)
    start = min([began, *(span.start for span in spans)])
    came = [node for node in snapshot.nodes if node.allocated is None or node.allocated <= now]
    queued = [task.created or task.since for task in snapshot.tasks if task.state == "active"]
    figure = timeline.timeline(
        came,
        spans,
        snapshot.phases,
        slots=snapshot.slots,
        axis=run_axis(start, now, zone, relative=relative),
        view=f"{watched} {relative} {timeline.too_many(spans)}",
        waiting=Waiting(len(queued), min(queued)) if queued else None,
        places=snapshot.places,
    )
    return pack(figure, alt=timeline.alt_text(spans, snapshot.phases))
