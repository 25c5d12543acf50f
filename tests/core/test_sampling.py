"""A sample first: which seconds are tried, and what they tell of everything."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch_core import jobs, pools, sampling
from batch_core.account import Account
from batch_core.conversions import Options
from batch_core.errors import InvalidInput
from batch_core.files import VideoFile
from batch_core.jobs import Plan
from batch_core.pools import PoolSpec
from batch_core.probe import Probe, Stream
from batch_core.sampling import Sample
from tests.core.media import clip
from tests.core.test_results import finished, put


def film(id: str, seconds: float | None) -> VideoFile:
    streams = (Stream("audio", "aac", channels=2), Stream("video", "h264", width=640, height=360))
    probe = Probe(True, "", "mov", "mp4", seconds, streams)
    return VideoFile(id, f"{id}/a.mp4", f"{id}.mp4", 10_000_000, datetime.now(UTC), probe)


SHORT, LONG = film("short", 60.0), film("long", 600.0)
PLAN = Plan((SHORT, LONG), "mp3", pool_id=pools.LOCAL_POOL, name="2 files to MP3", nonce="n")


def test_of_one_the_longest_is_tried_in_its_middle() -> None:
    tried = sampling.sample_plan(PLAN)
    assert tried.files == (LONG,)
    assert (tried.options.start, tried.options.end) == (295.0, 305.0)
    assert tried.name == "Sample of 2 files to MP3"
    assert tried.run_id != PLAN.run_id
    assert tried.run_id == sampling.sample_plan(PLAN).run_id, "a second press tries nothing twice"


def test_of_each_the_beginning_of_the_chosen_part_is_tried() -> None:
    part = replace(PLAN, options=Options(start=50.0, end=55.0))
    tried = sampling.sample_plan(part, each=True)
    assert tried.files == (SHORT, LONG)
    assert (tried.options.start, tried.options.end) == (50.0, 55.0)
    assert sampling.sample_plan(PLAN, each=True).options.end == 10.0
    assert (
        sampling.sample_plan(part).options.start,
        sampling.sample_plan(part).options.end,
    ) == (50.0, 55.0), "no second outside of the chosen part"
    with pytest.raises(InvalidInput):
        sampling.sample_plan(replace(PLAN, files=()))


def test_what_is_short_or_has_no_part_is_not_worth_a_sample() -> None:
    assert sampling.worth_a_sample(PLAN)
    assert not sampling.worth_a_sample(replace(PLAN, files=(film("x", 20.0),)))
    assert not sampling.worth_a_sample(replace(PLAN, files=(film("x", None),)))
    assert not sampling.worth_a_sample(replace(PLAN, options=Options(end=5.0)))
    assert not sampling.worth_a_sample(replace(PLAN, conversion="thumbnail"))
    loops = tuple(film(f"{number}", 40.0) for number in range(2))
    assert all(sampling.worth_a_sample(replace(PLAN, files=loops, conversion=id)) for id in ("gif", "webp"))


def test_the_sample_of_a_promised_size_is_as_good_as_the_whole_and_no_better() -> None:
    def rates(plan: Plan) -> list[str]:
        words = jobs.manifest_of(plan).files[0].command.split(" ")
        return [words[words.index(name) + 1] for name in ("-maxrate", "-bufsize", "-b:a")]

    whole = replace(PLAN, files=(LONG,), conversion="mp4-10mb", options=Options(start=100.0, end=500.0))
    tried = sampling.sample_plan(whole)
    assert tried.options.end - tried.options.start == 10.0
    assert rates(tried) == rates(whole)
    assert rates(replace(whole, options=tried.options)) != rates(whole), "ten seconds alone may have far more"


def test_a_sample_starts_no_more_nodes_than_it_has_files() -> None:
    own = replace(PLAN, pool_id=None, spec=PoolSpec("own", dedicated=1, spot=5))
    one, each = sampling.sample_plan(own).spec, sampling.sample_plan(own, each=True).spec
    assert one == PoolSpec("own", dedicated=1, spot=0)
    assert each == PoolSpec("own", dedicated=1, spot=1)
    spots = replace(own, spec=PoolSpec("own", dedicated=0, spot=5))
    assert sampling.sample_plan(spots).spec == PoolSpec("own", dedicated=0, spot=1)


def test_all_files_are_projected_from_size_and_speed(account: Account) -> None:
    nodes = PoolSpec("own", dedicated=5, spot=0)
    plan = replace(PLAN, pool_id=None, spec=nodes)
    azure = replace(account, kind="azure")
    sample = Sample("t", "long.mp4", seconds=10, size=200_000, took=3.0, speed=5.0)
    known = sampling.project(azure, plan, [sample])
    assert known.size[0] < 660 * 20_000 < known.size[1]
    alone = 600 / 5 + 1.0  # the long file needs that, whatever the nodes
    assert known.took[0] < alone < known.took[1] < 2 * alone
    assert (known.samples, known.unknown) == (1, 0)
    one = sampling.project(azure, replace(plan, spec=replace(nodes, dedicated=1)), [sample])
    assert one.took[0] < 660 / 5 + 2 < one.took[1], "on one node one after the other"
    slow = sampling.project(azure, plan, [replace(sample, speed=None)])
    assert slow.took[1] > known.took[1], "without ffmpeg's word all of the task counts"
    more = sampling.project(azure, replace(plan, files=(*plan.files, film("?", None))), [sample])
    assert more.unknown == 1
    with pytest.raises(InvalidInput):
        sampling.project(azure, plan, [])


def test_a_size_that_is_promised_is_not_exceeded(account: Account) -> None:
    plan = replace(PLAN, conversion="mp4-10mb")
    sample = Sample("t", "long.mp4", seconds=10, size=9_000_000, took=3.0, speed=5.0)
    pools.ensure_local_pool(account)
    assert sampling.project(account, plan, [sample]).size == (20_000_000, 20_000_000)


def test_a_real_sample_tells_size_and_time_of_the_whole(account: Account, tmp_path: Path) -> None:
    pools.ensure_local_pool(account)
    video = put(account, clip(tmp_path / "long.mp4", 60, size="64x48"), "long.mp4")
    plan = Plan((video,), "m4a", pool_id=pools.LOCAL_POOL, name="long to M4A", nonce=uuid.uuid4().hex)
    tried = finished(account, jobs.launch(account, sampling.sample_plan(plan)))
    (sample,) = sampling.samples_of(account, tried.id)
    assert sample.seconds == pytest.approx(10)
    assert sample.took > 0
    projection = sampling.project(account, plan, [sample])
    whole = finished(account, jobs.launch(account, plan))
    (made,) = sampling.samples_of(account, whole.id)
    assert projection.size[0] <= made.size <= projection.size[1]
    assert made.seconds == pytest.approx(60, abs=0.5)
