"""Conditional headers on every operation that takes them: 304 for reads, 412 for changes, and then no change."""

import json
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

import httpx
import pytest
from azure.batch import BatchClient

from tests.local_azure.service_running import POOL, VERSION, RunningService
from tests.waiting import until

pytest_plugins = ["tests.local_azure.service_fixtures"]

PLACES = {"pool": "/pools/kept", "job": "/jobs/kept", "task": "/jobs/kept/tasks/kept"}
READS = [("GET", "pool"), ("HEAD", "pool"), ("GET", "job"), ("GET", "task")]
WRITES: list[tuple[str, str, str, object]] = [
    ("PATCH", "pool", "", {"metadata": []}),
    ("DELETE", "pool", "", None),
    ("POST", "pool", "/resize", {"targetDedicatedNodes": 1}),
    ("POST", "pool", "/stopresize", None),
    ("POST", "pool", "/removenodes", {"nodeList": ["none"]}),
    ("PATCH", "job", "", {"priority": 5}),
    ("PUT", "job", "", {"poolInfo": {"poolId": "kept"}}),
    ("DELETE", "job", "", None),
    ("POST", "job", "/disable", {"disableTasks": "requeue"}),
    ("POST", "job", "/enable", None),
    ("POST", "job", "/terminate", {}),
    ("PUT", "task", "", {"constraints": {"maxTaskRetryCount": 3}}),
    ("DELETE", "task", "", None),
    ("POST", "task", "/terminate", None),
    ("POST", "task", "/reactivate", None),
]


@dataclass(frozen=True)
class Kept:
    """What the service says of a resource's version."""

    etag: str
    modified: str

    @property
    def earlier(self) -> str:
        """A date before its last change."""
        return format_datetime(parsedate_to_datetime(self.modified) - timedelta(hours=1), usegmt=True)

    def failing(self) -> list[dict[str, str]]:
        """Conditions that do not hold."""
        return [
            {"if-match": "0x8DE5A0D00247122"},
            {"if-none-match": self.etag},
            {"if-none-match": "*"},
            {"if-modified-since": self.modified},
            {"if-unmodified-since": self.earlier},
        ]

    def holding(self) -> list[dict[str, str]]:
        """Conditions that hold."""
        return [
            {"if-match": self.etag},
            {"if-match": f'"{self.etag}"'},
            {"if-none-match": "0x8DE5A0D00247122"},
            {"if-modified-since": self.earlier},
            {"if-unmodified-since": self.modified},
            {"if-match": self.etag, "if-unmodified-since": self.modified},
        ]


@pytest.fixture(scope="module", autouse=True)
def resources(service: RunningService) -> None:
    """A pool without nodes, a job in it, a task that waits."""
    bodies = {
        "/pools": {"id": "kept", **POOL},
        "/jobs": {"id": "kept", "poolInfo": {"poolId": "kept"}},
        "/jobs/kept/tasks": {"id": "kept", "commandLine": "true"},
    }
    for path, body in bodies.items():
        assert asked(service, "POST", path, body).status_code == 201
    until(
        lambda: asked(service, "GET", "/pools/kept").json()["allocationState"] == "steady",
        what="a steady pool",
    )


def asked(
    service: RunningService, method: str, path: str, body: object = None, **headers: str
) -> httpx.Response:
    content = json.dumps(body).encode() if body is not None else None
    return service.send(method, f"{path}?{VERSION}", body=content, **headers)


def kept(service: RunningService, what: str) -> Kept:
    headers = asked(service, "GET", PLACES[what]).headers
    return Kept(headers["ETag"], headers["Last-Modified"])


@pytest.mark.parametrize(("method", "what"), READS)
def test_a_read_is_not_answered_with_what_the_client_has(
    service: RunningService, method: str, what: str
) -> None:
    now = kept(service, what)
    for condition in now.failing():
        answer = asked(service, method, PLACES[what], **condition)
        changed = "if-match" in condition or "if-unmodified-since" in condition
        assert answer.status_code == (412 if changed else 304), condition
        if changed and method == "GET":
            assert answer.json()["code"] == "ConditionNotMet"
        else:
            assert answer.content == b""
    for condition in now.holding():
        assert asked(service, method, PLACES[what], **condition).status_code == 200, condition


@pytest.mark.parametrize(("method", "what", "action", "body"), WRITES)
def test_a_change_that_its_condition_forbids_is_not_made(
    service: RunningService, method: str, what: str, action: str, body: object
) -> None:
    before = asked(service, "GET", PLACES[what]).json()
    for condition in kept(service, what).failing():
        answer = asked(service, method, PLACES[what] + action, body, **condition)
        assert (answer.status_code, answer.json()["code"]) == (412, "ConditionNotMet"), condition
    assert asked(service, "GET", PLACES[what]).json() == before
    both = {"if-match": before["eTag"], "if-none-match": before["eTag"]}
    answer = asked(service, method, PLACES[what] + action, body, **both)
    assert answer.json()["code"] == "MultipleConditionHeadersNotSupported"


@pytest.mark.parametrize(
    ("method", "what", "body"),
    [(method, what, body) for method, what, action, body in WRITES if not action and method != "DELETE"],
)
def test_a_change_whose_condition_holds_is_made_and_gives_a_new_version(
    service: RunningService, method: str, what: str, body: object
) -> None:
    for place in range(len(kept(service, what).holding())):
        now = kept(service, what)
        answer = asked(service, method, PLACES[what], body, **now.holding()[place])
        assert answer.is_success, answer.text
        assert answer.headers["ETag"] == kept(service, what).etag != now.etag


def test_a_condition_on_nothing_is_about_nothing(service: RunningService) -> None:
    for path in ("/pools/none", "/jobs/none", "/jobs/kept/tasks/none"):
        assert asked(service, "GET", path, **{"if-match": "*"}).status_code == 404
        assert asked(service, "DELETE", path, **{"if-none-match": "*"}).status_code == 404


def test_two_clients_that_change_the_same_job_do_not_overwrite_each_other(
    service: RunningService, service_client: BatchClient
) -> None:
    etag = kept(service, "job").etag
    first = asked(service, "PATCH", "/jobs/kept", {"priority": 11}, **{"if-match": etag})
    second = asked(service, "PATCH", "/jobs/kept", {"priority": 12}, **{"if-match": etag})
    assert (first.status_code, second.status_code) == (200, 412)
    assert service_client.get_job("kept").priority == 11
