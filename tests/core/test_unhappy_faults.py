"""One call in ten goes wrong, on both services, for the app and for the nodes: fifty files all the same."""

import hashlib
import io
import random
import re
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch_core import archives, files, jobs, pools, relay, results, transport
from batch_core.account import Account
from batch_core.files import VideoFile, encode_name
from batch_core.jobs import Plan, Run
from batch_core.storage import INPUTS, RESULTS, ensure_containers
from tests.core.clips import clip
from tests.core.proxy import Call, Fault, door_to
from tests.waiting import until

FILES = 50
SHARE = 0.1
FATES = (
    *[Fault("request lost")] * 3,
    *[Fault("answer lost")] * 3,
    *[Fault("silence", seconds=1.5)] * 2,
    Fault("half"),
    Fault("status", 503),
    Fault("status", 429),
    Fault("status", 429, "1"),
)
EACH = list({(fault.kind, fault.status): fault for fault in FATES}.values())
LOST = Fault("answer lost")
# What meets each fault in turn at its first try, from the file of this number on: method, and the path's shape.
SURE = (
    (1, "PUT", r"/video-inputs/0*(\d+)/"),
    (11, "GET", r"/video-inputs/0*(\d+)/"),
    (21, "PUT", r"/file-0*(\d+)/.*mp3$"),
)


def sure(call: Call) -> Fault | None:
    """The fault of a call that never comes through at once: some of each kind, and all that makes a run."""
    if call.nth > 1 or call.service == "batch":
        return LOST if call.nth == 1 and call.method != "GET" else None
    for first, method, shape in SURE:
        found = re.search(shape, call.path)
        if found and call.method == method and 0 <= int(found[1]) - first < len(EACH):
            return EACH[int(found[1]) - first]
    return None


def fate(call: Call) -> Fault | None:
    """What happens to a call: the same to the same call, in whichever order they come."""
    dice = random.Random(f"8 {call.service} {call.method} {call.path} {call.nth}")
    return sure(call) or (dice.choice(FATES) if dice.random() < SHARE else None)


def inputs(account: Account, data: bytes) -> tuple[VideoFile, ...]:
    """The clip fifty times, uploaded as a browser does that cannot reach storage itself; one is looked into."""
    blobs = [f"{number:032x}/clip.mp4" for number in range(1, FILES + 1)]

    def upload(blob: str) -> None:
        number = int(blob.partition("/")[0], 16)
        relay.receive_blob(account, blob, data, encode_name(f"clip {number:02}.mp4"), "video/mp4")

    with ThreadPoolExecutor(8) as browsers:
        list(browsers.map(upload, blobs))
    listed = sorted((f for f in files.list_files(account) if f.blob in blobs), key=lambda file: file.blob)
    assert [file.name for file in listed] == [f"clip {number:02}.mp4" for number in range(1, FILES + 1)]
    probe = files.probe_file(account, listed[0]).probe
    return tuple(replace(file, probe=probe, uploaded=datetime(2026, 1, 1, tzinfo=UTC)) for file in listed)


def converted(account: Account, videos: tuple[VideoFile, ...]) -> Run:
    run = jobs.launch(account, Plan(videos, "mp3", pool_id=pools.LOCAL_POOL, name="fifty"))
    return until(
        lambda: (now := jobs.get_run(account, run.id)).over and now, seconds=120, what="the run's end"
    )


def archive(account: Account, run: Run) -> dict[str, bytes]:
    pieces = archives.zip_stream(account, run.id).pieces
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def assert_whole(account: Account, run: Run, data: bytes) -> None:
    """What a healthy network shows of the run: all of it, once."""
    assert run.reason == "AllTasksComplete"
    tasks = [task.as_dict() for task in account.batch.list_tasks(run.id)]
    assert [task["id"] for task in tasks] == [f"file-{number:04}" for number in range(1, FILES + 1)]
    assert {task["executionInfo"]["result"].lower() for task in tasks} == {"success"}
    assert [listed.id for listed in jobs.list_runs(account) if listed.name == "fifty"] == [run.id]
    assert len(jobs.manifest(account, run.id).files) == FILES
    stored = [
        blob.name.split("/")[1:] for blob in account.blobs.get_container_client(RESULTS).list_blobs(run.id)
    ]
    kinds = Counter("log" if "logs" in path else path[-1].rpartition(".")[2] for path in stored)
    assert (kinds["json"], kinds["mp3"]) == (1, FILES)
    assert kinds["log"] % FILES == 0
    assert kinds["log"], "each task's own"
    container = account.blobs.get_container_client(INPUTS)
    sent = [container.download_blob(f"{n:032x}/clip.mp4").readall() for n in range(1, FILES + 1)]
    assert {hashlib.sha256(one).digest() for one in sent} == {hashlib.sha256(data).digest()}


def test_fifty_files_end_right_without_a_hand(
    account: Account, cloud: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 1.0)
    pools.ensure_local_pool(account)
    ensure_containers(account)
    data = clip(tmp_path / "clip.mp4", 0.3).read_bytes()
    with door_to(cloud, fate) as (shaky, door):
        run = converted(shaky, inputs(shaky, data))
        rows = results.list_results(shaky, run.id)
        archived = archive(shaky, run)
    assert [(row.state, row.reason) for row in rows] == [("done", "")] * FILES
    assert sorted(archived) == [f"clip {number:02}.mp3" for number in range(1, FILES + 1)]
    assert all(archived.values())
    assert_whole(account, run, data)
    for by_node in (False, True):
        struck = {(fault.kind, fault.status) for call, fault in door.faults if call.by_node == by_node}
        assert struck == {(fault.kind, fault.status) for fault in EACH}
    assert len(door.faults) > len(door.asked) * SHARE / 2
