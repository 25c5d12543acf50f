"""Operations on pools."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from local_azure.batch.handlers import answers
from local_azure.batch.handlers.call import Call
from local_azure.batch.wire.pools import (
    pool_changes,
    pool_document,
    pool_replacement,
    removal_request,
    resize_request,
)
from local_azure.batch.wire.serialise import Doc, path_of, selected


def _url(call: Call, pool_id: str) -> str:
    return call.base + path_of("pools", pool_id)


def _found(call: Call, *, reading: bool = False) -> Doc:
    """The pool in the request's path, if the request's conditions hold."""
    doc = call.engine.pools.get(call.path("pool_id"))
    call.check(doc, reading=reading)
    return doc


async def create(call: Call) -> Response:
    """POST /pools"""
    doc = pool_document(await call.body())
    call.engine.pools.create(doc)
    return answers.created(call, call.engine.pools.get(doc["id"]), _url(call, doc["id"]))


async def listing(call: Call) -> Response:
    """GET /pools"""
    call.expand()
    return answers.listed(call, "pools", call.engine.pools.page, partial(_url, call))


async def get(call: Call) -> Response:
    """GET /pools/{poolId}"""
    call.expand()
    select = selected("pools", call.query.get("$select"))
    doc = _found(call, reading=True)
    return answers.resource(call, "pools", doc, _url(call, doc["id"]), select)


async def exists(call: Call) -> Response:
    """HEAD /pools/{poolId}"""
    doc = _found(call, reading=True)
    return answers.exists(doc)


async def patch(call: Call) -> Response:
    """PATCH /pools/{poolId}"""
    changes = pool_changes(await call.body())
    doc = _found(call)
    return answers.changed(call, call.engine.pools.patch(doc["id"], changes), 200)


async def replace_properties(call: Call) -> Response:
    """POST /pools/{poolId}/updateproperties"""
    changes = pool_replacement(await call.body())
    return answers.changed(call, call.engine.pools.replace_properties(call.path("pool_id"), changes), 204)


async def resize(call: Call) -> Response:
    """POST /pools/{poolId}/resize"""
    wanted = resize_request(await call.body())
    doc = _found(call)
    resized = call.engine.pools.resize(
        doc["id"],
        wanted.get("targetDedicatedNodes"),
        wanted.get("targetLowPriorityNodes"),
        wanted["resizeTimeout"],
        wanted["nodeDeallocationOption"],
    )
    return answers.changed(call, resized, 202)


async def stop_resize(call: Call) -> Response:
    """POST /pools/{poolId}/stopresize"""
    doc = _found(call)
    return answers.changed(call, call.engine.pools.stop_resize(doc["id"]), 202)


async def remove_nodes(call: Call) -> Response:
    """POST /pools/{poolId}/removenodes"""
    wanted = removal_request(await call.body())
    doc = _found(call)
    changed = call.engine.pools.remove_nodes(
        doc["id"], wanted["nodeList"], wanted["resizeTimeout"], wanted["nodeDeallocationOption"]
    )
    return answers.changed(call, changed, 202)


async def delete(call: Call) -> Response:
    """DELETE /pools/{poolId}"""
    doc = _found(call)
    call.engine.pools.delete(doc["id"])
    return answers.gone(202)
