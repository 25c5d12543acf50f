"""What a task of another program makes: told while it runs, and handed out by the app's own signed route."""

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from azure.batch import models
from streamlit.testing.v1 import AppTest

from batch_core import pools
from batch_core.account import Account
from pages.components.live_chart import Click
from pages.shell import signing
from tests.waiting import until

Open = Callable[..., AppTest]
HOSTILE = "a #1 [x](y) ü.html"
CONTENT = b"<script>alert(1)</script>"
WRITES = f"""
import pathlib, sys, time
gate = pathlib.Path(sys.argv[1])
pathlib.Path({HOSTILE!r}).write_bytes({CONTENT!r})
for number in range(24):
    pathlib.Path(f"part-{{number:02}}.bin").write_bytes(bytes(number))
while not gate.exists():
    time.sleep(0.05)
"""


@pytest.fixture
def job_id(account: Account, tmp_path: Path) -> Iterator[str]:
    """A job whose task "t" has made 25 files and runs until the test is over."""
    pools.ensure_local_pool(account)
    job_id = f"files-{uuid.uuid4().hex[:8]}"
    script, gate = tmp_path / "writes.py", tmp_path / "gate"
    script.write_text(WRITES, "utf-8")
    on = models.BatchPoolInfo(pool_id=pools.LOCAL_POOL)
    account.batch.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=on))
    command = f'"{sys.executable}" "{script}" "{gate}"'
    account.batch.create_task(job_id, models.BatchTaskCreateOptions(id="t", command_line=command))
    yield job_id
    gate.touch()
    account.batch.begin_delete_job(job_id, polling_interval=0.1).wait(30)


def test_the_files_of_a_task_that_runs_are_told_and_each_can_be_downloaded(
    app: Open, account: Account, job_id: str, client: httpx.Client
) -> None:
    opened = app("pages/monitor.py", job=job_id)

    def told() -> bool:
        opened.session_state["monitor_shown"] = Click("task", "t")
        opened.run()
        assert not opened.exception
        return "In its folder on the node: 20 of 25 files" in [box.label for box in opened.expander]

    until(told, seconds=30, what="its files")
    assert account.batch.get_task(job_id, "t").state == "running"
    opened.session_state["monitor_files_t"] = True  # as a press on it does
    opened.run()
    parts = [part.proto for part in opened.get("bidi_component") if part.proto.component_name == "download"]
    assert len([part for part in parts if "/stream/file?" in part.json]) == 20

    link = signing.signed_url("file", account, job=job_id, task="t", file=HOSTILE)
    whole = client.get(link)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["content-type"] == "application/octet-stream"
    assert whole.headers["content-disposition"].startswith("attachment; ")
    assert quote(HOSTILE) in whole.headers["content-disposition"]
    some = client.get(link, headers={"Range": "bytes=1-6"})
    assert (some.status_code, some.content) == (206, b"script")
    assert some.headers["content-range"] == f"bytes 1-6/{len(CONTENT)}"
    assert client.get(link, headers={"Range": "bytes=99-"}).status_code == 416


def test_what_is_no_file_of_the_task_is_not_handed_out(
    account: Account, job_id: str, client: httpx.Client
) -> None:
    for file, status in (("nothing.txt", 404), ("../stdout.txt", 400)):
        answer = client.get(signing.signed_url("file", account, job=job_id, task="t", file=file))
        assert (answer.status_code, b"\n" in answer.content) == (status, False)
    link = signing.signed_url("file", account, job=job_id, task="t", file="nothing.txt")
    assert client.get(link.replace("nothing.txt", HOSTILE)).status_code == 403
