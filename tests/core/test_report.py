"""The report of a run: one file, all that happened, nothing that a name could do to it."""

import base64
import re
import uuid
import xml.etree.ElementTree as ElementTree
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch_core import jobs, manifests, monitor, report, results
from batch_core.account import Account, AccountKind
from batch_core.conversions import Options
from batch_core.errors import NotFound
from batch_core.history import Attempt, History
from batch_core.jobs import Run
from batch_core.pools import PoolSpec
from batch_core.report import known_attempts, make_report
from batch_core.report.drawing import draw
from batch_core.snapshot import Span
from tests.core.test_diagnoses import failed_run
from tests.core.test_results import run

__all__ = ["failed_run", "run"]  # the fixtures
START = datetime(2026, 1, 5, 14, 0, tzinfo=UTC)


def text(account: Account, run_id: str) -> str:
    return make_report(account, run_id).html.decode()


def test_it_tells_each_files_way_and_what_was_set(account: Account, run: Run) -> None:
    made = make_report(account, run.id)
    html = made.html.decode()
    assert made.name == "My: films report.html"
    assert "3 files to MP3 on This computer" in html
    assert "2 done, 1 failed." in html
    for row in results.list_results(account, run.id):
        assert row.source_name in html
        assert row.task_id in html
    assert "The input file was no longer in storage when the task started." in html
    assert manifests.read(account, run.id).files[0].command in html
    assert len(re.findall(r'<rect class="(done|failed)"', html)) == 3


def test_it_asks_no_address_and_holds_no_secret(account: Account, run: Run) -> None:
    html = text(account, run.id)
    assert not re.findall(r"\s(?:src\s*=(?!\"data:image/jpeg;base64,)|href\s*=)|url\(|@import", html)
    assert "default-src 'none'" in html
    for secret in (account.storage_endpoint.key, account.batch_endpoint.key, "sig="):
        assert secret not in html


def test_it_holds_small_pictures_within_a_limit(
    account: Account, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row in results.list_results(account, run.id)[:2]:
        results.check(account, row)
    html = text(account, run.id)
    shown = re.findall(
        r'<img alt="Before: ([^"]+)" title="Before" src="data:image/jpeg;base64,([^"]+)">', html
    )
    assert [name for name, _ in shown] == ["Ünser Film.mp4", "ünser film.mov"]
    assert all(base64.b64decode(data).startswith(b"\xff\xd8\xff") for _, data in shown)
    assert "img-src data:" in html
    monkeypatch.setattr(report, "PICTURE_BYTES", len(base64.b64decode(shown[0][1])) + 10)
    assert text(account, run.id).count("<img") == 1
    monkeypatch.setattr(report, "PICTURED", 0)
    assert "<img" not in text(account, run.id)


def test_causes_are_grouped_with_what_ffmpeg_said(account: Account, failed_run: Run) -> None:
    """Found out for it: nobody has looked at the run on Results."""
    assert all(row.unexplained for row in results.list_results(account, failed_run.id))
    html = text(account, failed_run.id)
    assert "It is damaged, or only a part of a file." in html
    assert "It has no sound: MP3 needs some." in html
    assert "moov atom not found" in html
    assert "(exit code " in html


def test_what_was_set_has_the_names_of_the_pages(account: Account, run: Run) -> None:
    options = Options("small", start=5, end=3700, lines=720, fps=25, audio=2, volume=-20, every=4)
    spec = PoolSpec("own", vm_size="Standard_D4s_v5", dedicated=2, spot=3, slots=4)
    source = replace(manifests.read(account, run.id), options=options, pool_id=None, spec=spec)
    made = manifests.keep(account, replace(source, run_id=f"run-{uuid.uuid4().hex[:20]}"))

    def told(account: Account) -> dict[str, str]:
        return dict(re.findall(r"<tr><th>([^<]+)</th><td>([^<]*)</td></tr>", text(account, made.run_id)))

    pool = {
        "Pool": "one of its own, which went away with the run",
        "Nodes": "2 dedicated, 3 Spot",
        "Tasks at once on a node": "4",
    }
    here = told(account)
    assert here == here | pool | {
        "Quality": "small",
        "From": "0:05",
        "To": "1:01:40",
        "Size": "at most 720 lines",
        "Frame rate": "25 a second",
        "Sound track": "2",
        "Volume": "-20 dB",
        "A picture every": "4 seconds",
    }
    assert "VM size" not in here
    there = told(replace(account, kind=AccountKind.AZURE))
    assert (there["VM size"], there["Image"]) == ("Standard_D4s_v5", str(spec.image))
    assert set(report.OPTIONS) == {field.name for field in fields(Options)}


def test_a_name_stays_text(account: Account, run: Run) -> None:
    source = manifests.read(account, run.id)
    name = "<script>alert(1)</script>{{ 7 * 7 }}.mp4"
    file = replace(source.files[0], name=name, result_name="<b>.mp3")
    made = manifests.keep(
        account, replace(source, run_id=f"run-{uuid.uuid4().hex[:20]}", name="<i>x", files=(file,))
    )
    html = text(account, made.run_id)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}.mp4" in html
    assert "<script" not in html
    assert "<i>x" not in html
    assert "its job has been deleted" in html


def test_a_run_that_nobody_knows_has_none(account: Account) -> None:
    with pytest.raises(NotFound):
        make_report(account, "run-00000000000000000000")


def test_attempts_of_the_history_are_drawn_also_when_the_job_is_gone(
    account: Account, run: Run, tmp_path: Path
) -> None:
    path = monitor.history_path(tmp_path, account)
    assert known_attempts(tmp_path, account, run.id) == ()
    history = History(path)
    scope = history.scope("job", run.id, START)
    assert scope
    end = START + timedelta(seconds=9)
    history.append(scope, [Attempt("file-0001", "a.mp4", 1, "node-x", START, end, "preempted", 0)], end)
    history.close()
    known = known_attempts(tmp_path, account, run.id)
    assert [(span.task_id, span.outcome) for span in known] == [("file-0001", "preempted")]
    html = make_report(account, run.id, known).html.decode()
    assert '<rect class="preempted"' in html
    path.write_bytes(b"no database" * 100)
    assert known_attempts(tmp_path, account, run.id) == ()


def test_slots_of_a_node_are_lanes_that_stand_together() -> None:
    def span(node: str, begin: int, end: int | None, task: str) -> Span:
        until = None if end is None else START + timedelta(seconds=end)
        return Span(
            node, task, task, START + timedelta(seconds=begin), until, "done" if end else "running", 1
        )

    drawn = draw(
        [span("a", 0, 10, "1"), span("b", 1, 5, "2"), span("a", 2, 4, "3"), span("a", 5, None, "4")],
        START + timedelta(seconds=20),
    )
    assert drawn is not None
    assert [name for name, _ in drawn.lanes] == ["node 1", "", "node 2"]
    assert [bar.y // 20 for bar in drawn.bars] == [0, 2, 1, 1]
    assert drawn.bars[3].x + drawn.bars[3].width == pytest.approx(1000)
    assert drawn.marks[0][0] == "0 s"
    assert draw([], None) is None


def test_hours_are_told_as_hours() -> None:
    drawn = draw([Span("a", "1", "1", START, START + timedelta(hours=20), "done", 1)], None)
    assert drawn is not None
    assert [label for label, _ in drawn.marks] == [
        "0:00",
        "4:00:00",
        "8:00:00",
        "12:00:00",
        "16:00:00",
        "20:00:00",
    ]
    assert drawn.bars[0].title == "1: done, 20:00:00"


def test_a_short_failure_in_a_long_run_can_be_seen() -> None:
    long = Span("a", "1", "1", START, START + timedelta(hours=9), "done", 1)
    short = Span("b", "2", "2", START, START + timedelta(seconds=0.1), "failed", 1)
    drawn = draw([long, short], None)
    assert drawn is not None
    assert drawn.bars[1].width >= 2


def test_the_drawing_is_well_formed(account: Account, run: Run) -> None:
    svg = re.search(r"<svg.*</svg>", text(account, run.id), re.DOTALL)
    assert svg
    assert ElementTree.fromstring(svg.group(0)).tag == "svg"
    assert jobs.get_run(account, run.id).over
