"""Operations on the account: images, node counts, applications."""

from __future__ import annotations

from starlette.responses import Response

from local_azure.batch.errors import BatchError
from local_azure.batch.handlers import answers
from local_azure.batch.handlers.call import Call
from local_azure.batch.wire.images import IMAGES


async def supported_images(call: Call) -> Response:
    """GET /supportedimages"""
    places = {id(image): f"{place:04}" for place, image in enumerate(IMAGES)}
    items, token = call.slice(call.filtered("supportedimages", IMAGES), lambda image: places[id(image)])
    return answers.listing(call, "supportedimages", items, token)


async def node_counts(call: Call) -> Response:
    """GET /nodecounts"""
    counts = call.filtered("nodecounts", call.engine.pools.node_counts())
    items, token = call.slice(counts, lambda row: str(row["poolId"]))
    return answers.listing(call, "poolnodecounts", items, token)


async def applications(call: Call) -> Response:
    """GET /applications: the local account has none."""
    return answers.listing(call, "listapplicationsummariesresponses", [])


async def application(call: Call) -> Response:
    """GET /applications/{applicationId}"""
    raise BatchError("ApplicationNotFound")
