"""Operations that no cloud offers: what befalls nodes there is brought about here, for demonstrations and tests."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from local_azure.batch.handlers import answers
from local_azure.batch.handlers.call import Call
from local_azure.batch.wire.serialise import Doc, path_of, shown


def _answer(call: Call, befall: Callable[[str, str | None], Doc]) -> Response:
    pool_id = call.engine.pools.get(call.path("pool_id"))["id"]
    node = befall(pool_id, call.query.get("nodeId"))
    url = call.base + path_of("pools", pool_id, "nodes", node["id"])
    return answers.json_answer(call, "nodes/@Element", shown(node, url, None))


async def lose(call: Call) -> Response:
    """POST /local/pools/{poolId}/lose?nodeId=…"""
    return _answer(call, call.engine.mishaps.lose)


async def preempt(call: Call) -> Response:
    """POST /local/pools/{poolId}/preempt?nodeId=…"""
    return _answer(call, call.engine.mishaps.preempt)


async def fail_start(call: Call) -> Response:
    """POST /local/pools/{poolId}/failstart?nodeId=…"""
    return _answer(call, call.engine.mishaps.fail_start)


async def restore(call: Call) -> Response:
    """POST /local/pools/{poolId}/restore?nodeId=…"""
    return _answer(call, call.engine.mishaps.restore)
