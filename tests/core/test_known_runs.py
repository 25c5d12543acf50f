"""All runs of an account: also one whose job is gone, and not one that is only being launched."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from batch_core import known_runs, manifests, plans, retrying, storage
from batch_core.account import Account
from batch_core.jobs import DELETED, Plan
from batch_core.known_runs import KnownRuns
from batch_core.storage import RESULTS
from tests.core.test_sampling import SHORT


def test_a_run_without_a_job_is_known_by_its_manifest_which_is_read_once(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.ensure_containers(account)
    plans_made = [Plan((SHORT,), "mp3", pool_id="p", name="Old", nonce=uuid.uuid4().hex) for _ in range(3)]
    old, young, broken = (plans.manifest_of(plan) for plan in plans_made)
    old = replace(old, created=datetime.now(UTC) - timedelta(hours=1), sample=True)
    for made in (old, young):
        manifests.keep(account, made)
    account.blobs.get_blob_client(RESULTS, manifests.blob_name(broken.run_id)).upload_blob(b"{")
    runs = KnownRuns(account)
    found = {run.id: run for run in runs.all()}
    assert young.run_id not in found, "it may be on its way to its job"
    assert broken.run_id not in found
    run = found[old.run_id]
    assert (run.state, run.over, run.name, run.total, run.created) == (DELETED, True, "Old", 1, old.created)
    assert (run.conversion, run.options, run.pool_id, run.sample) == ("mp3", old.options, "p", True)
    assert known_runs.run_of(account, old) == run
    again = retrying.plan_again(account, old.run_id, (SHORT,))
    assert again.sample, "a sample that is run again stays one"
    read: list[str] = []
    monkeypatch.setattr(manifests, "read", lambda account, run_id: read.append(run_id) or broken)
    assert old.run_id in {run.id for run in runs.all()}
    assert old.run_id not in read
    for made in (old, young, broken):
        manifests.forget(account, made.run_id)
    assert old.run_id not in {run.id for run in runs.all()}
