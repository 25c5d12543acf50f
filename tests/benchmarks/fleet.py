"""A fleet in the local Batch service: 10,000 nodes and 100,000 tasks that are only played, and what asking costs."""

import math
import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import orjson
import psutil
from azure.batch import models
from azure.core.rest import HttpRequest

from batch_core import pools
from batch_core.account import Account
from batch_core.node_book import NODE_SELECT as NODE_FIELDS
from batch_core.recording import TASK_SELECT as TASK_FIELDS
from tests.benchmarks.rig import PeakMemory, running_cloud, service_process
from tests.fleet import add_tasks, simulated_job, simulated_pool
from tests.waiting import until

NODES, TASKS = 10_000, 100_000
WORKING_NODES = 1000
CHANGES = 100
LOOKS = 30
REAL_TASKS = 200
VERSION = "2025-06-01"


def run() -> list[tuple[str, ...]]:
    """All of it on one service, one after the other."""
    with running_cloud() as (account, home):
        service = service_process(home)
        assert service is not None
        memory = PeakMemory(service)
        rows = [*_real_runner(account), *_many_tasks(account, memory), *_many_nodes(account, memory)]
        return [*rows, *_at_work(account, memory)]


def _many_tasks(account: Account, memory: PeakMemory) -> list[tuple[str, ...]]:
    simulated_pool(account, "empty", 0)
    simulated_job(account, "many", "empty")
    begun, used = time.monotonic(), _processor(memory.process)
    ids = add_tasks(account, "many", TASKS)
    added, spent = time.monotonic() - begun, _processor(memory.process) - used
    path = "/jobs/many/tasks"
    mark = max(task["creationTime"] for task in _get(account, path)["value"])  # the SDK sends the first last
    for task_id in ids[:CHANGES]:
        account.batch.terminate_task("many", task_id)

    def cost(looks: int = LOOKS, **query: str) -> Cost:
        fields = {f"${name}": value for name, value in query.items()}
        return _cost(memory.process, lambda: _get(account, path, **fields), looks)

    since = f"ge DateTime'{_later(mark)}'"
    delta = {"select": TASK_FIELDS, "filter": f"stateTransitionTime {since}"}
    assert (
        len(_get(account, path, **{f"${name}": value for name, value in delta.items()})["value"]) == CHANGES
    )
    quick, scan = cost(**delta), cost(3, select=TASK_FIELDS, filter=f"lastModified {since}")
    memory.read()
    return [
        (
            f"Fleet: {TASKS:,} tasks added by the SDK in hundreds",
            f"{added:.0f} s ({spent:.0f} s of the service's processor)",
            *("-", "-", "under 120 s"),
        ),
        ("Fleet: a page of 1,000 of them, all fields", str(cost()), "-", "-", "-"),
        (
            "Fleet: a page of 1,000 of them, the Monitor's fields",
            str(cost(select=TASK_FIELDS)),
            *("-", "-", "under 30 ms"),
        ),
        (
            f"Fleet: {CHANGES} changes among them, by stateTransitionTime",
            str(quick),
            f"by lastModified, which has no index: {scan}",
            f"{quick.processor / scan.processor:.3f}",
            "under 20 ms",
        ),
        (
            f"Fleet: the {CHANGES} of them in one state",
            str(cost(select=TASK_FIELDS, filter="state eq 'completed'")),
            *("-", "-", "under 20 ms"),
        ),
        (
            "Fleet: their taskcounts",
            str(_cost(memory.process, lambda: _get(account, "/jobs/many/taskcounts"))),
            *("-", "-", "under 10 ms"),
        ),
    ]


def _many_nodes(account: Account, memory: PeakMemory) -> list[tuple[str, ...]]:
    begun, used = time.monotonic(), _processor(memory.process)
    simulated_pool(account, "large", NODES)
    until(lambda: _idle(account, "large") == NODES, seconds=300, what="idle nodes")
    came, spent = time.monotonic() - begun, _processor(memory.process) - used
    path, fields = "/pools/large/nodes", {"$select": NODE_FIELDS}
    page = _cost(memory.process, lambda: _get(account, path, **fields))
    whole = _cost(memory.process, lambda: _all(account, path, **fields), 3)
    counts = _cost(memory.process, lambda: _get(account, "/nodecounts"))
    memory.read()
    return [
        (
            f"Fleet: {NODES:,} nodes allocated and idle",
            f"{came:.0f} s ({spent:.0f} s of the service's processor)",
            *("-", "-", "-"),
        ),
        (
            f"Fleet: all {NODES:,} nodes listed, the Monitor's fields",
            f"{whole}, a page {page}",
            *("-", "-", "-"),
        ),
        ("Fleet: node counts of all pools", str(counts), "-", "-", "-"),
    ]


def _at_work(account: Account, memory: PeakMemory) -> list[tuple[str, ...]]:
    """1,000 nodes work off tasks while one client asks for something small again and again."""
    simulated_pool(
        account, "working", WORKING_NODES, spot=100, seconds=[5, 15], failures=0.05, preemptions=0.02
    )
    simulated_job(account, "working", "working", retries=2)
    add_tasks(account, "working", 5000)
    until(lambda: _done(account, "working") > 500, seconds=120, what="the first tasks' ends")
    first, used = _done(account, "working"), _processor(memory.process)
    until(lambda: _done(account, "working") > first + 1000, seconds=300, what="1,000 more ends")
    second, spent = _done(account, "working"), _processor(memory.process) - used
    waits: list[float] = []
    over = threading.Event()
    asking = threading.Thread(target=_ask, args=(account, waits, over))
    asking.start()
    begun = time.monotonic()
    until(lambda: _done(account, "working") > second + 1000, seconds=300, what="1,000 more ends")
    rate = (_done(account, "working") - second) / (time.monotonic() - begun)
    over.set()
    asking.join()
    memory.read()
    waits.sort()
    middle, high = statistics.median(waits), waits[math.ceil(len(waits) * 0.99) - 1]
    return [
        (
            f"Fleet: a small answer while {WORKING_NODES + 100:,} nodes work off {rate:.0f} tasks a second",
            f"{_ms(middle)}, 99 of 100 within {_ms(high)}, all within {_ms(waits[-1])}",
            *("-", "-", "under 100 ms"),
        ),
        (
            "Fleet: the service's processor time for a played task",
            _ms(spent / (second - first)),
            "-",
            "-",
            "-",
        ),
        (
            f"Fleet: memory of the service with {NODES + WORKING_NODES + 100:,} nodes and {TASKS + 5000:,} tasks",
            f"{memory.peak / 2**20:.0f} MiB",
            f"{memory.before / 2**20:.0f} MiB when empty",
            *("-", "-"),
        ),
    ]


def _real_runner(account: Account) -> list[tuple[str, ...]]:
    """The same number of tasks that do nothing, as processes and played."""
    pools.ensure_local_pool(account)
    simulated_pool(account, "five", 5, seconds=[0, 0])
    taken = {}
    for pool_id, command in ((pools.LOCAL_POOL, f'"{sys.executable}" -ISc ""'), ("five", "nothing")):
        until(lambda pool_id=pool_id: _idle(account, pool_id) == 5, seconds=60, what="five idle nodes")
        simulated_job(account, f"nothing-{pool_id}", pool_id)
        tasks = [
            models.BatchTaskCreateOptions(id=f"task-{number:03}", command_line=command)
            for number in range(REAL_TASKS)
        ]
        begun = time.monotonic()
        account.batch.create_tasks(f"nothing-{pool_id}", tasks)
        until(
            lambda pool_id=pool_id: _done(account, f"nothing-{pool_id}") == REAL_TASKS,
            seconds=300,
            what="ends",
        )
        taken[pool_id] = time.monotonic() - begun
    real, played = taken[pools.LOCAL_POOL], taken["five"]
    return [
        (
            f"Fleet: {REAL_TASKS} tasks that do nothing, played on five nodes",
            f"{played:.1f} s",
            f"as processes: {real:.1f} s",
            f"{played / real:.2f}",
            "-",
        )
    ]


def _get(account: Account, path: str, **query: str) -> dict:
    answer = account.batch.send_request(HttpRequest("GET", path, params={"api-version": VERSION, **query}))
    answer.raise_for_status()
    return orjson.loads(answer.content)


def _all(account: Account, path: str, **query: str) -> int:
    page = _get(account, path, **query)
    count = len(page["value"])
    while link := page.get("odata.nextLink"):
        answer = account.batch.send_request(HttpRequest("GET", link))
        page = orjson.loads(answer.content)
        count += len(page["value"])
    return count


def _ask(account: Account, waits: list[float], over: threading.Event) -> None:
    while not over.wait(0.01):
        begun = time.monotonic()
        _get(account, "/pools/five", **{"$select": "id,state"})
        waits.append(time.monotonic() - begun)


@dataclass(frozen=True)
class Cost:
    """Seconds until an answer has come and is read, the middle of some, and of the service's processor for one."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{_ms(self.wall)} ({_ms(self.processor)} of the service's processor)"


def _cost(service: psutil.Process, ask: Callable[[], object], looks: int = LOOKS) -> Cost:
    taken, used = [], _processor(service)
    for _ in range(looks):
        begun = time.monotonic()
        ask()
        taken.append(time.monotonic() - begun)
    return Cost(statistics.median(taken), (_processor(service) - used) / looks)


def _later(when: str) -> str:
    """A moment after a time, for `ge`."""
    return when.removesuffix("Z") + "9Z"


def _idle(account: Account, pool_id: str) -> int:
    counts = {entry["poolId"]: entry for entry in _get(account, "/nodecounts")["value"]}
    return counts[pool_id]["dedicated"]["idle"]


def _done(account: Account, job_id: str) -> int:
    return _get(account, f"/jobs/{job_id}/taskcounts")["taskCounts"]["completed"]


def _processor(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
