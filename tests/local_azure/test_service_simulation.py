"""A fleet that is only played, as clients see it."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from azure.batch import BatchClient, models

from local_azure import fleet as demonstration
from local_azure import settings
from local_azure.batch.simulation import SIMULATE
from local_azure.status import StatusFile
from tests.local_azure.service_running import ACCOUNT, KEY, POOL, VERSION, RunningService
from tests.waiting import until

pytest_plugins = ["tests.local_azure.service_fixtures"]


def fleet(client: BatchClient, pool_id: str, nodes: int, spot: int = 0, **simulate: object) -> None:
    metadata = [{"name": SIMULATE, "value": json.dumps(simulate)}]
    targets = {"targetDedicatedNodes": nodes, "targetLowPriorityNodes": spot}
    client.create_pool(
        models.BatchPoolCreateOptions({"id": pool_id, **POOL, **targets, "metadata": metadata})
    )


def tasks(client: BatchClient, job_id: str, pool_id: str, count: int) -> None:
    client.create_job(
        models.BatchJobCreateOptions(id=job_id, pool_info=models.BatchPoolInfo(pool_id=pool_id))
    )
    names = [f"task-{number:03}" for number in range(count)]
    client.create_tasks(job_id, [models.BatchTaskCreateOptions(id=name, command_line="x") for name in names])


def test_a_malformed_wish_is_refused_in_words(service: RunningService) -> None:
    metadata = [{"name": SIMULATE, "value": '{"secnods": [1, 2]}'}]
    body = json.dumps({"id": "malformed", **POOL, "metadata": metadata}).encode()
    answer = service.send("POST", f"/pools?{VERSION}", body=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidPropertyValue")
    reason = {value["key"]: value["value"] for value in answer.json()["values"]}["Reason"]
    assert reason.startswith(f"{SIMULATE} has no secnods; it has seed, seconds, failures")


def test_a_fleet_is_listed_counted_and_works(service: RunningService, service_client: BatchClient) -> None:
    fleet(service_client, "fleet", 150, 50, seconds=[0.05, 0.3], failures=0.1, seed=2)

    def counted() -> models.BatchPoolNodeCounts:
        (entry,) = service_client.list_pool_node_counts(filter="poolId eq 'fleet'")
        return entry

    until(lambda: counted().dedicated.idle + counted().low_priority.idle == 200, what="200 idle nodes")
    listed = list(service_client.list_nodes("fleet", max_results=60))
    assert len({node.id for node in listed}) == len({node.ip_address for node in listed}) == 200
    assert sum(node.is_dedicated for node in listed) == counted().dedicated.total == 150
    pool = service_client.get_pool("fleet")
    assert (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (150, 50)
    tasks(service_client, "played", "fleet", 400)
    until(
        lambda: service_client.get_job_task_counts("played").task_counts.completed == 400,
        seconds=60,
        what="the ends of all tasks",
    )
    counts = service_client.get_job_task_counts("played").task_counts
    failed = list(service_client.list_tasks("played", filter="executionInfo/result eq 'failure'"))
    assert 20 < counts.failed == len(failed) < 70
    assert {task.execution_info.failure_info.code for task in failed} == {"FailureExitCode"}
    lengths = [
        (task.execution_info.end_time - task.execution_info.start_time).total_seconds()
        for task in service_client.list_tasks("played")
    ]
    assert min(lengths) >= 0.05
    said = b"".join(service_client.download_task_file("played", failed[0].id, "stderr.txt"))
    assert said == b"Simulated failure: exit code 1.\n"
    service_client.begin_delete_pool("fleet", polling_interval=0).wait()
    assert service.send("GET", f"/pools/fleet?{VERSION}").status_code == 404
    refused = service.send("GET", f"/jobs/played/tasks/task-000/files/stderr.txt?{VERSION}")
    assert (refused.status_code, refused.json()["code"]) == (409, "TaskFilesUnavailable")


def test_what_a_played_task_writes_is_read_on_from_where_it_ended(
    service: RunningService, service_client: BatchClient
) -> None:
    fleet(service_client, "slow", 1, seconds=[60, 60])
    tasks(service_client, "slow", "slow", 1)
    until(lambda: service_client.get_task("slow", "task-000").state == "running", what="a running task")
    target = f"/jobs/slow/tasks/task-000/files/stdout.txt?{VERSION}"
    first = service.send("GET", target)
    assert first.text.startswith("Simulated task task-000")

    def more() -> str:
        size = int(service.send("HEAD", target).headers["Content-Length"])
        if size == len(first.content):
            return ""
        return service.send("GET", target, ocp_range=f"bytes={len(first.content)}-").text

    assert " s: frame " in until(more, what="a line more")
    names = {file.name for file in service_client.list_task_files("slow", "task-000")}
    assert names == {"stdout.txt", "stderr.txt", "wd"}


def test_a_fleet_to_look_at_is_sent_by_one_command(
    service: RunningService, service_client: BatchClient, tmp_path: Path
) -> None:
    port = urlsplit(service.url).port or 0
    storage = settings.Endpoint("storage", 1, KEY)
    settings.save(tmp_path, settings.Endpoints(settings.Endpoint(ACCOUNT, port, KEY), storage))
    StatusFile(tmp_path).write("ready", "It runs.")
    first, second = (demonstration.send(tmp_path, 12) for _ in range(2))
    assert first != second
    jobs = [
        job for job in service_client.list_jobs() if job.pool_info and job.pool_info.pool_id == "fleet-12"
    ]
    assert {f"Pool fleet-12 plays job {job.id} with 240 tasks; no program runs." for job in jobs} == {
        first,
        second,
    }
    assert {job.all_tasks_complete_mode for job in jobs} == {"terminatejob"}
    (pool,) = service_client.list_pools(filter="id eq 'fleet-12'")
    assert (pool.target_dedicated_nodes, pool.target_low_priority_nodes) == (11, 1)
    until(lambda: len(list(service_client.list_nodes("fleet-12"))) == 12, what="nodes")
    for job in jobs:
        service_client.begin_delete_job(job.id, polling_interval=0).wait()
    service_client.begin_delete_pool("fleet-12", polling_interval=0).wait()
