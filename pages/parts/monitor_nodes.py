"""The Monitor's nodes: the heatmap, or the same as a table."""

from __future__ import annotations

from datetime import tzinfo

import streamlit as st

from batch_core.monitor import Snapshot
from pages.charts import heatmap
from pages.components.live_chart import Click, PackedChart, clicked_in, live_chart, pack
from pages.parts.drawn import CHART, TABLE, choice, once
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_progress import look_closer, on_nodes, running_on
from pages.parts.monitor_tables import SHOWN, node_table
from pages.parts.monitor_work import Work, work_of
from pages.shell import words

CHART_KEY = "monitor_nodes"
OPENED = "monitor_group"  # what is watched, and the place of the group of its nodes that is open


def nodes_part(fingerprint: str, watched: Watched, snapshot: Snapshot) -> None:
    """The nodes as a chart or as a table; what is clicked is kept for the details."""
    zone, target = words.zone(), wanted_nodes(snapshot)
    with st.container(border=False, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Nodes** ({len(snapshot.nodes):,} of {target:,})", width="stretch")
        table = choice("Nodes as", [CHART, TABLE], "monitor_nodes_as") == TABLE
    if table:
        node_table("monitor_nodes_rows", snapshot, SHOWN)
        return
    if not snapshot.nodes:
        st.caption("There are no nodes to show.")
        return
    kept_for, opened = st.session_state.get(OPENED, (watched, None))
    opened = opened if kept_for == watched else None
    minute = snapshot.taken_at.replace(second=0, microsecond=0)
    nodes = once(
        (fingerprint, watched, zone.key, "nodes", opened),
        (snapshot.nodes, snapshot.spans, snapshot.pool, snapshot.steps, minute),
        lambda: _nodes(watched, work_of(fingerprint, watched, snapshot), zone, opened),
    )
    if heatmap.in_words(snapshot.nodes, snapshot.reach):
        running = running_on(work_of(fingerprint, watched, snapshot))
        look_closer(watched, snapshot, [span.task_id for spans in running.values() for span in spans])
    clicked = live_chart(CHART_KEY, nodes, on_click=lambda: _open_or_close(watched))
    if clicked and (found := _named(clicked, snapshot)):
        st.session_state[SHOWN] = found


def _open_or_close(watched: Watched) -> None:
    """A group of nodes was clicked, or the way back to all groups."""
    clicked = clicked_in(CHART_KEY)
    if clicked and clicked.kind == heatmap.CLICK_GROUP:
        st.session_state[OPENED] = (watched, int(clicked.id))
    elif clicked and clicked.kind == heatmap.CLICK_BACK:
        st.session_state[OPENED] = (watched, None)


def wanted_nodes(snapshot: Snapshot) -> int:
    """How many nodes the pool is to have, or has when those are more."""
    pool = snapshot.pool
    return max(len(snapshot.nodes), pool.target_dedicated + pool.target_spot if pool else 0)


def _named(clicked: Click, snapshot: Snapshot) -> Click | None:
    """A place in the heatmap as the node that lies there; None for a group."""
    if clicked.kind != heatmap.CLICK_NODE:
        return None
    return next((Click("node", node.id) for node in snapshot.nodes if str(node.order) == clicked.id), None)


def _nodes(watched: Watched, work: Work, zone: tzinfo, opened: int | None) -> PackedChart:
    snapshot, running = work.snapshot, running_on(work)
    names = {node_id: [span.name for span in spans] for node_id, spans in running.items()}
    far = on_nodes(snapshot, running)
    fleet = heatmap.Fleet(snapshot.nodes, snapshot.slots, names, zone, snapshot.taken_at, far, snapshot.reach)
    figure = heatmap.heatmap(fleet, view=f"{watched}", opened=opened)
    return pack(figure, alt=heatmap.alt_text(snapshot.nodes, wanted_nodes(snapshot)))
