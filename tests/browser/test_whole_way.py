"""The whole way in a browser: videos in, MP3s out, watched live, played, downloaded, cleared up."""

import re
import subprocess
import zipfile
from pathlib import Path

import av
import imageio_ffmpeg
import pytest
from playwright.sync_api import Page, expect

from batch_core import files, jobs
from batch_core.account import Account
from batch_core.pools import LOCAL_POOL
from tests.waiting import until

LENGTHS = (3, 4, 5, 6, 7)  # seconds
A_REAL_VIDEO = Path(__file__).parents[3] / "shared" / "media"  # used where it is at hand
FIELDS = {"account": "name", "key": "key", "url": "URL"}


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, float]:
    """Five videos with their lengths in seconds: a real one of two minutes where there is one, made ones else."""
    folder = tmp_path_factory.mktemp("videos")
    made = {_clip(folder / f"holiday {seconds}.mp4", seconds): float(seconds) for seconds in LENGTHS}
    real = sorted(A_REAL_VIDEO.glob("*.mp4"))[:1]
    return dict([*((path, 120.0) for path in real), *made.items()][: len(LENGTHS)])


def _clip(path: Path, seconds: int) -> Path:
    sources = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine=frequency=330"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *sources, "-t", str(seconds)]
    subprocess.run([*command, "-preset", "ultrafast", str(path)], check=True)
    return path


def decoded_seconds(path: Path) -> float:
    """The length of what decodes; an error in the middle raises."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return sum(frame.samples / frame.sample_rate for frame in container.decode(stream))


def go(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()


def convert_and_download(page: Page, account: Account, videos: dict[Path, float], folder: Path) -> str:
    """From the drop to the downloads; returns the run's id. Every result is decoded to its end."""
    earlier = {file.id for file in files.list_files(account)}
    page.get_by_label("Choose files").set_input_files([str(path) for path in videos])

    def ours() -> list[files.VideoFile]:
        return [file for file in files.list_files(account) if file.id not in earlier and file.probe]

    until(lambda: len(ours()) == len(videos), seconds=60, what="five probed uploads")
    files.delete_files(account, [file for file in files.list_files(account) if file.id in earlier])
    page.reload()
    go(page, "Convert")
    page.get_by_text("MP3", exact=True).first.click()
    page.get_by_role("button", name="Convert 5 files").click()
    page.wait_for_url(re.compile(r"/monitor.*run="))
    expect(page.get_by_text("5 / 5")).to_be_visible(timeout=90_000)
    run_id = re.search(r"run=([\w-]+)", page.url)[1]
    page.reload()
    expect(page.get_by_text("5 / 5")).to_be_visible(timeout=30_000)
    go(page, "Results")
    for path, seconds in videos.items():
        name = f"{path.stem}.mp3"
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download {name}", exact=True).click()
        assert download.value.suggested_filename == name
        download.value.save_as(folder / name)
        assert decoded_seconds(folder / name) == pytest.approx(seconds, abs=1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all").click()
    download.value.save_as(folder / "all.zip")
    with zipfile.ZipFile(folder / "all.zip") as archive:
        assert archive.testzip() is None
        media = {name for name in archive.namelist() if name.endswith(".mp3")}
    assert {Path(name).name for name in media} == {f"{path.stem}.mp3" for path in videos}
    return run_id


def test_five_videos_on_this_computer(
    page: Page, app_url: str, account: Account, videos: dict[Path, float], tmp_path: Path
) -> None:
    page.goto(app_url)
    expect(page.get_by_label("Choose files")).to_be_attached()
    run_id = convert_and_download(page, account, videos, tmp_path)
    page.get_by_role("button", name="Play").first.click()  # while the results are still being checked
    expect(page.locator("audio")).to_be_attached()
    until(lambda: page.locator("audio").evaluate("a => a.duration") > 1, what="the player's sound")
    expect(page.get_by_text("plays to its end")).to_have_count(5, timeout=60_000)

    go(page, "Clean up")
    expect(page.get_by_role("heading", name="Clean up")).to_be_visible()
    expect(page.get_by_text(run_id).first).to_be_visible()


def test_the_same_way_through_the_azure_form(
    page: Page,
    app_url: str,
    app_log: Path,
    cloud: dict,
    azure_like: Account,
    videos: dict[Path, float],
    tmp_path: Path,
) -> None:
    """A stranger's account, here the local cloud's own names, keys and URLs, with the pool that goes away."""
    addresses: list[str] = []
    page.on("framenavigated", lambda frame: addresses.append(frame.url))
    page.goto(f"{app_url}/connect")
    for service in ("batch", "storage"):
        for field, word in FIELDS.items():
            label = f"{service.capitalize()} account {word}"
            page.get_by_role("textbox", name=label).fill(cloud[service][field])
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_text(cloud["batch"]["account"]).first).to_be_visible()
    for secret in (cloud["batch"]["key"], cloud["storage"]["key"]):
        assert secret not in page.content()
        assert secret not in page.url

    go(page, "Files")
    run_id = convert_and_download(page, azure_like, videos, tmp_path)
    pool_id = jobs.get_run(azure_like, run_id).pool_id
    assert pool_id != LOCAL_POOL
    until(
        lambda: pool_id not in {pool.id for pool in azure_like.batch.list_pools()},
        seconds=60,
        what="the end of the run's own pool",
    )
    assert any("/monitor" in address for address in addresses)
    told = "\n".join([*addresses, app_log.read_text()])
    assert "You can now view your Streamlit app" in told
    for secret in (cloud["batch"]["key"], cloud["storage"]["key"], "sig="):
        assert secret not in told
