"""Operations on tasks."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.responses import Response

from local_azure.batch.errors import BatchError
from local_azure.batch.handlers import answers
from local_azure.batch.handlers.call import Call
from local_azure.batch.wire.serialise import Doc, error_detail, path_of, selected
from local_azure.batch.wire.tasks import task_bodies, task_document, task_replacement
from local_azure.batch.wire.times import trimmed


def _url(call: Call, job_id: str, task_id: str) -> str:
    return call.base + path_of("jobs", job_id, "tasks", task_id)


async def create(call: Call) -> Response:
    """POST /jobs/{jobId}/tasks"""
    body = await call.body()
    job = call.engine.jobs.get(call.path("job_id"))
    doc = call.engine.tasks.create(job["id"], task_document(body, job))
    return answers.created(call, doc, _url(call, job["id"], doc["id"]))


async def create_many(call: Call) -> Response:
    """POST /jobs/{jobId}/addtaskcollection: 200 with a result a task, whatever became of each."""
    bodies = task_bodies(await call.body())
    job = call.engine.jobs.get(call.path("job_id"))
    read = [_read(body, job) for body in bodies]
    docs = [entry for entry in read if isinstance(entry, dict)]
    made = iter(call.engine.tasks.create_many(job["id"], docs))
    outcomes = [next(made) if isinstance(entry, dict) else entry for entry in read]
    results = [
        _result(call, job["id"], body, outcome) for body, outcome in zip(bodies, outcomes, strict=True)
    ]
    return answers.listing(call, "taskaddresult", results)


def _read(body: Any, job: Doc) -> Doc | BatchError:
    try:
        return task_document(body, job)
    except BatchError as error:
        return error


def _result(call: Call, job_id: str, body: Any, outcome: Doc | BatchError) -> Doc:
    if isinstance(outcome, BatchError):
        status = "servererror" if outcome.status >= 500 else "clienterror"
        task_id = body.get("id") if isinstance(body, dict) else None
        detail = error_detail(outcome, call.request_id, call.now())
        return {"status": status, "taskId": task_id if isinstance(task_id, str) else "", "error": detail}
    return {
        "status": "Success",
        "taskId": outcome["id"],
        "eTag": outcome["eTag"],
        "lastModified": trimmed(outcome["lastModified"]),
        "location": _url(call, job_id, outcome["id"]),
    }


async def listing(call: Call) -> Response:
    """GET /jobs/{jobId}/tasks"""
    call.expand()
    job_id = call.engine.jobs.get(call.path("job_id"))["id"]
    page = partial(call.engine.tasks.page, job_id)
    return answers.listed(call, "tasks", page, partial(_url, call, job_id))


def _found(call: Call) -> tuple[str, Doc]:
    job_id = call.engine.jobs.get(call.path("job_id"))["id"]
    return job_id, call.engine.tasks.get(job_id, call.path("task_id"))


async def get(call: Call) -> Response:
    """GET /jobs/{jobId}/tasks/{taskId}"""
    call.expand()
    select = selected("tasks", call.query.get("$select"))
    job_id, doc = _found(call)
    call.check(doc, reading=True)
    return answers.resource(call, "tasks", doc, _url(call, job_id, doc["id"]), select)


async def replace(call: Call) -> Response:
    """PUT /jobs/{jobId}/tasks/{taskId}"""
    body = await call.body()
    job = call.engine.jobs.get(call.path("job_id"))
    doc = call.engine.tasks.get(job["id"], call.path("task_id"))
    call.check(doc)
    changes = task_replacement(body, job)
    return answers.changed(call, call.engine.tasks.replace(job["id"], doc["id"], changes), 200)


async def terminate(call: Call) -> Response:
    """POST /jobs/{jobId}/tasks/{taskId}/terminate"""
    job_id, doc = _found(call)
    call.check(doc)
    return answers.changed(call, call.engine.tasks.terminate(job_id, doc["id"]), 204)


async def reactivate(call: Call) -> Response:
    """POST /jobs/{jobId}/tasks/{taskId}/reactivate: without DataServiceId [recorded 2016, 2020]."""
    job_id, doc = _found(call)
    call.check(doc)
    return answers.changed(call, call.engine.tasks.reactivate(job_id, doc["id"]), 204, named=False)


async def delete(call: Call) -> Response:
    """DELETE /jobs/{jobId}/tasks/{taskId}"""
    job_id, doc = _found(call)
    call.check(doc)
    call.engine.tasks.delete(job_id, doc["id"])
    return answers.gone(200)


async def subtasks(call: Call) -> Response:
    """GET /jobs/{jobId}/tasks/{taskId}/subtasksinfo: an ordinary task has none."""
    _found(call)
    return answers.listing(call, "subtaskinfo", [])
