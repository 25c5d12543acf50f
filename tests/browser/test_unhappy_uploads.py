"""Uploads that something happens to: a reload, no network, storage or the app gone, refusals."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from batch_core import storage
from batch_core.account import Account
from tests.benchmarks.rig import Rig, running_app, start_server, stop_server
from tests.browser.uploading import (
    LONG,
    STORAGE,
    Gate,
    Puts,
    arrived,
    choose,
    choose_folder,
    make_noise,
    open_files,
    stored,
    uploaded,
)
from tests.waiting import until

ALLOWED = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "*"}


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    return make_noise(tmp_path)


@pytest.fixture
def opened(page: Page, app_url: str) -> Page:
    return open_files(page, app_url)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """An app on a local cloud of its own, whose processes may be killed."""
    with running_app() as running:
        yield running


def test_after_a_reload_a_file_chosen_again_goes_on_where_it_stopped(
    opened: Page, tmp_path: Path, account: Account
) -> None:
    folder = tmp_path / "trip"
    folder.mkdir()
    large, small = make_noise(folder, 33), make_noise(folder, 1)  # five blocks, and one request
    small = small.rename(folder / f"first {small.name}")
    puts, gate = Puts(opened), Gate(opened, let=3)
    choose_folder(opened, folder)
    puts.wait_for(3)  # the small file and two blocks
    gate.wait(2)
    before = list(puts.acknowledged)
    opened.reload()  # what is held back ends with the page
    opened.unroute_all(behavior="ignoreErrors")
    expect(opened.get_by_text(f"trip/{large.name} was not uploaded to its end")).to_be_visible(timeout=LONG)
    expect(opened.get_by_text("Choose the folder trip again")).to_be_visible()
    later = Puts(opened)
    choose_folder(opened, folder)
    uploaded(opened)
    assert len(before) == 3
    assert not set(before) & set(later.acknowledged)
    assert sum(" block " in put for put in later.acknowledged) == 3
    assert arrived(account, large)
    assert arrived(account, small)
    assert [stored(account, path.name).folder for path in (large, small)] == ["trip", "trip"]
    expect(opened.get_by_text("was not uploaded to its end")).to_be_hidden()


def test_another_file_under_the_same_name_is_not_taken_for_the_one_that_stopped(
    opened: Page, noise: Path, account: Account
) -> None:
    puts, gate = Puts(opened), Gate(opened, let=1)
    choose(opened, noise)
    puts.wait_for(1)
    gate.wait(2)
    opened.reload()  # what is held back ends with the page
    opened.unroute_all(behavior="ignoreErrors")
    times = noise.stat()
    noise.write_bytes(os.urandom(times.st_size))
    os.utime(noise, ns=(times.st_atime_ns, times.st_mtime_ns))
    expect(opened.get_by_text("was not uploaded to its end")).to_be_visible(timeout=LONG)
    choose(opened, noise)
    uploaded(opened)
    assert arrived(account, noise)


def test_without_a_network_an_upload_waits_and_goes_on_by_itself(
    context: BrowserContext, opened: Page, noise: Path, account: Account
) -> None:
    gate = Gate(opened)
    choose(opened, noise)
    gate.wait(3)
    context.set_offline(True)
    gate.open()
    expect(opened.get_by_text("No network. It goes on by itself").first).to_be_visible(timeout=LONG)
    context.set_offline(False)
    uploaded(opened)
    assert arrived(account, noise)


def test_many_files_have_a_bar_where_something_moves_and_are_cancelled_at_once(
    opened: Page, tmp_path: Path
) -> None:
    files = [tmp_path / f"small-{number:03}.bin" for number in range(120)]
    for file in files:
        file.write_bytes(file.name.encode())
    gate = Gate(opened)
    choose(opened, *files)
    gate.wait(4)
    rows = opened.get_by_role("list", name="Uploads").get_by_role("listitem")
    expect(opened.get_by_text("and 80 files more")).to_be_visible(timeout=LONG)
    expect(rows).to_have_count(40)
    assert len(gate.held) == 4
    opened.get_by_role("button", name="Cancel all").click()
    expect(rows).to_have_count(0)
    expect(opened.get_by_text("Uploading")).to_be_hidden()


def test_storage_that_stays_away_is_given_up_with_a_sentence(
    context: BrowserContext, app_url: str, tmp_path: Path
) -> None:
    page = context.new_page()
    page.clock.install()
    open_files(page, app_url)
    files = [make_noise(tmp_path, 1) for _ in range(6)]
    page.route(STORAGE, lambda route: route.fulfill(status=503, headers=ALLOWED))
    choose(page, *files)
    expect(page.get_by_text("Storage is busy. It goes on by itself").first).to_be_visible(timeout=LONG)
    page.clock.fast_forward("16:00")
    for file in files:
        row = page.get_by_role("listitem").filter(has_text=file.name)
        expect(row).to_contain_text("Not uploaded: storage is too busy", timeout=LONG)
    page.unroute(STORAGE)
    page.get_by_role("button", name="Try all again").click()
    uploaded(page)


def test_a_deleted_container_is_made_again_and_all_blocks_are_sent_again(
    page: Page, rig: Rig, noise: Path
) -> None:
    open_files(page, rig.url)
    puts, gate = Puts(page), Gate(page, let=3)
    choose(page, noise)
    puts.wait_for(3)
    gate.wait(1)  # the list of blocks
    rig.account.blobs.delete_container(storage.INPUTS)
    gate.open()
    uploaded(page)
    assert arrived(rig.account, noise)
    assert sum(" block " in put for put in puts.acknowledged) == 6


def test_without_leave_by_cors_the_app_takes_over_in_the_middle(page: Page, rig: Rig, noise: Path) -> None:
    open_files(page, rig.url)
    rules = rig.account.blobs.get_service_properties()["cors"]
    puts, gate = Puts(page), Gate(page, let=1)
    choose(page, noise)
    puts.wait_for(1)
    gate.wait(2)
    rig.account.blobs.set_service_properties(cors=[])
    gate.open()
    uploaded(page)
    rig.account.blobs.set_service_properties(cors=rules)
    expect(page.get_by_text("files pass through this app, both ways")).to_be_visible(timeout=LONG)
    assert arrived(rig.account, noise)


def test_storage_killed_in_the_middle_and_right_after_loses_nothing(
    page: Page, rig: Rig, noise: Path
) -> None:
    open_files(page, rig.url)
    puts, gate = Puts(page), Gate(page, let=1)
    choose(page, noise)
    puts.wait_for(1)
    gate.wait(2)
    azurite(rig).kill()
    gate.open()
    uploaded(page)
    killed = azurite(rig)
    killed.kill()
    killed.wait(20)
    assert arrived(rig.account, noise)
    expect(page.get_by_text("pass through this app")).to_be_hidden()  # the way was never changed


def test_the_app_killed_in_the_middle_does_not_end_an_upload(
    page: Page, rig: Rig, noise: Path, tmp_path: Path
) -> None:
    server, url = start_server(rig.home)
    open_files(page, url)
    earlier = make_noise(tmp_path, 1)
    choose(page, earlier)  # so that the browser has all that it needs to show a list of files
    expect(page.locator("canvas tr").filter(has_text=earlier.name)).to_be_attached(timeout=LONG)
    gate = Gate(page)
    choose(page, noise)
    gate.wait(3)
    server.kill()
    server.wait(20)
    gate.open()
    uploaded(page)
    assert arrived(rig.account, noise)
    server, _ = start_server(rig.home, port=urlsplit(url).port)
    expect(page.locator("canvas tr").filter(has_text=noise.name)).to_be_attached(timeout=LONG)
    stop_server(server)


def azurite(rig: Rig) -> psutil.Process:
    """The process that storage runs in now."""

    def found() -> psutil.Process | None:
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            if any("launch.mjs" in part for part in command) and any(
                str(rig.home) in part for part in command
            ):
                return process
        return None

    return until(found, what="storage's process")
