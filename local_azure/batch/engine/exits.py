"""Exit conditions: what a task's end asks of its job."""

from __future__ import annotations

from local_azure.batch.engine.activity import Outcome
from local_azure.batch.engine.documents import Doc


def options(task: Doc, outcome: Outcome) -> Doc:
    """The exit options that apply. An exit code listed beats a failed upload; 0 has the default only if listed."""
    conditions = task.get("exitConditions") or {}
    code = outcome.exit_code
    if code is not None:
        for mapping in conditions.get("exitCodes") or ():
            if mapping["code"] == code:
                return dict(mapping["exitOptions"])
        for span in conditions.get("exitCodeRanges") or ():
            if span["start"] <= code <= span["end"]:
                return dict(span["exitOptions"])
    if outcome.failure is None:
        return {}
    if code is None and outcome.failure.code != "TaskEnded":
        named = conditions.get("preProcessingError")
    else:
        named = conditions.get("fileUploadError") if outcome.failure.code.startswith("FileUpload") else None
    return dict(named or conditions.get("default") or {})


def job_action(job: Doc, task: Doc, outcome: Outcome) -> str:
    """none, disable or terminate: what becomes of the job. Without a word about it, a failure terminates."""
    if job.get("onTaskFailure", "noaction").lower() != "performexitoptionsjobaction":
        return "none"
    default = "none" if outcome.failure is None else "terminate"
    return str(options(task, outcome).get("jobAction", default)).lower()
