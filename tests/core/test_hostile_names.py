"""Names of every kind from the upload to the download: shown right, kept apart, part of nothing."""

import html
import io
import re
import shlex
import time
import unicodedata
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
import requests

from batch_core import archives, files, jobs, pools, results, storage
from batch_core.account import Account
from batch_core.conversions import conversion, path_name, result_names
from batch_core.files import VideoFile, distinct_names
from batch_core.jobs import Plan
from batch_core.snapshot import NodeRow, Span
from batch_core.storage import INPUTS, RESULTS
from pages.charts import heatmap, timeline
from pages.charts.axis import run_axis
from pages.charts.columns import attempts_of, tasks_of
from pages.charts.lanes import order
from tests.core.media import clip
from tests.core.names import COLLIDING, NAMES
from tests.waiting import until

MP3 = conversion("mp3")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OURS = re.compile(r"[A-Za-z0-9 ._:-]+")  # all that the command of a task is made of


def folded(name: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def named(*names: str) -> list[VideoFile]:
    """Files uploaded one after another, the last first, as lists show them."""
    found = [
        VideoFile(f"{number:032x}", f"{number:032x}/x", name, 1, NOW + timedelta(seconds=number))
        for number, name in enumerate(names)
    ]
    return found[::-1]


def put(account: Account, name: str, data: bytes) -> str:
    """Uploads as a browser does; the blob's name."""
    target = files.upload_target(account)
    blob = f"{uuid.uuid4().hex}/{files.safe_name(name)}"
    headers = {
        "If-None-Match": "*",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-meta-name": files.encode_name(name),
    }
    answer = requests.put(f"{target.container_url}/{blob}?{target.sas}", data, headers=headers, timeout=10)
    assert answer.status_code == 201
    return blob


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return clip(tmp_path_factory.mktemp("sound") / "a.m4a", 0.3, picture=False).read_bytes()


@pytest.fixture(scope="module")
def uploads(account: Account, sound: bytes) -> Iterator[dict[str, VideoFile]]:
    """One file for each name, looked into; by blob name."""
    storage.ensure_containers(account)
    pools.ensure_local_pool(account)
    blobs = [put(account, name, sound) for name, *_ in NAMES]
    listed = {file.blob: file for file in files.list_files(account)}
    one = files.probe_file(account, listed[blobs[0]])  # they are all the same
    yield {blob: replace(listed[blob], probe=one.probe) for blob in blobs}
    files.delete_files(account, [listed[blob] for blob in blobs])


@pytest.fixture(scope="module")
def run(account: Account, uploads: dict[str, VideoFile]) -> jobs.Run:
    """All of them as MP3 on this computer."""
    plan = Plan(
        tuple(uploads.values()), "mp3", pool_id=pools.LOCAL_POOL, name=NAMES[2][0], nonce=uuid.uuid4().hex
    )
    started = jobs.launch(account, plan)
    return until(
        lambda: (now := jobs.get_run(account, started.id)).over and now, seconds=60, what="the run's end"
    )


def test_names_are_shown_as_they_are_in_one_line(uploads: dict[str, VideoFile]) -> None:
    assert [file.name for file in uploads.values()] == [shown for _, shown, _ in NAMES]
    for blob in uploads:
        assert re.fullmatch(r"[0-9a-f]{32}/[A-Za-z0-9._-]{1,80}", blob)


def test_every_name_comes_back_with_its_result(account: Account, run: jobs.Run) -> None:
    rows = results.list_results(account, run.id)
    assert [(row.source_name, row.state, row.name) for row in rows] == [
        (shown, "done", result) for _, shown, result in NAMES
    ]
    for row in rows:
        url = storage.read_url(account, RESULTS, row.blob, name=row.name, content_type=row.content_type)
        answer = requests.get(url, timeout=10)
        assert answer.status_code == 200
        assert saved_as(answer.headers["Content-Disposition"]) == row.name
        assert len(answer.content) == row.size


def saved_as(header: str) -> str:
    """The name in a Content-Disposition, which is one line of ASCII with nothing after the names."""
    assert re.fullmatch(
        r"attachment; filename=\"[ -!#-\[\]-~]*\"; filename\*=UTF-8''[\w.~%-]+", header, re.ASCII
    )
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    return unquote(header.partition("UTF-8''")[2])


def test_the_archive_holds_every_name(account: Account, run: jobs.Run) -> None:
    made = archives.zip_stream(account, run.id)
    assert made.name == "$(touch x) `id` ${HOME}.mp4.zip"
    with zipfile.ZipFile(io.BytesIO(b"".join(made.pieces))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [result for *_, result in NAMES]


def test_no_name_is_part_of_a_command_or_of_a_task_but_its_title(account: Account, run: jobs.Run) -> None:
    tasks = sorted(account.batch.list_tasks(run.id), key=lambda task: task.id)
    assert [task.display_name for task in tasks] == [shown for _, shown, _ in NAMES]
    assert len({task.command_line for task in tasks}) == 1, "the name makes no difference"
    assert OURS.fullmatch(tasks[0].command_line)
    assert shlex.split(tasks[0].command_line) == tasks[0].command_line.split(" ")
    for task in tasks:
        assert task.resource_files is not None
        assert {file.file_path for file in task.resource_files} == {"input.mp4"}
        assert not task.environment_settings


def test_a_second_run_and_a_second_upload_overwrite_nothing(
    account: Account, run: jobs.Run, uploads: dict[str, VideoFile], sound: bytes
) -> None:
    def etags(container: str, prefix: str = "") -> dict[str, str]:
        return {
            blob.name: blob.etag for blob in account.blobs.get_container_client(container).list_blobs(prefix)
        }

    inputs, made = etags(INPUTS), etags(RESULTS, run.id)
    few = list(uploads.values())[:3]
    again = [put(account, file.name, sound) for file in few]
    plan = Plan(tuple(few), "mp3", pool_id=pools.LOCAL_POOL, name="again", nonce=uuid.uuid4().hex)
    second = jobs.launch(account, plan)
    until(lambda: jobs.get_run(account, second.id).over, seconds=60, what="the second run's end")
    assert second.id != run.id
    assert etags(RESULTS, run.id) == made
    after = etags(INPUTS)
    assert {blob: after[blob] for blob in inputs} == inputs
    assert set(after) == set(inputs) | set(again)
    files.delete_files(account, [file for file in files.list_files(account) if file.blob in again])


def test_results_that_would_collide_get_numbers() -> None:
    found = named(*COLLIDING)
    names = result_names(found, MP3)
    assert [names[file.id] for file in reversed(found)] == [
        "a.mp3", "a (2).mp3", "A (3).mp3", "a (2) (2).mp3", "Café.mp3", "Café (2).mp3", "a (4).mp3",
    ]  # fmt: skip
    assert len({folded(name) for name in names.values()}) == len(COLLIDING)


def test_files_of_one_name_are_told_apart_where_one_chooses() -> None:
    found = named("a.mp4", "a.mp4", "a (2).mp4", "a.mp4", "b", "b", ".mp4", ".mp4")
    names = distinct_names(found)
    assert [names[file.id] for file in reversed(found)] == [
        "a.mp4", "a (3).mp4", "a (2).mp4", "a (4).mp4", "b", "b (2)", ".mp4", ".mp4 (2)",
    ]  # fmt: skip


def test_thousands_of_files_of_one_name_take_no_time() -> None:
    found = named(*["holiday.mp4"] * 5000)
    began = time.monotonic()
    assert len(set(result_names(found, MP3).values())) == 5000
    assert len(set(distinct_names(found).values())) == 5000
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("unit", ["x", "ü", "日", "🎬", "e\u0301", "👩\u200d👧"])
def test_the_longest_names_fit_on_every_disk_and_into_every_path(unit: str) -> None:
    longest = (unit * 255).encode()[:251].decode(errors="ignore") + ".mp4"
    names = set(result_names(named(*[longest] * 12), MP3).values())
    assert len({folded(name) for name in names}) == 12
    for name in names:
        assert len(name.encode()) <= 255
        assert name.endswith(".mp3")
        assert len(f"run-{'0' * 20}/file-0001/{path_name(name)}") < 1024  # of a blob's name
        name.encode("utf-8")


def test_what_another_program_stored_under_odd_names_is_shown_and_kept_apart(account: Account) -> None:
    container = account.blobs.get_container_client(INPUTS)
    twice = uuid.uuid4().hex
    odd = [f"{twice}/a.mp4", f"{twice}/b.mp4", "odd/a\u202eb #1 100%.mp4", "odd/<b>x</b>.mp4"]
    for blob in odd:
        container.upload_blob(blob, b"x", overwrite=True)
    found = {file.blob: file for file in files.list_files(account) if file.blob in odd}
    assert len({file.id for file in found.values()}) == 4
    assert found[odd[2]].name == "odd/ab #1 100%.mp4"
    for blob in odd:
        assert requests.get(storage.read_url(account, INPUTS, blob), timeout=5).content == b"x"
    files.delete_files(account, found.values())
    assert not [file for file in files.list_files(account) if file.blob in odd]


@pytest.mark.parametrize("name", [shown for _, shown, _ in NAMES])
def test_charts_show_a_name_and_interpret_nothing(name: str) -> None:
    zone = ZoneInfo("UTC")
    node = NodeRow("n0", "running", NOW, True, 1, 0, "", "", 0)
    span = Span("n0", "file-0001", name, NOW, NOW + timedelta(seconds=5), "done", 1)
    tiles = heatmap.heatmap(heatmap.Fleet([node], 1, {"n0": [name]}, zone, NOW), view="v")
    axis = run_axis(NOW, NOW + timedelta(seconds=9), zone, relative=True)
    work = attempts_of([span])
    facts = timeline.Facts(tasks_of(()))
    bars = timeline.timeline(order([node], work), work, facts, slots=1, axis=axis, view="v")
    (drawn,) = bars["bars"]["sets"][1].pop("name")  # the browser sets it as text
    (told,) = tiles["tiles"].pop("lines")[3:]  # as text too
    for text in (drawn, told):
        assert text.replace("\ufffd", "\u200d")[:20] == name[:20]
        assert all(character.isprintable() for character in text)
    found = [text for figure in (tiles, bars) for text in labels(figure)]
    beginning = name[:4]  # a tile has no room for more
    assert any(beginning in html.unescape(text).replace("\ufffd", "\u200d") for text in found)
    for text in found:
        assert set(re.findall(r"<[^>]*>?", text)) <= {"<b>", "</b>", "<br>"}
        assert not re.search(r"&(?!lt;|gt;|amp;|#)", text)


def labels(node: object) -> Iterator[str]:
    """Every text that Plotly would show, but for the templates, which are ours."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            if not key.endswith("template"):
                yield from labels(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from labels(value)


def test_a_name_that_is_a_path_is_none(tmp_path: Path) -> None:
    names = ("../../etc/passwd", "..", ".", "/", "C:\\x\\y.mp4", "\\\\host\\share", "~/.ssh/id", "a/../b.mp4")
    for name in result_names(named(*names), MP3).values():
        assert (tmp_path / name).resolve().parent == tmp_path.resolve()
        assert not set(name) & set('/\\:*?"<>|')
        assert not name.startswith(".")
