"""Lists stay right while things come and go: what is there all along is listed once."""

import json
from collections.abc import Callable

import pytest

from tests.local_azure.service_running import POOL, VERSION, RunningService

pytest_plugins = ["tests.local_azure.service_fixtures"]

STAY = [f"item-{number:02}" for number in range(3, 24, 4)]
LEAVE = [f"item-{number:02}" for number in range(1, 24, 4)]


def post(service: RunningService, path: str, body: dict) -> None:
    answer = service.send("POST", f"{path}?{VERSION}", body=json.dumps(body).encode())
    assert answer.status_code in (200, 201), answer.text


def add_pool(service: RunningService, name: str) -> None:
    post(service, "/pools", {"id": name, **POOL})


def add_job(service: RunningService, name: str) -> None:
    post(service, "/jobs", {"id": name, "poolInfo": {"poolId": "none"}})


def add_task(service: RunningService, name: str) -> None:
    post(service, "/jobs/lists/tasks", {"id": name, "commandLine": "true"})


@pytest.mark.parametrize(
    ("path", "add", "end"),
    [
        ("/pools", add_pool, None),
        ("/jobs", add_job, "terminate"),
        ("/jobs/lists/tasks", add_task, "terminate"),
    ],
    ids=["pools", "jobs", "tasks"],
)
def test_what_stays_is_listed_once_while_others_come_go_and_end(
    service: RunningService, path: str, add: Callable[[RunningService, str], None], end: str | None
) -> None:
    if path.endswith("tasks"):
        add_job(service, "lists")
    for name in STAY + LEAVE:
        add(service, name)
    seen: list[str] = []
    target, turn = f"{path}?{VERSION}&maxresults=3", 0
    while target:
        page = service.send("GET", target).json()
        seen += [item["id"] for item in page["value"]]
        target = page.get("odata.nextLink", "").removeprefix(service.url)
        if turn < len(LEAVE):
            assert service.send("DELETE", f"{path}/{LEAVE[turn]}?{VERSION}").status_code in (200, 202)
            add(service, f"item-{4 * turn:02}")
            add(service, f"item-{25 + turn:02}")
            if end:
                assert service.send("POST", f"{path}/{STAY[turn]}/{end}?{VERSION}").status_code in (202, 204)
        turn += 1
    assert turn > 3
    assert sorted(name for name in seen if name in STAY) == STAY
    assert len(seen) == len(set(seen))
