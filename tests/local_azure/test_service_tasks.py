"""Jobs and tasks through the unmodified SDK."""

import json

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.local_azure.service_running import POOL, VERSION, RunningService, completed
from tests.waiting import until

pytest_plugins = ["tests.local_azure.service_fixtures"]


def make_job(client: BatchClient, job_id: str, pool_id: str = "none", **fields: object) -> None:
    client.create_job(models.BatchJobCreateOptions({"id": job_id, "poolInfo": {"poolId": pool_id}, **fields}))


def task(task_id: str, command: str = "true", **fields: object) -> models.BatchTaskCreateOptions:
    return models.BatchTaskCreateOptions({"id": task_id, "commandLine": command, **fields})


def test_a_job_lives_from_creation_to_removal(service: RunningService, service_client: BatchClient) -> None:
    client = service_client
    make_job(client, "life", displayName="Life", constraints={"maxTaskRetryCount": 5})
    with pytest.raises(ResourceExistsError, match=r"^\(JobExists\) The specified job already exists\."):
        make_job(client, "Life")
    constraints = models.BatchJobConstraints({"maxWallClockTime": "P3Y6M4DT12H30M5S"})
    client.update_job("life", models.BatchJobUpdateOptions(priority=900, constraints=constraints))
    job = service.send("GET", "/jobs/life?" + VERSION).json()
    assert job["priority"] == 900
    assert job["constraints"] == {"maxWallClockTime": "P1279DT12H30M5S", "maxTaskRetryCount": 0}
    replacement = client.get_job("life")
    replacement.priority = 7
    replacement.constraints = None
    client.replace_job("life", replacement)
    assert client.get_job("life").priority == 7
    client.begin_disable_job(
        "life", models.BatchJobDisableOptions(disable_tasks="requeue"), polling_interval=0
    ).wait()
    until(lambda: client.get_job("life").state == "disabled", what="the job disabled")
    client.begin_enable_job("life", polling_interval=0).wait()
    assert client.get_job("life").state == "active"
    ending = client.begin_terminate_job("life", options={"terminateReason": "enough"}, polling_interval=0)  # type: ignore[arg-type]
    ending.wait()
    assert ending.status() == "Succeeded"
    until(lambda: client.get_job("life").state == "completed", what="the job's end")
    assert client.get_job("life").execution_info.termination_reason == "enough"  # type: ignore[union-attr]
    with pytest.raises(HttpResponseError, match="JobCompleted"):
        client.create_task("life", task("late"))
    client.begin_delete_job("life", polling_interval=0).wait()
    until(lambda: service.send("GET", "/jobs/life?" + VERSION).status_code == 404, what="the job's removal")


def test_a_terminate_without_a_body_gives_the_services_reason(
    service: RunningService, service_client: BatchClient
) -> None:
    make_job(service_client, "plain")
    assert service.send("POST", "/jobs/plain/terminate?" + VERSION).status_code == 202
    job = service_client.get_job("plain")
    assert job.execution_info.termination_reason == "UserTerminate"  # type: ignore[union-attr]


def test_an_auto_pool_is_named_at_once(service_client: BatchClient) -> None:
    auto = {"poolLifetimeOption": "job", "autoPoolIdPrefix": "auto", "pool": POOL}
    body = {"id": "auto", "poolInfo": {"autoPoolSpecification": auto}}
    service_client.create_job(models.BatchJobCreateOptions(body))
    job = service_client.get_job("auto")
    pool_id = job.execution_info.pool_id  # type: ignore[union-attr]
    assert service_client.get_pool(pool_id).state == "active"  # type: ignore[arg-type]
    specification = job.pool_info.auto_pool_specification
    assert specification.keep_alive is False  # type: ignore[union-attr]
    jobs = service_client.list_jobs(filter=f"executionInfo/poolId eq '{pool_id}'")
    assert [found.id for found in jobs] == ["auto"]


def test_a_task_runs_and_tells_of_it(service_client: BatchClient, service_pool: str) -> None:
    make_job(service_client, "run", service_pool)
    service_client.create_task("run", task("good", "/bin/sh -c 'echo hello'"))
    service_client.create_task("run", task("bad", "/bin/sh -c 'exit 3'", displayName="Bad"))
    completed(service_client, "run", "good")
    completed(service_client, "run", "bad")
    good, bad = (service_client.get_task("run", name) for name in ("good", "bad"))
    assert (good.execution_info.exit_code, good.execution_info.result) == (0, "success")  # type: ignore[union-attr]
    assert (bad.execution_info.exit_code, bad.execution_info.result) == (3, "failure")  # type: ignore[union-attr]
    assert bad.execution_info.failure_info.code == "FailureExitCode"  # type: ignore[union-attr]
    failed = service_client.list_tasks("run", filter="state eq 'completed' and executionInfo/exitCode ne 0")
    assert [found.id for found in failed] == ["bad"]
    counts = service_client.get_job_task_counts("run")
    assert (counts.task_counts.succeeded, counts.task_counts.failed) == (1, 1)
    assert list(service_client.list_subtasks("run", "good")) == []
    service_client.reactivate_task("run", "bad")
    completed(service_client, "run", "bad")
    with pytest.raises(HttpResponseError, match="TaskSucceeded"):
        service_client.reactivate_task("run", "good")
    service_client.delete_task("run", "good")
    with pytest.raises(ResourceNotFoundError, match="TaskNotFound"):
        service_client.get_task("run", "good")


def test_an_active_task_is_terminated_reactivated_and_changed(service_client: BatchClient) -> None:
    make_job(service_client, "wait")
    service_client.create_task("wait", task("t"))
    changed = service_client.get_task("wait", "t")
    changed.constraints = models.BatchTaskConstraints(max_task_retry_count=4)
    service_client.replace_task("wait", "t", changed)
    assert service_client.get_task("wait", "t").constraints.max_task_retry_count == 4  # type: ignore[union-attr]
    service_client.terminate_task("wait", "t")
    ended = service_client.get_task("wait", "t")
    assert ended.execution_info.failure_info.code == "TaskEnded"  # type: ignore[union-attr]
    with pytest.raises(ResourceExistsError, match="TaskCompleted"):
        service_client.terminate_task("wait", "t")
    service_client.reactivate_task("wait", "t")
    assert service_client.get_task("wait", "t").state == "active"


def test_a_collection_tells_what_became_of_each_task(
    service: RunningService, service_client: BatchClient
) -> None:
    make_job(service_client, "many")
    service_client.create_task("many", task("there"))
    bodies = [
        {"id": "new", "commandLine": "true"},
        {"id": "there", "commandLine": "true"},
        {"id": "new", "commandLine": "x"},
    ]
    body = json.dumps({"value": [*bodies, {"id": "two words", "commandLine": "x"}, 5]}).encode()
    answer = service.send("POST", "/jobs/many/addtaskcollection?" + VERSION, body=body)
    results = answer.json()["value"]
    assert answer.status_code == 200
    found = [(result["status"], result["taskId"], result.get("error", {}).get("code")) for result in results]
    assert found == [
        ("Success", "new", None),
        ("clienterror", "there", "TaskExists"),
        ("clienterror", "new", "TaskExists"),
        ("clienterror", "two words", "InvalidPropertyValue"),
        ("clienterror", "", "InvalidRequestBody"),
    ]
    assert results[0]["location"] == f"{service.url}/jobs/many/tasks/new"


def test_the_sdk_adds_many_tasks_and_pages_through_them(service_client: BatchClient) -> None:
    make_job(service_client, "hundreds")
    service_client.create_tasks("hundreds", [task(f"task-{number:04}") for number in range(250)])
    ids = [found.id for found in service_client.list_tasks("hundreds", max_results=60, select=["id"])]
    assert ids == [f"task-{number:04}" for number in range(250)]
    assert service_client.get_job_task_counts("hundreds").task_counts.active == 250


def test_a_task_too_large_is_refused_and_large_ones_are_sent_in_halves(service_client: BatchClient) -> None:
    make_job(service_client, "large")
    url = "https://storage.example/container/blob?" + "s" * 120

    def with_files(task_id: str, count: int) -> models.BatchTaskCreateOptions:
        files = [models.ResourceFile(http_url=url, file_path=f"file-{number}") for number in range(count)]
        return models.BatchTaskCreateOptions(id=task_id, command_line="true", resource_files=files)

    with pytest.raises(HttpResponseError) as refused:
        service_client.create_task("large", with_files("one", 10_000))
    assert refused.value.status_code == 413
    assert refused.value.model.code == "RequestBodyTooLarge"  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="RequestBodyTooLarge"):
        service_client.create_tasks("large", [with_files("one", 10_000)])
    service_client.create_tasks("large", [with_files(f"t{number}", 100) for number in range(150)])
    assert service_client.get_job_task_counts("large").task_counts.active == 150


def test_special_task_status(service_client: BatchClient) -> None:
    make_job(service_client, "plain-job")
    with pytest.raises(HttpResponseError, match="JobPreparationTaskOrReleaseTaskNotSpecified"):
        list(service_client.list_job_preparation_and_release_task_status("plain-job"))
    make_job(service_client, "special", jobPreparationTask={"commandLine": "true"})
    assert list(service_client.list_job_preparation_and_release_task_status("special")) == []
    with pytest.raises(HttpResponseError) as refused:
        service_client.create_task("special", task("t"))
    assert refused.value.status_code == 501


def test_the_parent_is_looked_for_first(service_client: BatchClient) -> None:
    for call in (
        lambda: service_client.get_task("none", "t"),
        lambda: service_client.create_task("none", task("t")),
        lambda: list(service_client.list_tasks("none")),
        lambda: service_client.get_job_task_counts("none"),
        lambda: list(service_client.list_task_files("none", "t")),
    ):
        with pytest.raises(ResourceNotFoundError, match="JobNotFound"):
            call()


def test_a_list_that_the_sdk_sends_from_its_end_starts_from_its_beginning(
    service: RunningService, service_client: BatchClient
) -> None:
    """In chunks of 100 tasks; the job's pool comes when all are there."""
    make_job(service_client, "order", "late", maxParallelTasks=1)
    names = [f"file-{number:04}" for number in range(1, 131)]
    service_client.create_tasks("order", task_collection=[task(name) for name in names])
    service_client.create_pool(
        models.BatchPoolCreateOptions({"id": "late", **POOL, "targetDedicatedNodes": 1})
    )

    def ended() -> list[models.BatchTask]:
        found = list(service_client.list_tasks("order", filter="state eq 'completed'"))
        return found if len(found) >= 4 else []

    tasks = until(ended, what="the first tasks' end")
    service_client.begin_delete_job("order", polling_interval=0).wait()
    assert [one.id for one in tasks] == names[: len(tasks)]


def test_a_task_waits_for_those_it_depends_on(service_client: BatchClient, service_pool: str) -> None:
    make_job(service_client, "chain", service_pool, usesTaskDependencies=True)
    ranges = {"taskIdRanges": [{"start": 1, "end": 2}]}
    service_client.create_task("chain", task("last", dependsOn={**ranges, "taskIds": ["other"]}))
    for name in ("1", "2"):
        service_client.create_task("chain", task(name))
        completed(service_client, "chain", name)
    assert service_client.get_task("chain", "last").state == "active"
    service_client.create_task("chain", task("other"))
    completed(service_client, "chain", "last")
    times = {one.id: one.execution_info for one in service_client.list_tasks("chain")}
    assert times["last"].start_time >= times["other"].end_time  # type: ignore[union-attr, operator]
    depends_on = service_client.get_task("chain", "last").depends_on
    assert depends_on is not None
    assert depends_on.task_ids == ["other"]
