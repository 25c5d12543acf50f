"""Operations on the nodes of a pool."""

from __future__ import annotations

from starlette.responses import Response

from local_azure.batch.handlers import answers
from local_azure.batch.handlers.call import Call
from local_azure.batch.wire.serialise import path_of, selected, shown


def _url(call: Call, pool_id: str, node_id: str) -> str:
    return call.base + path_of("pools", pool_id, "nodes", node_id)


async def listing(call: Call) -> Response:
    """GET /pools/{poolId}/nodes"""
    select = selected("nodes", call.query.get("$select"))
    pool_id = call.engine.pools.get(call.path("pool_id"))["id"]
    docs, token = call.engine.nodes.page(pool_id, call.where("nodes"), call.after, call.limit())
    items = [shown(doc, _url(call, pool_id, doc["id"]), select) for doc in docs]
    return answers.listing(call, "nodes", items, token)


async def get(call: Call) -> Response:
    """GET /pools/{poolId}/nodes/{nodeId}"""
    select = selected("nodes", call.query.get("$select"))
    pool_id = call.engine.pools.get(call.path("pool_id"))["id"]
    doc = call.engine.nodes.get(pool_id, call.path("node_id"))
    return answers.resource(call, "nodes", doc, _url(call, pool_id, doc["id"]), select, tagged=False)
