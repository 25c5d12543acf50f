"""Bodies about pools, checked and filled with the defaults that recorded answers of the service show."""

from __future__ import annotations

import re
from typing import Any

from local_azure.batch.errors import BatchError, invalid_property
from local_azure.batch.simulation import Simulation
from local_azure.batch.wire.checks import (
    Body,
    check_commands,
    check_id,
    check_metadata,
    check_name,
    check_packages,
    check_range,
    check_shortest,
    user_identity,
)
from local_azure.batch.wire.images import find_image
from local_azure.batch.wire.schema import filled, read_model
from local_azure.batch.wire.unsupported import refuse_in_pool

MOST_REMOVED = 100
"""Nodes that one request may remove [REST documentation of Remove Nodes]."""

_RESOURCE = "/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.Compute/"
_IMAGE_ID = re.compile(
    _RESOURCE + r"(images/[^/]+|galleries/[^/]+/images/[^/]+(/versions/(\d+\.\d+\.\d+|latest))?)",
    re.IGNORECASE,
)
_IMAGE_ID_REASON = (
    "The specified resource id must be of the format {0}images/{{imageName}}, "
    "{0}galleries/{{galleryName}}/images/{{galleryImageName}}/versions/{{galleryImageVersionName}}, or "
    "{0}galleries/{{galleryName}}/images/{{galleryImageName}}"
).format(
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute/",
)


def pool_document(value: Any) -> Body:
    """The document of a pool to create. Raises BatchError for a body the service would refuse."""
    body = read_model("BatchPoolCreateOptions", value)
    check_id(body)
    return filled("BatchPoolCreateOptions", _specification(body), {})


def pool_specification(body: Body) -> Body:
    """The pool of an auto pool specification, already read, with the defaults it is echoed with."""
    return filled("BatchPoolSpecification", _specification(body), {})


def pool_changes(value: Any) -> Body:
    """The properties that a PATCH changes; each is replaced as a whole."""
    return _parts(read_model("BatchPoolUpdateOptions", value))


def pool_replacement(value: Any) -> dict[str, Any]:
    """What updateproperties puts in place: start task, packages, metadata; None for what is removed."""
    body = _parts(read_model("BatchPoolReplaceOptions", value))
    return {
        name: body.get(name) or None for name in ("startTask", "applicationPackageReferences", "metadata")
    }


def resize_request(value: Any) -> Body:
    """The resize asked for: targets, timeout, option. At least one target is needed."""
    body = read_model("BatchPoolResizeOptions", value)
    _check_targets(body)
    check_shortest(body, "resizeTimeout", 5)
    if "targetDedicatedNodes" not in body and "targetLowPriorityNodes" not in body:
        raise BatchError("MissingRequiredProperty", ("PropertyName", "targetDedicatedNodes"))
    return {"nodeDeallocationOption": "requeue", "resizeTimeout": "PT15M", **body}


def removal_request(value: Any) -> Body:
    """The nodes to take out of a pool, 1 to 100 ids, with timeout and option."""
    body = read_model("BatchNodeRemoveOptions", value)
    check_shortest(body, "resizeTimeout", 5)
    count = len(body["nodeList"])
    if not 1 <= count <= MOST_REMOVED:
        raise invalid_property("nodeList", f"The list must have 1 to {MOST_REMOVED} nodes", count)
    return {"nodeDeallocationOption": "requeue", "resizeTimeout": "PT15M", **body}


def start_task(body: Body) -> Body:
    """A start task, already read, with its defaults."""
    check_commands(body)
    check_range(body, "maxTaskRetryCount", -1, 2**31 - 1)
    defaults = {"maxTaskRetryCount": 0, "waitForSuccess": True}
    return filled("BatchStartTask", {**body, "userIdentity": user_identity(body)}, defaults)


def _check_targets(body: Body) -> None:
    check_range(body, "targetDedicatedNodes", 0, 2**31 - 1)
    check_range(body, "targetLowPriorityNodes", 0, 2**31 - 1)


def _specification(body: Body) -> Body:
    """Checks and defaults that a pool and the pool of an auto pool specification share."""
    if "virtualMachineConfiguration" not in body:
        raise BatchError("MissingRequiredProperty", ("PropertyName", "virtualMachineConfiguration"))
    _check_targets(body)
    check_shortest(body, "resizeTimeout", 5)
    defaults = {
        "resizeTimeout": "PT15M",
        "targetDedicatedNodes": 0,
        "targetLowPriorityNodes": 0,
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
        "taskSlotsPerNode": 1,
        "taskSchedulingPolicy": {},
    }
    return _parts({**defaults, **body})


def _parts(body: Body) -> Body:
    """Checks and defaults of the properties that creating and updating a pool share."""
    refuse_in_pool(body)
    for name in ("autoScaleFormula", "autoScaleEvaluationInterval"):
        if name in body:
            raise invalid_property(name, "The value needs enableAutoScale to be true", body[name])
    check_name(body)
    check_metadata(body)
    _check_simulation(body)
    check_packages(body)
    check_range(body, "taskSlotsPerNode", 1, 256)
    full = dict(body)
    if "vmSize" in full:
        full["vmSize"] = _vm_size(full["vmSize"])
    if "taskSchedulingPolicy" in full:
        policy = {"nodeFillType": "spread", "jobDefaultOrder": "none", **full["taskSchedulingPolicy"]}
        full["taskSchedulingPolicy"] = policy
    if "startTask" in full:
        full["startTask"] = start_task(full["startTask"])
    system = ""
    if "virtualMachineConfiguration" in full:
        machine, system = _machine(full["virtualMachineConfiguration"])
        full["virtualMachineConfiguration"] = machine
    if "networkConfiguration" in full:
        full["networkConfiguration"] = _network(full["networkConfiguration"])
    if "userAccounts" in full:
        full["userAccounts"] = [_account(account, system) for account in full["userAccounts"]]
    return full


def _check_simulation(body: Body) -> None:
    try:
        Simulation.of(body)
    except ValueError as error:
        raise invalid_property("metadata", str(error)) from error


def _vm_size(size: str) -> str:
    """Sizes come back in lower case."""
    if re.fullmatch(r"\w{1,64}", size) is None:
        raise invalid_property("vmSize", "The specified VM size is not valid", size)
    return size.lower()


def _machine(body: Body) -> tuple[Body, str]:
    """The configuration with its defaults, and the system of its image ("" when an image id hides it)."""
    image = body["imageReference"]
    system = _check_image(image, body["nodeAgentSKUId"])
    if "virtualMachineImageId" not in image:
        image = filled("BatchVmImageReference", image, {"version": "latest"})
    full = {**body, "imageReference": image}
    if "dataDisks" in full:
        full["dataDisks"] = [_data_disk(disk) for disk in full["dataDisks"]]
    if "osDisk" in full:
        full["osDisk"] = filled("BatchOsDisk", full["osDisk"], {"ephemeralOSDiskSettings": {}})
    return full, system


def _data_disk(body: Body) -> Body:
    """Versions before 2025-06-01 name the account type beside the disk, newer ones in managedDisk."""
    kind = body.get("storageAccountType", "standard_lrs")
    disk = {name: value for name, value in body.items() if name != "storageAccountType"}
    return filled("DataDisk", disk, {"caching": "none", "managedDisk": {"storageAccountType": kind}})


def _check_image(image: Body, agent: str) -> str:
    """Refuse an image that is not supported or not the agent's; the image's system otherwise."""
    image_id = image.get("virtualMachineImageId")
    if image_id is not None:
        if _IMAGE_ID.fullmatch(image_id) is None:
            raise invalid_property("virtualMachineImageId", _IMAGE_ID_REASON, image_id)
        return ""
    for name in ("publisher", "offer", "sku"):
        if name not in image:
            raise BatchError("MissingRequiredProperty", ("PropertyName", name))
    shown = f"publisher {image['publisher']} offer {image['offer']} sku {image['sku']}"
    entry = find_image(image["publisher"], image["offer"], image["sku"])
    if entry is None:
        raise invalid_property(
            "imageReference", f"The specified imageReference with {shown} is not supported."
        )
    if entry["nodeAgentSKUId"] != agent.lower():
        reason = f"The specified imageReference with {shown} needs the node agent {entry['nodeAgentSKUId']}."
        raise invalid_property("nodeAgentSKUId", reason, agent)
    return str(entry["osType"])


def _network(body: Body) -> Body:
    if "subnetId" in body:
        reason = "The specified subnetId cannot be used with shared key authentication"
        raise invalid_property("subnetId", reason, body["subnetId"])
    defaults = {"dynamicVNetAssignmentScope": "none", "enableAcceleratedNetworking": False}
    full = filled("NetworkConfiguration", body, defaults)
    for nat in full.get("endpointConfiguration", {}).get("inboundNATPools", []):
        for rule in nat.get("networkSecurityGroupRules", []):
            rule.setdefault("sourcePortRanges", ["*"])
    return full


def _account(body: Body, system: str) -> Body:
    wrong = {"linux": "windowsUserConfiguration", "windows": "linuxUserConfiguration"}.get(system)
    if wrong in body:
        reason = (
            f"The user configuration for user account '{body['name']}' has a mismatch with the OS (Windows/Linux) "
            "configuration specified in VirtualMachineConfiguration"
        )
        raise invalid_property(str(wrong), reason)
    full = {"elevationLevel": "nonadmin", **body}
    if system == "windows":
        full["windowsUserConfiguration"] = {"loginMode": "batch", **full.get("windowsUserConfiguration", {})}
    return filled("UserAccount", full, {})
