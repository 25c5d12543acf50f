"""Why a task failed: its exit code, Batch's reason in plain words, and the end of what it wrote to stderr."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batch_core.account import Account
from batch_core.errors import Conflict, NotFound, translated, without_secrets
from batch_core.storage import RESULTS
from batch_core.times import moment

MOST_BYTES = 8 * 1024
MOST_LINES = 40
KEPT_BYTES, KEPT_LINES = 64 * 1024, 2000  # of a log that is searched, not shown
STDERR = "stderr.txt"
STDOUT = "stdout.txt"
LOGS = (STDERR, STDOUT)
STOPPED = "TaskEnded"  # Batch's code for a task that a request or a time limit has ended

_IN_WORDS = {
    "FailureExitCode": "The command ended with exit code {exit_code}.",
    "CommandProgramNotFound": "The node has no {program}. A pool's start task can install what tasks need.",
    "CommandLaunchFailed": "The node could not start the command.",
    "TaskEnded": "The task was stopped, by a person or by its time limit.",
    "BlobNotFound": "The input file was no longer in storage when the task started.",
    "BlobAccessDenied": "Storage refused to hand out the input file: its link may have expired.",
    "BlobDownloadTimedOut": "The input file could not be downloaded in time.",
    "BlobDownloadMiscError": "The input file could not be downloaded.",
    "FileUploadContainerNotFound": (
        "The container for results was deleted before the result was stored. Convert the file again: the container "
        "is made anew."
    ),
    "FileUploadAccessDenied": "Storage refused to take the result: its link may have expired.",
    "FileUploadMiscError": "The result could not be uploaded.",
    "DiskFull": "The node's disk is full.",
    "AutoPoolCreationFailedWithQuotaReached": (
        "The account's quota does not allow the run's own pool. Delete a pool that you no longer need, take fewer "
        "nodes, or ask Azure for a higher quota."
    ),
    "InvalidAutoPoolSettings": "Batch refused the run's own pool. Take another VM size or image.",
}


@dataclass(frozen=True)
class Failure:
    """`exit_code` is None when the command never ran; `code` is Batch's word, `message` a sentence."""

    exit_code: int | None
    code: str
    message: str
    end_of_log: str


def reason_in_words(code: str, message: str, exit_code: int | None, command: str = "") -> str:
    """A sentence for a task's or start task's failure code; Batch's own message for one we do not know.

    `command` is the command line, whose program is named when the node does not have it.
    """
    if code in _IN_WORDS:
        told = "unknown" if exit_code is None else str(exit_code)
        return _IN_WORDS[code].format(exit_code=told, program=_program(command))
    if message:
        return without_secrets(message.strip().splitlines()[0])
    if exit_code:
        return _IN_WORDS["FailureExitCode"].format(exit_code=exit_code)
    return "Batch gives no reason." if code else ""


def _program(command: str) -> str:
    """The program of a command line, in quotation marks; "such program" when there is no command line."""
    found = re.match(r'\s*(?:"([^"]+)"|(\S+))', command)
    name = without_secrets(found[1] or found[2]) if found else ""
    return f"program “{name}”" if name else "such program"


def taken_back(task: Mapping[str, Any]) -> bool:
    """Whether a task (in the wire's names) lost its node while it ran, and waits to start again.

    Then it is active after it ran, and neither a retry after a failure (lastRetryTime) nor a request, such as a
    resize (lastRequeueTime, which `BatchTaskExecutionInfo` says a preemption does not set), tells why.
    """
    ran = str(task.get("previousState") or "").lower() in ("preparing", "running")
    if str(task.get("state") or "").lower() != "active" or not ran:
        return False
    began, info = moment(task.get("previousStateTransitionTime")), task.get("executionInfo") or {}
    sent_back = [moment(info.get(name)) for name in ("lastRetryTime", "lastRequeueTime")]
    return not any(at and began and at >= began for at in sent_back)


def failure(account: Account, job_id: str, task_id: str) -> Failure:
    """Why a task failed. The end of its stderr comes from the results container, else from the node."""
    with translated("find the task"):
        task = account.batch.get_task(
            job_id, task_id, select=["id", "state", "commandLine", "executionInfo"]
        ).as_dict()
    info: dict[str, Any] = task.get("executionInfo") or {}
    failed: dict[str, Any] = info.get("failureInfo") or {}
    code, exit_code = failed.get("code") or "", info.get("exitCode")
    return Failure(
        exit_code=exit_code,
        code=code,
        message=reason_in_words(code, failed.get("message") or "", exit_code, task.get("commandLine") or ""),
        end_of_log=end_of_log(account, job_id, task_id) if info.get("startTime") else "",
    )


def start_task_log(account: Account, pool_id: str, node_id: str, name: str = STDERR) -> str:
    """The end of what a node's start task wrote to stderr or stdout; empty when it wrote nothing or is gone."""
    path = f"startup/{name}"
    try:
        with translated("read the start task's log"):
            size = account.batch.get_node_file_properties(pool_id, node_id, path).content_length
            if not size:
                return ""
            span = f"bytes={max(0, size - MOST_BYTES)}-{size - 1}"
            data = b"".join(account.batch.download_node_file(pool_id, node_id, path, ocp_range=span))
    except (NotFound, Conflict):
        return ""
    return last_lines(data)


def end_of_log(account: Account, job_id: str, task_id: str, name: str = STDERR) -> str:
    """The end of a task's stderr or stdout: from the results container, else from its node; empty without any."""
    for read in (_from_results, log_on_node):
        try:
            return last_lines(read(account, job_id, task_id, name))
        except (NotFound, Conflict):
            continue
    return ""


def stored_log(account: Account, job_id: str, task_id: str) -> str:
    """More of the end of a task's stderr, as it was stored with its result; empty without any."""
    try:
        return last_lines(_from_results(account, job_id, task_id, STDERR, KEPT_BYTES), KEPT_LINES)
    except NotFound:
        return ""


def last_lines(data: bytes, most: int = MOST_LINES) -> str:
    """The last lines of a log; a carriage return (ffmpeg's progress line) starts a line anew."""
    text = data.decode("utf-8", errors="replace").replace("\r\n", "\n")
    lines = [line.rsplit("\r", 1)[-1] for line in text.rstrip().split("\n")]
    return without_secrets("\n".join(lines[-most:]))


def _from_results(account: Account, job_id: str, task_id: str, name: str, most: int = MOST_BYTES) -> bytes:
    blob = account.blobs.get_blob_client(RESULTS, f"{job_id}/{task_id}/logs/{name}")
    with translated("read the task's log"):
        size = blob.get_blob_properties().size
        if not size:
            return b""
        return blob.download_blob(offset=max(0, size - most), length=most).readall()


def log_on_node(account: Account, job_id: str, task_id: str, name: str) -> bytes:
    """The last bytes of a task's log on its node, also while it grows. Raises NotFound, Conflict without it."""
    with translated("read the task's log on its node"):
        size = account.batch.get_task_file_properties(job_id, task_id, name).content_length
        if not size:
            return b""
        span = f"bytes={max(0, size - MOST_BYTES)}-{size - 1}"
        return b"".join(account.batch.download_task_file(job_id, task_id, name, ocp_range=span))
