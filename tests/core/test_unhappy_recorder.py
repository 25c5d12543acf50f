"""The recorder before a service that refuses, breaks or goes: the last good picture stays, ages, and comes back."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest
from azure.batch import models

from batch_core import feed, jobs, transport
from batch_core.account import Account
from batch_core.errors import DashboardError, ServiceFailure, Throttled, Unreachable
from batch_core.monitor import Recorder, Snapshot
from batch_core.pacing import Backoff
from tests.core.proxy import Call, Door, Fault, door_to
from tests.waiting import until

EVERY = 0.1
FIRST = 0.2  # seconds of the first wait after a refusal; the app takes two
FAULTS = [
    (Fault("status", 429), Throttled, "the service has too much to do."),
    (Fault("status", 503), Throttled, "the service has too much to do."),
    (Fault("status", 503, "1"), Throttled, "the service has too much to do."),
    (Fault("status", 500), ServiceFailure, "the service answered with status 500."),
    (Fault("status", 502, "0"), ServiceFailure, "the service answered with status 502."),
    (Fault("request lost"), Unreachable, "ended the connection in the middle of an answer."),
    (Fault("half"), Unreachable, "ended the connection in the middle of an answer."),
    (Fault("silence"), Unreachable, "did not answer in time."),
]


@pytest.fixture
def watched(
    account: Account, cloud: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Recorder, Door]]:
    """A recorder of a job with one waiting task, which has a good picture, and the door that it asks through."""
    monkeypatch.setattr(transport, "READ_SECONDS", 0.5)
    monkeypatch.setattr(feed, "Backoff", lambda _, most: Backoff(FIRST, most))
    id = f"watched-{uuid.uuid4().hex[:8]}"
    info = models.BatchPoolInfo(pool_id="nowhere")
    account.batch.create_job(models.BatchJobCreateOptions(id=id, pool_info=info))
    account.batch.create_task(id, models.BatchTaskCreateOptions(id="t", command_line="x"))
    with door_to(cloud) as (through, door):
        recorder = Recorder(through, None, id, tmp_path, every=EVERY)
        recorder.start()
        seen(recorder, lambda shot: shot.counts.active == 1 and not shot.error)
        yield recorder, door
        recorder.stop()
    jobs.stop(account, id)


def seen(recorder: Recorder, like) -> Snapshot:
    def look() -> Snapshot | None:
        shot = recorder.snapshot()
        return shot if shot and like(shot) else None

    return until(look, what="the picture")


@pytest.mark.parametrize(("fault", "kind", "said"), FAULTS, ids=lambda value: str(value)[:50])
def test_the_last_good_picture_stays_with_its_age_until_the_service_is_back(
    watched: tuple[Recorder, Door], fault: Fault, kind: type[DashboardError], said: str
) -> None:
    recorder, door = watched
    door.judge = lambda call: fault
    bad = seen(recorder, lambda shot: shot.error)
    assert type(bad.error) is kind
    assert bad.error
    assert bad.error.user_message.startswith("Could not watch the account: ")
    assert bad.error.user_message.endswith(said)
    assert [task.id for task in bad.tasks] == ["t"]
    assert bad.counts.active == 1
    old = bad.age()
    until(lambda: bad.age() > old + 0.3, what="an older picture")
    later = recorder.snapshot()
    assert later is not None
    assert later.taken == bad.taken, "an error is no newer picture"
    door.judge = None
    good = seen(recorder, lambda shot: not shot.error)
    assert good.taken > bad.taken
    assert good.tasks == bad.tasks


def test_each_refusal_makes_the_wait_longer(watched: tuple[Recorder, Door]) -> None:
    recorder, door = watched
    refused: list[float] = []

    def judge(call: Call) -> Fault:
        refused.append(time.monotonic())
        return Fault("status", 503)

    door.judge = judge
    until(lambda: recorder.snapshot() and len(refused) >= 4, what="four refusals")
    waits = [later - earlier for earlier, later in pairwise(refused)]
    assert all(wait >= FIRST * 2**number for number, wait in enumerate(waits)), waits


def test_the_service_is_left_alone_until_the_date_that_it_names(watched: tuple[Recorder, Door]) -> None:
    recorder, door = watched
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    refused: list[datetime] = []

    def judge(call: Call) -> Fault | None:
        refused.append(datetime.now(UTC))
        return Fault("status", 429, format_datetime(at, usegmt=True)) if len(refused) == 1 else None

    door.judge = judge
    until(lambda: recorder.snapshot() and len(refused) > 1, what="the next request")
    assert refused[1] >= at
