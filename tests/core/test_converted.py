"""What was converted before is found by its content, whatever it is called, as long as its result is there."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from batch_core import files, jobs, pools, results
from batch_core.account import Account
from batch_core.conversions import Options
from batch_core.converted import Conversions, twice
from batch_core.files import VideoFile
from batch_core.jobs import Plan, Run
from batch_core.storage import RESULTS
from tests.core.clips import clip, uploaded
from tests.waiting import until

SOFTER = Options(volume=-3)


@pytest.fixture(scope="module")
def film(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of its own content: its tone's length is that of no other test's."""
    return clip(tmp_path_factory.mktemp("clips") / "film.mp4", 1.7)


@pytest.fixture(scope="module")
def inputs(
    account: Account, film: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[VideoFile]]:
    """The film twice under two names, and another one."""
    other = clip(tmp_path_factory.mktemp("other") / "other.mp4", 1.3)
    made = [
        uploaded(account, film, "film.mp4"),
        uploaded(account, film, "copy.mp4"),
        uploaded(account, other),
    ]
    yield made
    files.delete_files(account, made)


@pytest.fixture(scope="module")
def run(account: Account, inputs: list[VideoFile]) -> Run:
    """The film as MP3, a little softer."""
    pools.ensure_local_pool(account)
    plan = Plan((inputs[0],), "mp3", SOFTER, pools.LOCAL_POOL, name="Softer", nonce=uuid.uuid4().hex)
    made = jobs.launch(account, plan)
    return until(
        lambda: (run := jobs.get_run(account, made.id)).over and run, seconds=60, what="the run's end"
    )


def test_the_same_content_under_another_name_was_converted_before(
    account: Account, inputs: list[VideoFile], run: Run
) -> None:
    found = Conversions(account).before(inputs, "mp3", SOFTER)
    assert found.keys() == {inputs[0].id, inputs[1].id}, "the other film was not"
    before = found[inputs[1].id]
    assert (before.run_id, before.run_name, before.result) == (run.id, "Softer", "film.mp3")
    elsewhere = replace(SOFTER, lines=480)
    assert Conversions(account).before(inputs, "mp3", elsewhere) == found, "sound has no size"
    old = [replace(file, content="") for file in inputs]  # looked into before there were fingerprints
    assert Conversions(account).before(old, "mp3", SOFTER) == found


@pytest.mark.parametrize(
    ("conversion", "options"),
    [("mp3", Options()), ("mp3", Options(volume=-4)), ("mp3", replace(SOFTER, start=0.5)), ("m4a", SOFTER)],
)
def test_another_conversion_or_other_options_were_not(
    account: Account, inputs: list[VideoFile], run: Run, conversion: str, options: Options
) -> None:
    assert Conversions(account).before(inputs, conversion, options) == {}


def test_a_manifest_is_read_once(
    account: Account, inputs: list[VideoFile], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = Conversions(account)
    found = earlier.before(inputs, "mp3", SOFTER)

    def read(*_: object) -> None:
        raise AssertionError("it is known")

    monkeypatch.setattr("batch_core.manifests.read", read)
    assert earlier.before(inputs, "mp3", SOFTER) == found


def test_a_bad_result_and_one_that_was_deleted_are_none(
    account: Account, inputs: list[VideoFile], run: Run
) -> None:
    """Last here: afterwards there is no result any more."""
    earlier = Conversions(account)
    assert earlier.before(inputs, "mp3", SOFTER)
    (result,) = results.list_results(account, run.id)
    blob = account.blobs.get_blob_client(RESULTS, result.blob)
    blob.upload_blob(b"no sound", overwrite=True)
    (bad,) = results.list_results(account, run.id)
    assert not results.check(account, bad).checked
    assert earlier.before(inputs, "mp3", SOFTER) == {}
    blob.delete_blob()
    assert earlier.before(inputs, "mp3", SOFTER) == {}


def test_the_same_file_twice_is_told_by_its_content(inputs: list[VideoFile]) -> None:
    film, copy, other = inputs
    assert twice([film, other, copy]) == {copy.id: film}
    assert twice([replace(film, content=""), replace(copy, content="")]) == {}, "what is not known is kept"
