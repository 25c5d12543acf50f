"""What a run has made: the list, and the check that each result plays to its end."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from azure.storage.blob import BlobProperties

from batch_core import damage, diagnoses, jobs, marks, pictures
from batch_core.account import Account
from batch_core.causes import Cause, flawed
from batch_core.conversions import Flaw, Promise, content_type, path_name, promise
from batch_core.conversions.command import NUMBERED
from batch_core.errors import NotFound, translated
from batch_core.failures import STOPPED, reason_in_words, stored_log, taken_back
from batch_core.feed import Feed
from batch_core.jobs import Run
from batch_core.manifests import Manifest, ManifestFile
from batch_core.pictures import Side
from batch_core.probe import check_decodes
from batch_core.storage import INPUTS, RESULTS, read_url
from batch_core.times import moment

State = Literal["waiting", "converting", "done", "failed", "stopped", "preempted"]
TASK_FIELDS = "id,state,previousState,previousStateTransitionTime,executionInfo"
EMPTY = "Its result is empty."
TIME_LIMIT = "MaxWallClockTimeExpiry"


@dataclass(frozen=True)
class Result:
    """One file's result. Sizes in bytes, lengths in seconds; `checked` is None as long as no one looked.

    "failed" is also what was made but is empty, does not play to its end or is not what was promised (`expected`).
    "stopped": by a person. "preempted": its node was lost, and the run ended before it could start again. `reason` says why, and what a file waits for that had started already.
    """

    task_id: str
    source_name: str
    source_size: int
    source_duration: float | None
    name: str
    blob: str
    size: int | None
    duration: float | None
    state: State
    checked: bool | None
    reason: str
    content_type: str
    expected: Promise = field(default_factory=Promise)
    parts: tuple[tuple[str, int], ...] = ()  # of several pictures: blob and size of each; `blob` is the first
    exit_code: int | None = None
    cause: Cause | None = None
    source_blob: str = ""
    pictures: frozenset[Side] = frozenset()  # the small ones that are stored (`pictures.path`)
    damage: str = ""  # a sentence that says so, when it was made of a source that is hurt or cut off

    @property
    def unexplained(self) -> bool:
        """Whether its command failed and nobody has looked yet why (`diagnoses.diagnose` does)."""
        return self.state == "failed" and bool(self.exit_code) and self.cause is None

    @property
    def found(self) -> str:
        """What the check of a good result has found, in words."""
        plays = "plays to its end" if self.expected.kind in ("film", "animation") else "is whole"
        return f"{plays}, but its source is damaged" if self.damage else plays

    @property
    def shared(self) -> str:
        """What files have in common that failed in the same way; `reason` may tell the numbers of this one."""
        return self.cause.words if self.cause else self.reason

    @property
    def lost(self) -> bool:
        """Whether nothing more comes of it, so that it can be tried again."""
        return self.state in ("failed", "stopped", "preempted")


@dataclass(frozen=True)
class _Job:
    """What Batch knows of a run's tasks, by id; `run` is None when the job is gone."""

    run: Run | None
    tasks: dict[str, dict[str, Any]]


def list_results(account: Account, run_id: str, manifest: Manifest | None = None) -> list[Result]:
    """Every file of a run in its order, from its manifest (which never changes: it may be handed in), the results
    that are stored, and its job's tasks."""
    manifest = manifest or jobs.manifest(account, run_id)
    with translated("list the results"):
        container = account.blobs.get_container_client(RESULTS)
        listed = container.list_blobs(name_starts_with=f"{run_id}/", include=["metadata"])
        blobs = {blob.name: blob for blob in listed}
    complete = all(_made_of(manifest, file, blobs) for file in manifest.files)
    job = _job(account, run_id, complete)
    return [_result(manifest, file, blobs, job) for file in manifest.files]


def made(account: Account, run_id: str) -> int:
    """How many of a run's tasks have ended well. Raises NotFound."""
    with translated("count the results"):
        return account.batch.get_job_task_counts(run_id).task_counts.succeeded or 0


def _path(run_id: str, file: ManifestFile) -> str:
    return f"{run_id}/{file.task_id}/{path_name(file.result_name)}"


def _job(account: Account, run_id: str, complete: bool) -> _Job:
    """The run and its tasks; of one that is over and `complete`, only those that failed all the same."""
    try:
        run = jobs.get_run(account, run_id)
        query = {"$select": TASK_FIELDS}
        if complete and run.over:
            query["$filter"] = "executionInfo/result eq 'failure'"
        pages = Feed(account).many(f"/jobs/{run_id}/tasks", **query)
        return _Job(run, {task["id"]: task for page in pages for task in page})
    except NotFound:
        return _Job(None, {})


def _several(manifest: Manifest) -> bool:
    return promise(manifest.conversion, manifest.options, None).kind == "pictures"


def _made_of(
    manifest: Manifest, file: ManifestFile, blobs: dict[str, BlobProperties]
) -> list[BlobProperties]:
    """The blobs of a result: one, or the pictures from number 1 on."""
    path = _path(manifest.run_id, file)
    if not _several(manifest):
        return [blobs[path]] if path in blobs else []
    made_of: list[BlobProperties] = []
    while (name := f"{path}/{NUMBERED}{len(made_of) + 1:04}.jpg") in blobs:
        made_of.append(blobs[name])
    return made_of


def _result(manifest: Manifest, file: ManifestFile, blobs: dict[str, BlobProperties], job: _Job) -> Result:
    made_of = _made_of(manifest, file, blobs)
    empty = Result(
        task_id=file.task_id,
        source_name=file.path,
        source_size=file.size,
        source_duration=file.duration,
        name=file.result_name,
        blob=_path(manifest.run_id, file),
        size=None,
        duration=None,
        state="waiting",
        checked=None,
        reason="",
        content_type=content_type(manifest.conversion),
        expected=promise(manifest.conversion, manifest.options, file.duration),
        source_blob=file.blob,
    )
    task = job.tasks.get(file.task_id)
    if not made_of or _failed(task):
        state, reason = _state(manifest, job.run, task)
        found = diagnoses.kept(blobs.get(diagnoses.path(manifest.run_id, file.task_id)))
        return replace(
            empty,
            state=state,
            reason=found.words if found and state == "failed" else reason,
            exit_code=((task or {}).get("executionInfo") or {}).get("exitCode"),
            cause=found if state == "failed" else None,
        )
    size = sum(blob.size or 0 for blob in made_of)
    if not size:
        return replace(empty, state="failed", size=0, checked=False, reason=EMPTY)
    kept = marks.read(blobs.get(marks.path(manifest.run_id, file.task_id)), made_of)
    return replace(
        empty,
        state="failed" if kept.get("good") is False else "done",
        size=size,
        blob=made_of[0].name,
        parts=tuple((blob.name, blob.size or 0) for blob in made_of) if _several(manifest) else (),
        checked=kept.get("good"),
        duration=kept.get("seconds") or None,
        reason=kept.get("reason", ""),
        cause=kept.get("cause"),
        damage=kept.get("damage", ""),
        pictures=kept.get("pictures", frozenset()),
    )


def _failed(task: dict[str, Any] | None) -> bool:
    return str(((task or {}).get("executionInfo") or {}).get("result", "")).lower() == "failure"


def _state(manifest: Manifest, run: Run | None, task: dict[str, Any] | None) -> tuple[State, str]:
    """Where a file is that has no good result, and why."""
    if run is None:
        return "failed", "The run was deleted before this file was done."
    state = str((task or {}).get("state", "")).lower()
    if task is not None and state == "completed":
        return _ended(manifest, run, task.get("executionInfo") or {})
    back = task is not None and taken_back(task)
    if run.over:
        return _left_over(run, back)
    if state in ("preparing", "running"):
        return "converting", ""
    return "waiting", "Its node was lost; it starts again by itself." if back else ""


def _ended(manifest: Manifest, run: Run, info: dict[str, Any]) -> tuple[State, str]:
    """What became of a file whose task has ended without leaving a good result."""
    failed = info.get("failureInfo") or {}
    if str(info.get("result", "")).lower() == "success":
        return "failed", "It was converted, but its result is no longer in storage."
    if failed.get("code") != STOPPED:
        code, said = failed.get("code") or "", failed.get("message") or ""
        reason = reason_in_words(code, said, info.get("exitCode"), "ffmpeg")
        return "failed", reason or "Batch gives no reason."
    ended, limit = moment(info.get("endTime")), run.created + manifest.wall_clock
    if run.reason == TIME_LIMIT and (ended is None or ended >= limit):
        return "failed", "It was not done within the run's time limit."
    return "stopped", "It was stopped before it was done."


def _left_over(run: Run, back: bool) -> tuple[State, str]:
    """What became of a file whose turn never came (again) before its run ended."""
    if run.error:
        return "failed", f"The run could not start: {run.error}"
    if back:
        return "preempted", "Its node was lost, and the run ended before it could start again."
    if run.reason == TIME_LIMIT:
        return "failed", "The run's time limit was reached before its turn came."
    return "stopped", "The run was stopped before its turn came."


def check(account: Account, result: Result) -> Result:
    """Decodes a result to its end, compares it with what was promised, and keeps the verdict, with what its task's
    log says of a damaged source: ffmpeg makes a good result of what it can read of one.

    Of several pictures the first, the last and one between are decoded: each was stored whole or not at all. Raises
    NotFound when it is gone, Unreachable or ServiceFailure when nothing could be found out.
    """
    names = [name for name, _ in result.parts] or [result.blob]
    looked_at = list(dict.fromkeys((names[0], names[len(names) // 2], names[-1])))
    with translated(f"check {result.name}"):
        found = [account.blobs.get_blob_client(RESULTS, name).get_blob_properties() for name in looked_at]
    small: dict[Side, bytes] = {}
    for blob in found:
        good, seconds, reason = _decodes(account, result, blob, small)
        if not good:
            break
    size = found[0].size or 0 if not result.parts else sum(size for _, size in result.parts)
    flaw: Flaw | Literal["unplayable"] = "unplayable"
    if good:
        flaw, reason = result.expected.broken(seconds, size, len(names))
        good = not flaw
    if not good:
        small.clear()
    run_id = result.blob.partition("/")[0]
    log = stored_log(account, run_id, result.task_id)
    hurt = damage.of_source(account, log, result.source_blob, result.source_size)
    cause = None if good else flawed(flaw, log, hurt)
    if not account.look_only:
        pictures.keep(account, run_id, result.task_id, small)
        verdict = {
            "good": good,
            "seconds": round(seconds, 3),
            "reason": reason,
            "cause": cause,
            "damage": hurt,
        }
        verdict |= {"pictures": sorted(small), "of": marks.version(found)}
        marks.keep(account, run_id, result.task_id, verdict)
    return replace(
        result,
        state="done" if good else "failed",
        size=size,
        duration=seconds or None,
        checked=good,
        reason=reason,
        pictures=frozenset(small),
        cause=cause,
        damage=hurt,
    )


def _decodes(
    account: Account, result: Result, blob: BlobProperties, small: dict[Side, bytes]
) -> tuple[bool, float, str]:
    """What the decoder says of one blob; with it `small` gets the pictures, once, where they can be kept."""
    return check_decodes(
        read_url(account, RESULTS, blob.name, hours=2),
        blob.size or 0,
        kind=result.expected.kind,
        original=(read_url(account, INPUTS, result.source_blob, hours=2), result.source_size),
        keep=None if small or account.look_only else small.__setitem__,
    )
