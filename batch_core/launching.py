"""The tasks of a run: made from its manifest, and added in chunks with a deadline of our own.

The SDK's `create_tasks` never returns while the service keeps failing, and passes over Retry-After; so the
collection call is made here, and the result of each task is read.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from azure.batch import models

from batch_core.account import Account
from batch_core.conversions import conversion, path_name
from batch_core.conversions.command import NUMBERED
from batch_core.errors import (
    Conflict,
    DashboardError,
    InvalidInput,
    ServiceFailure,
    Throttled,
    Unreachable,
    translated,
)
from batch_core.failures import STDERR
from batch_core.manifests import Manifest
from batch_core.pacing import Backoff
from batch_core.storage import INPUTS, RESULTS, container_url, read_url
from batch_core.texts import encode_name

T = TypeVar("T")
Progress = Callable[[int, int], None]
MOST_TASKS = 100  # of one collection call
PATIENCE = 60.0  # seconds without a single task added until a launch gives up
PASSING = (Throttled, ServiceFailure, Unreachable)  # what may be over when it is tried again
JOB_ENDED = {"JobCompleted", "JobBeingTerminated", "JobNotActive"}
LOGS = "logs"


def tasks_of(account: Account, manifest: Manifest) -> Iterable[models.BatchTaskCreateOptions]:
    """The tasks of a run. Their SAS are good for a day, or for the run's time limit when that is longer."""
    hours = max(24.0, manifest.wall_clock.total_seconds() / 3600 + 1)
    results = container_url(account, RESULTS, "cw", hours)
    made_of = conversion(manifest.conversion)
    several = made_of.result == "pictures"  # then a result's path is a folder
    for file in manifest.files:
        source = read_url(account, INPUTS, file.blob, hours=hours)
        folder = f"{manifest.run_id}/{file.task_id}"
        yield models.BatchTaskCreateOptions(
            id=file.task_id,
            display_name=file.path[:1024],
            command_line=file.command,
            resource_files=[models.ResourceFile(http_url=source, file_path=f"input.{file.extension}")],
            output_files=[
                _output(
                    f"{NUMBERED}*.{made_of.extension}" if several else f"output.{made_of.extension}",
                    results,
                    f"{folder}/{path_name(file.result_name)}",
                    "tasksuccess",
                    {
                        "x-ms-blob-content-type": made_of.content_type,
                        "x-ms-meta-name": encode_name(file.result_name),
                    },
                ),
                # ffmpeg says all that it says on stderr
                _output(f"../{STDERR}", results, f"{folder}/{LOGS}/{STDERR}", "taskcompletion", {}),
            ],
            user_identity=models.UserIdentity(
                auto_user=models.AutoUserSpecification(scope="task", elevation_level="nonadmin")
            ),
        )


def _output(
    pattern: str, container: str, path: str, condition: str, headers: dict[str, str]
) -> models.OutputFile:
    listed = [models.OutputFileUploadHeader(name=name, value=value) for name, value in headers.items()]
    return models.OutputFile(
        file_pattern=pattern,
        destination=models.OutputFileDestination(
            container=models.OutputFileBlobContainerDestination(
                container_url=container, path=path, upload_headers=listed or None
            )
        ),
        upload_options=models.OutputFileUploadConfiguration(upload_condition=condition),
    )


def add_tasks(
    account: Account,
    job_id: str,
    tasks: Iterable[models.BatchTaskCreateOptions],
    progress: Progress | None = None,
    patience: float = PATIENCE,
) -> None:
    """Adds tasks to a job; those that are there already count as added.

    Raises the service's last error when `patience` seconds pass without one more task, Conflict when the job
    takes no tasks, InvalidInput when a task is refused.
    """
    waiting = deque(tasks)
    total, most = len(waiting), MOST_TASKS
    backoff = Backoff(0.5, 8.0)
    deadline = time.monotonic() + patience
    while waiting:
        chunk = [waiting.popleft() for _ in range(min(most, len(waiting)))]
        failed: DashboardError | None = None
        try:
            again, failed = _add_chunk(account, job_id, chunk, backoff)
        except InvalidInput as error:
            if error.code != "RequestBodyTooLarge" or len(chunk) == 1:
                raise
            again, most = chunk, len(chunk) // 2
        except PASSING as error:
            again, failed = chunk, error
        waiting.extendleft(reversed(again))
        if len(again) < len(chunk):
            deadline = time.monotonic() + patience
            if progress:
                progress(total - len(waiting), total)
        if failed:
            pause = backoff.seconds()
            if time.monotonic() + pause > deadline:
                raise failed
            time.sleep(pause)


def insist(step: Callable[[], T], patience: float) -> T:
    """Repeats a step that may be done twice, while what fails may pass, for at most `patience` seconds."""
    backoff = Backoff(0.5, 8.0)
    deadline = time.monotonic() + patience
    while True:
        try:
            return step()
        except PASSING:
            pause = backoff.seconds()
            if time.monotonic() + pause > deadline:
                raise
            time.sleep(pause)


def _add_chunk(
    account: Account, job_id: str, chunk: list[models.BatchTaskCreateOptions], backoff: Backoff
) -> tuple[list[models.BatchTaskCreateOptions], DashboardError | None]:
    """One collection call: the tasks to send again, and why."""
    with translated("add the run's tasks"), backoff.listening():
        answer = account.batch.create_task_collection(
            job_id, models.BatchTaskGroup(task_values=chunk), retry_total=0
        )
    added: set[str] = set()
    for result in answer.result_values or ():
        status = str(getattr(result.status, "value", result.status)).lower()
        code = (result.error.code if result.error else "") or ""
        if status == "success" or code == "TaskExists":
            added.add(result.task_id)
        elif status == "clienterror":
            raise _refused(result, code)
    again = [task for task in chunk if task.id not in added]
    failure = ServiceFailure("Batch did not take some of the run's tasks.", "Try again in a minute.")
    return again, failure if again else None


def _refused(result: models.BatchTaskCreateResult, code: str) -> DashboardError:
    said = result.error.message.value if result.error and result.error.message else ""
    sentence = (said or code or "no reason given").splitlines()[0]
    kind = Conflict if code in JOB_ENDED else InvalidInput
    return kind(f"Batch refused task {result.task_id}: {sentence}", code=code)
