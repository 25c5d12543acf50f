"""A sample first: some seconds of one file or of each, and what they tell of all of them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from batch_core import jobs
from batch_core.account import Account, AccountKind
from batch_core.closer import PROGRESS_FILE, last_block
from batch_core.conversions import conversion, only_taken, seconds_of
from batch_core.errors import InvalidInput, NotFound
from batch_core.feed import Feed
from batch_core.files import VideoFile
from batch_core.jobs import Plan
from batch_core.pools import PoolSpec, get_pool
from batch_core.results import list_results
from batch_core.times import moment

SECONDS = 10.0  # of each file that is tried
WORTH = 3 * SECONDS  # what is shorter than this altogether is converted as quickly as tried
_ALONE, _BESIDE = 0.85, 1.4  # of the time that a sample tells: least, and most beside other tasks
_SMALLER, _LARGER = 0.7, 1.3  # of the size that a single sample tells
_PROGRESS_MOST = 64 * 1024  # bytes


@dataclass(frozen=True)
class Sample:
    """One file's sample: `seconds` of it became `size` bytes and took `took` seconds, handing over included.

    `speed` is how many seconds of the source ffmpeg converts in one; None where its progress file is gone.
    """

    task_id: str
    name: str
    seconds: float
    size: int
    took: float
    speed: float | None


@dataclass(frozen=True)
class Projection:
    """What all files together may come to, least and most: `size` in bytes, `took` in seconds from start to end.

    `samples` is how many files it is learned from; files of unknown length are left out of it and counted.
    """

    size: tuple[int, int]
    took: tuple[float, float]
    samples: int
    unknown: int


def worth_a_sample(plan: Plan) -> bool:
    """Whether a part of a file can be tried, and takes less time than everything."""
    wanted = conversion(plan.conversion)
    lengths = [_length(plan, file) or 0.0 for file in plan.files]
    return "part" in wanted.takes and wanted.result in ("film", "animation") and sum(lengths) > WORTH


def sample_plan(plan: Plan, *, each: bool = False) -> Plan:
    """The plan that tries ten seconds: of every file from the chosen part's beginning, or of the longest file from its
    middle, on no more nodes than there are files. Raises InvalidInput when there is no file."""
    if not plan.files:
        raise InvalidInput("No file is left to try.", "Choose another conversion or other files.")
    begin, files = plan.options.start or 0.0, plan.files
    if not each:
        longest = max(files, key=lambda file: _length(plan, file) or 0.0)
        begin, files = begin + max(0.0, ((_length(plan, longest) or 0.0) - SECONDS) / 2), (longest,)
    end = begin + SECONDS if plan.options.end is None else min(begin + SECONDS, plan.options.end)
    options = replace(plan.options, start=round(begin, 3), end=round(end, 3))
    return replace(
        plan,
        files=files,
        options=options,
        spec=_no_more_nodes(plan.spec, len(files)) if plan.spec else None,
        sample_of=plan.options,
        name=f"Sample of {plan.name}"[:200],
        nonce=f"{plan.nonce} sample {each}",
    )


def _no_more_nodes(spec: PoolSpec, files: int) -> PoolSpec:
    dedicated = min(spec.dedicated, files)
    return replace(spec, dedicated=dedicated, spot=min(spec.spot, files - dedicated))


def samples_of(account: Account, run_id: str) -> list[Sample]:
    """What the samples of a run have come to that ended well. Raises NotFound when the run is gone."""
    manifest, feed = jobs.manifest(account, run_id), Feed(account)
    query = {"$select": "id,executionInfo"}
    tasks = {task["id"]: task for page in feed.many(f"/jobs/{run_id}/tasks", **query) for task in page}
    found = []
    for row in list_results(account, run_id, manifest):
        info = (tasks.get(row.task_id) or {}).get("executionInfo") or {}
        begun, ended = moment(info.get("startTime")), moment(info.get("endTime"))
        seconds = row.expected.seconds
        if row.state == "done" and row.size and seconds and begun and ended:
            took, speed = (ended - begun).total_seconds(), _speed(feed, run_id, row.task_id)
            found.append(Sample(row.task_id, row.source_name, seconds, row.size, took, speed))
    return found


def _speed(feed: Feed, run_id: str, task_id: str) -> float | None:
    """ffmpeg's own, from the end of the file that it leaves on the node."""
    part = feed.part(f"/jobs/{run_id}/tasks/{task_id}/files/{PROGRESS_FILE}", 0, _PROGRESS_MOST)
    text = last_block(part.data).get("speed", "") if part else ""
    try:
        return float(text.rstrip("x")) or None
    except ValueError:  # N/A for what was too short to tell
        return None


def project(account: Account, plan: Plan, samples: Sequence[Sample]) -> Projection:
    """What the plan may come to by these samples. Raises InvalidInput without any, NotFound when its pool is gone."""
    if not samples:
        raise InvalidInput("The sample has no result.", "See on Results why.")
    lengths = [_length(plan, file) for file in plan.files]
    media = sum(length for length in lengths if length)
    once, at_once = _seconds(lengths, samples), _at_once(account, plan)
    longest = once * max((length for length in lengths if length), default=0.0) / media if media else 0.0
    alone = max(once / at_once[1], longest)
    return Projection(
        size=_sizes(plan, media, samples),
        took=(_ALONE * alone, _BESIDE * max(once / at_once[0], longest)),
        samples=len(samples),
        unknown=sum(length is None for length in lengths),
    )


def _seconds(lengths: Sequence[float | None], samples: Sequence[Sample]) -> float:
    """Of all files one after the other: what each takes beside the conversion, and the conversion by its speed."""
    rates = [1 / sample.speed if sample.speed else sample.took / sample.seconds for sample in samples]
    beside = [max(0.0, sample.took - sample.seconds / sample.speed) for sample in samples if sample.speed]
    media = sum(length for length in lengths if length)
    return media * sum(rates) / len(rates) + len(lengths) * (sum(beside) / len(beside) if beside else 0.0)


def _sizes(plan: Plan, media: float, samples: Sequence[Sample]) -> tuple[int, int]:
    rates = sorted(sample.size / sample.seconds for sample in samples)
    mean = sum(rates) / len(rates)
    least, most = min(rates[0], mean * _SMALLER), max(rates[-1], mean * _LARGER)
    if len(rates) == len(plan.files) > 1:
        least, most = mean * _SMALLER, mean * _LARGER  # every file was tried: their mean is that of all
    limit = conversion(plan.conversion).most_bytes
    high = int(media * most) if limit is None else min(int(media * most), limit * len(plan.files))
    return min(int(media * least), high), high


def _at_once(account: Account, plan: Plan) -> tuple[float, float]:
    """How many tasks go on at once at full speed, least and most. Nodes of this computer share its processors, and a
    conversion may take all of them; those of Azure are machines of their own."""
    if plan.pool_id:
        pool = get_pool(account, plan.pool_id)
        slots = max(pool.target_dedicated + pool.target_spot, pool.dedicated + pool.spot) * pool.slots
    elif plan.spec:
        slots = (plan.spec.dedicated + plan.spec.spot) * plan.spec.slots
    else:
        raise NotFound("No pool is chosen yet.")
    slots = max(1, slots)
    return (1.0, min(slots, os.cpu_count() or 1)) if account.kind is AccountKind.LOCAL else (slots, slots)


def _length(plan: Plan, file: VideoFile) -> float | None:
    options = only_taken(conversion(plan.conversion), plan.options)
    return seconds_of(options, file.probe.duration) if file.probe else None
