"""Operations on the files of tasks and nodes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from anyio import to_thread
from starlette.responses import Response, StreamingResponse

from local_azure.batch import odata
from local_azure.batch.errors import BatchError
from local_azure.batch.handlers import answers
from local_azure.batch.handlers.call import Call
from local_azure.batch.handlers.tree import Entry, listed, locate, opened, removed
from local_azure.batch.wire.conditions import check_conditions
from local_azure.batch.wire.serialise import Doc, path_of
from local_azure.batch.wire.times import http_date, trimmed

CHUNK = 262_144
"""Bytes read at a time, each in a thread, so that a big file never holds up the other requests."""

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """The directory a request is about, and the URL its files hang below."""

    root: Path
    url: str


def _task_place(call: Call) -> Place:
    job_id = call.engine.jobs.get(call.path("job_id"))["id"]
    task_id = call.engine.tasks.get(job_id, call.path("task_id"))["id"]
    url = call.base + path_of("jobs", job_id, "tasks", task_id, "files")
    return Place(call.engine.tasks.directory(job_id, task_id), url)


def _node_place(call: Call) -> Place:
    pool_id = call.engine.pools.get(call.path("pool_id"))["id"]
    node_id = call.engine.nodes.get(pool_id, call.path("node_id"))["id"]
    url = call.base + path_of("pools", pool_id, "nodes", node_id, "files")
    return Place(call.engine.nodes.directory(pool_id, node_id), url)


def _link(place: Place, name: str) -> str:
    return f"{place.url}/{quote(name, safe='/', errors='surrogateescape')}"


async def _listing(call: Call, place: Place) -> Response:
    recursive = call.flag("recursive")
    text = call.query.get("$filter")
    node = odata.parse(text, "files") if text else None
    prefix = node.value if isinstance(node, odata.Comparison) else ""

    def read() -> tuple[list[Doc], str | None]:
        entries = {entry.name: entry for entry in listed(place.root, recursive=recursive, prefix=prefix)}
        items = [_item(place, entry) for entry in entries.values()]
        if node is not None:
            items = [item for item in items if odata.matches(node, item)]
        return call.slice(items, lambda item: f"{entries[item['name']].level:05}{item['name']}")

    items, token = await to_thread.run_sync(read)
    return answers.listing(call, "files", items, token)


def _item(place: Place, entry: Entry) -> Doc:
    name = entry.name.encode("utf-8", "replace").decode()
    item: Doc = {"name": name, "url": _link(place, entry.name), "isDirectory": entry.is_directory}
    if not entry.is_directory:
        properties = {
            "creationTime": trimmed(entry.created) if entry.created else None,
            "lastModified": trimmed(entry.last_modified),
            "contentLength": str(entry.size),
            "contentType": entry.content_type,
            "fileMode": entry.mode,
        }
        item["properties"] = {key: value for key, value in properties.items() if value is not None}
    return item


def _headers(place: Place, entry: Entry) -> dict[str, str]:
    """What GET and HEAD say of a file: a mode on Linux, a creation time on Windows, never an ETag [recorded]."""
    headers = {
        "Content-Type": entry.content_type,
        "Last-Modified": http_date(entry.last_modified),
        "ocp-batch-file-isdirectory": str(entry.is_directory),
        "ocp-batch-file-url": quote(_link(place, entry.name.replace("\\", "/")), safe=""),
    }
    if entry.mode:
        headers["ocp-batch-file-mode"] = entry.mode
    if entry.created:
        headers["ocp-creation-time"] = http_date(entry.created)
    return headers


async def _found(call: Call, place: Place) -> tuple[Path, Entry]:
    path, entry = await to_thread.run_sync(locate, place.root, call.path("file_path"))
    check_conditions(call.headers, last_modified=entry.last_modified, reading=call.request.method != "DELETE")
    return path, entry


async def _properties(call: Call, place: Place) -> Response:
    _, entry = await _found(call, place)
    length = "0" if entry.is_directory else str(entry.size)
    return Response(None, 200, {**_headers(place, entry), "Content-Length": length})


async def _read(call: Call, place: Place) -> Response:
    """The whole file, or the part that ocp-range names: status 200 in both cases [recorded 2025]."""
    path, entry = await _found(call, place)
    file, size = await to_thread.run_sync(opened, path)
    try:
        start, end = _span(call.headers.get("ocp-range"), size)
    except BatchError:
        file.close()
        raise
    headers = {**_headers(place, entry), "Content-Length": str(end - start)}
    return StreamingResponse(_chunks(file, start, end), 200, headers)


def _span(header: str | None, size: int) -> tuple[int, int]:
    """The half-open span of bytes asked for; BatchError InvalidRange when it begins behind the end."""
    if header is None:
        return 0, size
    match = _RANGE.fullmatch(header.strip())
    if match is None or not any(match.groups()):
        reason = ("Reason", "The range must have the form bytes=first-last")
        raise BatchError("InvalidHeaderValue", ("HeaderName", "ocp-range"), ("HeaderValue", header), reason)
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    if start >= size or start >= end:
        raise BatchError("InvalidRange")
    return start, end


async def _chunks(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    try:
        await to_thread.run_sync(file.seek, start)
        while start < end:
            chunk = await to_thread.run_sync(file.read, min(CHUNK, end - start))
            if not chunk:
                return
            start += len(chunk)
            yield chunk
    finally:
        file.close()


async def _delete(call: Call, place: Place) -> Response:
    recursive = call.flag("recursive")
    await _found(call, place)
    await to_thread.run_sync(lambda: removed(place.root, call.path("file_path"), recursive=recursive))
    return answers.gone(200)


_Work = Callable[[Call, Place], Awaitable[Response]]


def _of(place: Callable[[Call], Place], work: _Work) -> Callable[[Call], Awaitable[Response]]:
    async def operation(call: Call) -> Response:
        return await work(call, place(call))

    return operation


list_task_files = _of(_task_place, _listing)
task_file_properties = _of(_task_place, _properties)
read_task_file = _of(_task_place, _read)
delete_task_file = _of(_task_place, _delete)
list_node_files = _of(_node_place, _listing)
node_file_properties = _of(_node_place, _properties)
read_node_file = _of(_node_place, _read)
delete_node_file = _of(_node_place, _delete)
