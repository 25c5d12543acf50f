"""A fleet in the local Batch service: 10,000 nodes and 100,000 tasks that are only played, and what asking costs."""

import math
import statistics
import sys
import threading
import time
from collections.abc import Callable

import orjson
import psutil
from azure.batch import models
from azure.core.rest import HttpRequest

from batch_core import pools
from batch_core.account import Account
from tests.benchmarks.rig import PeakMemory, running_cloud, service_process
from tests.fleet import add_tasks, simulated_job, simulated_pool
from tests.waiting import until

NODES, TASKS = 10_000, 100_000
WORKING_NODES = 1000
CHANGES = 100
LOOKS = 15
REAL_TASKS = 200
VERSION = "2025-06-01"
NODE_FIELDS = "id,state,stateTransitionTime,schedulingState,isDedicated,runningTasksCount"
TASK_FIELDS = "id,state,stateTransitionTime,executionInfo,nodeInfo"


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
    begun = time.monotonic()
    ids = add_tasks(account, "many", TASKS)
    added = time.monotonic() - begun
    memory.read()
    path, every = "/jobs/many/tasks", {"$select": TASK_FIELDS}
    page = _median(lambda: _get(account, path))
    selected = _median(lambda: _get(account, path, **every))
    counts = _median(lambda: _get(account, "/jobs/many/taskcounts"))
    mark = max(task["creationTime"] for task in _get(account, path)["value"])  # the SDK sends the first last
    for task_id in ids[:CHANGES]:
        account.batch.terminate_task("many", task_id)
    changed = f"ge DateTime'{_later(mark)}'"
    delta = {**every, "$filter": f"stateTransitionTime {changed}"}
    scan = {**every, "$filter": f"lastModified {changed}"}
    assert [len(_get(account, path, **query)["value"]) for query in (delta, scan)] == [CHANGES, CHANGES]
    quick, slow = (
        _median(lambda: _get(account, path, **delta)),
        _median(lambda: _get(account, path, **scan), 3),
    )
    running = _median(lambda: _get(account, path, **every, **{"$filter": "state eq 'completed'"}))
    memory.read()
    return [
        (f"Fleet: {TASKS:,} tasks added by the SDK in hundreds", f"{added:.0f} s", "-", "-", "under 120 s"),
        ("Fleet: a page of 1,000 of them, all fields", _ms(page), "-", "-", "-"),
        ("Fleet: a page of 1,000 of them, the Monitor's fields", _ms(selected), "-", "-", "under 30 ms"),
        (
            f"Fleet: {CHANGES} changes among them, by stateTransitionTime",
            _ms(quick),
            f"by lastModified, which has no index: {_ms(slow)}",
            f"{quick / slow:.3f}",
            "under 20 ms",
        ),
        (f"Fleet: the {CHANGES} of them in one state", _ms(running), "-", "-", "under 20 ms"),
        ("Fleet: their taskcounts", _ms(counts), "-", "-", "under 10 ms"),
    ]


def _many_nodes(account: Account, memory: PeakMemory) -> list[tuple[str, ...]]:
    begun = time.monotonic()
    simulated_pool(account, "large", NODES)
    until(lambda: _idle(account, "large") == NODES, seconds=300, what="idle nodes")
    came = time.monotonic() - begun
    path, fields = "/pools/large/nodes", {"$select": NODE_FIELDS}
    page = _median(lambda: _get(account, path, **fields))
    whole = _median(lambda: _all(account, path, **fields), 3)
    counts = _median(lambda: _get(account, "/nodecounts"))
    memory.read()
    return [
        (f"Fleet: {NODES:,} nodes allocated and idle", f"{came:.0f} s", "-", "-", "-"),
        (
            f"Fleet: all {NODES:,} nodes listed, the Monitor's fields",
            f"{whole * 1000:.0f} ms, a page {_ms(page)}",
            *("-", "-", "-"),
        ),
        ("Fleet: node counts of all pools", _ms(counts), "-", "-", "-"),
    ]


def _at_work(account: Account, memory: PeakMemory) -> list[tuple[str, ...]]:
    """1,000 nodes work off tasks while one client asks for something small again and again."""
    simulated_pool(
        account, "working", WORKING_NODES, spot=100, seconds=[5, 15], failures=0.05, preemptions=0.02
    )
    simulated_job(account, "working", "working", retries=2)
    waits: list[float] = []
    over = threading.Event()
    asking = threading.Thread(target=_ask, args=(account, waits, over))
    service = memory.process
    add_tasks(account, "working", 5000)
    until(lambda: _done(account, "working") > 500, seconds=120, what="the first tasks' ends")
    asking.start()
    first, used, begun = _done(account, "working"), _processor(service), time.monotonic()
    until(lambda: _done(account, "working") > first + 2000, seconds=300, what="2,000 more ends")
    ended, spent = _done(account, "working") - first, _processor(service) - used
    seconds = time.monotonic() - begun
    over.set()
    asking.join()
    memory.read()
    waits.sort()
    middle, high = statistics.median(waits), waits[math.ceil(len(waits) * 0.99) - 1]
    return [
        (
            f"Fleet: a small answer while {WORKING_NODES + 100:,} nodes work off {ended / seconds:.0f} tasks a second",
            f"{_ms(middle)}, 99 of 100 within {_ms(high)}, all within {_ms(waits[-1])}",
            *("-", "-", "under 100 ms"),
        ),
        ("Fleet: the service's processor time for a played task", _ms(spent / ended), "-", "-", "-"),
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


def _median(ask: Callable[[], object], looks: int = LOOKS) -> float:
    """Seconds that an answer takes, the middle of some."""
    taken = []
    for _ in range(looks):
        begun = time.monotonic()
        ask()
        taken.append(time.monotonic() - begun)
    return statistics.median(taken)


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
