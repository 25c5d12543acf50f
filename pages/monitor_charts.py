"""The two charts of the Monitor, built once for a picture however many people look at it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from batch_core.monitor import Snapshot
from pages import words
from pages.charts import heatmap, timeline
from pages.components.live_chart import Click, PackedChart, live_chart, pack
from pages.monitor_choice import Watched

AXES = {"Since the start": True, "Clock": False}


def charts(watched: Watched, snapshot: Snapshot) -> None:
    """Nodes on the left, time on the right; a click is kept for the details below."""
    zone = words.zone()
    left, right = st.columns([2, 3])
    with left:
        target = wanted_nodes(snapshot)
        with st.container(height=44, border=False):
            st.markdown(f"**Nodes** ({len(snapshot.nodes):,} of {target:,})")
        nodes = _nodes(watched, snapshot.version, zone.key, snapshot)
        clicked = live_chart("monitor_nodes", nodes)
    with right:
        with st.container(height=44, border=False, horizontal=True, vertical_alignment="center"):
            st.markdown("**Timeline**" + (" by minute" if timeline.by_minute(snapshot.spans) else ""))
            axis = st.segmented_control(
                "Axis",
                list(AXES),
                default="Since the start",
                required=True,
                key="monitor_axis",
                label_visibility="collapsed",
                persist_state="session",
            )
        now = _now(snapshot)
        tasks = _timeline(watched, snapshot.version, now, zone.key, AXES[axis], snapshot)
        clicked = live_chart("monitor_timeline", tasks) or clicked
    if clicked:
        st.session_state["monitor_shown"] = _named(clicked, snapshot)


def wanted_nodes(snapshot: Snapshot) -> int:
    pool = snapshot.pool
    return max(len(snapshot.nodes), pool.target_dedicated + pool.target_spot if pool else 0)


def _named(clicked: Click, snapshot: Snapshot) -> Click | None:
    """A place in the heatmap as the node that lies there."""
    if clicked.kind != "place":
        return clicked
    return next((Click("node", node.id) for node in snapshot.nodes if str(node.order) == clicked.id), None)


def _now(snapshot: Snapshot) -> datetime:
    """Where the time axis ends: the moment of the picture, or the end of a job that is over."""
    job = snapshot.job
    if job is None or job.ended is None:
        return snapshot.taken_at
    return max([job.ended, *(span.end for span in snapshot.spans if span.end)])


@st.cache_data(max_entries=32, show_spinner=False)
def _nodes(watched: Watched, version: int, zone: str, _snapshot: Snapshot) -> PackedChart:
    working_on: dict[str, list[str]] = defaultdict(list)
    for span in _snapshot.spans:
        if span.end is None:
            working_on[span.node_id].append(span.name)
    figure = heatmap.heatmap(
        _snapshot.nodes,
        slots=_snapshot.slots,
        working_on=working_on,
        zone=ZoneInfo(zone),
        view=f"{watched}",
    )
    return pack(figure, alt=heatmap.alt_text(_snapshot.nodes, wanted_nodes(_snapshot)))


@st.cache_data(max_entries=32, show_spinner=False)
def _timeline(
    watched: Watched, version: int, now: datetime, zone: str, relative: bool, _snapshot: Snapshot
) -> PackedChart:
    job = _snapshot.job
    spans, phases = _snapshot.spans, _snapshot.phases
    began = job.created if job else min((node.since for node in _snapshot.nodes), default=now)
    start = min([began, *(span.start for span in spans)])
    queued = [task.created or task.since for task in _snapshot.tasks if task.state == "active"]
    figure = timeline.timeline(
        _snapshot.nodes,
        spans,
        phases,
        slots=_snapshot.slots,
        axis=timeline.run_axis(start, now, ZoneInfo(zone), relative=relative),
        view=f"{watched} {relative} {timeline.by_minute(spans)}",
        waiting=timeline.Waiting(len(queued), min(queued)) if queued else None,
    )
    return pack(figure, alt=timeline.alt_text(spans))
