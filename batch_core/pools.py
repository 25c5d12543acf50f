"""Pools: the nodes that tasks run on."""

import re
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.batch import models

from batch_core.account import Account, AccountKind
from batch_core.errors import Conflict, InvalidInput, NotFound, translated, without_secrets
from batch_core.images import DEFAULT_AGENT, DEFAULT_IMAGE, ImageRef, reference
from batch_core.storage import APP
from batch_core.times import moment

LOCAL_POOL = "this-computer"
LOCAL_NODES = 5
AUTO_PREFIX = "video-"
DEFAULT_VM_SIZE = "Standard_D2s_v5"
# Three tries, because a node's own updates may hold the package lock, and mirrors fail now and then.
INSTALL_FFMPEG = (
    '/bin/bash -c "command -v ffmpeg && exit 0; export DEBIAN_FRONTEND=noninteractive; for attempt in 1 2 3; do'
    " apt-get -o DPkg::Lock::Timeout=300 update"
    " && apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends ffmpeg"
    ' && exit 0; sleep 10; done; exit 1"'
)
SELECT = (
    "id,state,stateTransitionTime,allocationState,allocationStateTransitionTime,vmSize,currentDedicatedNodes,"
    "currentLowPriorityNodes,targetDedicatedNodes,targetLowPriorityNodes,taskSlotsPerNode,creationTime,"
    "resizeErrors,startTask"
)

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_AUTO_ID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$")  # an auto pool's id: prefix + GUID
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TRY_AGAIN = "Resize the pool to try again, or make one with another VM size."
_SPOT_QUOTA = (
    "The account's quota of Spot cores is used up. Resize the pool to fewer Spot nodes or to dedicated ones, "
    "delete a pool that you no longer need, or ask Azure for a higher quota."
)
# What happened and the way out, for the codes of .NET's PoolResizeErrorCodes.
_RESIZE_ERRORS = {
    "AllocationTimedOut": f"Azure did not find all the nodes in time. {_TRY_AGAIN}",
    "AllocationFailed": f"Azure could not allocate the nodes. {_TRY_AGAIN}",
    "AccountCoreQuotaReached": (
        "The account's quota of dedicated cores is used up. Resize the pool to fewer dedicated nodes, delete a pool "
        "that you no longer need, or ask Azure for a higher quota."
    ),
    "AccountLowPriorityCoreQuotaReached": _SPOT_QUOTA,
    "AccountSpotCoreQuotaReached": _SPOT_QUOTA,
    "ResizeStopped": "The resize was stopped before all nodes were there. Resize the pool to get the others.",
    "RemoveNodesFailed": "Not all nodes could be removed. Remove them again.",
    "IncompatibleVMSize": "The VM size and the image do not go together. Make a pool with another of the two.",
}


@dataclass(frozen=True)
class PoolSpec:
    """What a new pool shall be. For an auto pool the id only names it here: Azure makes the real one."""

    id: str
    vm_size: str = DEFAULT_VM_SIZE
    image: ImageRef = DEFAULT_IMAGE
    agent: str = DEFAULT_AGENT
    dedicated: int = 0
    spot: int = 5
    slots: int = 1
    start_task: str | None = None
    wait: bool = True


@dataclass(frozen=True)
class PoolInfo:
    """A pool as it is. `dedicated` and `spot` count nodes that exist, the targets those that were asked for.

    `errors`: why its last resize did not bring all nodes, each with the way out. `allocation_since`: since when
    it has been in its `allocation_state`. `error_codes` are Batch's words for `errors`, in the same order.
    """

    id: str
    state: str
    allocation_state: str
    vm_size: str
    dedicated: int
    spot: int
    target_dedicated: int
    target_spot: int
    slots: int
    created: datetime | None
    errors: tuple[str, ...]
    auto: bool
    has_start_task: bool = False
    allocation_since: datetime | None = None
    error_codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeTime:
    """What a pool's nodes have run up: how many there are, since when the oldest, and all their hours."""

    nodes: int
    since: datetime
    hours: float


def node_time(allocated: Iterable[datetime | None], now: datetime) -> NodeTime | None:
    """The time that nodes allocated then have been there `now`, by the service's clock; None without nodes.

    Nodes that are gone again are not in it: Batch forgets them.
    """
    known = [at for at in allocated if at is not None]
    if not known:
        return None
    seconds = sum(max(0.0, (now - at).total_seconds()) for at in known)
    return NodeTime(len(known), min(known), seconds / 3600)


def pool_from(doc: Mapping[str, Any]) -> PoolInfo:
    """The PoolInfo for a pool in the wire's names."""
    return PoolInfo(
        id=doc["id"],
        state=str(doc.get("state", "active")).lower(),
        allocation_state=str(doc.get("allocationState", "steady")).lower(),
        vm_size=doc.get("vmSize", ""),
        dedicated=doc.get("currentDedicatedNodes") or 0,
        spot=doc.get("currentLowPriorityNodes") or 0,
        target_dedicated=doc.get("targetDedicatedNodes") or 0,
        target_spot=doc.get("targetLowPriorityNodes") or 0,
        slots=doc.get("taskSlotsPerNode") or 1,
        created=moment(doc.get("creationTime")),
        errors=tuple(_resize_sentence(error) for error in doc.get("resizeErrors") or ()),
        auto=bool(_AUTO_ID.search(doc["id"])),
        has_start_task=bool(doc.get("startTask")),
        allocation_since=moment(doc.get("allocationStateTransitionTime")),
        error_codes=tuple(error.get("code") or "" for error in doc.get("resizeErrors") or ()),
    )


def _resize_sentence(error: Mapping[str, Any]) -> str:
    code = error.get("code") or ""
    known = _RESIZE_ERRORS.get(code)
    said = (error.get("message") or "").strip().splitlines()
    if known or not said:
        return known or f"Azure could not give all nodes ({code or 'no reason given'}). {_TRY_AGAIN}"
    sentence = without_secrets(said[0])
    return f"{sentence if sentence.endswith('.') else f'{sentence}.'} {_TRY_AGAIN}"


def list_pools(account: Account) -> list[PoolInfo]:
    """Every pool of the account, ours and others', in the order of their ids."""
    with translated("list the pools"):
        return [pool_from(pool.as_dict()) for pool in account.batch.list_pools(select=SELECT.split(","))]


def get_pool(account: Account, id: str) -> PoolInfo:
    """One pool. Raises NotFound."""
    with translated("find the pool"):
        return pool_from(account.batch.get_pool(id, select=SELECT.split(",")).as_dict())


def create(account: Account, spec: PoolSpec) -> None:
    """Makes a pool; its nodes come later. Raises InvalidInput, Conflict when the id is taken, QuotaError."""
    account.require_writable()
    _check(spec)
    options = models.BatchPoolCreateOptions(id=spec.id, **_body(spec))
    mark = models.BatchMetadataItem(name="made-by", value=uuid.uuid4().hex)
    options.metadata = [*(options.metadata or ()), mark]
    try:
        with translated("create the pool"):
            account.batch.create_pool(options)
    except Conflict as error:
        if error.code != "PoolExists":
            raise
        if not _has_mark(account, spec.id, mark):
            taken = f"A pool named {spec.id} already exists."
            raise Conflict(taken, "Give the new one another name.", code=error.code) from None


def _has_mark(account: Account, id: str, mark: models.BatchMetadataItem) -> bool:
    """Whether a pool is the one just made: its creation is sent again when the first answer is lost."""
    with translated("find the pool"):
        there = account.batch.get_pool(id, select=["id", "metadata"]).metadata or []
    return any((item.name, item.value) == (mark.name, mark.value) for item in there)


def auto_pool(spec: PoolSpec) -> models.BatchPoolInfo:
    """The pool info of a job whose pool comes and goes with it. Raises InvalidInput."""
    _check(spec)
    pool = models.BatchPoolSpecification(**_body(spec))
    return models.BatchPoolInfo(
        auto_pool_specification=models.BatchAutoPoolSpecification(
            auto_pool_id_prefix=AUTO_PREFIX, pool_lifetime_option="job", keep_alive=False, pool=pool
        )
    )


def resize(account: Account, id: str, dedicated: int, spot: int) -> None:
    """Asks for another number of nodes. Raises Conflict while the pool is being resized already."""
    account.require_writable()
    _check_counts(dedicated, spot)
    wish = models.BatchPoolResizeOptions(target_dedicated_nodes=dedicated, target_low_priority_nodes=spot)
    try:
        with translated("resize the pool"):
            account.batch.begin_resize_pool(id, wish)
    except Conflict as error:
        if error.code != "PoolBeingResized" or not _is_resized_to(get_pool(account, id), dedicated, spot):
            raise


def _is_resized_to(pool: PoolInfo, dedicated: int, spot: int) -> bool:
    """Whether a pool is on its way there already, as after a request that was sent again."""
    wanted = (pool.target_dedicated, pool.target_spot)
    return pool.allocation_state == "resizing" and wanted == (dedicated, spot)


def stop_resize(account: Account, id: str) -> None:
    """Lets a resize be: the pool keeps the nodes that it has by then. One that is over already is fine.

    Raises NotFound.
    """
    account.require_writable()
    try:
        with translated("stop the resize"):
            account.batch.begin_stop_pool_resize(id)
    except Conflict:
        if get_pool(account, id).allocation_state == "resizing":
            raise


def delete(account: Account, id: str) -> None:
    """Deletes a pool: its nodes end, what they ran goes back to waiting. One that is gone already is fine."""
    account.require_writable()
    try:
        with translated("delete the pool"):
            account.batch.begin_delete_pool(id)
    except NotFound:
        return
    except Conflict as error:
        if error.code != "PoolBeingDeleted":
            raise


def ensure_local_pool(account: Account) -> None:
    """This computer's pool of five one-slot nodes, made when it is missing; nothing on an Azure account.

    May run any number of times and at the same time. Waits up to 30 s for a pool that is being deleted.
    """
    if account.kind is not AccountKind.LOCAL:
        return
    spec = PoolSpec(id=LOCAL_POOL, dedicated=LOCAL_NODES, spot=0)
    deadline = time.monotonic() + 30
    while True:
        try:
            if get_pool(account, LOCAL_POOL).state != "deleting":
                return
        except NotFound:
            try:
                create(account, spec)
            except Conflict as error:
                if error.code not in ("PoolExists", "PoolBeingDeleted"):
                    raise
        if time.monotonic() > deadline:
            raise Conflict("This computer's pool is still being deleted.", "Try again in a minute.")
        time.sleep(0.1)


def _body(spec: PoolSpec) -> dict[str, Any]:
    start_task = None
    if spec.start_task:
        admin = models.AutoUserSpecification(scope="pool", elevation_level="admin")
        start_task = models.BatchStartTask(
            command_line=spec.start_task,
            user_identity=models.UserIdentity(auto_user=admin),
            wait_for_success=spec.wait,
            max_task_retry_count=1,
        )
    return {
        "vm_size": spec.vm_size,
        "virtual_machine_configuration": models.VirtualMachineConfiguration(
            image_reference=reference(spec.image), node_agent_sku_id=spec.agent
        ),
        "target_dedicated_nodes": spec.dedicated,
        "target_low_priority_nodes": spec.spot,
        "task_slots_per_node": spec.slots,
        "start_task": start_task,
        "metadata": [models.BatchMetadataItem(name="app", value=APP)],
    }


def _check(spec: PoolSpec) -> None:
    if not _ID.fullmatch(spec.id):
        raise InvalidInput(
            f"“{spec.id}” can't be a pool's id." if spec.id else "The pool needs an id.",
            "Use 1 to 64 letters, digits, dashes and underscores.",
        )
    if not _PART.fullmatch(spec.vm_size):
        raise InvalidInput("The pool needs a VM size.", f"An ordinary one is {DEFAULT_VM_SIZE}.")
    if not spec.agent.strip():
        raise InvalidInput(
            "The pool needs the node agent that fits its image.", f"For Ubuntu 24.04 it is {DEFAULT_AGENT}."
        )
    if not 1 <= spec.slots <= 256:
        raise InvalidInput("A node can run 1 to 256 tasks at once.", "Azure allows four for each core.")
    _check_counts(spec.dedicated, spec.spot)


def _check_counts(dedicated: int, spot: int) -> None:
    if dedicated < 0 or spot < 0:
        raise InvalidInput("A pool can't have fewer than no nodes.", "Use 0 or more.")
