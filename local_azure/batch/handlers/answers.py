"""Answers: which status carries which headers and body (counted over the recorded exchanges)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import orjson
from starlette.responses import Response

from local_azure.batch.handlers.call import Call
from local_azure.batch.store import Where
from local_azure.batch.wire.serialise import Doc, metadata, selected, shown
from local_azure.batch.wire.times import http_date

Page = Callable[[Where | None, str | None, int], tuple[list[Doc], str | None]]
"""What gives a page of a list: by a filter, behind a token, of at most so many items."""

JSON = "application/json;odata=minimalmetadata"


def json_answer(call: Call, fragment: str, body: Doc, *, status: int = 200) -> Response:
    """A body under its odata.metadata."""
    whole = {"odata.metadata": metadata(call.base, fragment), **body}
    return Response(orjson.dumps(whole), status, {"Content-Type": JSON})


def resource(
    call: Call, kind: str, doc: Doc, url: str, select: Collection[str] | None, *, tagged: bool = True
) -> Response:
    """One resource: 200, with ETag and Last-Modified unless it is a node, which has none."""
    answer = json_answer(call, f"{kind}/@Element", shown(doc, url, select))
    if tagged:
        _tag(answer, doc)
    return answer


def listing(call: Call, fragment: str, items: Sequence[Doc], token: str | None = None) -> Response:
    """A page of a list: 200, with odata.nextLink when there is more."""
    body: Doc = {"value": list(items)}
    if token is not None:
        body["odata.nextLink"] = call.next_link(token)
    return json_answer(call, fragment, body)


def listed(call: Call, kind: str, page: Page, url: Callable[[str], str]) -> Response:
    """The asked-for page of a kind's list, each item at the URL that `url` makes of its id."""
    select = selected(kind, call.query.get("$select"))
    docs, token = page(call.where(kind), call.after, call.limit())
    return listing(call, kind, [shown(doc, url(doc["id"]), select) for doc in docs], token)


def exists(doc: Doc) -> Response:
    """The answer to HEAD: 200 with ETag and Last-Modified."""
    return _tag(Response(None, 200), doc)


def created(call: Call, doc: Doc, url: str) -> Response:
    """201 without a body; `url` is both Location and DataServiceId."""
    headers = {"Location": url, "DataServiceId": url}
    return _tag(Response(None, 201, headers), doc)


def changed(call: Call, doc: Doc, status: int, *, named: bool = True) -> Response:
    """A change that is done (200, 204) or under way (202): no body; DataServiceId unless `named` is false."""
    headers = {"DataServiceId": call.url} if named else {}
    return _tag(Response(None, status, headers), doc)


def done(call: Call, status: int) -> Response:
    """An action on a node is done (200) or under way (202): only DataServiceId, for nodes have no eTag."""
    return Response(None, status, {"DataServiceId": call.url})


def gone(status: int) -> Response:
    """The answer to DELETE: only the status."""
    return Response(None, status)


def _tag(answer: Response, doc: Doc) -> Response:
    answer.headers["ETag"] = doc["eTag"]
    answer.headers["Last-Modified"] = http_date(doc["lastModified"])
    return answer
