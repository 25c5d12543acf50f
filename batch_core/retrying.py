"""Trying files of a run again: as a new run that is linked to it, for a run that has ended takes no more tasks."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from batch_core import jobs, manifests
from batch_core.account import Account
from batch_core.conversions import Conversion, Options, conversion
from batch_core.errors import InvalidInput, NotFound
from batch_core.files import VideoFile, list_files
from batch_core.jobs import Manifest, Plan, Run
from batch_core.pools import PoolSpec


@dataclass(frozen=True)
class Inputs:
    """What a run's files are made of: videos that are in storage, and the names of those that are not any more."""

    videos: tuple[VideoFile, ...]
    gone: tuple[str, ...]


def inputs(account: Account, run_id: str, task_ids: Collection[str]) -> Inputs:
    """The videos behind these tasks of a run, in the run's order. Raises NotFound when it has no manifest."""
    wanted = [file for file in manifests.read(account, run_id).files if file.task_id in task_ids]
    stored = {video.blob: video for video in list_files(account)}
    return Inputs(
        videos=tuple(stored[file.blob] for file in wanted if file.blob in stored),
        gone=tuple(file.path for file in wanted if file.blob not in stored),
    )


def tries(account: Account, run_id: str) -> list[Run]:
    """The runs in which files of this run were tried again, newest first."""
    return [run for run in jobs.list_runs(account) if run.parent == run_id]


def plan_again(
    account: Account,
    run_id: str,
    videos: tuple[VideoFile, ...],
    conversion_id: str | None = None,
    nonce: str = "",
    pool_id: str | None = None,
    spec: PoolSpec | None = None,
    options: Options | None = None,
) -> Plan:
    """The plan that tries these files of a run again, with its conversion or another one.

    Everything else is as it was: its name with a number, quality and part (where no `options` are given), time limit,
    and, where neither `pool_id` nor `spec` is given, the pool, or for a run that had a pool of its own another one by the same specification. The same choice makes
    the same run, whoever makes it; `nonce` tells a later try from an earlier one. Raises InvalidInput when no file
    is left.
    """
    kept = manifests.read(account, run_id)
    if not videos:
        raise InvalidInput("No file is left to try again.", "Add the videos again, and convert them.")
    wanted = conversion(conversion_id or kept.conversion)
    if pool_id is None and spec is None:
        pool_id, spec = kept.pool_id, kept.spec
    return Plan(
        files=videos,
        conversion=wanted.id,
        options=kept.options if options is None else options,
        pool_id=pool_id,
        spec=spec,
        name=f"{_name(kept, videos, wanted)} ({kept.attempt + 1})",
        nonce=nonce,
        wall_clock=kept.wall_clock,
        parent=run_id,
        attempt=kept.attempt + 1,
        sample_of=replace(kept.options, start=None, end=None) if kept.sample else None,
    )


def _name(kept: Manifest, videos: tuple[VideoFile, ...], wanted: Conversion) -> str:
    """A name that somebody gave stays; one made of files and conversion is made of what they are now."""
    name = re.sub(rf" \((attempt )?{kept.attempt}\)$", "", kept.name) if kept.parent else kept.name
    try:
        usual = manifests.run_name(kept.files, conversion(kept.conversion))
    except NotFound:  # a conversion of another version
        return name
    return manifests.run_name(videos, wanted) if name == usual else name
