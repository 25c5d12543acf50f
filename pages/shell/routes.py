"""The app's own HTTP routes: Plotly's script, signed streams of blobs in both directions
and of files on nodes, the way to the first page.

Storage is asked in worker threads: the SDK blocks, and the event loop is everybody's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from batch_core import archives, errors, reading, relay, task_files
from batch_core.account import Account
from batch_core.local_cloud import app_home
from batch_core.relay import BlobFacts
from batch_core.report import Report, known_attempts, make_report
from batch_core.storage import attachment
from pages.shell.signing import PREFIX, LinkRefused, verify
from pages.shell.streams import Stream, blob_headers, off_loop, part

PLOTLY_URL = f"{PREFIX}/plotly.min.js?v={version('plotly')}"
UPLOADS_AT_ONCE = 8  # blocks held in memory: at most this many times relay.BLOCK_LIMIT

_STATUS = {
    errors.InvalidInput: 400,
    errors.CredentialError: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Throttled: 503,
}
_uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)

Handler = Callable[[Request], Awaitable[Response]]


def _refusing(handler: Handler) -> Handler:
    """Answers in plain sentences what the handler raises."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except LinkRefused as refused:
            return PlainTextResponse(str(refused), 403)
        except errors.DashboardError as error:
            status = _STATUS.get(type(error), 502)
            headers = {"Retry-After": "5"} if status == 503 else {}
            if error.code:
                headers["x-ms-error-code"] = error.code  # uploads decide by it, as with storage itself
            return PlainTextResponse(error.user_message, status, headers=headers)

    return answer


async def plotly(request: Request) -> Response:
    """The script of the installed plotly package; its URL changes with its version."""
    package = Path(find_spec("plotly").origin).parent  # importing it would take 0.2 s
    script = package / "package_data" / "plotly.min.js"
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(script, media_type="text/javascript", headers=headers)


async def archive(request: Request) -> Response:
    """Every result of a run, or of one of its tasks, as one ZIP, made while it is sent."""
    account, params = verify(request, "zip")
    made = await run_in_threadpool(archives.zip_stream, account, params["run"], params.get("task"))
    headers = {
        "Content-Disposition": attachment(made.name),
        "Cache-Control": "no-store",
        "Content-Length": str(
            made.size
        ),  # so that the browser shows how far it is, and sees when it breaks off
    }
    return Stream(off_loop(made.pieces), media_type="application/zip", headers=headers)


async def report(request: Request) -> Response:
    """All about a run as one HTML file that asks no address."""
    account, params = verify(request, "report")
    made = await run_in_threadpool(_report, account, params["run"])
    headers = {"Content-Disposition": attachment(made.name), "Cache-Control": "no-store"}
    return Response(made.html, media_type="text/html", headers=headers)


def _report(account: Account, run_id: str) -> Report:
    return make_report(account, run_id, known_attempts(app_home(), account, run_id))


async def blob(request: Request) -> Response:
    """One blob, whole or a range of it (players ask for ranges); `name` makes it a download, `type` says what it is."""
    account, params = verify(request, "blob")
    container, path = params["container"], params["blob"]
    found = await run_in_threadpool(relay.facts, account, container, path)
    found = replace(found, content_type=params.get("type", found.content_type))
    return _ranged(
        request,
        found,
        params.get("name"),
        lambda start, end: reading.read_blob(account, container, path, start, end),
    )


async def task_file(request: Request) -> Response:
    """A file that a task made, from its node, whole or a range of it: always a download."""
    account, params = verify(request, "file")
    about = account, params["job"], params["task"], params["file"]
    found = await run_in_threadpool(task_files.facts, *about)
    name = params["file"].rpartition("/")[2]
    return _ranged(request, found, name, lambda start, end: task_files.read(*about, start, end))


def _ranged(
    request: Request, found: BlobFacts, name: str | None, read: Callable[[int, int], Generator[bytes]]
) -> Response:
    """The answer with what was asked for of a file; `read` has the bytes from a start up to an end."""
    headers = blob_headers(found, name)
    asked = part(request.headers.get("range"), found.size)
    if asked is None:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{found.size}"})
    start, end, status = asked
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD" or start == end:
        return Response(status_code=status, headers=headers)
    return Stream(off_loop(read(start, end)), status, headers=headers)


async def upload(request: Request) -> Response:
    """Put Block, Put Block List or Put Blob as storage itself speaks them, for inputs of the link's account."""
    account, _ = verify(request, "upload")
    async with _uploads:
        try:
            body = await _body(request, relay.BLOCK_LIMIT)
        except ClientDisconnect:
            return Response(status_code=499)
        await run_in_threadpool(_store, account, request, body)
    return Response(status_code=201)


async def reach(request: Request) -> Response:
    """Whether this app reaches the storage of an upload's link: a browser that does not asks before it comes here."""
    account, _ = verify(request, "upload")
    await run_in_threadpool(relay.reaches, account)
    return Response(status_code=204)


def _store(account: Account, request: Request, body: bytes) -> None:
    path, step = request.path_params["blob"], request.query_params.get("comp")
    name, folder = (request.headers.get(f"x-ms-meta-{key}", "") for key in ("name", "folder"))
    content_type = request.headers.get("x-ms-blob-content-type", "application/octet-stream")
    if step == "block":
        relay.receive_block(account, path, request.query_params.get("blockid", ""), body)
    elif step == "blocklist":
        relay.receive_list(account, path, body, name, content_type, folder)
    elif step is None:
        relay.receive_blob(account, path, body, name, content_type, folder)
    else:
        raise errors.InvalidInput("Uploads know blocks, lists of blocks and whole files.")


async def _body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise errors.InvalidInput(f"A block may have {limit // 1024**2} MiB at most.")
    return bytes(body)


async def files_page(request: Request) -> Response:
    """The first page under its own name: Streamlit knows it as / alone, and would say that there is no /files."""
    return RedirectResponse(f"./?{request.url.query}" if request.url.query else "./")


ROUTES = [
    Route("/files", files_page, methods=["GET"]),
    Route(f"{PREFIX}/plotly.min.js", plotly, methods=["GET"]),
    Route(f"{PREFIX}/zip", _refusing(archive), methods=["GET"]),
    Route(f"{PREFIX}/report", _refusing(report), methods=["GET"]),
    Route(f"{PREFIX}/blob", _refusing(blob), methods=["GET"]),
    Route(f"{PREFIX}/file", _refusing(task_file), methods=["GET"]),
    Route(f"{PREFIX}/upload", _refusing(reach), methods=["GET"]),
    Route(f"{PREFIX}/upload/{{blob:path}}", _refusing(upload), methods=["PUT"]),
]
