"""Results: what the run has made, with its links, marks and causes."""

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from batch_core import (
    files,
    jobs,
    known_runs,
    manifests,
    plans,
    playable,
    pools,
    results,
    retrying,
    sampling,
)
from batch_core.account import Account
from batch_core.causes import Cause, flawed
from batch_core.conversions import Options
from batch_core.files import VideoFile
from batch_core.jobs import Plan, Run
from batch_core.known_runs import Outcome
from batch_core.presets import Preset
from batch_core.storage import INPUTS
from pages.parts import own_presets, run_list
from pages.parts.retry import told_apart
from pages.parts.run_choice import titles
from pages.shell.frame import BADGES
from pages.shell.words import size
from tests.core.clips import clip, uploaded
from tests.waiting import until

PAGE = "pages/results.py"
Open = Callable[..., AppTest]


def download_url(opened: AppTest, label: str) -> str:
    """What the download button of this name fetches."""
    buttons = [
        json.loads(part.proto.json)
        for part in opened.get("bidi_component")
        if part.proto.component_name == "download"
    ]
    return next(button["url"] for button in buttons if button["label"] == label)


def text(opened: AppTest) -> str:
    return "\n".join(element.value for element in [*opened.markdown, *opened.caption])


def test_a_run_in_the_address_is_listed_with_sizes_before_and_after(
    app: Open, account: Account, finished_run: Run
) -> None:
    opened = app(PAGE, run=finished_run.id)
    assert not opened.exception
    assert [title.value for title in opened.title] == ["Results"]
    rows = results.list_results(account, finished_run.id)
    assert [row.state for row in rows] == ["done", "done"]
    assert "2 of 2 files done" in text(opened)
    for row in rows:
        assert f"{size(row.source_size)}, " in text(opened)
        assert f" → {size(row.size)}, " in text(opened)


def test_results_are_checked_in_the_background_and_marked(app: Open, finished_run: Run) -> None:
    opened = app(PAGE, run=finished_run.id)

    def marked() -> bool:
        opened.run()
        return text(opened).count("plays to its end") == 2

    until(marked, seconds=30, what="two results that play to their end")


def test_small_pictures_are_shown_when_a_result_is_checked(
    app: Open, account: Account, tmp_path: Path
) -> None:
    """Of a run of its own: other tests delete what theirs are made of."""
    pools.ensure_local_pool(account)
    film = uploaded(account, clip(tmp_path / "film.mp4", 1), "film.mp4")
    plan = Plan((film,), "mp3", pool_id=pools.LOCAL_POOL, name="Pictured", nonce=uuid.uuid4().hex)
    run = jobs.launch(account, plan)
    until(lambda: jobs.get_run(account, run.id).over, seconds=60, what="the end of the run")
    opened = app(PAGE, run=run.id)
    until(lambda: len(opened.run().image) == 1, seconds=30, what="a result that is checked")
    shown = [image.proto.imgs[0] for image in opened.image]
    rows = results.list_results(account, run.id)
    assert [picture.alt for picture in shown] == [f"Before: {row.source_name}" for row in rows], (
        "MP3s have none"
    )
    answer = httpx.get(shown[0].url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert re.search(r"[?&]sp=r(&|$)", shown[0].url)


def test_a_list_that_is_older_than_the_end_of_its_run_is_drawn_again(
    app: Open, account: Account, finished_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = results.list_results(account, finished_run.id)
    late = [replace(rows[0], state="converting", size=None, checked=None), replace(rows[1], checked=True)]
    monkeypatch.setattr(results, "list_results", lambda account, run_id, manifest: late)
    st.cache_data.clear()
    assert app(PAGE, run=finished_run.id).session_state["results_live"] == finished_run.id
    late[0] = replace(rows[0], checked=True)
    st.cache_data.clear()
    assert "results_live" not in app(PAGE, run=finished_run.id).session_state


def test_each_download_link_gives_its_file_and_nothing_wider(
    app: Open, account: Account, finished_run: Run
) -> None:
    opened = app(PAGE, run=finished_run.id)
    for row in results.list_results(account, finished_run.id):
        url = download_url(opened, f"Download {row.name}")
        answer = httpx.get(url)
        assert answer.status_code == 200
        assert len(answer.content) == row.size
        assert answer.headers["content-disposition"].startswith("attachment")
        assert re.search(r"[?&]sp=r(&|$)", url)
        assert re.search(r"[?&]sr=b(&|$)", url)


def test_play_shows_a_player_and_close_takes_it_away(app: Open, account: Account, finished_run: Run) -> None:
    opened = app(PAGE, run=finished_run.id)
    assert not opened.get("audio")
    next(button for button in opened.button if button.label == "Play").click().run()
    (player,) = opened.get("audio")
    assert player.proto.autoplay  # one press plays
    first = files.find_file(account, results.list_results(account, finished_run.id)[0].source_blob)
    originals = opened.get("video")
    assert len(originals) == bool(playable.played_as(first.probe))
    assert not any(original.proto.autoplay for original in originals)
    for part in (player, *originals):
        assert httpx.get(part.proto.url, headers={"Range": "bytes=0-9"}).status_code == 206
        assert re.search(r"[?&]sr=b(&|$)", part.proto.url)
    next(button for button in opened.button if button.label == "Close").click().run()
    assert not opened.get("audio")


def test_download_all_is_a_signed_link_of_this_app(app: Open, finished_run: Run) -> None:
    opened = app(PAGE, run=finished_run.id)
    url = download_url(opened, "Download all")
    assert url.startswith("/stream/zip?")
    assert f"run={finished_run.id}" in url
    assert "signature=" in url


def test_the_report_is_a_signed_link_of_this_app_once_the_run_is_over(app: Open, finished_run: Run) -> None:
    url = download_url(app(PAGE, run=finished_run.id), "Report")
    assert url.startswith("/stream/report?")
    assert f"run={finished_run.id}" in url


def test_a_run_of_another_account_is_said_to_be_missing(app: Open, finished_run: Run) -> None:
    opened = app(PAGE, run="run-of-someone-else")
    assert any("run-of-someone-else is not in this account" in warning.value for warning in opened.warning)
    assert not opened.exception


def test_two_runs_of_one_name_are_told_apart_in_the_picker(finished_run: Run) -> None:
    run = replace(finished_run, name="beach to MP3", created=datetime(2026, 1, 5, 14, 2, 3, tzinfo=UTC))
    alike = [
        replace(run, id=f"run-{number}", created=run.created + timedelta(seconds=number // 2))
        for number in range(3)
    ]
    other = replace(run, id="run-other", created=run.created - timedelta(hours=1))
    said = titles([*alike, other])
    assert len(set(said.values())) == 4
    assert said["run-other"] == "beach to MP3 · 5 Jan 2026, 13:02"
    assert said["run-2"] == "beach to MP3 · 5 Jan 2026, 14:02:04"
    assert said["run-0"] == "beach to MP3 · 5 Jan 2026, 14:02:03 · run-0"


@pytest.fixture(scope="module")
def mixed_run(account: Account, videos: list[VideoFile], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that is over: one video is done; of two, the input was no video while it ran, and is whole again."""
    pools.ensure_local_pool(account)
    path = clip(tmp_path_factory.mktemp("broken") / "broken.mp4", 2)
    broken = [uploaded(account, path, name) for name in ("broken.mp4", "torn.mp4")]
    for file in broken:
        blob = account.blobs.get_blob_client(INPUTS, file.blob)
        blob.upload_blob(b"no video" * 999, overwrite=True, metadata=blob.get_blob_properties().metadata)
    plan = Plan((videos[0], *broken), "mp3", pool_id=pools.LOCAL_POOL, name="Mixed", nonce=uuid.uuid4().hex)
    run = until(
        lambda: (now := jobs.get_run(account, jobs.launch(account, plan).id)).over and now,
        seconds=60,
        what="the end of the run",
    )
    for file in broken:
        blob = account.blobs.get_blob_client(INPUTS, file.blob)
        metadata = blob.get_blob_properties().metadata
        blob.upload_blob(path.read_bytes(), overwrite=True, metadata=metadata)
    return run


def press(opened: AppTest, label: str) -> AppTest:
    return next(button for button in opened.button if button.label == label).click().run()


def test_failures_are_a_group_with_their_cause_and_do_not_count_as_done(app: Open, mixed_run: Run) -> None:
    opened = app(PAGE, run=mixed_run.id)
    assert [heading.value for heading in opened.subheader] == ["Failed (2)", "Done (1)"]
    assert "1 of 3 files done" in text(opened)
    cause = "**2 files** are damaged, or only parts of files\\."
    until(lambda: cause in text(opened.run()), seconds=30, what="the cause")
    assert "Copy it once more from where it came, and add it again" in text(opened)
    assert any("Invalid data found" in code.value or "moov atom" in code.value for code in opened.code)
    assert "**torn\\.mp4**: It is damaged" in text(opened)
    assert "results_live" not in opened.run().session_state or "being checked" in text(opened)


def test_a_result_of_a_damaged_source_is_told_from_the_others(
    app: Open, account: Account, finished_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, other = results.list_results(account, finished_run.id)
    hurt = replace(good, checked=True, damage="ffmpeg said of its source: “partial file”.")
    told = [hurt, replace(other, checked=True)]
    monkeypatch.setattr(results, "list_results", lambda account, run_id, manifest: told)
    st.cache_data.clear()
    opened = app(PAGE, run=finished_run.id)
    assert "1 of damaged sources" in text(opened)
    assert text(opened).count(":material/warning: plays to its end, but its source is damaged") == 1
    assert text(opened).count(":material/check_circle: plays to its end") == 1
    assert "partial file" in text(opened)


def test_short_results_are_one_group_each_with_its_own_numbers(
    app: Open, account: Account, mixed_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = flawed("shorter", "", "")
    told = [
        replace(row, state="failed", exit_code=None, cause=short, reason=f"It is {number} s too short.")
        for number, row in enumerate(results.list_results(account, mixed_run.id))
    ]
    monkeypatch.setattr(results, "list_results", lambda account, run_id, manifest: told)
    st.cache_data.clear()
    shown = text(app(PAGE, run=mixed_run.id))
    assert "**3 files** became shorter than they should be" in shown
    assert shown.count("shorter than") == 1
    assert "copy the original once more" in shown
    assert all(f"It is {number} s too short" in shown for number in range(3))


def test_files_of_one_cause_are_tried_again_by_themselves(
    app: Open, mixed_run: Run, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And on another pool, when that is what they need."""
    rows = results.list_results(account, mixed_run.id)
    full = Cause("disk-full", "The node's disk was full.", "Take larger disks.", "No space left on device")
    torn = Cause("damaged", "It is damaged.", "Copy it anew.", "moov atom not found")
    told = [
        rows[0],
        replace(rows[1], cause=full, reason=full.words),
        replace(rows[2], cause=torn, reason=torn.words),
    ]
    monkeypatch.setattr(results, "list_results", lambda account, run_id, manifest: told)
    st.cache_data.clear()
    opened = app(PAGE, run=mixed_run.id)
    assert [button.label for button in opened.button].count("Try it again with…") == 2
    opened = opened.button(key="retry_cause_0").click().run()
    assert not opened.exception
    assert "Convert 1 file again" in [button.label for button in opened.button]
    assert opened.multiselect(key=f"retry_only_{mixed_run.id}").options == ["broken.mp4"]
    opened.toggle(key=f"retry_elsewhere_{mixed_run.id}").set_value(True).run()
    assert opened.selectbox(key=f"convert_pool_{account.fingerprint}").options
    st.cache_data.clear()


def test_the_dialog_offers_the_failed_files_and_starts_nothing_by_itself(
    app: Open, account: Account, mixed_run: Run
) -> None:
    opened = press(app(PAGE, run=mixed_run.id), "Try again with…")
    assert not opened.exception
    assert opened.multiselect(key=f"retry_only_{mixed_run.id}").options == ["broken.mp4", "torn.mp4"]
    assert opened.selectbox(key=f"retry_to_{mixed_run.id}").value == "mp3"
    assert "2 files become MP3." in text(opened)
    assert "on the 5 nodes of this computer" in text(opened)
    assert "Convert 2 files again" in [button.label for button in opened.button]
    opened.run()  # as when a result has been checked meanwhile
    assert "Convert 2 files again" in [button.label for button in opened.button]
    assert not retrying.tries(account, mixed_run.id)


def test_two_failed_files_of_one_name_are_told_apart_in_the_dialog(account: Account, mixed_run: Run) -> None:
    lost = [row for row in results.list_results(account, mixed_run.id) if row.lost]
    alike = [replace(row, source_name="twin.mp4") for row in lost]
    assert list(told_apart(alike).values()) == ["twin.mp4 (file-0002)", "twin.mp4 (file-0003)"]
    assert list(told_apart(lost).values()) == ["broken.mp4", "torn.mp4"]


def test_a_second_try_and_its_first_lead_to_each_other(app: Open, account: Account, mixed_run: Run) -> None:
    found = retrying.inputs(account, mixed_run.id, ["file-0003"])
    again = jobs.launch(account, retrying.plan_again(account, mixed_run.id, found.videos, "m4a", "pages"))
    until(lambda: jobs.get_run(account, again.id).over, seconds=60, what="the end of the second try")
    linked = app(PAGE, run=again.id)
    assert "1 of 1 file done" in text(linked)
    press(linked, "Runs again: Mixed")
    assert linked.query_params["run"] == mixed_run.id
    assert "Run again in: Mixed \\(2\\)" in [button.label for button in linked.button]


def test_one_file_is_stopped_and_told_from_failures(
    app: Open, account: Account, videos: list[VideoFile]
) -> None:
    plan = Plan(tuple(videos[:2]), "mp3", pool_id="nowhere", name="Waiting", nonce=uuid.uuid4().hex)
    run = jobs.launch(account, plan)
    opened = app(PAGE, run=run.id)
    assert not opened.subheader
    opened.button(key="stop_file-0002").click().run()
    assert not opened.exception
    until(lambda: opened.run() and opened.subheader, what="the stopped file")
    assert [heading.value for heading in opened.subheader] == ["Stopped (1)", "Done or on the way (1)"]
    assert "It was stopped before it was done" in text(opened)
    jobs.stop(account, run.id)


def test_all_runs_are_listed_with_their_state_and_one_is_opened(
    app: Open, finished_run: Run, mixed_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = app(PAGE, run=finished_run.id)
    assert "All runs" in [block.label for block in opened.expander]
    assert not opened.dataframe, "folded, it costs nothing"
    begun = datetime(2026, 1, 5, 14, 2, tzinfo=UTC)
    ended = replace(finished_run, created=begun, ended=begun + timedelta(seconds=8), name="One", total=2)
    limited = replace(ended, reason="MaxWallClockTimeExpiry", name="Two")
    stopped = replace(ended, reason="UserTerminate", conversion="of another version")
    runs = [replace(ended, state="active", ended=None), ended, limited, stopped, replace(ended, error="No.")]
    shown = run_list.table(runs, begun + timedelta(minutes=2), {})
    assert list(shown["State"]) == [
        "under way",
        "ended",
        "stopped at its time limit",
        "stopped",
        "could not start",
    ]
    assert list(shown["Took"])[:2] == ["2 min", "8 s"]
    assert list(shown["Makes"]) == ["MP3", "MP3", "MP3", "of another version", "MP3"]
    chosen: list[str] = []
    monkeypatch.setattr(run_list.session, "set_run", chosen.append)
    marked = SimpleNamespace(selection=SimpleNamespace(rows=[1]))
    monkeypatch.setattr(run_list.st, "session_state", {"runs": marked})
    run_list._open([mixed_run.id, finished_run.id])
    assert chosen == [finished_run.id]


def test_the_list_tells_how_each_run_went(account: Account, finished_run: Run, mixed_run: Run) -> None:
    told = known_runs.outcomes(account, [finished_run.id, mixed_run.id, "run-deleted"])
    assert told == {finished_run.id: Outcome(2, 0), mixed_run.id: Outcome(1, 2)}
    runs = [finished_run, mixed_run, replace(finished_run, id="lost"), replace(mixed_run, state="active")]
    shown = run_list.table(runs, datetime.now(UTC), told | {"lost": Outcome(0, 2)})
    assert list(shown["State"]) == ["all done", "ended, some failed", "ended, all failed", "under way"]
    assert list(shown["Done / failed"]) == ["2 / 0", "1 / 2", "0 / 2", "1 / 2"]


def test_a_sample_is_no_news_and_not_offered_before_it_is_asked_for(
    app: Open, account: Account, videos: list[VideoFile], finished_run: Run
) -> None:
    opened = app(PAGE)
    plan = Plan(tuple(videos[:1]), "mp3", pool_id=pools.LOCAL_POOL, name="Tried", nonce=uuid.uuid4().hex)
    sample = jobs.launch(account, sampling.sample_plan(plan))
    until(lambda: jobs.get_run(account, sample.id).over, seconds=60, what="the end of the sample")
    assert known_runs.outcomes(account, [sample.id]) == {sample.id: Outcome(1, 0)}
    st.cache_data.clear()
    opened.run()
    assert opened.session_state[BADGES]["results"] == ""
    newest = app(PAGE)
    assert newest.selectbox(key="results_run").value != sample.id
    named = "Sample of Tried"
    assert not any(named in option for option in newest.selectbox(key="results_run").options)
    assert named in app(PAGE, run=sample.id).selectbox(key="results_run").options[0], "a link opens it"
    newest.session_state["all_runs"] = True
    assert not newest.run().dataframe[0].value["Run"].str.contains(named).any()
    labels = [block.label for block in newest.expander]
    newest.toggle(key="runs_samples").set_value(True).run()
    assert [block.label for block in newest.expander] == labels, "another label would fold it"
    assert any(named in option for option in newest.selectbox(key="results_run").options)


def test_a_run_whose_job_was_deleted_is_listed_opened_and_run_again(
    app: Open, account: Account, videos: list[VideoFile]
) -> None:
    plan = Plan(tuple(videos[:1]), "mp3", pool_id=pools.LOCAL_POOL, name="Gone", nonce=uuid.uuid4().hex)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    manifests.keep(account, replace(plans.manifest_of(plan), created=long_ago))
    jobs.launch(account, plan)
    until(lambda: jobs.get_run(account, plan.run_id).over, seconds=60, what="the end of the run")
    account.batch.begin_delete_job(plan.run_id, polling_interval=1).wait(30)
    opened = app(PAGE, run=plan.run_id)
    assert not opened.warning
    assert not opened.error
    assert "1 of 1 file done" in text(opened)
    assert any(option.startswith("Gone · ") for option in opened.selectbox(key="results_run").options)
    opened.session_state["all_runs"] = True
    listed = opened.run().dataframe[0].value.set_index("Run").loc["Gone"]
    assert (listed["State"], listed["Took"], listed["Done / failed"]) == ("job deleted", "–", "–")
    assert "1 file becomes MP3." in text(press(opened, "Run again…"))


def test_a_run_is_started_again_with_all_its_files_and_settings(app: Open, mixed_run: Run) -> None:
    opened = press(app(PAGE, run=mixed_run.id), "Run again…")
    assert not opened.exception
    assert [dialog.proto.dialog.title for dialog in opened.get("dialog")] == ["Run again"]
    assert len(opened.multiselect(key=f"retry_only_{mixed_run.id}").options) == 3
    assert "3 files become MP3." in text(opened)


def test_an_own_preset_is_offered_to_run_again_with_its_options(
    app: Open, account: Account, mixed_run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(own_presets, "app_home", lambda: tmp_path)
    own_presets.presets().save(Preset("Small talk", "m4a", Options(end=1.0)))
    opened = press(app(PAGE, run=mixed_run.id), "Run again…")
    to = opened.selectbox(key=f"retry_to_{mixed_run.id}")
    assert to.options[-1] == "Small talk (own preset)"
    to.set_value("own:Small talk").run()
    assert "3 files become M4A." in text(opened)
    opened.button(key="retry_start").click().run()
    (again,) = [run for run in retrying.tries(account, mixed_run.id) if run.options.end]
    assert (again.conversion, again.options, again.name) == ("m4a", Options(end=1.0), "Mixed (2)")
    jobs.stop(account, again.id)


def test_a_file_that_is_being_converted_tells_how_far_it_is(
    app: Open, account: Account, tmp_path: Path
) -> None:
    pools.ensure_local_pool(account)
    film = uploaded(account, clip(tmp_path / "long.mp4", 1200, sound=False), "long.mp4")
    plan = Plan((film,), "mp4-720p", Options("best"), pools.LOCAL_POOL, name="Long", nonce=uuid.uuid4().hex)
    run = jobs.launch(account, plan)
    try:
        opened = app(PAGE, run=run.id)
        until(
            lambda: re.search(r"converting, \d+ %, [\d.]+×", text(opened.run())),
            seconds=60,
            what="how far the conversion is",
        )
    finally:
        jobs.stop(account, run.id)
