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

import httpx

from local_azure.batch.pace import Pace
from tests.local_azure.replay_compare import body_of, compared, kept_of, states_of
from tests.local_azure.service_running import RunningService, ServiceThread
from tests.waiting import until

RECORDED = Path(__file__).parent / "recorded"
PATIENCE = 5.0
"""Seconds until a read that never shows the recorded states counts as different."""

POLL = 0.01
"""Seconds between two reads."""


Adapt = Callable[[Any], Any]


@dataclass(frozen=True)
class Scenario:
    """One recorded file and how it is replayed.

    `setup`: requests (method, path, body) for steps that the recording lacks. `leave_out`: exchanges that cannot
    be replayed, with the reason. `adapt` changes requests and recorded answers alike, where the local service
    must be asked for something else: it is applied to every object. `settle`: what the setup began is to be over
    before the first exchange. `wait`: the task (its path) that must be completed before an exchange. `before`: a
    request, as in `setup`, that the recording lacks before an exchange.
    """

    name: str
    setup: tuple[tuple[str, str, Any], ...] = ()
    leave_out: Mapping[int, str] = field(default_factory=dict)
    adapt: Adapt = lambda value: value
    settle: bool = False
    wait: Mapping[int, str] = field(default_factory=dict)
    before: Mapping[int, tuple[str, str, Any]] = field(default_factory=dict)

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
            if place in self.scenario.before:
                method, path, body = self.scenario.before[place]
                step = self.service.send(method, path, body=self.body(path, body))
                assert step.is_success, f"{self.scenario.name}: {method} {path} {step.text}"
            answer = self.answer(exchange, recorded)
            for what, theirs, ours in compared(exchange, recorded, answer, self.service.url):
                yield Difference(self.scenario.name, place, what, theirs, ours)

    def completed(self, path: str) -> bool:
        self.pace.let_go(self.pace.held())
        return self.service.send("GET", f"{path}?api-version=2025-06-01").json().get("state") == "completed"

    def nodes(self, pool_path: str) -> list[str]:
        """The ids of a pool's nodes; only while it has none, time passes."""

        def found() -> list[str]:
            listing = f"{pool_path}/nodes?api-version=2025-06-01"
            nodes = self.service.send("GET", listing).json()["value"]
            if not nodes:
                self.pace.let_go(self.pace.held())
            return [node["id"] for node in nodes]

        return until(found, what="a node")

    def answer(self, exchange: dict[str, Any], recorded: Any) -> httpx.Response:
        """Send a request; a read again and again until it shows the recorded states or patience ends."""
        deadline = time.monotonic() + PATIENCE
        while True:
            held = self.pace.held()
            answer = self.send(exchange)
            seen = (answer.status_code, states_of(kept_of(exchange, recorded, body_of(answer))))
            if exchange["method"] not in ("GET", "HEAD") or seen == (exchange["status"], states_of(recorded)):
                break
            if time.monotonic() > deadline:
                break
            self.pace.let_go(held)
            time.sleep(POLL)
        body = body_of(answer)
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
            body = self.body(exchange["path"], mapped(exchange["request"], self.scenario.adapt))
        return self.service.send(exchange["method"], self.target(exchange["path"]), body=body, **headers)

    def body(self, path: str, value: Any) -> bytes:
        """A request's body, with our nodes' ids in a list of nodes."""
        if "nodeList" in value:
            nodes = self.nodes(path.partition("/removenodes")[0])
            value = {**value, "nodeList": nodes[: len(value["nodeList"])]}
        return json.dumps(value).encode()

    def target(self, path: str) -> str:
        """The recorded path, with our node's id and our page's token."""
        if "$skiptoken=" in path:
            return self.next_link.removeprefix(self.service.url)
        if os.sep == "/":
            path = path.replace("%5C", "%2F")
        found = re.search(r"(/pools/[^/]+)/nodes/(tvmps_[0-9a-f]+_[dp])", path)
        if found:
            path = path.replace(found[2], self.nodes(found[1])[0])
        return path


def mapped(value: Any, adapt: Adapt) -> Any:
    """The value with `adapt` applied to every object in it, the inner ones first."""
    if isinstance(value, dict):
        return adapt({name: mapped(inner, adapt) for name, inner in value.items()})
    if isinstance(value, list):
        return [mapped(inner, adapt) for inner in value]
    return value
