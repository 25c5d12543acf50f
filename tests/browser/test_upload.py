"""Uploads in a real browser: straight to storage, over page switches and failures."""

import hashlib
import os
import re
import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from urllib.parse import urljoin

import imageio_ffmpeg
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from batch_core import files, jobs, pools
from batch_core.account import Account
from batch_core.files import VideoFile
from batch_core.jobs import Plan
from batch_core.storage import INPUTS
from tests.browser.uploading import (
    LONG,
    STORAGE,
    Gate,
    choose,
    choose_folder,
    make_noise,
    open_files,
    stored,
    uploaded,
)
from tests.waiting import until

ROW_HEIGHT = 35  # pixels, also of the header
ODD = "<b>Ünïcödé *x* [a](b) & $q$ 🎬.mp4"  # a name that some systems' disks would refuse


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of two seconds."""
    path = tmp_path / "clip.mp4"
    sources = ["-f", "lavfi", "-i", "testsrc2=s=320x180:d=2", "-f", "lavfi", "-i", "sine=d=2"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *sources, "-preset", "ultrafast", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Three blocks of bytes that are no video, under a name of their own."""
    return make_noise(tmp_path)


@pytest.fixture
def opened(page: Page, app_url: str) -> Page:
    """The Files page, ready for files."""
    return open_files(page, app_url)


def digest(account: Account, name: str) -> str:
    """MD5 of the stored file, once it has been looked into (which changes its metadata)."""
    file = until(
        lambda: (found := stored(account, name)) and found.probe and found,
        seconds=60,
        what="a look into the file",
    )
    blob = account.blobs.get_blob_client(INPUTS, file.blob)
    return hashlib.md5(blob.download_blob().readall()).hexdigest()


def table_row(page: Page, name: str) -> Locator:
    """The file's row in the table, which draws on a canvas and has its text in the canvas element."""
    return page.locator("canvas tr").filter(has_text=name)


def test_several_files_arrive_whole_and_keep_their_names(
    opened: Page, clip: Path, noise: Path, account: Account
) -> None:
    content = {clip.name: clip.read_bytes(), ODD: clip.read_bytes(), noise.name: noise.read_bytes()}
    choose(opened, clip, noise)
    odd = {"name": ODD, "mimeType": "video/mp4", "buffer": content[ODD]}
    opened.get_by_label("Choose files").set_input_files([odd])
    uploaded(opened)
    for name, data in content.items():
        file = until(lambda name=name: stored(account, name), seconds=60, what=f"the upload of {name}")
        assert re.fullmatch(r"[0-9a-f]{32}/[A-Za-z0-9._-]{1,80}", file.blob)
        assert file.blob.endswith(f"/{files.safe_name(name)}")
        assert digest(account, name) == hashlib.md5(data).hexdigest()
    expect(opened.get_by_role("button", name="Convert").first).to_be_visible(timeout=LONG)
    expect(table_row(opened, ODD).first).to_be_attached(timeout=LONG)
    expect(opened.locator("b", has_text="Ünïcödé")).to_have_count(0)


def test_a_file_that_is_no_video_is_marked_and_left_out(opened: Page, tmp_path: Path) -> None:
    letter = tmp_path / f"letter-{os.urandom(4).hex()}.mp4"
    letter.write_text("Dear Ada, " * 5000)
    choose(opened, letter)
    row = table_row(opened, letter.name)
    expect(row).to_contain_text("left out", timeout=LONG)
    expect(opened.get_by_role("alert").filter(has_text="left out")).to_be_visible(timeout=LONG)


def test_an_upload_goes_on_while_pages_are_switched(opened: Page, noise: Path, account: Account) -> None:
    gate = Gate(opened)
    choose(opened, noise)
    gate.wait(3)
    opened.get_by_role("link", name="Convert").click()
    expect(opened.get_by_role("heading", name="Convert", level=1)).to_be_visible(timeout=LONG)
    expect(opened.get_by_text("Uploading 1 file")).to_be_visible()
    opened.get_by_role("link", name="Files").click()
    expect(opened.get_by_role("progressbar", name=f"Upload of {noise.name}")).to_be_visible()
    opened.get_by_role("link", name="Convert").click()
    expect(opened.get_by_role("heading", name="Convert", level=1)).to_be_visible(timeout=LONG)
    gate.open()
    expect(opened.get_by_text("Everything is uploaded")).to_be_visible(timeout=LONG)
    opened.get_by_role("link", name="Files").click()
    expect(table_row(opened, noise.name)).to_be_attached(timeout=LONG)
    assert digest(account, noise.name) == hashlib.md5(noise.read_bytes()).hexdigest()


def test_blocks_that_fail_are_sent_again_after_the_pause_that_storage_asks_for(
    opened: Page, noise: Path, account: Account
) -> None:
    answers = iter(("503", "lost", "429", "lost"))
    failed, asked = [], []

    def fail(route: Route) -> None:
        asked.append(time.monotonic())
        answer = next(answers, None)
        if answer is None:
            route.continue_()
            return
        failed.append(answer)
        if answer == "lost":
            route.abort("connectionreset")
        else:
            headers = {
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Expose-Headers": "*",
                "Retry-After": "3",
            }
            route.fulfill(status=int(answer), headers=headers)

    opened.route(STORAGE, fail)
    choose(opened, noise)
    expect(opened.get_by_text("Storage is busy. It goes on by itself in 3 s.").first).to_be_visible()
    uploaded(opened)
    assert failed == ["503", "lost", "429", "lost"]
    assert asked[-2] - asked[0] >= 3  # the last is the list of blocks, the one before it the last block again
    assert digest(account, noise.name) == hashlib.md5(noise.read_bytes()).hexdigest()


def test_a_refused_signature_is_renewed(opened: Page, clip: Path, account: Account) -> None:
    refused = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=403, headers={"Access-Control-Allow-Origin": "*"})

    named = clip.rename(clip.with_name(f"renewed-{os.urandom(4).hex()}.mp4"))
    opened.route(STORAGE, refuse_once)
    choose(opened, named)
    uploaded(opened)
    assert refused
    assert stored(account, named.name)


def test_an_answer_that_was_lost_does_not_make_a_second_file(
    opened: Page, clip: Path, account: Account
) -> None:
    lost = []

    def lose_once(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch().status)
            route.abort("connectionreset")

    named = clip.rename(clip.with_name(f"lost-{os.urandom(4).hex()}.mp4"))
    opened.route(STORAGE, lose_once)
    choose(opened, named)
    uploaded(opened)
    assert lost == [201]
    assert [file.name for file in files.list_files(account)].count(named.name) == 1


def test_a_cancelled_upload_leaves_no_file(opened: Page, noise: Path, account: Account) -> None:
    gate = Gate(opened)
    choose(opened, noise)
    gate.wait(3)
    opened.get_by_role("button", name=f"Cancel {noise.name}").click()
    expect(opened.get_by_role("listitem").filter(has_text=noise.name)).to_have_count(0)
    expect(opened.get_by_text(f"{noise.name}: cancelled")).to_be_attached()
    assert not any("blocklist" in url for url in gate.seen)
    assert stored(account, noise.name) is None


def test_leaving_while_an_upload_runs_is_asked_about(opened: Page, noise: Path) -> None:
    gate = Gate(opened)
    choose(opened, noise)
    gate.wait(3)
    opened.get_by_role(
        "heading", name="Add your videos"
    ).click()  # browsers ask only people who did something
    with opened.expect_event("dialog") as asked:
        opened.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    expect(opened.get_by_role("progressbar", name=f"Upload of {noise.name}")).to_be_visible()


def test_what_cannot_be_uploaded_says_why_and_can_be_tried_again(
    opened: Page, clip: Path, account: Account
) -> None:
    named = clip.rename(clip.with_name(f"again-{os.urandom(4).hex()}.mp4"))
    opened.route(
        STORAGE, lambda route: route.fulfill(status=404, headers={"Access-Control-Allow-Origin": "*"})
    )
    choose(opened, named)
    expect(opened.get_by_role("listitem").filter(has_text=named.name)).to_contain_text(
        "Not uploaded: the place for"
    )
    opened.unroute(STORAGE)
    opened.get_by_role("button", name=f"Try {named.name} again").click()
    uploaded(opened)
    assert stored(account, named.name)


def drop(page: Page, folder: Path) -> None:
    """Drop a folder as a person does with a file manager."""
    place = page.get_by_text("Drop videos or a folder here").bounding_box()
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for step in ("dragEnter", "dragOver", "drop"):
        session.send(
            "Input.dispatchDragEvent", {"type": step, "x": place["x"] + 5, "y": place["y"] + 5, "data": data}
        )


def test_folders_keep_their_tree_from_the_drop_to_the_download(
    opened: Page, clip: Path, account: Account, tmp_path: Path
) -> None:
    trip, name = f"trip-{os.urandom(4).hex()}", f"beach {os.urandom(4).hex()}.mp4"
    (tmp_path / trip / "day 1" / ".git").mkdir(parents=True)
    (tmp_path / trip / "Über #2").mkdir()
    for place in (f"{trip}/day 1", f"{trip}/Über #2", f"{trip}/day 1/.git", trip):
        shutil.copy2(clip, tmp_path / place / name)  # with its time, so that only the folder tells them apart
    (tmp_path / trip / "day 1" / ".hidden").write_bytes(b"no video")
    drop(opened, tmp_path / trip)
    uploaded(opened)
    choose_folder(opened, tmp_path / trip / "day 1")

    def arrived() -> list[VideoFile]:
        found = [file for file in files.list_files(account) if file.name == name and file.probe]
        return found if len(found) == 4 else []

    found = until(arrived, seconds=60, what="four files that are looked into")
    folders = {trip, f"{trip}/day 1", f"{trip}/Über #2", "day 1"}
    assert {file.folder for file in found} == folders
    assert stored(account, ".hidden") is None
    expect(table_row(opened, f"{trip}/Über #2/{name}")).to_be_attached(timeout=LONG)

    pools.ensure_local_pool(account)
    run = jobs.launch(account, Plan(tuple(found), "mp3", pool_id=pools.LOCAL_POOL, nonce=name))
    until(lambda: jobs.get_run(account, run.id).over, seconds=60, what="the run's end")
    opened.goto(f"{urljoin(opened.url, '/results')}?run={run.id}")
    expect(opened.get_by_text(f"{trip}/day 1/{name}: ")).to_be_visible(timeout=LONG)
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Download all").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        result = name.replace(".mp4", ".mp3")
        assert set(archive.namelist()) == {f"{folder}/{result}" for folder in folders}


def test_a_selected_file_is_deleted_after_asking(opened: Page, clip: Path, account: Account) -> None:
    named = clip.rename(clip.with_name(f"unwanted-{os.urandom(4).hex()}.mp4"))
    choose(opened, named)
    expect(table_row(opened, named.name)).to_contain_text("ready", timeout=LONG)
    expect(opened.get_by_role("listitem").filter(has_text=named.name)).to_have_count(0, timeout=LONG)
    row = int(table_row(opened, named.name).get_attribute("aria-rowindex")) - 1
    table = opened.get_by_test_id("stDataFrame").locator("canvas").first
    table.click(position={"x": 16, "y": row * ROW_HEIGHT + ROW_HEIGHT // 2}, force=True)
    opened.get_by_role("button", name="Delete").click()
    dialog = opened.get_by_role("dialog")
    expect(dialog).to_contain_text(named.name)
    dialog.get_by_role("button", name="Delete").click()
    expect(table_row(opened, named.name)).to_have_count(0, timeout=LONG)
    until(lambda: stored(account, named.name) is None, what="the deletion")
