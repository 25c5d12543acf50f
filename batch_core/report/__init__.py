"""A run in one HTML file: what was asked, what became of each file and where, when it ran, and why files failed.

The file holds everything that it shows and asks no address, so it can be kept, sent and opened anywhere.
"""

import base64
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from batch_core import diagnoses, jobs, pictures
from batch_core.account import Account, AccountKind
from batch_core.causes import Cause
from batch_core.conversions import conversion
from batch_core.errors import DashboardError, NotFound
from batch_core.feed import Feed
from batch_core.history import History
from batch_core.jobs import Run
from batch_core.manifests import Manifest, ManifestFile
from batch_core.monitor import history_path
from batch_core.report.drawing import draw, node_names
from batch_core.results import Result, list_results
from batch_core.sizes import lasted_text, length_text, size_text
from batch_core.snapshot import Outcome, Span
from batch_core.times import moment

_log = logging.getLogger(__name__)
SELECT = "id,state,executionInfo,nodeInfo"
PICTURED, PICTURE_BYTES = 100, 1_500_000  # files with pictures, and bytes of these: a third more as text
DIAGNOSED, AT_ONCE = 200, 8  # failures whose logs are read for a report, where nobody has looked before
OPTIONS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "quality": ("Quality", str),
    "start": ("From", length_text),
    "end": ("To", length_text),
    "lines": ("Size", "at most {} lines".format),
    "fps": ("Frame rate", "{} a second".format),
    "audio": ("Sound track", str),
    "subtitle": ("Subtitle track", str),
    "volume": ("Volume", "{:+} dB".format),
    "every": ("A picture every", "{:g} seconds".format),
    "arguments": ("Own arguments", str),
}
_STATES = {
    "done": "done",
    "failed": "failed",
    "stopped": "stopped",
    "preempted": "node lost",
    "waiting": "waiting",
    "converting": "converting",
}


@dataclass(frozen=True)
class Report:
    """The name to save it under, and the file."""

    name: str
    html: bytes


@dataclass(frozen=True)
class _Row:
    """One file's way: from its input by its task to its result."""

    file: ManifestFile
    result: Result
    span: Span | None
    pictures: tuple[tuple[str, str], ...] = ()  # side, and the JPEG as base64

    @property
    def state(self) -> str:
        return _STATES[self.result.state]

    @property
    def took(self) -> float | None:
        return (self.span.end - self.span.start).total_seconds() if self.span and self.span.end else None


def make_report(account: Account, run_id: str, attempts: Sequence[Span] = ()) -> Report:
    """The report of a run as it is now; `attempts` are those that a history knows, also of a job that is gone.

    Raises NotFound when nothing is known of the run.
    """
    manifest = jobs.manifest(account, run_id)
    results = _explained(account, manifest, list_results(account, run_id, manifest))
    run = _run(account, run_id)
    spans = _all_attempts(account, run, attempts)
    last = {span.task_id: span for span in spans}
    small = _pictures(account, run_id, results)
    rows = [
        _Row(file, result, last.get(file.task_id), small.get(file.task_id, ()))
        for file, result in zip(manifest.files, results, strict=True)
    ]
    html = (
        _environment()
        .get_template("report.html")
        .render(
            manifest=manifest,
            made=_label(manifest),
            run=run,
            rows=rows,
            totals=_totals(results),
            causes=_causes(results),
            drawing=draw(spans, run.ended if run else None),
            nodes=node_names(spans),
            account=account.name,
            options=_options(manifest),
            pool=_pool(account, manifest),
        )
    )
    return Report(f"{manifest.name} report.html", html.encode())


def known_attempts(home: Path, account: Account, run_id: str) -> tuple[Span, ...]:
    """Every attempt of a run's tasks that the history in this home tells of; without a history that can be read, none."""
    path = history_path(home, account)
    if not path.exists():
        return ()
    try:
        with closing(History(path)) as history:
            return tuple(history.read(None, run_id).spans)
    except sqlite3.Error as error:
        _log.warning("The history could not be read for a report: %s", error)
        return ()


def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    made.filters |= {"size": _size, "length_of": length_text, "lasted": lasted_text, "clock": _clock}
    return made


def _label(manifest: Manifest) -> str:
    """What the files became; its id for a conversion that this version does not know."""
    try:
        return conversion(manifest.conversion).label
    except NotFound:
        return manifest.conversion


def _options(manifest: Manifest) -> list[tuple[str, str]]:
    """The options that were set, with the names that Convert has for them."""
    chosen = asdict(manifest.options).items()
    return [(OPTIONS[name][0], OPTIONS[name][1](value)) for name, value in chosen if value not in (None, "")]


def _pool(account: Account, manifest: Manifest) -> list[tuple[str, str]]:
    """Where it ran; of a pool that was made for the run, what it was made of."""
    spec = manifest.spec
    if manifest.pool_id or spec is None:
        return [("Pool", manifest.pool_id or "–")]
    nodes = [(spec.dedicated, "dedicated"), (spec.spot, "Spot")]
    made_of = [
        ("Pool", "one of its own, which went away with the run"),
        ("Nodes", ", ".join(f"{count:,} {kind}" for count, kind in nodes if count) or "none"),
        ("Tasks at once on a node", f"{spec.slots:,}"),
    ]
    if account.kind is not AccountKind.LOCAL:  # this computer has no sizes and no images
        made_of += [("VM size", spec.vm_size), ("Image", str(spec.image))]
    return made_of


def _explained(account: Account, manifest: Manifest, results: list[Result]) -> list[Result]:
    """The results, with the causes of failures that nobody has looked into yet."""
    unknown = [row.task_id for row in results if row.unexplained][:DIAGNOSED]
    with ThreadPoolExecutor(AT_ONCE, "causes") as readers:
        told = zip(
            unknown, readers.map(lambda task_id: _cause(account, manifest, task_id), unknown), strict=True
        )
        causes = {task_id: cause for task_id, cause in told if cause}
    return [
        replace(row, cause=cause, reason=cause.words) if (cause := causes.get(row.task_id)) else row
        for row in results
    ]


def _cause(account: Account, manifest: Manifest, task_id: str) -> Cause | None:
    try:
        return diagnoses.diagnose(account, manifest.run_id, task_id, manifest.conversion)
    except DashboardError as error:
        _log.warning("Why %s failed could not be found out for a report: %s", task_id, error)
        return None


def _pictures(
    account: Account, run_id: str, results: Sequence[Result]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """The small pictures of the first files that have some, by task: each side with its JPEG as base64."""
    shown = [row for row in results if row.pictures][:PICTURED]
    names = {
        (row.task_id, side): pictures.path(run_id, row.task_id, side)
        for row in shown
        for side in pictures.SIDES
        if side in row.pictures
    }
    found = pictures.read(account, names.values(), PICTURE_BYTES)
    return {
        row.task_id: tuple(
            (side.capitalize(), base64.b64encode(data).decode())
            for side in pictures.SIDES
            if (data := found.get(names.get((row.task_id, side), "")))
        )
        for row in shown
    }


def _run(account: Account, run_id: str) -> Run | None:
    try:
        return jobs.get_run(account, run_id)
    except NotFound:
        return None


def _all_attempts(account: Account, run: Run | None, known: Sequence[Span]) -> list[Span]:
    """What the history knows, and the last attempts of tasks that it knows nothing of; by their start."""
    seen = {span.task_id for span in known}
    found = (
        [] if run is None else [span for span in _last_attempts(account, run.id) if span.task_id not in seen]
    )
    return sorted([*known, *found], key=lambda span: span.start)


def _last_attempts(account: Account, run_id: str) -> list[Span]:
    pages = Feed(account).many(f"/jobs/{run_id}/tasks", **{"$select": SELECT})
    spans = [_span(task) for page in pages for task in page]
    return [span for span in spans if span]


def _span(task: dict[str, Any]) -> Span | None:
    info, node = task.get("executionInfo") or {}, (task.get("nodeInfo") or {}).get("nodeId")
    start, end = moment(info.get("startTime")), moment(info.get("endTime"))
    if not node or start is None:
        return None
    result = str(info.get("result") or "").lower()
    outcome: Outcome = "running" if end is None else "done" if result == "success" else "failed"
    number = 1 + (info.get("retryCount") or 0) + (info.get("requeueCount") or 0)
    return Span(node, task["id"], task["id"], start, end, outcome, number)


def _totals(results: Sequence[Result]) -> dict[str, Any]:
    done = [row for row in results if row.state == "done"]
    before, after = sum(row.source_size for row in done), sum(row.size or 0 for row in done)
    return {
        "states": [(word, count) for state, word in _STATES.items() if (count := _count(results, state))],
        "before": before,
        "after": after,
        "checked": sum(bool(row.checked) for row in done),
        "damaged": sum(bool(row.damage) for row in done),
        "done": len(done),
    }


def _count(results: Sequence[Result], state: str) -> int:
    return sum(row.state == state for row in results)


def _causes(results: Sequence[Result]) -> list[tuple[str, int, str]]:
    """Each cause with how many files it stopped and what ffmpeg said to the first of them, most files first."""
    lost = [row for row in results if row.lost]
    said = {row.shared: row.cause.line for row in reversed(lost) if row.cause}
    return [
        (reason, count, said.get(reason, ""))
        for reason, count in Counter(row.shared for row in lost).most_common()
    ]


def _size(count: int | None) -> str:
    return "–" if count is None else size_text(count)


def _clock(at: datetime | None) -> str:
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
