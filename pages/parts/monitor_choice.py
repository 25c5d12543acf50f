"""The Monitor's pickers: every pool and every job of the account, whoever made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from batch_core import monitor
from batch_core.account import Account
from batch_core.monitor import JobChoice, Snapshot
from batch_core.pools import LOCAL_POOL
from pages.parts.pickers import distinct
from pages.shell import session, words

KEPT_SECONDS = 5
NO_JOB = ""  # None would be shown as "nothing chosen yet"
JOB_STATES = {
    "active": "under way",
    "completed": "ended",
    "disabled": "disabled",
    "disabling": "being disabled",
    "enabling": "being enabled",
    "terminating": "being stopped",
    "deleting": "being deleted",
}


@dataclass(frozen=True)
class Watched:
    """A job with its pool, or a pool alone."""

    pool_id: str | None
    job_id: str | None


@st.cache_data(ttl=KEPT_SECONDS, max_entries=64, show_spinner=False)
def listed(fingerprint: str, _account: Account) -> tuple[list[str], list[JobChoice]]:
    """Pools and jobs of an account (its fingerprint is the key), asked for every few seconds at most."""
    return [pool_id for pool_id, _ in monitor.list_pool_ids(_account)], monitor.list_job_ids(_account)


def choose(account: Account, places: Sequence[DeltaGenerator]) -> Watched:
    """The job of this session, else its run, else its pool alone, else the newest job; another one by the pickers,
    which stand in two `places`."""
    pools, jobs = listed(account.fingerprint, account)
    asked, pool = asked_job(), session.current_id("pool")
    unknown = asked not in {job.id for job in jobs} if asked else pool is not None and pool not in pools
    if unknown:
        listed.clear()  # it may be younger than the list
        pools, jobs = listed(account.fingerprint, account)
    known = {job.id: job for job in jobs}
    job_id = _job(asked, known, pools)
    pool_id = known[job_id].pool_id if job_id else _pool(pools)
    return _pickers(pools, known, pool_id, job_id, places)


def asked_job() -> str | None:
    """The job that this page is asked for; a run started since it was last seen takes the place of another job."""
    run = session.current_run()
    if run and st.session_state.get("monitor_run", run) != run:
        session.set_id("job", None)
    st.session_state["monitor_run"] = run
    return session.current_id("job") or run


def _job(asked: str | None, known: dict[str, JobChoice], pools: list[str]) -> str | None:
    if asked in known:
        return asked
    if asked:
        st.warning(f"The job {words.plain(asked)} is not in this account. The newest one is shown.")
    elif session.current_id("pool") in pools:
        return None
    return next(iter(known), None)


def _pool(pools: list[str]) -> str | None:
    asked = session.current_id("pool")
    if asked in pools:
        return asked
    return LOCAL_POOL if LOCAL_POOL in pools else next(iter(pools), None)


def _pickers(
    pools: list[str],
    known: dict[str, JobChoice],
    pool_id: str | None,
    job_id: str | None,
    places: Sequence[DeltaGenerator],
) -> Watched:
    pool_options = pools if pool_id in pools or pool_id is None else [pool_id, *pools]
    names = job_names(_as_pictured(known, pool_id, job_id))
    st.session_state["monitor_pool"], st.session_state["monitor_job"] = pool_id, job_id or NO_JOB
    left, right = places
    with left:
        st.selectbox(
            "Pool",
            pool_options,
            format_func=lambda pool: pool_name(pool, pools),
            key="monitor_pool",
            on_change=_pool_chosen,
            args=(known,),
            placeholder="No pool yet",
        )
    with right:
        st.selectbox(
            "Job",
            [NO_JOB, *known],
            format_func=lambda job: names.get(job, "No job, the pool alone"),
            key="monitor_job",
            on_change=_job_chosen,
            args=(known,),
        )
    _remember(pool_id, known.get(job_id))
    return Watched(pool_id, job_id)


def _as_pictured(
    known: dict[str, JobChoice], pool_id: str | None, job_id: str | None
) -> dict[str, JobChoice]:
    """The jobs, the chosen one in the state in which the picture below shows it: the list may be newer."""
    pictured = picture(Watched(pool_id, job_id)) if job_id in known else None
    if pictured is None or pictured.job is None:
        return known
    return {**known, job_id: replace(known[job_id], state=pictured.job.state)}


def picture(watched: Watched, patience: float = 0.0) -> Snapshot | None:
    """The newest snapshot, or while paused the one that was shown last; the first is waited for so many seconds."""
    kept, key = st.session_state.get("monitor_picture", (None, None))
    if st.session_state.get("monitor_paused") and key == watched and kept is not None:
        return kept
    recorder = session.recorder(watched.pool_id, watched.job_id)
    if patience:
        recorder.wait_for_first(patience)
    newest = recorder.snapshot()
    st.session_state["monitor_picture"] = (newest, watched)
    return newest


def pool_name(pool_id: str, there: list[str]) -> str:
    """What people call a pool, and whether it is still there."""
    name = "This computer" if pool_id == LOCAL_POOL else pool_id
    return name if pool_id in there else f"{name} (gone)"


def job_names(known: Mapping[str, JobChoice]) -> dict[str, str]:
    """The jobs as people tell them apart: by name, state and time; where these are the same, by their ids too."""
    return distinct({id: job_name(job) for id, job in known.items()}, {id: id for id in known})


def job_name(job: JobChoice) -> str:
    """A job in one line."""
    return f"{job.name} · {JOB_STATES.get(job.state, job.state)} · {words.when(job.created)}"


def _pool_chosen(known: dict[str, JobChoice]) -> None:
    """The newest job of the pool that was chosen, else the pool alone."""
    pool_id = st.session_state["monitor_pool"]
    _remember(pool_id, next((job for job in known.values() if job.pool_id == pool_id), None))


def _job_chosen(known: dict[str, JobChoice]) -> None:
    chosen = st.session_state["monitor_job"]
    if chosen != NO_JOB and chosen not in known:
        return  # not a choice: a label that has changed on its way, as when the job has ended meanwhile
    job = known.get(chosen)
    _remember(job.pool_id if job else st.session_state["monitor_pool"], job)


def _remember(pool_id: str | None, job: JobChoice | None) -> None:
    """Puts the choice into the URL; one of our own runs becomes the current run of every page, and none is current
    while a pool is watched alone."""
    session.set_id("pool", pool_id)
    ours = job is not None and job.id.startswith("run-")
    if ours or job is None:
        st.session_state["monitor_run"] = job.id if job else None
        session.set_run(job.id if job else None)
    session.set_id("job", None if ours or job is None else job.id)
