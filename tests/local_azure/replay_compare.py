"""How a recorded answer and ours differ: headers, fields, their order, types, spelling and values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import httpx

RECORDED_BASE = "https://<account>.<region>.batch.azure.com"
_HEADERS = (
    "content-type",
    "dataserviceid",
    "dataserviceversion",
    "etag",
    "last-modified",
    "location",
    "retry-after",
)
_BY_SYSTEM = frozenset({"ocp-batch-file-mode", "ocp-creation-time"})
"""The first comes from Linux nodes, the second from Windows nodes."""

_STATES = ("state", "allocationState", "taskCounts")


def body_of(answer: httpx.Response) -> Any:
    """JSON read, text as it is, None when there is none."""
    if "json" in answer.headers.get("content-type", ""):
        return answer.json()
    return answer.text or None


def kept_of(exchange: dict[str, Any], recorded: Any, ours: Any) -> Any:
    """Our list with the items only that the recording kept, where its note says that it was cut."""
    if "cut to" not in exchange.get("note", "") or not isinstance(ours, dict):
        return ours
    key = _key(recorded["value"])
    kept = {item[key] for item in recorded["value"]} if key else set()
    return {**ours, "value": [item for item in ours["value"] if item.get(key) in kept]}


def states_of(body: Any) -> Any:
    """What of a body tells how far things have come."""
    if isinstance(body, dict) and isinstance(body.get("value"), list):
        states = [states_of(item) for item in body["value"]]
        return states if any(any(state or ()) for state in states) else None
    if isinstance(body, dict):
        return [body.get(name) for name in _STATES]
    return None


def compared(
    exchange: dict[str, Any], recorded: Any, answer: httpx.Response, base: str
) -> Iterator[tuple[str, str, str]]:
    """(where, recorded, ours) for each difference; `base` is our service's URL."""
    if answer.status_code != exchange["status"]:
        yield "status", str(exchange["status"]), f"{answer.status_code} {answer.text}"
        return
    theirs = {name.lower(): value for name, value in exchange["response_headers"].items()}
    if "Location header present" in exchange.get("note", ""):  # but its value was not kept
        theirs["location"] = answer.headers.get("location", "absent").replace(base, RECORDED_BASE)
    yield from _compared_headers(theirs, answer.headers, base)
    if "/files/" in exchange["path"] and answer.status_code == 200:
        return  # what a file holds is up to the command that wrote it
    if exchange["path"].startswith("/supportedimages"):
        recorded, body = _common_images(recorded, body_of(answer))
        yield from _compared_bodies("body", recorded, body, base)
        return
    ours = kept_of(exchange, recorded, body_of(answer))
    yield from _compared_bodies("body", recorded, ours, base)


def _common_images(theirs: Any, ours: Any) -> tuple[Any, Any]:
    """Both lists with the images only that are in both: the real list changes every month."""

    def key(image: Any) -> tuple[str, ...]:
        return tuple(image["imageReference"][name].lower() for name in ("publisher", "offer", "sku"))

    common = set(map(key, theirs["value"])) & set(map(key, ours["value"]))
    assert len(common) >= 3, "the lists of images have next to nothing in common"
    both = [
        {**body, "value": [image for image in body["value"] if key(image) in common]}
        for body in (theirs, ours)
    ]
    return both[0], both[1]


def _compared_headers(
    theirs: Mapping[str, str], ours: Mapping[str, str], base: str
) -> Iterator[tuple[str, str, str]]:
    names = {name for name in ours if name in _HEADERS or name.startswith("ocp-")}
    if "content-length" in theirs:
        names.add("content-length")
    names |= theirs.keys() - {"request-id"}
    if names & _BY_SYSTEM:
        wanted, found = _of_system(theirs), _of_system(ours)
        if wanted != found:
            yield "header of the node's system", wanted, found
    for name in sorted(names - _BY_SYSTEM):
        wanted, found = theirs.get(name, "absent"), ours.get(name, "absent")
        if name == "content-length" and wanted.isdecimal() and found.isdecimal():
            continue
        if name in ("ocp-batch-file-url", "content-type"):
            wanted, found = unquote(wanted).replace(" ", ""), unquote(found).replace(" ", "")
        wanted, found = _form(wanted, RECORDED_BASE), _form(found, base)
        if wanted != found:
            yield name, wanted, found


def _of_system(headers: Mapping[str, str]) -> str:
    """Whether a file's answer is one of a Linux or of a Windows node: good is either, never both."""
    found = [name for name in _BY_SYSTEM if headers.get(name)]
    return "one" if len(found) == 1 else " and ".join(found) or "none"


def _compared_bodies(path: str, theirs: Any, ours: Any, base: str) -> Iterator[tuple[str, str, str]]:
    if path.endswith(".properties"):
        theirs, ours = _system_named(theirs), _system_named(ours)
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted(theirs.keys() | ours.keys()):
            inner = f"{path}.{name}"
            if name not in ours:
                yield inner, json.dumps(theirs[name]), "absent"
            elif name not in theirs:
                yield inner, "absent", json.dumps(ours[name])
            else:
                yield from _compared_bodies(inner, theirs[name], ours[name], base)
        wanted = [name for name in theirs if name in ours]
        found = [name for name in ours if name in theirs]
        if wanted != found:
            yield f"{path}: order", " ".join(wanted), " ".join(found)
    elif isinstance(theirs, list) and isinstance(ours, list):
        yield from _compared_lists(path, theirs, ours, base)
    elif theirs != "REDACTED":
        wanted, found = _form(theirs, RECORDED_BASE), _form(ours, base)
        if path.endswith(".contentLength"):
            wanted, found = wanted.isdecimal(), found.isdecimal()
        if path.endswith(".frontendPort"):  # counted by node, in an order that ids don't tell
            wanted, found = wanted // 1000, found // 1000
        if wanted != found or type(theirs) is not type(ours):
            yield path, json.dumps(wanted), json.dumps(found)


def _compared_lists(
    path: str, theirs: list[Any], ours: list[Any], base: str
) -> Iterator[tuple[str, str, str]]:
    """Item by item; where items have names, those of the same name, and what one side lacks by its name."""
    key = _key(theirs)
    if key is None:
        if len(theirs) != len(ours):
            yield f"{path}: length", str(len(theirs)), str(len(ours))
        for one, other in zip(theirs, ours, strict=False):
            yield from _compared_bodies(f"{path}[]", one, other, base)
        return
    wanted, found = ({_form(item[key], ""): item for item in items} for items in (theirs, ours))
    for name in [*wanted, *(name for name in found if name not in wanted)]:
        if name in wanted and name in found:
            yield from _compared_bodies(f"{path}[]", wanted[name], found[name], base)
        else:
            have = "present", "absent"
            yield (f"{path}[{name}]", *(have if name in wanted else reversed(have)))
    if key != "taskId":  # results of a collection come in any order [recorded 2022]
        theirs_too, ours_too = (
            [name for name in side if name in wanted and name in found] for side in (wanted, found)
        )
        if theirs_too != ours_too:
            yield f"{path}: order", " ".join(theirs_too), " ".join(ours_too)


def _key(items: list[Any]) -> str | None:
    """What names the items of a list: not for nodes, whose ids are random."""
    for key in ("taskId", "id", "name"):
        if items and all(isinstance(item, dict) and key in item for item in items):
            unique = len({_form(item[key], "") for item in items}) == len(items)
            return key if unique and "nodeAgentInfo" not in items[0] and "ipAddress" not in items[0] else None
    return None


def _system_named(properties: dict[str, Any]) -> dict[str, Any]:
    """A file's properties with what only a Linux or only a Windows node tells under one name."""
    common = {name: value for name, value in properties.items() if name not in ("creationTime", "fileMode")}
    return {**common, "of the system": len(properties) - len(common)}


_GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_FORMS = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{0,6}[1-9]Z|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
    (r"Time:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", "Time:<time>"),
    (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "<date>"),
    (r"0x[0-9A-F]{15}", "<etag>"),
    (r"tvmps_[0-9a-f]{64}_d", "<node>"),
    (_GUID.replace("a-f", "A-F"), "<GUID>"),
    (_GUID, "<guid>"),
    (r"\$skiptoken=[^&]+", "$skiptoken=<token>"),
    (r"10\.0\.0\.\d+", "<address>"),
    (r"(SSHRule|ruleName)\.\d+", r"\1.<n>"),
    (r"1\.\d+\.\d+", "<agent version>"),
)


def _form(value: Any, base: str) -> Any:
    """The value with everything of its own replaced by the name of its form."""
    if not isinstance(value, str):
        return value
    value = (value.replace(base, "<base>") if base else value).replace("\\", "/")
    for pattern, name in _FORMS:
        value = re.sub(pattern, name, value)
    return value
