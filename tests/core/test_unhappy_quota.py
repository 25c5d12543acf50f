"""An account at its limits: each quota has its own sentence, and what was refused leaves nothing behind."""

import json
import uuid
from collections.abc import Iterator

import pytest

from batch_core import files, jobs, pools
from batch_core.account import Account
from batch_core.errors import NotFound, QuotaError
from batch_core.files import VideoFile
from batch_core.jobs import Plan, run_from
from tests.core.clips import clip, uploaded
from tests.core.proxy import Call, Door, Fault, door_to

# Code and text as azure-batch-service and its error table have them; what is to be said of it, and to be done.
AT_POOLS = [
    ("PoolQuotaReached", "the account has as many pools as it may have.", "Delete a pool"),
    (
        "AccountCoreQuotaReached",
        "the account has as many dedicated cores as it may have.",
        "Take fewer nodes",
    ),
    (
        "AccountLowPriorityCoreQuotaReached",
        "the account has as many Spot cores as it may have.",
        "Take fewer Spot",
    ),
    ("AccountSpotCoreQuotaReached", "the account has as many Spot cores as it may have.", "Take fewer Spot"),
    ("SomeNewQuotaReached", "the specified account has reached a quota.", "ask Azure for a higher quota"),
]
AT_JOBS = [
    (
        "ActiveJobAndScheduleQuotaReached",
        "the account has as many active jobs as it may have.",
        "Stop or delete a job",
    ),
    AT_POOLS[-1],
]


@pytest.fixture(scope="module")
def door(cloud: dict) -> Iterator[tuple[Account, Door]]:
    with door_to(cloud) as found:
        yield found


@pytest.fixture(scope="module")
def video(account: Account, tmp_path_factory: pytest.TempPathFactory) -> VideoFile:
    pools.ensure_local_pool(account)
    return uploaded(account, clip(tmp_path_factory.mktemp("clips") / "clip.mp4", 0.3))


def refuses(door: Door, path: str, code: str) -> None:
    """From now on nothing can be made at this path, for this reason."""
    text = "The specified account has reached a quota\nRequestId:1-2\nTime:2026-01-01T00:00:00Z"
    body = json.dumps({"code": code, "message": {"lang": "en-US", "value": text}}).encode()
    refusal = Fault("status", 409, body=body)

    def judge(call: Call) -> Fault | None:
        return refusal if (call.method, call.path) == ("POST", path) else None

    door.judge = judge
    door.asked.clear()


@pytest.mark.parametrize(("code", "said", "hint"), AT_POOLS)
def test_a_pool_over_the_quota_is_not_made(
    account: Account, door: tuple[Account, Door], code: str, said: str, hint: str
) -> None:
    limited, at = door
    refuses(at, "/pools", code)
    spec = pools.PoolSpec(id=f"over-{uuid.uuid4().hex[:8]}", dedicated=1, spot=0)
    with pytest.raises(QuotaError) as caught:
        pools.create(limited, spec)
    assert caught.value.user_message == f"Could not create the pool: {said}"
    assert hint in caught.value.hint
    assert caught.value.code == code
    assert at.count("POST /pools?") == 1, "a quota is no reason to try again"
    with pytest.raises(NotFound):
        pools.get_pool(account, spec.id)


@pytest.mark.parametrize(("code", "said", "hint"), AT_JOBS)
def test_a_run_over_the_quota_leaves_nothing_but_its_files(
    account: Account, door: tuple[Account, Door], video: VideoFile, code: str, said: str, hint: str
) -> None:
    limited, at = door
    refuses(at, "/jobs", code)
    plan = Plan((video,), "mp3", pool_id=pools.LOCAL_POOL, name="over", nonce=uuid.uuid4().hex)
    with pytest.raises(QuotaError) as caught:
        jobs.launch(limited, plan)
    assert caught.value.user_message == f"Could not start the run: {said}"
    assert hint in caught.value.hint
    for look in (jobs.get_run, jobs.manifest):
        with pytest.raises(NotFound):
            look(account, plan.run_id)
    assert video.blob in {file.blob for file in files.list_files(account)}
    at.judge = None
    assert jobs.launch(limited, plan).id == plan.run_id, "the same plan starts when there is room"
    jobs.stop(account, plan.run_id)


def test_a_run_whose_own_pool_is_over_the_quota_says_so() -> None:
    told = {"code": "AutoPoolCreationFailedWithQuotaReached", "message": "The account has reached its quota."}
    run = run_from({"id": "run-1", "state": "completed", "executionInfo": {"schedulingError": told}})
    assert run.error.startswith("The account's quota does not allow the run's own pool. Delete a pool")
    unknown = {"code": "Unknown", "message": "Something of the cloud's own.\nRequestId:1"}
    assert run_from({"id": "run-1", "executionInfo": {"schedulingError": unknown}}).error == (
        "Something of the cloud's own."
    )
    assert run_from({"id": "run-1", "state": "active"}).error == ""
