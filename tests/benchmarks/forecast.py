"""The time left that the Monitor tells when half of a run's files are done, against what it took: 20 runs of mixed files."""

import os
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from batch_core import jobs, manifests, pools
from batch_core.account import Account
from batch_core.files import VideoFile
from batch_core.forecast import Forecaster
from batch_core.jobs import Plan
from batch_core.monitor import Snapshot
from batch_core.polling import Poller
from tests.benchmarks.rig import make_clip, running_cloud, upload_clips

RUNS = 20
FILES = (12, 20)  # of a run, at least and at most
EVERY = 1.0  # seconds between two pictures
SECONDS = {"mp4-480p": (2, 20), "mp3": (60, 900)}  # of a file; sound alone is made in no time
SIZES = {"mp4-480p": ("320x180", "640x360", "854x480", "1280x720"), "mp3": ("64x36",)}
MADE = 20  # different files for each conversion


@dataclass(frozen=True)
class Told:
    """What was told at half-way, in seconds, and what it took; the naive guess takes the rest to be like the past."""

    low: float
    high: float
    naive: float
    took: float

    @property
    def error(self) -> float:
        return abs((self.low + self.high) / 2 - self.took) / self.took

    @property
    def naive_error(self) -> float:
        return abs(self.naive - self.took) / self.took

    @property
    def held(self) -> bool:
        return self.low <= self.took <= self.high


def run() -> list[tuple[str, ...]]:
    """Runs of files of different lengths and sizes, to MP3 and to H.264 in turn."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder, running_cloud() as (account, _):
        pools.ensure_local_pool(account)
        stock = _stock(account, Path(folder), chance)
        told = []
        for number in range(RUNS):
            wanted = list(SECONDS)[number % len(SECONDS)]
            files = chance.sample(stock[wanted], chance.randint(*FILES))
            told.append(_one_run(account, files, wanted))
        nodes = pools.get_pool(account, pools.LOCAL_POOL).target_dedicated
    error = statistics.median(one.error for one in told)
    naive = statistics.median(one.naive_error for one in told)
    width = statistics.median((one.high - one.low) / one.took for one in told)
    return [
        (
            f"Time left told when half of a run's {FILES[0]}-{FILES[1]} mixed files are done, {RUNS} runs to MP3 and "
            f"H.264 on {nodes} nodes: median error of the range's middle",
            f"{error:.0%}; {sum(one.held for one in told)} of {RUNS} within the range, which is {width:.1f} times what "
            f"was left; {min(one.took for one in told):.0f}-{max(one.took for one in told):.0f} s were left",
            f"time so far by files done: {naive:.0%}",
            f"{error / naive:.2f}",
            "at most 35 %",
        )
    ]


def _stock(account: Account, folder: Path, chance: random.Random) -> dict[str, list[VideoFile]]:
    """The files for each conversion: many short ones and a few long ones."""
    clips: dict[str, list[Path]] = {}
    for wanted, (least, most) in SECONDS.items():
        clips[wanted] = []
        for number in range(MADE):
            seconds = round(least * (most / least) ** chance.random())
            clip = folder / f"{wanted}-{number}.mp4"
            clips[wanted].append(make_clip(clip, seconds, chance.choice(SIZES[wanted])))
    files = upload_clips(account, [clip for some in clips.values() for clip in some])
    by_name = sorted(files, key=lambda file: file.name)
    return {wanted: by_name[at * MADE : (at + 1) * MADE] for at, wanted in enumerate(clips)}


def _one_run(account: Account, files: list[VideoFile], wanted: str) -> Told:
    launched = jobs.launch(account, Plan(tuple(files), wanted, pool_id=pools.LOCAL_POOL, nonce=uuid4().hex))
    lengths = {file.task_id: file.duration or 0.0 for file in manifests.read(account, launched.id).files}
    forecaster = Forecaster(lengths, lengths, os.cpu_count() or 1)  # results are as long as their files
    poller = Poller(account, pools.LOCAL_POOL, launched.id, None)
    told: tuple[float, float, float, datetime] | None = None
    running: list[str] = []
    while True:
        picture = poller.poll(running)
        running = [
            span.task_id for span in picture.spans if span.end is None
        ]  # the Monitor has them on screen
        now, numbers = datetime.now(UTC), forecaster.numbers(picture)
        if told is None and numbers.left and 2 * picture.counts.succeeded >= len(files):
            left = numbers.left
            told = left.low.total_seconds(), left.high.total_seconds(), _naive(picture, now), now
        if picture.job and picture.job.ended:
            break
        time.sleep(EVERY)
    assert picture.counts.succeeded == len(files), picture.counts
    assert told
    assert numbers.last_end
    low, high, naive, at = told
    return Told(low, high, naive, (numbers.last_end - at).total_seconds())


def _naive(picture: Snapshot, now: datetime) -> float:
    assert picture.job
    done, counts = picture.counts.succeeded, picture.counts
    return (now - picture.job.created).total_seconds() / done * (counts.total - done)
