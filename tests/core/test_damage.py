"""Files that are hurt or cut off, really made and converted: ffmpeg ends well, and the damage is told all the same."""

import subprocess
import uuid
from pathlib import Path

import pytest

from batch_core import damage, jobs, pools, results
from batch_core.account import Account
from batch_core.jobs import Plan, Run
from batch_core.report import make_report
from tests.core.media import clip, ffmpeg
from tests.core.test_causes import AS_TASKS
from tests.core.test_results import finished, put

SECONDS = 4.0
FORMATS = {"mkv": "matroska", "mp4": "mov"}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In each format a whole file and its first half; an MP4 that was made for streaming, and one that is hurt."""
    folder = tmp_path_factory.mktemp("damaged")
    for extension in ("mkv", "avi", "wav", "flac"):
        sound_only = extension in ("wav", "flac")
        whole = clip(folder / f"whole.{extension}", SECONDS, "64x48", picture=not sound_only).read_bytes()
        (folder / f"half.{extension}").write_bytes(whole[: len(whole) * 11 // 20])
    film = clip(folder / "whole.mp4", SECONDS, "64x48")
    ffmpeg("-i", film, "-c", "copy", "-movflags", "+faststart", folder / "streamed.mp4")
    data = (folder / "streamed.mp4").read_bytes()
    (folder / "half.mp4").write_bytes(data[: len(data) * 11 // 20])
    data = film.read_bytes()
    start = data.find(b"mdat") + 20_000
    (folder / "hurt.mp4").write_bytes(data[:start] + bytes(range(256)) * 20 + data[start + 5120 :])
    return folder


@pytest.mark.parametrize("name", ["half.mkv", "half.avi", "half.wav", "half.flac", "half.mp4", "hurt.mp4"])
def test_damage_is_told_by_the_file_or_by_what_every_ffmpeg_says_though_it_ends_well(
    damaged: Path, tool: str, name: str
) -> None:
    extension = name.partition(".")[2]
    made = "out.mp4" if extension in ("avi", "mkv", "mp4") else "out.mp3"

    def said(source: str) -> str:
        form = ["-f", FORMATS.get(extension, extension), "-i", source]
        ended = subprocess.run(
            [tool, *AS_TASKS, *form, made],
            cwd=damaged,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return damage.in_log(ended.stderr) or damage.cut_short(
            (damaged / source).read_bytes()[:8], (damaged / source).stat().st_size
        )

    assert said(name)
    assert said(f"whole.{extension}") == "", "its other warnings mean no harm"


def test_only_what_is_really_missing_makes_a_file_cut_short() -> None:
    def head(told: int) -> bytes:
        return b"RIFF" + told.to_bytes(4, "little")

    assert damage.cut_short(head(50_000), 20_000) == "Its source has 20 KB; its own start tells of 50 KB."
    for told in (0, 49_992, 50_000, 50_001, 0xFFFFFFFF):
        assert damage.cut_short(head(told), 50_000) == "", "whole, sloppily counted, or written in one go"
    assert damage.cut_short(b"ftypisom", 10) == damage.cut_short(b"", 0) == ""


@pytest.fixture(scope="module")
def run(account: Account, damaged: Path) -> Run:
    """A run of a hurt film, a cut one, and a whole one."""
    pools.ensure_local_pool(account)
    names = ("hurt.mp4", "half.avi", "whole.mp4")
    videos = tuple(put(account, damaged / name, name) for name in names)
    plan = Plan(videos, "mp4-480p", pool_id=pools.LOCAL_POOL, nonce=uuid.uuid4().hex)
    return finished(account, jobs.launch(account, plan))


def test_a_good_result_of_a_damaged_source_says_so_and_it_is_kept(account: Account, run: Run) -> None:
    checked = [results.check(account, row) for row in results.list_results(account, run.id)]
    assert [(row.state, row.checked) for row in checked] == [("done", True)] * 3
    assert [bool(row.damage) for row in checked] == [True, True, False]
    assert "@ 0x" not in checked[0].damage, "no addresses in memory"
    assert [row.found for row in checked[1:]] == [
        "plays to its end, but its source is damaged",
        "plays to its end",
    ]
    kept = results.list_results(account, run.id)
    assert [row.damage for row in kept] == [row.damage for row in checked]
    html = make_report(account, run.id).html.decode()
    assert "2 were made of a damaged source" in html
    assert html.count("plays to its end, but its source is damaged") == 2
