"""The Monitor's timeline: the chart with its pages of lanes, or the same as a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import streamlit as st

from batch_core.monitor import Snapshot
from pages.charts import timeline
from pages.charts.axis import Axis, pool_start, run_axis
from pages.charts.columns import NEVER, milliseconds, tasks_of
from pages.charts.labels import duration
from pages.charts.lanes import Order, order
from pages.components.live_chart import Click, PackedChart, live_chart, pack, window_of
from pages.parts.drawn import CHART, TABLE, choice
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_progress import expected, look_closer
from pages.parts.monitor_tables import SHOWN, attempt_table, pages_to_choose, phase_table
from pages.parts.monitor_work import Work, once, work_of
from pages.shell import session, words

AXES = {"Elapsed": True, "Clock": False}
CHART_KEY = "monitor_timeline"
PAGE = "monitor_lanes_page"
TROUBLED = "monitor_lanes_troubled"  # (what is watched, the nodes that come first until somebody sorts again)


@dataclass(frozen=True)
class _Drawn:
    """A chart, and what of all that there is it shows."""

    chart: PackedChart
    shown: dict[str, Any]


def time_part(fingerprint: str, watched: Watched, snapshot: Snapshot) -> None:
    """What ran where and when, as a chart or as a table; what is clicked is kept for the details."""
    alone = watched.job_id is None
    relative, work = False, work_of(fingerprint, watched, snapshot)
    with st.container(border=False, horizontal=True, vertical_alignment="center"):
        st.markdown("**Timeline**", width="stretch")
        if not alone:
            relative = AXES[choice("Time as", list(AXES), "monitor_axis")]
        table = choice("Timeline as", [CHART, TABLE], "monitor_time_as") == TABLE
    if table:
        phase_table(snapshot) if alone else attempt_table(work)
        return
    axis = once(("axis", words.zone().key, relative), work, lambda: _axis(work, relative))
    lanes = _order(watched, work)
    part = timeline.Part(_first(lanes, work, snapshot.slots), _window(watched, axis))
    key = ("timeline", words.zone().key, relative, part, hash(lanes.node_ids))
    drawn = once(key, work, lambda: _draw(watched, work, lanes, axis, part))
    if clicked := live_chart(CHART_KEY, drawn.chart):
        st.session_state[SHOWN] = clicked
    if st.session_state.get("monitor_paused") and axis.live and not snapshot.past:
        _news(fingerprint, watched, work.attempts.events)
    _told(watched, work, drawn.shown)
    _one_node(watched, work, axis, drawn.shown)
    look_closer(watched, snapshot, drawn.shown["running"])


@st.fragment(run_every=2)
def _news(fingerprint: str, watched: Watched, seen: int) -> None:
    """What began and ended since the page was paused; a press leads back to now."""
    newest = session.recorder(watched.pool_id, watched.job_id).snapshot()
    new = work_of(fingerprint, watched, newest).attempts.events - seen if newest else 0
    if new > 0 and st.button(
        f"{new:,} new · Follow now",
        icon=":material/play_arrow:",
        key="monitor_news",
        on_click=lambda: st.session_state.update(monitor_paused=False),
    ):
        st.rerun()


def _told(watched: Watched, work: Work, shown: dict[str, Any]) -> None:
    """What of all that there is the chart shows, and the pages of the rest."""
    last = shown["first"] + shown["nodes"]
    nodes = f"nodes {shown['first'] + 1:,}–{last:,}" if shown["nodes"] < shown["of_nodes"] else f"{last:,}"
    told = f"Showing {nodes} of {words.count(shown['of_nodes'], 'node')}"
    if shown["of_tasks"]:
        told += f" · {shown['tasks']:,} of {words.count(shown['of_tasks'], 'attempt')}"
    if shown["step"]:
        cell = duration(timedelta(seconds=shown["step"]))
        told += f", the worst in each {cell}. Zoom in or choose a node to see each one"
    if shown["nodes"] == shown["of_nodes"]:
        st.caption(told)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(told, width="stretch")
        if _first_ones(watched, work) != work.troubled:
            st.button(
                "Trouble first",
                icon=":material/sort:",
                key="monitor_sort",
                help="Sort the nodes again: those where something failed come first.",
                on_click=_sort_again,
                args=(watched, work.troubled),
            )
        pages_to_choose(-(-shown["of_nodes"] // shown["size"]), PAGE, visible=0)


def _sort_again(watched: Watched, first: frozenset[str]) -> None:
    st.session_state[TROUBLED] = (watched, first)
    st.session_state.pop(PAGE, None)


def _one_node(watched: Watched, work: Work, axis: Axis, shown: dict[str, Any]) -> None:
    """The bars of the node that is chosen, where the chart above has none."""
    chosen: Click | None = st.session_state.get(SHOWN)
    if shown["step"] is None or chosen is None or chosen.kind != "node":
        return
    alone = Order((chosen.id,), order(work.snapshot.nodes, work.attempts, work.snapshot.places).places)
    mine = work.attempts.some(np.flatnonzero(work.attempts.on(alone.node_ids)))
    key = ("one node", words.zone().key, axis.relative, chosen.id)
    drawn = once(
        key,
        work,
        lambda: _draw(watched, Work(work.key, work.snapshot, mine, tasks_of(())), alone, axis),
    )
    st.caption(f"{words.count(len(mine), 'attempt')} on {alone.name(chosen.id)}")
    if clicked := live_chart(f"{CHART_KEY}_{chosen.id}", drawn.chart):
        st.session_state[SHOWN] = clicked


def _first_ones(watched: Watched, work: Work) -> frozenset[str]:
    """The nodes that had trouble when the lanes were sorted last."""
    kept = st.session_state.get(TROUBLED)
    if kept is None or kept[0] != watched:
        kept = st.session_state[TROUBLED] = (watched, work.troubled)
        st.session_state.pop(PAGE, None)
    return kept[1]


def _order(watched: Watched, work: Work) -> Order:
    """By place, where all fit; else those with trouble first, and then as it is until somebody sorts again."""
    nodes = work.snapshot.nodes

    def sort(first: frozenset[str] = frozenset()) -> Order:
        return order(nodes, work.attempts, _drawn_places(work), first)

    by_place = once(("by place",), work, sort)
    if len(by_place.node_ids) <= timeline.page_size(work.attempts, work.snapshot.slots):
        return by_place
    first = _first_ones(watched, work)
    return once(("in trouble first", first), work, lambda: sort(first))


def _drawn_places(work: Work) -> dict[str, int]:
    """The places of nodes that are gone, but have something in the chart."""
    drawn = {*work.attempts.ran_on, *(phase.node_id for phase in work.snapshot.phases)}
    return {id: place for id, place in work.snapshot.places.items() if id in drawn}


def _first(lanes: Order, work: Work, slots: int) -> int:
    size = timeline.page_size(work.attempts, slots)
    pages = max(1, -(-len(lanes.node_ids) // size))
    return (min(int(st.session_state.get(PAGE) or 1), pages) - 1) * size


def _window(watched: Watched, axis: Axis) -> tuple[int, int] | None:
    """The window that the chart shows, in milliseconds since 1970."""
    shown, base = window_of(CHART_KEY, _view(watched, axis)), milliseconds(axis.start)
    return (base + shown[0], base + shown[1]) if shown else None


def _view(watched: Watched, axis: Axis) -> str:
    """What a zoom is kept for."""
    return f"{watched} {axis.relative}"


def _axis(work: Work, relative: bool) -> Axis:
    """From the start to the moment of the picture, or to the end of what is over or played back."""
    snapshot, attempts = work.snapshot, work.attempts
    job, pool, now = snapshot.job, snapshot.pool, snapshot.taken_at
    ended = attempts.end[attempts.end != NEVER]
    idle = job is not None and len(ended) == len(attempts) > 0 and not snapshot.counts.active
    if job is not None and job.ended is not None:
        now = max(job.ended, _moment(ended.max()) if len(ended) else job.ended)
    elif idle:
        now = min(now, _moment(ended.max()))
    began = job.created if job else pool_start(pool.created if pool else None, now)
    start = min(began, _moment(attempts.start.min()) if len(attempts) else began)
    if snapshot.past:
        axis = run_axis(start, snapshot.taken_at, words.zone(), relative=relative, live=False)
        return replace(axis, until=snapshot.past)
    live = job is None or (job.ended is None and not idle)
    return run_axis(start, now, words.zone(), relative=relative, live=live)


def _moment(milliseconds_since_1970: int) -> datetime:
    return datetime.fromtimestamp(milliseconds_since_1970 / 1000, UTC)


def _draw(
    watched: Watched, work: Work, lanes: Order, axis: Axis, part: timeline.Part | None = None
) -> _Drawn:
    snapshot = work.snapshot
    job = snapshot.job
    limit = job.created + job.limit if job and job.limit else None
    seconds = expected(snapshot) if snapshot.steps else {}
    facts = timeline.Facts(work.tasks, snapshot.phases, snapshot.steps, limit, seconds)
    figure = timeline.timeline(
        lanes,
        work.attempts,
        facts,
        slots=snapshot.slots,
        axis=axis,
        view=_view(watched, axis),
        part=part,
    )
    shown = figure.pop("shown")
    return _Drawn(pack(figure, alt=timeline.alt_text(work.attempts, snapshot.phases)), shown)
