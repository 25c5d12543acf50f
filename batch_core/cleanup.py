"""What is left in the account, what of it costs money on Azure, and deleting it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from azure.core.exceptions import ResourceNotFoundError

from batch_core import files, pictures, pools
from batch_core.account import Account
from batch_core.errors import Conflict, DashboardError, InvalidInput, NotFound, translated
from batch_core.feed import Doc, Feed
from batch_core.pools import NodeTime, node_time
from batch_core.storage import APP, INPUTS, RESULTS, delete_blobs
from batch_core.times import moment

Kind = Literal["pool", "job", "files", "results", "container"]
WAIT_SECONDS = 5  # for a deletion to come true; on Azure a pool's takes minutes
AT_ONCE = 8
CUT_OFF = "a launch that was cut off before it began"
_ORDER: tuple[Kind, ...] = ("job", "pool", "files", "results", "container")


@dataclass(frozen=True)
class Item:
    """One thing that is left. `size` in bytes where known; `costs`: on Azure it costs money while it exists.

    `ours` is False for what another program made: never chosen unless a person does so.
    """

    kind: Kind
    id: str
    title: str
    detail: str
    size: int | None
    costs: bool
    ours: bool
    ran: NodeTime | None = None  # of a pool with nodes: what these have run up


@dataclass(frozen=True)
class Outcome:
    """What became of deleting one thing, as a sentence."""

    item: Item
    ok: bool
    sentence: str


def inventory(account: Account) -> list[Item]:
    """Pools, jobs, input files, results by run, and containers, in this order."""
    with ThreadPoolExecutor(4) as askers:
        pool_list = askers.submit(_pools, account)
        job_list = askers.submit(_jobs, account)
        file_list = askers.submit(_files, account)
        containers = askers.submit(_containers, account)
        jobs = job_list.result()
        names = {item.id: item.title for item in jobs}
        results = _results(account, names)
        return [*pool_list.result(), *jobs, *file_list.result(), *results, *containers.result()]


def _pools(account: Account) -> list[Item]:
    fields = "id,state,vmSize,metadata,currentDedicatedNodes,currentLowPriorityNodes,targetDedicatedNodes,targetLowPriorityNodes"
    docs = _listed(account, "/pools", fields)
    with ThreadPoolExecutor(AT_ONCE) as askers:
        return list(askers.map(lambda doc: _pool(account, doc), docs))


def _pool(account: Account, doc: Doc) -> Item:
    there = (doc.get("currentDedicatedNodes") or 0) + (doc.get("currentLowPriorityNodes") or 0)
    wanted = (doc.get("targetDedicatedNodes") or 0) + (doc.get("targetLowPriorityNodes") or 0)
    nodes = max(there, wanted)
    words = [_count(nodes, "node"), doc.get("vmSize") or ""]
    if str(doc.get("state")).lower() == "deleting":
        words.append("being deleted")
    ours = _made_by_app(doc) or doc["id"] == pools.LOCAL_POOL
    ran = _node_time(account, doc["id"]) if there else None
    return Item("pool", doc["id"], doc["id"], " · ".join(filter(None, words)), None, nodes > 0, ours, ran)


def _node_time(account: Account, pool_id: str) -> NodeTime | None:
    feed = Feed(account)
    try:
        pages = list(feed.many(f"/pools/{pool_id}/nodes", **{"$select": "id,allocationTime"}))
    except NotFound:
        return None
    allocated = [moment(node.get("allocationTime")) for page in pages for node in page]
    return node_time(allocated, feed.clock or datetime.now(UTC))


def _jobs(account: Account) -> list[Item]:
    docs = _listed(account, "/jobs", "id,displayName,state,metadata")
    return [_job(doc) for doc in docs]


def _job(doc: Doc) -> Item:
    states = {"active": "running or waiting", "completed": "ended", "deleting": "being deleted"}
    state = str(doc.get("state", "")).lower()
    title = doc.get("displayName") or doc["id"]
    detail = states.get(state, state)
    if title != doc["id"]:
        detail = f"{doc['id']} · {detail}"
    return Item("job", doc["id"], title, detail, None, False, _made_by_app(doc))


def _made_by_app(doc: Doc) -> bool:
    return any(item.get("name") == "app" and item.get("value") == APP for item in doc.get("metadata") or ())


def _listed(account: Account, path: str, fields: str) -> list[Doc]:
    return [doc for page in Feed(account).many(path, **{"$select": fields}) for doc in page]


def _files(account: Account) -> list[Item]:
    return [
        Item(
            "files",
            file.blob,
            file.path,
            f"added on {file.uploaded:%d %b %Y}",
            file.size,
            file.size > 0,
            files.is_ours(file.blob),
        )
        for file in files.list_files(account)
    ]


def _results(account: Account, names: dict[str, str]) -> list[Item]:
    """One item for each run that has blobs; its name is that of its job, where that still exists."""
    sizes: defaultdict[str, int] = defaultdict(int)
    counts: defaultdict[str, int] = defaultdict(int)
    more: set[str] = set()  # runs that have more than a manifest
    with translated("list the results"):
        try:
            for blob in account.blobs.get_container_client(RESULTS).list_blobs():
                pictured = blob.name.startswith(pictures.FOLDER)
                run, slash, rest = blob.name.removeprefix(pictures.FOLDER).partition("/")
                sizes[run] += blob.size or 0
                told = (
                    pictured or "/logs/" in f"/{rest}" or rest == "manifest.json"
                )  # of results, and none itself
                counts[run] += bool(slash) and not told
                if pictured or rest != "manifest.json":
                    more.add(run)
        except ResourceNotFoundError:
            return []
    return [
        Item(
            "results",
            run,
            names.get(run, run),
            f"{_count(counts[run], 'result')} with their logs" if run in more or run in names else CUT_OFF,
            sizes[run],
            sizes[run] > 0,
            run.startswith("run-"),
        )
        for run in sizes
    ]


def _containers(account: Account) -> list[Item]:
    what = {INPUTS: "holds the input videos", RESULTS: "holds the results"}
    with translated("list the containers"):
        listed = list(account.blobs.list_containers(include_metadata=True))
    items = []
    for container in listed:
        ours = container.name in what or (container.metadata or {}).get("app") == APP
        detail = what.get(container.name, "a container, with all that is in it")
        items.append(Item("container", container.name, container.name, detail, None, False, ours))
    return items


def delete(
    account: Account, items: Iterable[Item], progress: Callable[[int, int], None] | None = None
) -> list[Outcome]:
    """Deletes these things and nothing else: jobs, then pools, then what is stored. One outcome each, in order.

    `progress` is called with how many things have had their turn, and how many there are. What is gone already counts as deleted. Raises InvalidInput on an account that is only looked at.
    """
    account.require_writable()
    wanted = list(items)
    found: dict[Item, Outcome] = {}
    for kind in _ORDER:
        group = [item for item in dict.fromkeys(wanted) if item.kind == kind]
        with ThreadPoolExecutor(AT_ONCE) as workers:
            for outcome in workers.map(lambda item: _delete(account, item), group):
                found[outcome.item] = outcome
                if progress:
                    progress(len(found), len(wanted))
    return [found[item] for item in wanted]


def _delete(account: Account, item: Item) -> Outcome:
    try:
        return Outcome(item, True, _DELETERS[item.kind](account, item))
    except NotFound:
        return Outcome(item, True, "It was gone already.")
    except Conflict as error:
        if error.code.endswith("BeingDeleted"):
            return Outcome(item, True, "It is being deleted already.")
        return Outcome(item, False, _said(error))
    except DashboardError as error:
        return Outcome(item, False, _said(error))


def _said(error: DashboardError) -> str:
    return f"{error.user_message} {error.hint}".strip()


def _delete_pool(account: Account, item: Item) -> str:
    with translated("delete the pool"):
        return _waited(account.batch.begin_delete_pool(item.id, polling_interval=1))


def _delete_job(account: Account, item: Item) -> str:
    with translated("delete the job"):
        return _waited(account.batch.begin_delete_job(item.id, polling_interval=1))


def _waited(poller: Any) -> str:
    """Waits a little; the poller's end says nothing about success (it ends as "Failed" without raising)."""
    poller.wait(WAIT_SECONDS)
    if poller.done() and poller.status() != "Failed":
        return "Deleted."
    return "It is being deleted; that can take some minutes."


def _delete_file(account: Account, item: Item) -> str:
    with translated("delete the file"):
        account.blobs.get_blob_client(INPUTS, item.id).delete_blob(delete_snapshots="include")
    return "Deleted."


def _delete_results(account: Account, item: Item) -> str:
    if not item.id:
        raise InvalidInput("These results have no name.", "Delete them in the Azure portal.")
    container = account.blobs.get_container_client(RESULTS)
    with translated("delete the results"):
        names = [blob.name for blob in container.list_blobs(name_starts_with=item.id)]
        names = [name for name in names if name == item.id or name.startswith(f"{item.id}/")]
        names += container.list_blob_names(name_starts_with=pictures.of_run(item.id))
        delete_blobs(account, RESULTS, names)
    return "Deleted."


def _delete_container(account: Account, item: Item) -> str:
    with translated("delete the container"):
        account.blobs.delete_container(item.id)
    return "Deleted."


_DELETERS: dict[Kind, Callable[[Account, Item], str]] = {
    "pool": _delete_pool,
    "job": _delete_job,
    "files": _delete_file,
    "results": _delete_results,
    "container": _delete_container,
}


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"
