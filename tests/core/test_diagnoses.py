"""Files that really fail on a node, why they did, and that it is found once and kept."""

import uuid
from dataclasses import replace

import pytest
from azure.storage.blob import BlobProperties

from batch_core import diagnoses, jobs, pools, results
from batch_core.account import Account
from batch_core.jobs import Plan, Run
from batch_core.storage import INPUTS
from tests.core.media import clip
from tests.core.test_results import finished, put


@pytest.fixture(scope="module")
def failed_run(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two files that were replaced after somebody looked into them: by one without sound, and by a part."""
    folder = tmp_path_factory.mktemp("films")
    pools.ensure_local_pool(account)
    whole = clip(folder / "whole.mp4", 1)
    silent = clip(folder / "silent.mp4", 1, sound=False).read_bytes()
    videos = [put(account, whole, "Silent.mp4"), put(account, whole, "Part.mp4")]
    for video, content in zip(videos, (silent, whole.read_bytes()[:3000]), strict=True):
        account.blobs.get_blob_client(INPUTS, video.blob).upload_blob(content, overwrite=True)
    plan = Plan(tuple(videos), "mp3", pool_id=pools.LOCAL_POOL, nonce=uuid.uuid4().hex)
    return finished(account, jobs.launch(account, plan))


def test_the_cause_is_found_in_the_log_and_kept(account: Account, failed_run: Run) -> None:
    before = results.list_results(account, failed_run.id)
    assert [(row.state, row.unexplained) for row in before] == [("failed", True)] * 2
    assert all(row.exit_code for row in before)
    found = [diagnoses.diagnose(account, failed_run.id, row.task_id, "mp3") for row in before]
    assert [cause.kind for cause in found] == ["no-stream", "damaged"]
    assert found[0].many == "have no sound: MP3 needs some."
    after = results.list_results(account, failed_run.id)
    assert [row.cause for row in after] == found
    assert [row.reason for row in after] == [cause.words for cause in found]
    assert not any(row.unexplained for row in after)


def test_who_looks_only_learns_it_and_leaves_nothing(account: Account, failed_run: Run) -> None:
    task_id = results.list_results(account, failed_run.id)[0].task_id
    note = account.blobs.get_blob_client("video-results", diagnoses.path(failed_run.id, task_id))
    if note.exists():
        note.delete_blob()
    assert diagnoses.diagnose(replace(account, look_only=True), failed_run.id, task_id).kind == "no-stream"
    assert not note.exists()


@pytest.mark.parametrize("text", ["", "not base64!", "e30=", "bnVsbA=="])
def test_a_note_that_can_not_be_read_is_none(text: str) -> None:
    note = BlobProperties()
    note.metadata = {"Cause": text}
    assert diagnoses.kept(note) is None
    assert diagnoses.kept(None) is None
