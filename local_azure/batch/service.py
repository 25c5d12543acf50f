"""The local Batch service as an ASGI app: who may call, which version, what every answer carries."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local_azure.batch.auth import Signer
from local_azure.batch.database import DiskFullError
from local_azure.batch.engine import Engine
from local_azure.batch.errors import BatchError, invalid_query
from local_azure.batch.handlers.answers import JSON
from local_azure.batch.handlers.call import Call, Service
from local_azure.batch.routes import ROUTES, Handler
from local_azure.batch.wire.serialise import error_body
from local_azure.batch.wire.times import stored_from

NEWEST_VERSION = "2025-06-01"
LONGEST_WAIT = 30
"""Seconds: the most that a request's timeOut may ask for, and what it gets when it asks for nothing."""

_VERSION = re.compile(r"(\d{4}-\d{2}-\d{2})(\.\d+\.\d+)?")
_COMMON = {
    "DataServiceVersion": "3.0",
    "Server": "Microsoft-HTTPAPI/2.0",
    "X-Content-Type-Options": "nosniff",
}
_log = logging.getLogger(__name__)


def create_app(engine: Engine, account: str, key: str, url: str) -> Starlette:
    """The service in front of `engine`, for requests signed with the account's base64 key.

    `url` is the address clients use, such as http://127.0.0.1:8080: it stands in every answer. The caller starts
    and stops the engine. ValueError when the key is not base64.
    """
    service = Service(engine, account, url.rstrip("/"))
    routes = [_route(service, *row) for row in ROUTES]
    front = Middleware(
        Front, signer=Signer.of(account, key, url), base=service.base, make_room=engine.reserve.give_up
    )
    # Ours stand for Starlette's own answers to an unknown path or method; a BatchError goes on to Front.
    handlers = {404: _no_path, 405: _no_method}
    app = Starlette(routes=routes, middleware=[front], exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


async def _no_path(request: Request, error: Exception) -> Response:
    raise BatchError("InvalidUri") from error


async def _no_method(request: Request, error: Exception) -> Response:
    raise BatchError("UnsupportedHttpVerb") from error


def _route(service: Service, method: str, path: str, operation: str, handler: Handler | None) -> Route:
    async def endpoint(request: Request) -> Response:
        """Answer one request within its budget; BatchError OperationTimedOut after that, NotImplemented at once."""
        if handler is None:
            text = f"The local Batch service does not have the operation {operation}."
            raise BatchError("NotImplemented", message=text)
        call = Call(service, request)
        try:
            async with asyncio.timeout(_seconds(call)):
                return await handler(call)
        except TimeoutError:
            raise BatchError("OperationTimedOut") from None

    route = Route(path, endpoint, methods=[method])
    route.methods = {method}  # Starlette adds HEAD to every GET; Batch has its own
    return route


def _seconds(call: Call) -> float:
    """The request's budget: its timeOut (older clients write timeout), at most 30 seconds."""
    name = "timeOut" if "timeOut" in call.query else "timeout"
    text = call.query.get(name, str(LONGEST_WAIT))
    if not text.isdecimal() or not int(text):
        raise invalid_query(name, text, "The value must be a whole number of seconds from 1 on")
    return min(int(text), LONGEST_WAIT)


def _check_version(query: str) -> None:
    version = dict(_pairs(query)).get("api-version")
    if not version:
        raise BatchError("MissingRequiredQueryParameter", ("QueryParameterName", "api-version"))
    match = _VERSION.fullmatch(version)
    if match is None or match[1] > NEWEST_VERSION:
        raise BatchError("UnsupportedRequestVersion", ("QueryParameterValue", version))


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&"))]


class Front:
    """What comes before and after every operation: checks, common headers, error bodies.

    `make_room` is called when the disk is too full to delete something.
    """

    def __init__(self, app: ASGIApp, signer: Signer, base: str, make_room: Callable[[], None]) -> None:
        self.app = app
        self.signer = signer
        self.base = base
        self.make_room = make_room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other kinds of connection go on to the app."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        headers = Headers(scope=scope)
        scope["batch_request_id"] = request_id
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._complete(message, headers, request_id)
            await send(message)

        try:
            self._check(scope, headers)
            await self.app(scope, receive, sending)
        except BatchError as error:
            refusal = self._refusal(error, scope["method"], request_id)
            await refusal(scope, receive, sending)
        except DiskFullError as error:
            _log.warning("Request %s could not be written down: %s", request_id, error)
            if scope["method"] == "DELETE":
                self.make_room()
            refusal = self._refusal(
                BatchError("InternalError", message=str(error)), scope["method"], request_id
            )
            await refusal(scope, receive, sending)
        except ClientDisconnect:
            _log.info("Request %s was given up by its client", request_id)
        except Exception:
            _log.exception("Request %s failed: %s %s", request_id, scope["method"], scope["raw_path"])
            if started:
                raise
            refusal = self._refusal(BatchError("InternalError"), scope["method"], request_id)
            await refusal(scope, receive, sending)

    def _check(self, scope: Scope, headers: Headers) -> None:
        query = scope["query_string"].decode("ascii", "replace")
        raw_path = scope["raw_path"].decode("ascii", "replace")
        self.signer.check_host(headers)
        self.signer.check(scope["method"], raw_path, query, headers, datetime.now(UTC))
        _check_version(query)

    def _refusal(self, error: BatchError, method: str, request_id: str) -> Response:
        """The answer to a refused request; without a body to HEAD and when nothing has changed (304)."""
        headers = {}
        if error.status == 401:
            headers["WWW-Authenticate"] = f'SharedKey realm="{self.base}"'
        if method == "HEAD" or error.status == 304:
            return Response(None, error.status, headers)
        body = error_body(self.base, error, request_id, stored_from(datetime.now(UTC)))
        return Response(orjson.dumps(body), error.status, {**headers, "Content-Type": JSON})

    def _complete(self, message: Message, asked: Headers, request_id: str) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in _COMMON.items():
            headers[name] = value
        headers["request-id"] = request_id
        client_id = asked.get("client-request-id")
        if client_id and asked.get("return-client-request-id", "").lower() == "true":
            headers["client-request-id"] = client_id
