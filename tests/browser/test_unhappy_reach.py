"""A browser that does not reach the blob endpoint: everything passes through the app, both ways, by itself."""

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import imageio_ffmpeg
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from batch_core import jobs, pools
from batch_core.account import Account
from batch_core.jobs import Plan, Run
from batch_core.results import list_results
from batch_core.storage import RESULTS
from tests.browser.uploading import LONG, Puts, arrived, choose, make_noise, open_files, stored, uploaded
from tests.waiting import until

NOTE = "This browser can't reach storage itself: files pass through this app, both ways."


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Five minutes, so that a player has somewhere to jump to."""
    path = tmp_path / f"long-{os.urandom(4).hex()}.mp4"
    sources = ["-f", "lavfi", "-i", "color=s=64x36:r=1:d=300", "-f", "lavfi", "-i", "sine=d=300"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *sources, "-preset", "ultrafast", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def walled(context: BrowserContext, account: Account) -> Page:
    """A page in a browser that a firewall keeps from storage."""
    host = urlsplit(account.storage_endpoint.url).netloc
    context.route(lambda url: urlsplit(url).netloc == host, lambda route: route.abort("connectionrefused"))
    return context.new_page()


def test_upload_play_jump_and_download_pass_through_the_app(
    walled: Page, app_url: str, account: Account, clip: Path, tmp_path: Path
) -> None:
    noise, puts = make_noise(tmp_path), Puts(walled)
    open_files(walled, app_url)
    choose(walled, clip, noise)
    uploaded(walled)
    expect(walled.get_by_text(NOTE)).to_be_visible(timeout=LONG)
    expect(walled.get_by_text("They pass through this app on their way to storage")).to_be_visible()
    assert arrived(account, noise)
    assert len(puts.acknowledged) == 5  # three blocks and their list, and the clip

    run = converted(account, clip.name)
    walled.goto(f"{app_url}/results?run={run.id}")
    expect(walled.get_by_text(NOTE)).to_be_visible(timeout=LONG)
    plays_and_jumps(walled)
    [result] = list_results(account, run.id)
    with walled.expect_download() as saved:
        walled.get_by_role("button", name=f"Download {result.name}").click()
    stored_bytes = account.blobs.get_blob_client(RESULTS, result.blob).download_blob().readall()
    assert Path(saved.value.path()).read_bytes() == stored_bytes
    assert saved.value.suggested_filename == result.name


def test_the_straight_way_is_taken_again_when_it_is_open(
    context: BrowserContext, walled: Page, app_url: str, account: Account, tmp_path: Path
) -> None:
    open_files(walled, app_url)
    expect(walled.get_by_text(NOTE)).to_be_visible(timeout=LONG)
    context.unroute_all()
    walled.evaluate("dispatchEvent(new Event('online'))")
    expect(walled.get_by_text(NOTE)).to_be_hidden(timeout=LONG)
    expect(walled.get_by_text("They go straight to storage")).to_be_visible()
    noise, hosts = make_noise(tmp_path), set()
    walled.on("request", lambda sent: sent.method == "PUT" and hosts.add(urlsplit(sent.url).netloc))
    choose(walled, noise)
    uploaded(walled)
    assert hosts == {urlsplit(account.storage_endpoint.url).netloc}
    assert arrived(account, noise)


def plays_and_jumps(page: Page) -> None:
    """Play the one result, and jump almost to its end."""
    parts: list[int] = []
    page.on("response", lambda answer: parts.append(answer.status) if "/stream/blob" in answer.url else None)
    page.get_by_role("button", name="Play").click()
    sound = page.locator("audio")
    until(lambda: sound.evaluate("player => player.readyState > 0"), what="the sound's length")
    sound.evaluate("player => { player.currentTime = 290; }")
    until(lambda: not sound.evaluate("player => player.seeking"), what="the jump")
    assert sound.evaluate("player => player.currentTime") == pytest.approx(290, abs=5)
    until(lambda: page.evaluate("true") and 206 in parts, what="a part of the sound by the app's own route")


def converted(account: Account, name: str) -> Run:
    """The file of this name as MP3, on this computer's pool."""
    file = until(
        lambda: (found := stored(account, name)) and found.probe and found,
        seconds=60,
        what="a look into the clip",
    )
    pools.ensure_local_pool(account)
    plan = Plan(files=(file,), conversion="mp3", pool_id=pools.LOCAL_POOL, name="Walled", nonce=name)
    run = jobs.launch(account, plan)
    return until(
        lambda: (now := jobs.get_run(account, run.id)).over and now, seconds=60, what="the run's end"
    )
