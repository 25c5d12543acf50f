"""Request bodies: what is refused, what is filled in."""

from typing import Any

import pytest

from local_azure.batch.errors import BatchError
from local_azure.batch.wire.jobs import job_changes, job_document, job_replacement
from local_azure.batch.wire.pools import pool_changes, pool_document, pool_replacement, resize_request
from local_azure.batch.wire.tasks import task_bodies, task_document
from local_azure.batch.wire.times import NO_LIMIT

UBUNTU = {
    "imageReference": {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
    "nodeAgentSKUId": "batch.node.ubuntu 24.04",
}
WINDOWS = {
    "imageReference": {
        "publisher": "MicrosoftWindowsServer",
        "offer": "WindowsServer",
        "sku": "2022-datacenter",
    },
    "nodeAgentSKUId": "batch.node.windows amd64",
}
POOL = {"id": "p", "vmSize": "STANDARD_D2S_V5", "virtualMachineConfiguration": UBUNTU}
JOB = {"id": "j", "poolInfo": {"poolId": "p"}}
TASK = {"id": "t", "commandLine": "echo"}
AUTO = {"poolLifetimeOption": "job", "pool": {k: v for k, v in POOL.items() if k != "id"}}


def job(**more: Any) -> dict:
    return {**job_document({**JOB, **more}), "state": "active"}


def refused(call: Any, *args: Any) -> tuple[str, dict[str, str]]:
    with pytest.raises(BatchError) as error:
        call(*args)
    return error.value.code, dict(error.value.values)


def test_a_pool_gets_the_services_defaults() -> None:
    assert pool_document(
        {**POOL, "startTask": {"commandLine": "x", "userIdentity": {"autoUser": {"scope": "TASK"}}}}
    ) == {
        "id": "p",
        "vmSize": "standard_d2s_v5",
        "resizeTimeout": "PT15M",
        "targetDedicatedNodes": 0,
        "targetLowPriorityNodes": 0,
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
        "startTask": {
            "commandLine": "x",
            "userIdentity": {"autoUser": {"scope": "task", "elevationLevel": "nonadmin"}},
            "maxTaskRetryCount": 0,
            "waitForSuccess": True,
        },
        "taskSlotsPerNode": 1,
        "taskSchedulingPolicy": {"nodeFillType": "spread", "jobDefaultOrder": "none"},
        "virtualMachineConfiguration": {
            "imageReference": {**UBUNTU["imageReference"], "version": "latest"},
            "nodeAgentSKUId": "batch.node.ubuntu 24.04",
        },
    }


def test_disks_networks_and_accounts_get_their_defaults() -> None:
    machine = {
        **WINDOWS,
        "dataDisks": [
            {"lun": 1, "diskSizeGB": 50},
            {"lun": 2, "diskSizeGB": 1, "storageAccountType": "Premium_LRS"},
        ],
        "osDisk": {"caching": "ReadWrite"},
    }
    nat = {
        "name": "n",
        "protocol": "TCP",
        "backendPort": 80,
        "frontendPortRangeStart": 1,
        "frontendPortRangeEnd": 99,
    }
    rule = {"priority": 150, "access": "allow", "sourceAddressPrefix": "*"}
    network = {"endpointConfiguration": {"inboundNATPools": [{**nat, "networkSecurityGroupRules": [rule]}]}}
    doc = pool_document(
        {
            **POOL,
            "virtualMachineConfiguration": machine,
            "networkConfiguration": network,
            "userAccounts": [{"name": "u", "password": "secret"}],
        }
    )
    standard, premium = ({"storageAccountType": kind} for kind in ("standard_lrs", "premium_lrs"))
    disks = [
        {"lun": 1, "caching": "none", "diskSizeGB": 50, "managedDisk": standard},
        {"lun": 2, "caching": "none", "diskSizeGB": 1, "managedDisk": premium},
    ]
    assert doc["virtualMachineConfiguration"]["dataDisks"] == disks
    assert doc["virtualMachineConfiguration"]["osDisk"] == {
        "ephemeralOSDiskSettings": {},
        "caching": "readwrite",
    }
    assert doc["networkConfiguration"]["enableAcceleratedNetworking"] is False
    assert doc["networkConfiguration"]["dynamicVNetAssignmentScope"] == "none"
    (echoed,) = doc["networkConfiguration"]["endpointConfiguration"]["inboundNATPools"]
    assert echoed["protocol"] == "tcp"
    assert echoed["networkSecurityGroupRules"] == [{**rule, "sourcePortRanges": ["*"]}]
    (user,) = doc["userAccounts"]
    assert user["elevationLevel"] == "nonadmin"
    assert user["windowsUserConfiguration"] == {"loginMode": "batch"}


@pytest.mark.parametrize(
    ("change", "code", "culprit"),
    [
        ({"id": "two words"}, "InvalidPropertyValue", "id"),
        ({"id": "x" * 65}, "InvalidPropertyValue", "id"),
        ({"id": None}, "MissingRequiredProperty", "id"),
        ({"vmSize": None}, "MissingRequiredProperty", "vmSize"),
        ({"vmSize": "a size"}, "InvalidPropertyValue", "vmSize"),
        ({"virtualMachineConfiguration": None}, "MissingRequiredProperty", "virtualMachineConfiguration"),
        ({"taskSlotsPerNode": 0}, "InvalidPropertyValue", "taskSlotsPerNode"),
        ({"taskSlotsPerNode": 257}, "InvalidPropertyValue", "taskSlotsPerNode"),
        ({"targetDedicatedNodes": -1}, "InvalidPropertyValue", "targetDedicatedNodes"),
        ({"resizeTimeout": "PT4M59S"}, "InvalidPropertyValue", "resizeTimeout"),
        ({"resizeTimeout": "soon"}, "InvalidPropertyValue", "resizeTimeout"),
        ({"displayName": "x" * 1025}, "InvalidPropertyValue", "displayName"),
        ({"metadata": [{"name": "", "value": "v"}]}, "EmptyMetadataKey", None),
        ({"taskSchedulingPolicy": {"nodeFillType": "fill"}}, "InvalidPropertyValue", "nodeFillType"),
        ({"autoScaleFormula": "$x=1"}, "InvalidPropertyValue", "autoScaleFormula"),
        ({"enableAutoScale": True, "autoScaleFormula": "$x=1"}, "NotImplemented", "enableAutoScale"),
        ({"networkConfiguration": {"subnetId": "/x"}}, "InvalidPropertyValue", "subnetId"),
        (
            {"applicationPackageReferences": [{"applicationId": "a"}]},
            "InvalidApplicationPackageReferences",
            None,
        ),
        ({"startTask": {"commandLine": " "}}, "InvalidPropertyValue", "commandLine"),
        ({"startTask": {}}, "MissingRequiredProperty", "commandLine"),
        ({"vmsize": "x"}, "InvalidRequestBody", None),
        ({"targetDedicatedNodes": "1"}, "InvalidRequestBody", None),
        ({"targetDedicatedNodes": True}, "InvalidRequestBody", None),
        ({"targetDedicatedNodes": 1.5}, "InvalidRequestBody", None),
        ({"metadata": {}}, "InvalidRequestBody", None),
    ],
)
def test_a_pool_the_service_would_refuse_is_refused(change: dict, code: str, culprit: str | None) -> None:
    found, values = refused(pool_document, {**POOL, **change})
    assert found == code
    assert values.get("PropertyName") == culprit


def test_images_are_checked() -> None:
    def with_image(agent: str = "batch.node.ubuntu 24.04", **image: str) -> dict:
        return {**POOL, "virtualMachineConfiguration": {"imageReference": image, "nodeAgentSKUId": agent}}

    code, values = refused(pool_document, with_image(publisher="a", offer="b", sku="c"))
    assert (code, values["PropertyName"]) == ("InvalidPropertyValue", "imageReference")
    assert values["Reason"] == "The specified imageReference with publisher a offer b sku c is not supported."
    wrong_agent = with_image("batch.node.debian 12", **UBUNTU["imageReference"])
    assert refused(pool_document, wrong_agent)[1]["PropertyName"] == "nodeAgentSKUId"
    gallery = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/a/images/b"
    doc = pool_document(with_image(virtualMachineImageId=gallery))
    assert doc["virtualMachineConfiguration"]["imageReference"] == {"virtualMachineImageId": gallery}
    bad = with_image(virtualMachineImageId=gallery + "/versions/version")
    assert refused(pool_document, bad)[1]["PropertyName"] == "virtualMachineImageId"


def test_a_user_configuration_must_suit_the_system() -> None:
    accounts = [{"name": "u", "password": "p", "windowsUserConfiguration": {"loginMode": "batch"}}]
    code, values = refused(pool_document, {**POOL, "userAccounts": accounts})
    assert (code, values["PropertyName"]) == ("InvalidPropertyValue", "windowsUserConfiguration")


def test_fields_of_older_versions_are_taken_and_dropped() -> None:
    older = {
        "certificateReferences": [],
        "targetNodeCommunicationMode": "simplified",
        "applicationLicenses": ["maya"],
    }
    assert pool_document({**POOL, **older}) == pool_document(POOL)


def test_changes_of_a_pool() -> None:
    assert pool_changes({"metadata": [{"name": "a", "value": "b"}]}) == {
        "metadata": [{"name": "a", "value": "b"}]
    }
    replaced = pool_replacement({"applicationPackageReferences": [], "metadata": []})
    assert replaced == {"startTask": None, "applicationPackageReferences": None, "metadata": None}
    assert refused(pool_replacement, {"metadata": []})[0] == "MissingRequiredProperty"
    assert resize_request({"targetDedicatedNodes": 2}) == {
        "nodeDeallocationOption": "requeue",
        "resizeTimeout": "PT15M",
        "targetDedicatedNodes": 2,
    }
    assert refused(resize_request, {})[0] == "MissingRequiredProperty"


def test_a_job_gets_the_services_defaults() -> None:
    assert job_document(JOB) == {
        "id": "j",
        "priority": 0,
        "maxParallelTasks": -1,
        "usesTaskDependencies": False,
        "allowTaskPreemption": False,
        "constraints": {"maxWallClockTime": NO_LIMIT, "maxTaskRetryCount": 0},
        "poolInfo": {"poolId": "p"},
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
    }


def test_an_auto_pool_and_special_tasks_get_theirs() -> None:
    doc = job_document(
        {
            "id": "j",
            "poolInfo": {"autoPoolSpecification": AUTO},
            "constraints": {"maxTaskRetryCount": 5},
            "jobManagerTask": {"id": "m", "commandLine": "x"},
            "jobPreparationTask": {"commandLine": "x"},
            "jobReleaseTask": {"commandLine": "x"},
        }
    )
    auto = doc["poolInfo"]["autoPoolSpecification"]
    assert auto["keepAlive"] is False
    assert auto["pool"]["resizeTimeout"] == "PT15M"
    assert auto["pool"]["vmSize"] == "standard_d2s_v5"
    assert doc["jobManagerTask"]["constraints"]["maxTaskRetryCount"] == 5
    assert doc["jobManagerTask"]["killJobOnCompletion"] is True
    assert (doc["jobPreparationTask"]["id"], doc["jobReleaseTask"]["id"]) == ("jobpreparation", "jobrelease")
    assert doc["jobReleaseTask"]["maxWallClockTime"] == "PT15M"


@pytest.mark.parametrize(
    ("change", "code", "culprit"),
    [
        ({"poolInfo": {}}, "InvalidPropertyValue", "poolInfo"),
        ({"poolInfo": {"poolId": "p", "autoPoolSpecification": AUTO}}, "InvalidPropertyValue", "poolInfo"),
        ({"poolInfo": None}, "MissingRequiredProperty", "poolInfo"),
        ({"priority": 1001}, "InvalidPropertyValue", "priority"),
        ({"maxParallelTasks": -2}, "InvalidPropertyValue", "maxParallelTasks"),
        ({"jobReleaseTask": {"commandLine": "x"}}, "InvalidPropertyValue", "jobReleaseTask"),
        ({"onAllTasksComplete": "explode"}, "InvalidPropertyValue", "onAllTasksComplete"),
    ],
)
def test_a_job_the_service_would_refuse_is_refused(change: dict, code: str, culprit: str) -> None:
    found, values = refused(job_document, {**JOB, **change})
    assert (found, values["PropertyName"]) == (code, culprit)


def test_patched_constraints_are_replaced_whole() -> None:
    changes = job_changes({"constraints": {"maxWallClockTime": "P3Y6M4DT12H30M5S"}}, job())
    assert changes == {"constraints": {"maxWallClockTime": "P1279DT12H30M5S", "maxTaskRetryCount": 0}}


def test_the_pool_of_an_active_job_may_be_repeated_but_not_changed() -> None:
    assert job_changes({"poolInfo": {"poolId": "p"}}, job()) == {"poolInfo": {"poolId": "p"}}
    assert refused(job_changes, {"poolInfo": {"poolId": "q"}}, job())[0] == "OperationInvalidForCurrentState"
    auto = job(poolInfo={"autoPoolSpecification": AUTO})
    kept = job_changes({"poolInfo": {"autoPoolSpecification": {**AUTO, "keepAlive": True}}}, auto)
    assert kept["poolInfo"]["autoPoolSpecification"]["keepAlive"] is True


def test_ending_with_the_last_task_cannot_be_taken_back() -> None:
    ending = job(onAllTasksComplete="terminatejob")
    assert refused(job_changes, {"onAllTasksComplete": "noaction"}, ending)[0] == "InvalidPropertyValue"


def test_a_put_resets_what_it_does_not_name() -> None:
    changes = job_replacement(
        {"poolInfo": {"poolId": "p"}, "priority": 5}, job(metadata=[{"name": "a", "value": "b"}])
    )
    assert (changes["priority"], changes["metadata"], changes["maxParallelTasks"]) == (5, None, -1)
    assert "jobManagerTask" not in changes
    assert refused(job_replacement, {"priority": 5}, job())[0] == "MissingRequiredProperty"


def test_a_task_takes_the_jobs_retries_but_not_its_wall_clock() -> None:
    doc = task_document(TASK, job(constraints={"maxTaskRetryCount": 5, "maxWallClockTime": "PT1H"}))
    assert doc == {
        "id": "t",
        "commandLine": "echo",
        "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
        "constraints": {"maxWallClockTime": NO_LIMIT, "retentionTime": "P7D", "maxTaskRetryCount": 5},
        "requiredSlots": 1,
    }


def file(**fields: str) -> dict:
    return {**TASK, "resourceFiles": [fields]}


OUTPUT = {"filePattern": "*", "destination": {}, "uploadOptions": {"uploadCondition": "TaskSuccess"}}


@pytest.mark.parametrize(
    ("body", "code", "culprit"),
    [
        (file(filePath="x"), "InvalidPropertyValue", "resourceFiles"),
        (
            file(httpUrl="http://x", storageContainerUrl="http://y", filePath="x"),
            "InvalidPropertyValue",
            "resourceFiles",
        ),
        (file(httpUrl="http://x"), "MissingRequiredProperty", "filePath"),
        (file(httpUrl="http://x", filePath="../x"), "InvalidPropertyValue", "filePath"),
        (file(httpUrl="http://x", filePath="a/..\\..\\x"), "InvalidPropertyValue", "filePath"),
        (file(httpUrl="http://x", filePath="/etc/x"), "InvalidPropertyValue", "filePath"),
        (file(httpUrl="http://x", filePath="C:x"), "InvalidPropertyValue", "filePath"),
        (file(httpUrl="http://x", filePath="x", blobPrefix="y"), "InvalidPropertyValue", "blobPrefix"),
        ({**TASK, "outputFiles": [OUTPUT]}, "MissingRequiredProperty", "container"),
        ({**TASK, "requiredSlots": 0}, "InvalidPropertyValue", "requiredSlots"),
        ({**TASK, "commandLine": "a\0b"}, "InvalidPropertyValue", "commandLine"),
        ({**TASK, "environmentSettings": [{"name": "A=B"}]}, "InvalidPropertyValue", "environmentSettings"),
        ({**TASK, "constraints": {"maxTaskRetryCount": -2}}, "InvalidPropertyValue", "maxTaskRetryCount"),
        ({**TASK, "dependsOn": {"taskIds": ["a"]}}, "TaskDependenciesNotSpecifiedOnJob", None),
        (
            {**TASK, "exitConditions": {"default": {"jobAction": "terminate"}}},
            "InvalidPropertyValue",
            "jobAction",
        ),
        ("task", "InvalidRequestBody", None),
    ],
)
def test_a_task_the_service_would_refuse_is_refused(body: Any, code: str, culprit: str | None) -> None:
    found, values = refused(task_document, body, job())
    assert (found, values.get("PropertyName")) == (code, culprit)


@pytest.mark.parametrize(
    ("task", "job_fields", "culprit"),
    [
        ({"containerSettings": {"imageName": "ubuntu"}}, {}, "containerSettings"),
        ({"multiInstanceSettings": {"coordinationCommandLine": "x"}}, {}, "multiInstanceSettings"),
        ({}, {"jobPreparationTask": {"commandLine": "x"}}, "jobPreparationTask"),
        ({}, {"jobManagerTask": {"id": "m", "commandLine": "x"}}, "jobManagerTask"),
    ],
)
def test_what_would_be_left_out_is_refused_by_name(task: dict, job_fields: dict, culprit: str) -> None:
    code, values = refused(task_document, {**TASK, **task}, job(**job_fields))
    assert (code, values["PropertyName"]) == ("NotImplemented", culprit)


def test_enumerations_are_taken_in_any_case_and_stored_in_lower_case() -> None:
    output = {**OUTPUT, "destination": {"container": {"containerUrl": "http://x"}}}
    doc = task_document({**TASK, "outputFiles": [output]}, job())
    assert doc["outputFiles"][0]["uploadOptions"] == {"uploadCondition": "tasksuccess"}


def test_a_collection_has_at_most_a_hundred_tasks() -> None:
    assert len(task_bodies({"value": [TASK] * 100})) == 100
    assert refused(task_bodies, {"value": [TASK] * 101})[0] == "InvalidPropertyValue"
    assert refused(task_bodies, [TASK])[0] == "InvalidRequestBody"
