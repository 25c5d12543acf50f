"""The two charts of the Monitor, built once for a picture however many people look at it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

import streamlit as st

from batch_core.monitor import Snapshot
from pages.charts import heatmap, timeline
from pages.components.live_chart import Click, PackedChart, live_chart, pack
from pages.parts.monitor_choice import Watched
from pages.shell import words

AXES = {"Since the start": True, "Clock": False}


def charts(fingerprint: str, watched: Watched, snapshot: Snapshot) -> None:
    """Nodes on the left, time on the right; a click is kept for the details below."""
    zone = words.zone()
    left, right = st.columns([2, 3])
    with left:
        target = wanted_nodes(snapshot)
        with st.container(height=44, border=False, horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Nodes** ({len(snapshot.nodes):,} of {target:,})")
        nodes = _once(
            (fingerprint, watched, zone.key, "nodes"),
            (snapshot.nodes, snapshot.spans, snapshot.pool),
            lambda: _nodes(watched, snapshot, zone),
        )
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
        now, relative = _now(snapshot), AXES[axis]
        tasks = _once(
            (fingerprint, watched, zone.key, "relative" if relative else "clock"),
            (now, snapshot.nodes, snapshot.spans, snapshot.phases, snapshot.tasks),
            lambda: _timeline(watched, snapshot, now, zone, relative),
        )
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


@st.cache_resource(max_entries=64, show_spinner=False)
def _slot(key: tuple[Any, ...]) -> dict[str, Any]:
    """Where the last chart for a key is kept, for all sessions that have the account."""
    return {}


def _once(key: tuple[Any, ...], made_of: tuple[Any, ...], draw: Callable[[], PackedChart]) -> PackedChart:
    """The chart that was drawn of the same things before, else a new one."""
    slot = _slot(key)
    kept = slot.get("chart")
    if kept is None or kept[0] != made_of:
        kept = slot["chart"] = (made_of, draw())
    return kept[1]


def _nodes(watched: Watched, snapshot: Snapshot, zone: tzinfo) -> PackedChart:
    working_on: dict[str, list[str]] = defaultdict(list)
    for span in snapshot.spans:
        if span.end is None:
            working_on[span.node_id].append(span.name)
    figure = heatmap.heatmap(
        snapshot.nodes, slots=snapshot.slots, working_on=working_on, zone=zone, view=f"{watched}"
    )
    return pack(figure, alt=heatmap.alt_text(snapshot.nodes, wanted_nodes(snapshot)))


def _timeline(
    watched: Watched, snapshot: Snapshot, now: datetime, zone: tzinfo, relative: bool
) -> PackedChart:
    job, spans = snapshot.job, snapshot.spans
    began = job.created if job else min((node.since for node in snapshot.nodes), default=now)
    start = min([began, *(span.start for span in spans)])
    queued = [task.created or task.since for task in snapshot.tasks if task.state == "active"]
    figure = timeline.timeline(
        snapshot.nodes,
        spans,
        snapshot.phases,
        slots=snapshot.slots,
        axis=timeline.run_axis(start, now, zone, relative=relative),
        view=f"{watched} {relative} {timeline.by_minute(spans)}",
        waiting=timeline.Waiting(len(queued), min(queued)) if queued else None,
    )
    return pack(figure, alt=timeline.alt_text(spans))
