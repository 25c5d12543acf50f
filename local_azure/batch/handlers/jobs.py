"""Operations on jobs."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from local_azure.batch.errors import BatchError
from local_azure.batch.handlers import answers
from local_azure.batch.handlers.call import Call
from local_azure.batch.wire.jobs import job_changes, job_document, job_replacement
from local_azure.batch.wire.schema import read_model
from local_azure.batch.wire.serialise import Doc, path_of, selected


def _url(call: Call, job_id: str) -> str:
    return call.base + path_of("jobs", job_id)


def _found(call: Call, *, reading: bool = False) -> Doc:
    """The job in the request's path, if the request's conditions hold."""
    doc = call.engine.jobs.get(call.path("job_id"))
    call.check(doc, reading=reading)
    return doc


async def create(call: Call) -> Response:
    """POST /jobs. Location ends in /jobs/job-1 whatever the id, as the service's does [recorded 2023 to 2026]."""
    doc = job_document(await call.body())
    call.engine.jobs.create(doc)
    return answers.created(call, call.engine.jobs.get(doc["id"]), _url(call, "job-1"))


async def listing(call: Call) -> Response:
    """GET /jobs"""
    call.expand()
    return answers.listed(call, "jobs", call.engine.jobs.page, partial(_url, call))


async def get(call: Call) -> Response:
    """GET /jobs/{jobId}"""
    call.expand()
    select = selected("jobs", call.query.get("$select"))
    doc = _found(call, reading=True)
    return answers.resource(call, "jobs", doc, _url(call, doc["id"]), select)


async def patch(call: Call) -> Response:
    """PATCH /jobs/{jobId}"""
    body = await call.body()
    doc = _found(call)
    return answers.changed(call, call.engine.jobs.patch(doc["id"], job_changes(body, doc)), 200)


async def replace(call: Call) -> Response:
    """PUT /jobs/{jobId}"""
    body = await call.body()
    doc = _found(call)
    return answers.changed(call, call.engine.jobs.patch(doc["id"], job_replacement(body, doc)), 200)


async def terminate(call: Call) -> Response:
    """POST /jobs/{jobId}/terminate"""
    reason = read_model("BatchJobTerminateOptions", await call.body(optional=True)).get("terminateReason")
    doc = _found(call)
    return answers.changed(call, call.engine.jobs.terminate(doc["id"], reason), 202)


async def disable(call: Call) -> Response:
    """POST /jobs/{jobId}/disable"""
    option = read_model("BatchJobDisableOptions", await call.body())["disableTasks"]
    doc = _found(call)
    return answers.changed(call, call.engine.jobs.disable(doc["id"], option), 202)


async def enable(call: Call) -> Response:
    """POST /jobs/{jobId}/enable"""
    doc = _found(call)
    return answers.changed(call, call.engine.jobs.enable(doc["id"]), 202)


async def delete(call: Call) -> Response:
    """DELETE /jobs/{jobId}"""
    doc = _found(call)
    call.engine.jobs.delete(doc["id"])
    return answers.gone(202)


async def task_counts(call: Call) -> Response:
    """GET /jobs/{jobId}/taskcounts"""
    counts = call.engine.jobs.task_counts(call.path("job_id"))
    return answers.json_answer(call, "taskcountsresult/@Element", counts)


async def special_task_status(call: Call) -> Response:
    """GET /jobs/{jobId}/jobpreparationandreleasetaskstatus: nothing, for none has run on any node."""
    job = call.engine.jobs.get(call.path("job_id"))
    if "jobPreparationTask" not in job and "jobReleaseTask" not in job:
        raise BatchError("JobPreparationTaskOrReleaseTaskNotSpecified")
    return answers.listing(call, "jobpreparationandreleasetaskstatuslist", [])
