"""Operations on the nodes of a pool."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from local_azure.batch.errors import BatchError
from local_azure.batch.handlers import answers
from local_azure.batch.handlers.call import Call
from local_azure.batch.wire.schema import read_model
from local_azure.batch.wire.serialise import path_of, selected


def _url(call: Call, pool_id: str, node_id: str) -> str:
    return call.base + path_of("pools", pool_id, "nodes", node_id)


async def listing(call: Call) -> Response:
    """GET /pools/{poolId}/nodes"""
    pool_id = call.engine.pools.get(call.path("pool_id"))["id"]
    page = partial(call.engine.nodes.page, pool_id)
    return answers.listed(call, "nodes", page, partial(_url, call, pool_id))


async def get(call: Call) -> Response:
    """GET /pools/{poolId}/nodes/{nodeId}"""
    select = selected("nodes", call.query.get("$select"))
    pool_id = call.engine.pools.get(call.path("pool_id"))["id"]
    doc = call.engine.nodes.get(pool_id, call.path("node_id"))
    return answers.resource(call, "nodes", doc, _url(call, pool_id, doc["id"]), select, tagged=False)


async def reboot(call: Call) -> Response:
    """POST /pools/{poolId}/nodes/{nodeId}/reboot"""
    body = read_model("BatchNodeRebootOptions", await call.body(optional=True))
    option = body.get("nodeRebootOption", "requeue")
    call.engine.actions.reboot(call.path("pool_id"), call.path("node_id"), option)
    return answers.done(call, 202)


async def reimage(call: Call) -> Response:
    """POST /pools/{poolId}/nodes/{nodeId}/reimage: only for pools of a kind that is no more [recorded 2023]."""
    call.engine.nodes.get(call.path("pool_id"), call.path("node_id"))
    reason = "Operation reimage can be invoked only on pools created with cloudServiceConfiguration"
    raise BatchError("OperationNotValidOnNode", ("Reason", reason))


async def disable_scheduling(call: Call) -> Response:
    """POST /pools/{poolId}/nodes/{nodeId}/disablescheduling"""
    body = read_model("BatchNodeDisableSchedulingOptions", await call.body(optional=True))
    option = body.get("nodeDisableSchedulingOption", "requeue")
    call.engine.actions.disable_scheduling(call.path("pool_id"), call.path("node_id"), option)
    return answers.done(call, 200)


async def enable_scheduling(call: Call) -> Response:
    """POST /pools/{poolId}/nodes/{nodeId}/enablescheduling"""
    call.engine.actions.enable_scheduling(call.path("pool_id"), call.path("node_id"))
    return answers.done(call, 200)
