"""The two charts of the Monitor, built once for a picture however many people look at it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

import streamlit as st

from batch_core.monitor import Snapshot
from pages.charts import heatmap, timeline
from pages.charts.axis import pool_start, run_axis
from pages.charts.bars import Waiting
from pages.components.live_chart import Click, PackedChart, live_chart, pack
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_tables import SHOWN, attempt_table, node_table, phase_table
from pages.shell import words

AXES = {"Elapsed": True, "Clock": False}
CHART, TABLE = "Chart", "Table"


def charts(fingerprint: str, watched: Watched, snapshot: Snapshot) -> None:
    """Nodes on the left, time on the right, each as a chart or as a table; what is clicked is kept for the details."""
    left, right = st.columns([2, 3])
    with left:
        _nodes_part(fingerprint, watched, snapshot)
    with right:
        _time_part(fingerprint, watched, snapshot)


def _nodes_part(fingerprint: str, watched: Watched, snapshot: Snapshot) -> None:
    zone, target = words.zone(), wanted_nodes(snapshot)
    with st.container(border=False, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Nodes** ({len(snapshot.nodes):,} of {target:,})", width="stretch")
        table = _choice("Nodes as", [CHART, TABLE], "monitor_nodes_as") == TABLE
    if table:
        node_table("monitor_nodes_rows", snapshot, SHOWN)
        return
    if not snapshot.nodes:
        st.caption("There are no nodes to show.")
        return
    nodes = _once(
        (fingerprint, watched, zone.key, "nodes"),
        (snapshot.nodes, snapshot.spans, snapshot.pool),
        lambda: _nodes(watched, snapshot, zone),
    )
    _keep(live_chart("monitor_nodes", nodes), snapshot)


def _time_part(fingerprint: str, watched: Watched, snapshot: Snapshot) -> None:
    zone, now, alone = words.zone(), _now(snapshot), watched.job_id is None
    relative = False
    with st.container(border=False, horizontal=True, vertical_alignment="center"):
        st.markdown(
            "**Timeline**" + (" by minute" if timeline.too_many(snapshot.spans) else ""), width="stretch"
        )
        if not alone:
            relative = AXES[_choice("Time as", list(AXES), "monitor_axis")]
        table = _choice("Timeline as", [CHART, TABLE], "monitor_time_as") == TABLE
    if table:
        (phase_table if alone else attempt_table)(snapshot)
        return
    tasks = _once(
        (fingerprint, watched, zone.key, "relative" if relative else "clock"),
        (now, snapshot.nodes, snapshot.spans, snapshot.phases, snapshot.tasks, snapshot.places),
        lambda: _timeline(watched, snapshot, now, zone, relative),
    )
    _keep(live_chart("monitor_timeline", tasks), snapshot)


def _choice(label: str, options: list[str], key: str) -> str:
    """One of a few, the first at first; kept while pages are switched."""
    return st.segmented_control(
        label,
        options,
        default=options[0],
        required=True,
        key=key,
        label_visibility="collapsed",
        persist_state="session",
    )


def _keep(clicked: Click | None, snapshot: Snapshot) -> None:
    """What was clicked is what the details show."""
    if clicked:
        st.session_state[SHOWN] = _named(clicked, snapshot)


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
