"""Replaying recorded exchanges with the real service against ours, and telling how the answers differ.

A scenario is one file of `recorded/`. Its requests are sent in order to a fresh service whose pools, nodes and
jobs stay in every passing state until told to go on; a read that does not show the recorded states yet lets them
go on and is repeated. What cannot be equal (times, ids, addresses, host names) is compared by form.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx

from local_azure.batch.pace import Pace
from tests.local_azure.service_running import RunningService, ServiceThread
from tests.waiting import until

RECORDED = Path(__file__).parent / "recorded"
RECORDED_BASE = "https://<account>.<region>.batch.azure.com"
PATIENCE = 5.0
"""Seconds until a read that never shows the recorded states counts as different."""

POLL = 0.01
"""Seconds between two reads."""

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

Adapt = Callable[[Any], Any]


@dataclass(frozen=True)
class Scenario:
    """One recorded file and how it is replayed.

    `setup`: requests (method, path, body) for steps that the recording lacks. `leave_out`: exchanges that cannot
    be replayed, with the reason. `adapt` changes requests and recorded answers alike, where the local service
    must be asked for something else: it is applied to every object. `settle`: what the setup began is to be over
    before the first exchange. `wait`: the task (its path) that must be completed before an exchange.
    """

    name: str
    setup: tuple[tuple[str, str, Any], ...] = ()
    leave_out: Mapping[int, str] = field(default_factory=dict)
    adapt: Adapt = lambda value: value
    settle: bool = False
    wait: Mapping[int, str] = field(default_factory=dict)

    def exchanges(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The exchanges that are replayed, with their place in the file."""
        recorded = json.loads((RECORDED / f"{self.name}.json").read_text(encoding="utf-8"))
        for place, exchange in enumerate(recorded):
            if place not in self.leave_out:
                yield place, exchange


@dataclass(frozen=True, order=True)
class Difference:
    """Where one of our answers differs: `what` is a header or a path in the body, such as body.value[].state."""

    scenario: str
    place: int
    what: str
    recorded: str
    ours: str


class SteppedPace(Pace):
    """Cloud time that passes only when told to: who waits is held until let go."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[asyncio.Future[None]] = []

    async def wait(self, seconds: float, *, spread: float = 0.0) -> None:
        """Hold the caller."""
        future = asyncio.get_running_loop().create_future()
        self._held.append(future)
        try:
            await future
        finally:
            self._held.remove(future)

    def held(self) -> list[asyncio.Future[None]]:
        """Who waits now; for any thread."""
        return list(self._held)

    def let_go(self, held: list[asyncio.Future[None]]) -> None:
        """Let those go on, and nobody who came to wait since; for any thread."""
        for future in held:
            if not future.get_loop().is_closed():
                future.get_loop().call_soon_threadsafe(_finish, future)


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def replay(scenario: Scenario, data: Path, tools: Path) -> list[Difference]:
    """Every difference between the scenario's recorded answers and ours."""
    pace = SteppedPace()
    with ServiceThread(data, tools, pace) as service:
        for method, path, body in scenario.setup:
            answer = service.send(method, path, body=json.dumps(body).encode() if body is not None else None)
            assert answer.is_success, f"{scenario.name}: {method} {path} {answer.text}"
        if scenario.settle:
            until(lambda: _settled(service, pace), what="the end of what the setup began")
        return list(_Replay(scenario, service, pace).run())


def _settled(service: RunningService, pace: SteppedPace) -> bool:
    pace.let_go(pace.held())
    pools = service.send("GET", "/pools?api-version=2025-06-01").json()["value"]
    return all(pool["allocationState"] == "steady" for pool in pools)


class _Replay:
    def __init__(self, scenario: Scenario, service: RunningService, pace: SteppedPace) -> None:
        self.scenario = scenario
        self.service = service
        self.pace = pace
        self.next_link = ""

    def run(self) -> Iterator[Difference]:
        for place, exchange in self.scenario.exchanges():
            recorded = mapped(exchange["response"], self.scenario.adapt)
            if place in self.scenario.wait:
                until(lambda path=self.scenario.wait[place]: self.completed(path), what="the task's end")
            answer = self.answer(exchange, recorded)
            for what, theirs, ours in _compared(exchange, recorded, answer, self.service.url):
                yield Difference(self.scenario.name, place, what, theirs, ours)

    def completed(self, path: str) -> bool:
        self.pace.let_go(self.pace.held())
        return self.service.send("GET", f"{path}?api-version=2025-06-01").json().get("state") == "completed"

    def nodes(self, listing: str) -> list[Any]:
        self.pace.let_go(self.pace.held())
        found: list[Any] = self.service.send("GET", listing).json()["value"]
        return found

    def answer(self, exchange: dict[str, Any], recorded: Any) -> httpx.Response:
        """Send a request; a read again and again until it shows the recorded states or patience ends."""
        deadline = time.monotonic() + PATIENCE
        while True:
            held = self.pace.held()
            answer = self.send(exchange)
            seen = (answer.status_code, _states(_kept(exchange, recorded, _body(answer))))
            if exchange["method"] not in ("GET", "HEAD") or seen == (exchange["status"], _states(recorded)):
                break
            if time.monotonic() > deadline:
                break
            self.pace.let_go(held)
            time.sleep(POLL)
        body = _body(answer)
        if isinstance(body, dict):
            self.next_link = body.get("odata.nextLink", "")
        return answer

    def send(self, exchange: dict[str, Any]) -> httpx.Response:
        sent = exchange["request_headers"]
        headers = {name.lower(): value for name, value in sent.items() if name.lower() != "ocp-date"}
        if exchange["request"] is None:
            headers.pop("content-type", None)
            body = None
        else:
            body = json.dumps(mapped(exchange["request"], self.scenario.adapt)).encode()
        return self.service.send(exchange["method"], self.target(exchange["path"]), body=body, **headers)

    def target(self, path: str) -> str:
        """The recorded path, with our node's id and our page's token."""
        if "$skiptoken=" in path:
            return self.next_link.removeprefix(self.service.url)
        if os.sep == "/":
            path = path.replace("%5C", "%2F")
        found = re.search(r"/pools/([^/]+)/nodes/(tvmps_[0-9a-f]+_[dp])", path)
        if found:
            listing = f"/pools/{found[1]}/nodes?api-version=2025-06-01"
            nodes = until(lambda: self.nodes(listing), what="a node")
            path = path.replace(found[2], nodes[0]["id"])
        return path


def mapped(value: Any, adapt: Adapt) -> Any:
    """The value with `adapt` applied to every object in it, the inner ones first."""
    if isinstance(value, dict):
        return adapt({name: mapped(inner, adapt) for name, inner in value.items()})
    if isinstance(value, list):
        return [mapped(inner, adapt) for inner in value]
    return value


def _body(answer: httpx.Response) -> Any:
    if "json" in answer.headers.get("content-type", ""):
        return answer.json()
    return answer.text or None


def _kept(exchange: dict[str, Any], recorded: Any, ours: Any) -> Any:
    """Our list with the items only that the recording kept, where its note says that it was cut."""
    if "cut to" not in exchange.get("note", "") or not isinstance(ours, dict):
        return ours
    key = _key(recorded["value"])
    kept = {item[key] for item in recorded["value"]} if key else set()
    return {**ours, "value": [item for item in ours["value"] if item.get(key) in kept]}


def _states(body: Any) -> Any:
    """What of a body tells how far things have come."""
    if isinstance(body, dict) and isinstance(body.get("value"), list):
        states = [_states(item) for item in body["value"]]
        return states if any(any(state or ()) for state in states) else None
    if isinstance(body, dict):
        return [body.get(name) for name in _STATES]
    return None


def _compared(
    exchange: dict[str, Any], recorded: Any, answer: httpx.Response, base: str
) -> Iterator[tuple[str, str, str]]:
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
        recorded, body = _common_images(recorded, _body(answer))
        yield from _compared_bodies("body", recorded, body, base)
        return
    ours = _kept(exchange, recorded, _body(answer))
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
