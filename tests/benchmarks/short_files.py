"""Fifty short files to MP3, and ten to H.264, on the pool that is there, against bare ffmpeg on the same files, as
many at once."""

import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from batch_core import jobs, pools
from batch_core.account import Account
from batch_core.files import VideoFile
from batch_core.jobs import Plan
from batch_core.results import list_results
from tests.benchmarks.conversion import by_ffmpeg
from tests.benchmarks.rig import make_film, running_cloud, upload_copies
from tests.waiting import until

ROUNDS = 5
CLIP_SECONDS = 30


def run() -> list[tuple[str, ...]]:
    """Convert the clips as a run and by bare ffmpeg in turn, ROUNDS times each, after one run to warm up."""
    return [
        _overhead("mp3", "MP3", 50, "640x360", "at most 1.15"),
        _overhead("mp4-480p", "H.264 480p", 10, "1280x720", "at most 1.1"),  # nothing is enlarged
    ]


def _overhead(wanted: str, called: str, count: int, source: str, target: str) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder, running_cloud() as (account, _):
        clip = make_film(Path(folder) / "clip.mp4", CLIP_SECONDS, source)
        files = upload_copies(account, clip, count)
        pools.ensure_local_pool(account)
        slots = until(lambda: _slots(account), seconds=60, what="the pool's nodes")
        ours, bare = [], []
        _by_run(account, files, wanted)
        for _ in range(ROUNDS):
            ours.append(_by_run(account, files, wanted))
            bare.append(by_ffmpeg([clip] * count, slots, wanted))
    size = files[0].size / 1e6
    ratio = statistics.median(mine / other for mine, other in zip(ours, bare, strict=True))
    return (
        f"{count} files of {CLIP_SECONDS} s ({source}, {size:.1f} MB, stereo AAC) to {called} on {slots} nodes, "
        "launch to the run's end",
        f"{statistics.median(ours):.2f} s",
        f"bare ffmpeg, {slots} at once: {statistics.median(bare):.2f} s",
        f"{ratio:.2f}",
        target,
    )


def _slots(account: Account) -> int:
    """How many tasks the pool runs at once; 0 as long as a node is missing."""
    pool = pools.get_pool(account, pools.LOCAL_POOL)
    idle = len(list(account.batch.list_nodes(pool.id, filter="state eq 'idle'")))
    return idle * pool.slots if idle == pool.target_dedicated else 0


def _by_run(account: Account, files: list[VideoFile], wanted: str) -> float:
    """Seconds from the launch to the end that the service has noted; asking for it often would cost time itself."""
    plan = Plan(tuple(files), wanted, pool_id=pools.LOCAL_POOL, nonce=uuid4().hex)
    begun = datetime.now(UTC)
    launched = jobs.launch(account, plan)
    while not (run := jobs.get_run(account, launched.id)).over:
        time.sleep(0.5)
    made = [result.state for result in list_results(account, run.id)]
    assert made == ["done"] * len(files), made
    assert run.ended
    return (run.ended - begun).total_seconds()
