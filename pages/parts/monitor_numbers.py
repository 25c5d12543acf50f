"""Below the charts: what is out of step in a run, and its numbers over time."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from batch_core.forecast import Laggard, Numbers, OddNode
from batch_core.monitor import Snapshot
from pages.charts import slots
from pages.charts.axis import run_axis
from pages.charts.labels import duration, node_name
from pages.components.live_chart import Click, live_chart, pack
from pages.parts.drawn import CHART, TABLE, choice, once
from pages.parts.monitor_cards import took
from pages.parts.monitor_choice import Watched
from pages.parts.monitor_tables import SHOWN
from pages.parts.numbers import per_time
from pages.shell import words

FLAGS = 3  # of nodes, and of tasks, that are named
ROWS = 300


def flags(snapshot: Snapshot, numbers: Numbers | None) -> None:
    """Nodes on which everything failed or that are slow, and tasks that lag behind; each leads to its details."""
    if numbers is None or not (numbers.odd_nodes or numbers.laggards):
        return
    st.subheader("Out of step")
    for odd in numbers.odd_nodes[:FLAGS]:
        _flag(_node_words(odd, snapshot), "See the node", Click("node", odd.node_id), "dns")
    for late in numbers.laggards[:FLAGS]:
        _flag(_late_words(late, snapshot), "See the task", Click("task", late.task_id), "hourglass_bottom")
    more = max(0, len(numbers.odd_nodes) - FLAGS), max(0, len(numbers.laggards) - FLAGS)
    if any(more):
        told = [
            words.count(number, thing) for number, thing in zip(more, ("node", "task"), strict=True) if number
        ]
        st.caption(f"and {' and '.join(told)} more")


def _flag(text: str, label: str, what: Click, icon: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/{icon}: {text}", width="stretch")
        st.button(
            label,
            key=f"odd_{what.kind}_{what.id}",
            on_click=lambda: st.session_state.update({SHOWN: what}),
        )


def _node_words(odd: OddNode, snapshot: Snapshot) -> str:
    name = _name(odd.node_id, snapshot)
    if odd.failed:
        return f"**{name}**: all {odd.failed:,} that ran there failed, while elsewhere tasks end well."
    return f"**{name}** takes {odd.times:.1f} times as long as the others."


def _late_words(late: Laggard, snapshot: Snapshot) -> str:
    return (
        f"**{words.plain(late.name)}** has been running for {duration(late.lasts)} on "
        f"{_name(late.node_id, snapshot)}; about {duration(late.expected)} was to be expected."
    )


def _name(node_id: str, snapshot: Snapshot) -> str:
    order = snapshot.places.get(node_id)
    return words.plain(node_id if order is None else node_name(node_id, order))


def over_time(fingerprint: str, watched: Watched, snapshot: Snapshot, numbers: Numbers | None) -> None:
    """Folded: how many slots were busy when, as a chart or a table, and the sums of it."""
    if numbers is None or not numbers.load:
        return
    folded = st.expander(
        "Numbers over time", icon=":material/area_chart:", key="monitor_numbers", on_change="rerun"
    )
    if not folded.open:
        return
    with folded:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(_sums(snapshot, numbers), width="stretch")
            table = choice("Numbers as", [CHART, TABLE], "monitor_numbers_as") == TABLE
        if table:
            _table(numbers)
            return
        zone = words.zone()
        job = snapshot.job
        start = min(numbers.load[0].start, job.created) if job else numbers.load[0].start
        end = max(numbers.load[-1].start + numbers.width, start)

        def draw() -> dict:
            axis = run_axis(start, end, zone, relative=job is not None)
            return slots.slots_chart(numbers.load, numbers.width, axis, f"{watched} slots")

        chart = once(
            (fingerprint, watched, zone.key, "slots"),
            (numbers.load,),
            lambda: pack(draw(), alt=slots.alt_text(numbers.load)),
        )
        live_chart("monitor_slots", chart)


def _sums(snapshot: Snapshot, numbers: Numbers) -> str:
    """The sums in a line."""
    seconds = sum(one.busy for one in numbers.load) * numbers.width.total_seconds()
    told = [f"{words.count(numbers.busy, 'slot')} busy now"]
    if numbers.rate:
        told.append(f"{per_time(numbers.rate)} end")
    told.append(f"{numbers.node_hours:,.2f} node-hours, {seconds / 3600:,.2f} slot-hours of work")
    told.append(f"{duration(took(snapshot, numbers))} in all")
    return " · ".join(told)


def _table(numbers: Numbers) -> None:
    shown = numbers.load[-ROWS:]
    frame = pd.DataFrame(
        {
            "From": [words.when(one.start, seconds=True) for one in shown],
            "Busy slots": [round(one.busy, 1) for one in shown],
            "Done": [one.done for one in shown],
        }
    )
    st.dataframe(frame, hide_index=True, key="monitor_numbers_rows", height=240)
    st.caption(f"Each row is {duration(numbers.width)}.")
