"""The Files page: what it says of the videos in storage, and the work behind it."""

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from batch_core import files, storage
from batch_core.account import Account
from batch_core.errors import Unreachable
from batch_core.files import VideoFile
from batch_core.probe import Probe, Stream
from pages.parts import file_table, from_storage
from pages.shell import uploads, video_work, words
from tests.waiting import until

Open = Callable[..., AppTest]


def shown(app: AppTest) -> str:
    """Every word on the page outside tables."""
    parts = [*app.title, *app.markdown, *app.caption, *app.warning, *app.info, *app.error]
    return "\n".join(part.value for part in parts)


def store(account: Account, name: str, content: bytes) -> None:
    storage.ensure_containers(account)
    blob = f"{os.urandom(16).hex()}/{files.safe_name(name)}"
    metadata = {"name": files.encode_name(name)}
    account.blobs.get_blob_client(storage.INPUTS, blob).upload_blob(content, metadata=metadata)


def settled(app: AppTest, account: Account) -> AppTest:
    """The page once nothing goes on behind it."""
    until(lambda: not video_work.work(account).busy, seconds=60, what="the end of the work on videos")
    return app.run()


def video(seconds: float | None, size: int, **more: object) -> VideoFile:
    probe = Probe(
        True, "", "mov,mp4", "mp4", seconds, (Stream("video", "h264", 1280, 720), Stream("audio", "aac"))
    )
    made = VideoFile(os.urandom(16).hex(), "x/y", "a.mp4", size, datetime.now(UTC), probe)
    return replace(made, **more)


def test_the_page_lists_the_videos_in_storage(app: Open, account: Account, videos: list[VideoFile]) -> None:
    page = settled(app(), account)
    assert page.title[0].value == "Add your videos"
    listed = files.list_files(account)
    assert f"**{file_table.summary(listed)}**" in [part.value for part in page.markdown]
    table = page.dataframe[0].value
    row = table[table["name"] == "Test card.mp4"].iloc[0]
    assert (row["length"], row["picture"], row["state"]) == (8, "1280 × 720", "ready")
    assert [button.label for button in page.button].count("Convert") == 1 + (len(listed) > 5)
    assert not page.exception


def test_what_is_no_video_is_named_and_its_name_is_no_markup(app: Open, account: Account) -> None:
    name = f"**bold** <img src=x> [a](b) {os.urandom(4).hex()}.mp4"
    store(account, name, b"only words " * 1000)
    page = settled(settled(app(), account), account)
    table = page.dataframe[0].value
    row = table[table["name"] == name].iloc[0]
    assert (row["state"], row["why"]) == ("left out", "no kind of video or sound is found in it")
    assert list(table.columns)[:2] == ["name", "state"], "what a phone shows"
    refused = [file for file in files.list_files(account) if file.probe and not file.probe.ok]
    warning = page.warning[0].value
    assert "left out" in warning
    if len(refused) == 1:
        assert r"\*\*bold\*\* \<img" in warning


def test_without_videos_the_page_says_what_to_do(
    app: Open, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "list_files", lambda account: [])
    page = app()
    assert "No videos yet. Drop some above, or begin with samples." in shown(page)
    assert [button.label for button in page.button] == ["Try sample videos"]


def test_samples_are_made_in_the_background(app: Open, account: Account, videos: list[VideoFile]) -> None:
    page = app()
    next(button for button in page.button if button.label == "Try sample videos").click().run()
    settled(page, account)
    assert video_work.work(account).sampling.error is None
    names = [file.name for file in files.list_files(account)]
    assert names.count("Test card.mp4") == 1


def test_an_account_to_look_at_takes_no_files(app: Open, account: Account, videos: list[VideoFile]) -> None:
    page = app()
    looking = replace(account, look_only=True)
    page.session_state["azure_account"] = looking
    page.session_state["id_account"] = looking.handle
    page.run()
    assert "connected to look only" in page.info[0].value
    assert {button.label for button in page.button} == {"Convert"}


def test_an_error_of_storage_is_said_and_the_page_stays(
    app: Open, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(account: Account) -> list[VideoFile]:
        raise Unreachable("Storage does not answer.", "Check the connection.")

    monkeypatch.setattr(files, "list_files", fail)
    page = app()
    assert page.title[0].value == "Add your videos"
    assert "Storage does not answer." in page.error[0].value


def test_the_table_is_made_anew_when_its_columns_have_got_their_words() -> None:
    """A table that is only filled keeps the widths of its empty columns, and cuts off what comes into them."""

    def page(files: list) -> None:
        from pages.parts import file_table

        file_table.table(files)

    def drawn(*found: VideoFile) -> str:
        return AppTest.from_function(page, args=(list(found),)).run().dataframe[0].proto.id

    known = video(8.0, 1000)
    new = replace(known, probe=None)
    assert drawn(new) != drawn(known)
    assert drawn(known) == drawn(known)


@pytest.mark.parametrize(
    ("lengths", "told"),
    [
        ([8.2, 6.0], "2 files · 14 s of video · 20 MB"),
        ([120.0] * 5, "5 files · 10 min of video · 50 MB"),
        ([4000.0, 900.0], "2 files · 1 h 22 min of video · 20 MB"),
        ([None], "1 file · 10 MB"),
    ],
)
def test_the_summary_adds_up(lengths: list[float | None], told: str) -> None:
    assert file_table.summary([video(seconds, 10_000_000) for seconds in lengths]) == told


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (20, "20 bytes"),
        (1000, "1 KB"),
        (13_360_000, "13.4 MB"),
        (999_999_999, "1 GB"),
        (None, "–"),
    ],
)
def test_a_size_is_told_in_one_way(count: int | None, told: str) -> None:
    assert words.size(count) == told


@pytest.mark.parametrize(
    ("origin", "rules", "direct"),
    [
        ("http://127.0.0.1:8501", True, True),
        ("http://localhost:8501", True, True),
        ("https://videos.example.com", True, False),
        ("http://127.0.0.1:8501", False, False),
    ],
)
def test_uploads_go_through_the_app_where_the_browser_cannot_reach_storage(
    account: Account, monkeypatch: pytest.MonkeyPatch, origin: str, rules: bool, direct: bool
) -> None:
    monkeypatch.setattr(uploads.session, "origin", lambda: origin)
    monkeypatch.setattr(storage, "cors_allows", lambda account, origin: rules)
    uploads.forget_reach()
    assert uploads.reaches_storage(account) is direct
    uploads.forget_reach()


def test_a_target_renewed_is_another_one() -> None:
    address = uploads.uploader.Address("http://x", "sig=1")
    one, other = (uploads.uploader.Target("a", address, address, 1) for _ in range(2))
    assert one.made != other.made
    assert "sig" not in repr(one)


def test_a_task_asked_for_while_it_runs_runs_once_more() -> None:
    runs, hold = [], threading.Event()

    def run(tell: Callable[[int, int], None]) -> None:
        runs.append(1)
        tell(len(runs), 2)
        hold.wait(10)

    task = video_work.Task(run)
    task.start()
    until(lambda: runs, what="the first run")
    for _ in range(3):
        task.start()
    hold.set()
    until(lambda: not task.busy, what="the end of the task")
    assert len(runs) == 2
    assert task.progress == video_work.Progress(2, 2)


def test_a_task_keeps_its_error_until_it_starts_again() -> None:
    errors = [Unreachable("Storage does not answer.")]

    def run(tell: Callable[[int, int], None]) -> None:
        if errors:
            raise errors.pop()

    task = video_work.Task(run)
    task.start()
    until(lambda: task.error, what="the error")
    until(lambda: not task.busy, what="the end of the task")
    task.start()
    until(lambda: not task.busy and task.error is None, what="a run without an error")


def test_files_of_another_container_are_seen_chosen_and_copied(
    app: Open, account: Account, videos: list[VideoFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    container, name = f"from-{os.urandom(4).hex()}", f"film {os.urandom(4).hex()}.mp4"
    film = account.blobs.get_blob_client(storage.INPUTS, videos[-1].blob).download_blob().readall()
    made = account.blobs.create_container(container)
    for blob in (f"trip/{name}", "trip/a.mp4", "trip/b.mp4", "z.mp4"):
        made.upload_blob(blob, film)
    monkeypatch.setattr(from_storage, "SHOWN", 2)
    page = app()
    assert not [field for field in page.selectbox if field.key == "from_container"], "it is folded"
    page.session_state["from_storage"] = True
    page.run()
    page.selectbox(key="from_container").select(container).run()
    assert "Showing 2 of 4 files" in shown(page)
    assert page.button(key="from_add").label == "Add all 4 files"
    page.text_input(key="from_prefix").set_value("trip/f").run()
    page.button(key="from_add").click().run()
    settled(settled(page, account), account)
    assert not page.exception
    (copied,) = [file for file in files.list_files(account) if file.name == name]
    assert copied.probe is not None
    assert copied.probe.ok
    assert copied.path == f"trip/{name}"
    assert name in " ".join(page.dataframe[-1].value["name"])
    made.delete_blob("z.mp4")
    video_work.work(account).copy(container, ["z.mp4"])
    settled(page, account)
    assert any("1 of 1 files could not be copied" in error.value for error in page.error)
    account.blobs.delete_container(container)
    files.delete_files(account, [copied])
