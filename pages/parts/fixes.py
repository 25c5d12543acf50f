"""What can be done about what holds a job up: one press beside the sentence that tells of it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from batch_core import holding, pools, remedies
from batch_core.account import Account
from batch_core.errors import DashboardError
from batch_core.holdups import Holdup, wanted
from batch_core.monitor import Snapshot
from batch_core.pools import LOCAL_NODES, PoolInfo
from pages.charts.labels import node_name
from pages.components.live_chart import Click
from pages.parts.monitor_tables import SHOWN
from pages.parts.pool_form import number
from pages.parts.steps import LOOKS_ONLY, Step, names, step_button
from pages.shell import session
from pages.shell.words import count

SEE_NODE = ("start task failed", "start task runs", "unusable", "silent", "switched off")
SEE_TASK = ("slots too few", "parent failed", "parent missing", "parent not done")
TO_POOL = ("cannot start", "pool gone", "pool deleted", "quota", "allocation", "no nodes", "slots too few")


def fix(account: Account, found: Holdup, snapshot: Snapshot, kept_in: str = SHOWN) -> None:
    """The buttons for a hold-up: what helps, and where more of it is told (details go to `kept_in`)."""
    pool, job = snapshot.pool, snapshot.job
    with st.container(horizontal=True, vertical_alignment="center"):
        if pool and found.kind in _RESIZES:
            _resize(account, pool, found, _RESIZES[found.kind])
        if pool and found.kind in _POOL_STEPS:
            _step(account, found, _POOL_STEPS[found.kind](account, pool, found))
        if job and found.kind in _JOB_STEPS:
            _step(account, found, _JOB_STEPS[found.kind](account, job.id, found))
        if found.kind in SEE_NODE:
            _see("See the node", "dns", Click("node", found.nodes[0].id), kept_in)
        if found.kind in SEE_TASK and found.tasks:
            _see("See the task", "task", Click("task", found.tasks[0].id), kept_in)
        if found.kind in TO_POOL and kept_in == SHOWN:
            st.page_link("pages/pool.py", label="Pool", icon=":material/dns:")


def _see(label: str, icon: str, what: Click, kept_in: str) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        key=f"{kept_in}_from_line",
        on_click=lambda: st.session_state.update({kept_in: what}),
    )


def _step(account: Account, found: Holdup, step: Step) -> None:
    why_not = LOOKS_ONLY if account.look_only else ""
    step_button(step, f"fix_{found.kind.replace(' ', '_')}", why_not, "primary")


def _attempt(work: Callable[[], None], said: str) -> None:
    try:
        work()
    except DashboardError as error:
        session.show_error(error)
        return
    st.toast(said)


def _ask_again(account: Account, pool: PoolInfo, found: Holdup) -> Step:
    def again() -> None:
        pools.resize(account, pool.id, pool.target_dedicated, pool.target_spot)

    return Step("Try again", "refresh", again, f"{count(wanted(pool), 'node')} are asked for again.")


def _restart(account: Account, pool: PoolInfo, found: Holdup) -> Step:
    ids, asked = _first(found)
    whose = "Its start task runs" if len(ids) == 1 else "Their start tasks run"
    return Step(
        f"Restart {_these(len(found.nodes), 'node')}",
        "restart_alt",
        lambda: remedies.restart(account, pool.id, ids),
        "Restarting.",
        f"{asked}. {whose} again. What runs there goes back to waiting and begins anew.",
    )


def _remove(account: Account, pool: PoolInfo, found: Holdup) -> Step:
    ids, asked = _first(found)
    leaves = "leaves" if len(ids) == 1 else "leave"
    return Step(
        f"Remove {_these(len(found.nodes), 'node')}",
        "delete",
        lambda: remedies.remove(account, pool.id, ids),
        "Removing. Resize the pool to have others in their place.",
        f"{asked} {leaves} the pool, which then has {count(len(ids), 'node')} less. "
        "What runs there goes back to waiting.",
    )


def _first(found: Holdup) -> tuple[list[str], str]:
    """The ids of the nodes that one press is for, and their names."""
    nodes = found.nodes[: remedies.AT_ONCE]
    return [node.id for node in nodes], names([node_name(node.id, node.order) for node in nodes])


def _let_start(account: Account, pool: PoolInfo, found: Holdup) -> Step:
    ids = [node.id for node in found.nodes]
    label = f"Let tasks start on {'it' if len(ids) == 1 else 'them'}"
    return Step(
        label, "play_arrow", lambda: remedies.let_tasks_start(account, pool.id, ids), "Tasks start again."
    )


def _enable(account: Account, job_id: str, found: Holdup) -> Step:
    return Step(
        "Enable the job",
        "play_arrow",
        lambda: holding.enable(account, job_id),
        "The job's tasks start again.",
    )


def _run_again(account: Account, job_id: str, found: Holdup) -> Step:
    ids = [task.id for task in found.tasks]
    label = "Run it again" if len(ids) == 1 else f"Run {_these(len(ids), 'task')} again"
    return Step(label, "replay", lambda: remedies.run_again(account, job_id, ids), "It runs again.")


def _these(number: int, thing: str) -> str:
    """the node, 5 nodes, or the first hundred of more."""
    if number > remedies.AT_ONCE:
        return f"{remedies.AT_ONCE} of {count(number, thing)}"
    return f"the {thing}" if number == 1 else count(number, thing)


def _stop_tasks(account: Account, job_id: str, found: Holdup) -> Step:
    tasks = found.tasks[: remedies.AT_ONCE]
    ids = [task.id for task in tasks]
    ends = "ends and makes" if len(ids) == 1 else "end and make"
    return Step(
        f"Stop {_these(len(found.tasks), 'task')}",
        "stop_circle",
        lambda: remedies.stop_tasks(account, job_id, ids),
        "Stopped.",
        f"{names([task.name for task in tasks])} {ends} no result. The job's other tasks go on.",
    )


_POOL_STEPS: dict[str, Callable[[Account, PoolInfo, Holdup], Step]] = {
    "allocation": _ask_again,
    "no nodes": _ask_again,
    "start task failed": _restart,
    "unusable": _remove,
    "silent": _remove,
    "switched off": _let_start,
}
_JOB_STEPS: dict[str, Callable[[Account, str, Holdup], Step]] = {
    "disabled": _enable,
    "parent failed": _run_again,
    "parent missing": _stop_tasks,
}


def _what_fits(pool: PoolInfo, found: Holdup) -> tuple[int, int]:
    """As many as there are; where there are none, the kind of nodes whose quota is not said to be used up."""
    if pool.dedicated or pool.spot:
        return pool.dedicated, pool.spot
    spot_is_out = any("LowPriority" in code or "Spot" in code for code in pool.error_codes)
    return (wanted(pool), 0) if spot_is_out else (0, wanted(pool))


def _some(pool: PoolInfo, found: Holdup) -> tuple[int, int]:
    return LOCAL_NODES, 0


def _more(pool: PoolInfo, found: Holdup) -> tuple[int, int]:
    """Enough for all that waits, at most twice as many; of the kind that most of them are."""
    more = min(max(1, -(-found.waiting // pool.slots)), max(1, wanted(pool)))
    of_spot = pool.target_spot > pool.target_dedicated
    return pool.target_dedicated + more * (not of_spot), pool.target_spot + more * of_spot


def _dedicated(pool: PoolInfo, found: Holdup) -> tuple[int, int]:
    taken = len(found.nodes)
    return pool.target_dedicated + taken, max(0, pool.target_spot - taken)


_RESIZES: dict[str, tuple[str, Callable[[PoolInfo, Holdup], tuple[int, int]]]] = {
    "quota": ("Resize the pool", _what_fits),
    "no nodes wanted": ("Resize the pool", _some),
    "slots taken": ("Add nodes", _more),
    "preempted": ("Take dedicated nodes", _dedicated),
}


def _resize(
    account: Account,
    pool: PoolInfo,
    found: Holdup,
    proposal: tuple[str, Callable[[PoolInfo, Holdup], tuple[int, int]]],
) -> None:
    """A proposal for another size, to be looked at and changed before it is asked for."""
    label, proposed = proposal
    key = f"fix_{found.kind.replace(' ', '_')}_{pool.id}"
    with st.popover(label, icon=":material/open_in_full:", type="primary", disabled=account.look_only):
        first = proposed(pool, found)
        dedicated = number("Dedicated nodes", first[0], f"{key}_dedicated", keep=False)
        spot = number("Spot nodes", first[1], f"{key}_spot", keep=False)
        if st.button("Resize", key=key, type="primary", disabled=account.look_only):
            _attempt(lambda: pools.resize(account, pool.id, dedicated, spot), "The pool is being resized.")
