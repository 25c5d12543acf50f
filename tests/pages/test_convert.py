"""Convert: what is chosen, what is said before, and one launch however often the button is pressed."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from batch_core import converted, files, jobs, pools, sampling
from batch_core.account import Account
from batch_core.conversions import CONVERSIONS, Options
from batch_core.errors import Unreachable
from batch_core.files import VideoFile
from batch_core.jobs import Plan
from batch_core.presets import Preset
from batch_core.storage import INPUTS
from pages.parts import own_presets, skip
from pages.parts.options import clock_seconds
from pages.parts.pool_choice import AUTO
from pages.shell import words
from tests.waiting import until

PAGE = "pages/convert.py"
Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def only_the_samples(account: Account, videos: list[VideoFile]) -> None:
    """Takes away what other tests have left in storage: the page offers all that is there."""
    ours = {file.id for file in videos}
    files.delete_files(account, [file for file in files.list_files(account) if file.id not in ours])


def button(opened: AppTest, start: str):
    return next(button for button in opened.button if button.label.startswith(start))


def text(opened: AppTest) -> str:
    return "\n".join(element.value for element in opened.markdown)


def test_it_says_what_will_happen_and_offers_all_files(
    app: Open, account: Account, videos: list[VideoFile]
) -> None:
    opened = app(PAGE)
    assert not opened.exception
    assert [title.value for title in opened.title] == ["Convert"]
    assert button(opened, "Convert ").label == "Convert 5 files"
    assert "5 files become MP3." in text(opened)
    assert "nothing costs money" in text(opened)
    shown = text(opened) + "".join(caption.value for caption in opened.caption)
    assert not any(word in shown for word in ("€", "estimate", "minutes left"))


def test_the_exact_command_is_there_and_holds_no_name(app: Open, videos: list[VideoFile]) -> None:
    command = app(PAGE).code[0].value
    assert command.startswith("ffmpeg -nostdin ")
    assert " -protocol_whitelist file " in command
    assert command.endswith("output.mp3")
    assert not any(file.name in command for file in videos)


def test_another_conversion_and_one_file_are_kept_over_a_page_switch(
    app: Open, videos: list[VideoFile]
) -> None:
    opened = app(PAGE)
    opened.button(key="choose_mp4-720p").click().run()
    opened.multiselect(key="convert_only").set_value([videos[0].id])
    opened.run()
    assert button(opened, "Convert ").label == "Convert 1 file"
    assert "1 file becomes MP4 720p." in text(opened)
    opened.switch_page("pages/pool.py").run()
    opened.switch_page(PAGE).run()
    assert "1 file becomes MP4 720p." in text(opened)


def test_a_file_that_is_no_video_is_named_with_its_reason_before_anything_runs(
    app: Open, account: Account, videos: list[VideoFile]
) -> None:
    blob = "0123456789abcdef0123456789abcdef/notes.mp4"
    client = account.blobs.get_blob_client(INPUTS, blob)
    client.upload_blob(b"#EXTM3U\nfile:///etc/passwd\n", overwrite=True)
    file = next(file for file in files.list_files(account) if file.blob == blob)
    files.probe_file(account, file)
    try:
        opened = app(PAGE)
        assert len(opened.warning) == 1
        assert "1 file will be left out" in opened.warning[0].value
        assert "notes" in opened.warning[0].value
        assert button(opened, "Convert ").label == "Convert 5 files"
    finally:
        client.delete_blob()


def test_two_tabs_launch_one_run_and_a_later_press_another(
    app: Open, account: Account, videos: list[VideoFile]
) -> None:
    before = {run.id for run in jobs.list_runs(account)}
    tabs = app(PAGE), app(PAGE)
    for tab in tabs:
        tab.multiselect(key="convert_only").set_value([videos[0].id])
        tab.run()
    for tab in tabs:
        button(tab, "Convert ").click().run()
        assert not tab.exception
        assert "launched" not in tab.session_state
    (run_id,) = {run.id for run in jobs.list_runs(account)} - before
    assert [tab.query_params["run"] for tab in tabs] == [run_id, run_id]
    tabs[0].switch_page(PAGE).run()
    button(tabs[0], "Convert ").click().run()
    assert tabs[0].query_params["run"] not in before | {run_id}


def test_a_run_has_the_time_limit_that_was_chosen_from_its_birth(
    app: Open, account: Account, videos: list[VideoFile]
) -> None:
    opened = app(PAGE)
    assert "What still runs after 2 hours is stopped." in text(opened)
    opened.selectbox(key="convert_limit").select(30).run()
    assert "What still runs after 30 minutes is stopped." in text(opened)
    opened.multiselect(key="convert_only").set_value([videos[0].id])
    opened.run()
    button(opened, "Convert ").click().run()
    assert not opened.exception
    job = account.batch.get_job(opened.query_params["run"])
    assert job.constraints is not None
    assert job.constraints.max_wall_clock_time == timedelta(minutes=30)


def test_a_pool_that_goes_away_by_itself_can_be_chosen(
    app: Open, account: Account, videos: list[VideoFile]
) -> None:
    opened = app(PAGE)
    opened.selectbox(key=f"convert_pool_{account.fingerprint}").select(AUTO).run()
    opened.number_input(key="convert_spot").set_value(3).run()
    assert "on 3 Spot nodes" in text(opened)
    assert opened.selectbox(key=f"convert_pool_{account.fingerprint}").options[0].startswith("This computer")
    assert pools.DEFAULT_VM_SIZE in [field.value for field in opened.text_input]


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("90", 90), ("1:30", 90), ("1:02:03.5", 3723.5), ("", None), ("1:", None), ("-3", None), ("x", None)],
)
def test_times_are_typed_as_people_write_them(typed: str, seconds: float | None) -> None:
    assert clock_seconds(typed) == seconds


def test_what_is_no_time_is_said_and_nothing_is_offered(app: Open, videos: list[VideoFile]) -> None:
    opened = app(PAGE)
    opened.text_input(key="convert_from").set_value("soon").run()
    assert "“From” is a time" in opened.error[0].value
    assert not any(button.label.startswith("Convert ") for button in opened.button)
    assert "“From” and “To” under Options" in text(opened)


def test_a_file_that_ends_before_the_part_begins_is_left_out_with_its_length(
    app: Open, videos: list[VideoFile]
) -> None:
    lengths = sorted(file.probe.duration for file in videos)
    opened = app(PAGE)
    opened.text_input(key="convert_from").set_value(f"{(lengths[0] + lengths[-1]) / 2:.1f}").run()
    assert not opened.exception
    left = sum(length <= (lengths[0] + lengths[-1]) / 2 for length in lengths)
    said = opened.warning[0].value.replace("\\", "")
    assert f"{left} file{'s' * (left > 1)} will be left out" in said
    assert f"It is {lengths[0]:.1f} s long" in said
    assert f"{len(videos) - left} file" in button(opened, "Convert ").label
    opened.text_input(key="convert_from").set_value("59:00").run()
    assert not opened.exception
    assert "No file is left to convert." in text(opened)


def test_a_time_that_no_video_has_is_said(app: Open, videos: list[VideoFile]) -> None:
    opened = app(PAGE)
    opened.text_input(key="convert_from").set_value("999999").run()
    assert not opened.exception
    assert "99:59:59" in opened.error[0].value.replace("\\", "").replace("\u2060", "")


def test_a_grey_button_says_why_without_being_pointed_at(
    app: Open, account: Account, videos: list[VideoFile]
) -> None:
    opened = app(PAGE)
    looking = replace(account, look_only=True)
    opened.session_state["azure_account"] = looking
    opened.session_state["id_account"] = looking.handle
    opened.run()
    assert button(opened, "Convert ").disabled
    assert "This account is connected to look only." in [caption.value for caption in opened.caption]


def command(opened: AppTest) -> str:
    return opened.code[0].value


def choose(opened: AppTest, id: str) -> AppTest:
    return opened.button(key=f"choose_{id}").click().run()


def test_every_conversion_is_offered_in_its_group_and_sound_comes_first(
    app: Open, videos: list[VideoFile]
) -> None:
    opened = app(PAGE)
    groups = [tab.label for tab in opened.tabs]
    assert groups == [
        "Audio",
        "Web and social",
        "Smaller file",
        "Editing",
        "Pictures",
        "Subtitles",
        "Own",
    ]
    cards = [one.label for one in opened.tabs[0].button]
    assert cards[0] == ":blue[**MP3**]"
    keys = {one.key for one in opened.button}
    for conversion in CONVERSIONS:
        assert f"choose_{conversion.id}" in keys
    captions = "".join(caption.value for caption in opened.caption)
    assert "keeps sound in stereo" in captions


def test_only_options_that_a_conversion_takes_are_asked_and_they_reach_the_command(
    app: Open, videos: list[VideoFile]
) -> None:
    opened = app(PAGE)
    keys = {field.key for field in [*opened.selectbox, *opened.slider]}
    assert "convert_volume" in keys
    assert not keys & {"convert_lines", "convert_fps", "convert_every", "convert_audio"}
    choose(opened, "webm")
    opened.selectbox(key="convert_lines").set_value(240)
    opened.selectbox(key="convert_fps").set_value(10)
    opened.slider(key="convert_volume").set_value(-6).run()
    assert "fps=10" in command(opened)
    assert "scale=426:240" in command(opened) or "scale=240:426" in command(opened)
    assert "volume=-6dB" in command(opened)
    opened.switch_page("pages/pool.py").run()
    opened.switch_page(PAGE).run()
    assert "fps=10" in command(opened), "what was chosen stays over a page switch"
    choose(opened, "mp3")
    assert "fps=10" not in command(opened)
    assert "volume=-6dB" in command(opened)


def test_options_from_earlier_work_are_told_counted_and_taken_back_by_one_press(
    app: Open, videos: list[VideoFile]
) -> None:
    opened = app(PAGE)
    assert "convert_usual" not in {one.key for one in opened.button}
    opened.text_input(key="convert_from").set_value("0:01")
    opened.segmented_control(key="convert_quality").set_value("small")
    opened.slider(key="convert_volume").set_value(-6).run()
    assert "From 0:01 to the end; 6 dB softer; small files." in text(opened)
    opened.switch_page("pages/pool.py").run()
    opened.switch_page(PAGE).run()
    assert "3 options changed" in [caption.value for caption in opened.caption]
    opened.button(key="convert_usual").click().run()
    assert "convert_usual" not in {one.key for one in opened.button}
    assert "-ss" not in command(opened)
    assert "volume" not in command(opened)
    assert "softer" not in text(opened)


def test_what_can_not_be_made_is_said_with_the_number_of_files(app: Open, videos: list[VideoFile]) -> None:
    opened = choose(app(PAGE), "subtitles")
    assert "5 files will be left out" in opened.warning[0].value
    assert "- **5 files**: No subtitles in it" in opened.warning[0].value
    assert all(words.plain(file.name) in opened.warning[0].value for file in videos)
    assert "No file is left to convert" in text(opened)


def test_own_arguments_are_shown_as_the_exact_command_or_refused_with_a_reason(
    app: Open, videos: list[VideoFile]
) -> None:
    opened = choose(app(PAGE), "expert")
    assert not any(button.label.startswith("Convert ") for button in opened.button)
    opened.text_area(key="convert_arguments").set_value("-vf movie=/etc/passwd").run()
    assert "The filter movie can't be taken" in opened.error[0].value
    assert not any(button.label.startswith("Convert ") for button in opened.button)
    opened.text_area(key="convert_arguments").set_value('-c:v libx264  -crf "20" -c:a copy').run()
    assert "-c:v libx264 -crf 20 -c:a copy -movflags faststart -f mp4 output.mp4" in command(opened)
    opened.selectbox(key="convert_container").select("mkv").run()
    assert command(opened).endswith("-f matroska output.mkv")


def test_a_choice_is_kept_as_a_preset_chosen_again_and_deleted(app: Open, videos: list[VideoFile]) -> None:
    kept = own_presets.presets()
    opened = choose(app(PAGE), "hevc")
    opened.selectbox(key="convert_lines").set_value(360)
    opened.text_input(key="preset_name").set_value("Small *and* good").run()
    opened.button(key="preset_keep").click().run()
    assert not opened.exception
    assert [(one.name, one.conversion, one.options.lines) for one in kept.all()] == [
        ("Small *and* good", "hevc", 360)
    ]
    opened.text_input(key="preset_name").set_value("small  *AND* good").run()
    assert opened.button(key="preset_keep").label == "Replace it"
    again = app(PAGE)
    assert any("MP4 HEVC" in one.value and "360 lines at most" in one.value for one in again.caption)
    again.button(key="own_0").click().run()
    assert "become MP4 HEVC" in text(again)
    assert "640:360" in command(again) or "360:640" in command(again)
    again.button(key="presets_delete").click().run()
    assert kept.all() == []
    assert "own_0" not in {one.key for one in again.button}


def test_a_presets_track_that_no_file_has_is_said_not_dropped(app: Open, videos: list[VideoFile]) -> None:
    own_presets.presets().save(Preset("Second sound", "mp3", Options(audio=2)))
    try:
        opened = app(PAGE)
        assert "convert_audio" not in {field.key for field in opened.selectbox}
        opened.button(key="own_0").click().run()
        assert opened.selectbox(key="convert_audio").value == 2
        assert "It has 1 sound track: there is no track 2." in opened.warning[0].value.replace("\\", "")
        opened.button(key="convert_usual").click().run()
        assert button(opened, "Convert ").label == "Convert 5 files"
    finally:
        own_presets.presets().delete("Second sound")


def test_a_try_of_each_is_shown_with_what_it_tells_of_all(
    app: Open, account: Account, videos: list[VideoFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "WORTH", 1.0)
    monkeypatch.setattr(sampling, "SECONDS", 2.0)
    opened = app(PAGE).button(key="try_each").click().run()
    assert not opened.exception
    until(lambda: "by 5 samples" in text(opened.run()), seconds=60, what="what the try tells")
    assert re.search(
        r"All 5 files: about \*\*[^*]+\*\* of work and \*\*[^*]+ KB\*\* of results", text(opened)
    )
    assert len(opened.get("audio")) == 3
    assert "and 2 more samples; Results has them all, under “All runs”." in [
        caption.value for caption in opened.caption
    ]
    assert "run" not in opened.query_params, "it is not what the other pages are about"


def test_a_try_is_shown_as_a_browser_can_or_offered_as_a_download(
    app: Open, videos: list[VideoFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "WORTH", 1.0)
    monkeypatch.setattr(sampling, "SECONDS", 0.5)
    opened = app(PAGE)
    for id, pictures, unplayed in (("ffv1", 0, True), ("gif", 1, False)):
        choose(opened, id)
        opened.button(key="try_one").click().run()
        until(lambda: "by 1 sample" in text(opened.run()), seconds=60, what="what the try tells")
        assert not opened.exception
        assert len(opened.get("image")) == pictures
        assert any("Browsers don't play this" in one.value for one in opened.caption) == unplayed
        assert not opened.get("video")


def test_a_run_is_called_as_it_was_named(app: Open, account: Account) -> None:
    opened = app(PAGE)
    named = next(field for field in opened.text_input if field.label == "Name of the run")
    assert named.placeholder == "5 files to MP3"
    named.set_value("  Holiday <b>1</b>  ").run()
    button(opened, "Convert ").click().run()
    run = jobs.get_run(account, opened.query_params["run"])
    assert run.name == "Holiday <b>1</b>"
    assert jobs.manifest(account, run.id).name == run.name


def test_what_was_converted_before_is_left_out_only_when_asked_and_the_way_to_its_run_is_there(
    app: Open, account: Account, videos: list[VideoFile]
) -> None:
    pools.ensure_local_pool(account)
    stored = {file.id: file for file in files.list_files(account)}  # others may have looked into them anew
    two = tuple(stored[video.id] for video in videos[:2])
    plan = Plan(two, "flac", pool_id=pools.LOCAL_POOL, name="Two <b>before</b>", nonce="before")
    run = jobs.launch(account, plan)
    until(lambda: jobs.get_run(account, run.id).over, seconds=60, what="the end of the run")
    opened = choose(app(PAGE), "flac")
    assert button(opened, "Convert ").label == "Convert 5 files"
    opened.toggle(key="convert_skip").set_value(True).run()
    until(lambda: "Convert 3 files" in labels(opened.run()), seconds=30, what="what was converted before")
    assert not opened.exception
    told = "2 files were converted before and are left out. Their results are in the run:"
    assert told in [info.value for info in opened.info]
    button(opened, "Convert ").click().run()
    left_out = jobs.manifest(account, opened.query_params["run"]).left_out
    assert {name for name, _ in left_out} == {file.name for file in videos[:2]}
    assert all("was converted before: " in reason and plan.name in reason for _, reason in left_out)
    opened.switch_page(PAGE).run()
    opened.multiselect(key="convert_only").set_value([videos[0].id]).run()
    until(lambda: opened.run().info, seconds=30, what="what was converted before")
    assert "No file is left to convert" in text(opened)
    opened.button(key=f"before_{run.id}").click().run()
    assert [title.value for title in opened.title] == ["Results"]
    assert opened.query_params["run"] == run.id


def test_while_earlier_results_are_looked_for_nothing_can_start_and_an_error_is_said(
    app: Open, videos: list[VideoFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = threading.Event()

    def before(*_: object) -> dict:
        assert known.wait(60)
        raise Unreachable("Storage does not answer.", "Check the connection.")

    monkeypatch.setattr(skip, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(converted.Conversions, "before", before)
    opened = choose(app(PAGE), "wav")
    opened.toggle(key="convert_skip").set_value(True).run()
    assert "Looking for what was converted before" in text(opened)
    assert not any(label.startswith("Convert ") for label in labels(opened))
    known.set()
    until(lambda: opened.run().error, seconds=30, what="the error")
    assert "Storage does not answer." in opened.error[0].value
    assert not any(label.startswith("Convert ") for label in labels(opened))
    opened.toggle(key="convert_skip").set_value(False).run()
    assert "Convert 5 files" in labels(opened), "without looking it goes on"


def test_the_same_file_twice_is_converted_twice_or_once(
    app: Open, account: Account, videos: list[VideoFile]
) -> None:
    assert all(choice.key != "convert_twice" for choice in app(PAGE).segmented_control)
    client = account.blobs.get_blob_client(INPUTS, "0123456789abcdef0123456789abcdef/again.mp4")
    film = account.blobs.get_blob_client(INPUTS, videos[0].blob).download_blob().readall()
    client.upload_blob(film, overwrite=True)
    try:
        (file,) = [file for file in files.list_files(account) if file.blob == client.blob_name]
        files.probe_file(account, file)
        opened = app(PAGE)
        assert button(opened, "Convert ").label == "Convert 6 files"
        twice = next(choice for choice in opened.segmented_control if choice.key == "convert_twice")
        twice.set_value("Convert it once").run()
        assert button(opened, "Convert ").label == "Convert 5 files"
        assert "1 file left out: the same content is converted once." in [c.value for c in opened.caption]
    finally:
        client.delete_blob()


def labels(opened: AppTest) -> list[str]:
    return [button.label for button in opened.button]
