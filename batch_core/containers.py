"""Files that lie in other containers of the account: what is there, and their copies among the input files."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import islice
from uuid import uuid4

from azure.storage.blob import BlobClient, BlobProperties, BlobType

from batch_core.account import Account
from batch_core.errors import DashboardError, ServiceFailure, translated
from batch_core.files import Progress, safe_name
from batch_core.storage import INPUTS, RESULTS, ensure_containers, read_url
from batch_core.texts import encode_name, folder_of, visible

COUNTED = 5_000  # files of a container that are listed at most
AT_ONCE = 4
COPY_HOURS = 2  # for storage to copy one file; within an account that takes seconds


@dataclass(frozen=True)
class Stored:
    """A blob of another container, `size` in bytes."""

    blob: str
    size: int


@dataclass(frozen=True)
class Contents:
    """What a container holds in the order of names; `more`: there is more than was listed."""

    files: tuple[Stored, ...]
    more: bool


def others(account: Account) -> list[str]:
    """The account's containers without those of this app and storage's own, by name."""
    with translated("list the containers"):
        names = [container.name for container in account.blobs.list_containers()]
    return sorted(name for name in names if name not in (INPUTS, RESULTS) and not name.startswith("$"))


def look(account: Account, container: str, prefix: str = "") -> Contents:
    """The files of a container whose names begin so; without empty ones and the disks of machines.

    Raises NotFound when the container is gone.
    """
    with translated("list what is in the container"):
        blobs = account.blobs.get_container_client(container).list_blobs(name_starts_with=prefix or None)
        wanted = (Stored(blob.name, blob.size) for blob in blobs if _is_file(blob))
        files = tuple(islice(wanted, COUNTED + 1))
    return Contents(files[:COUNTED], len(files) > COUNTED)


def _is_file(blob: BlobProperties) -> bool:
    return bool(blob.size) and blob.blob_type != BlobType.PAGEBLOB


def copy(account: Account, container: str, blobs: Sequence[str], progress: Progress | None = None) -> None:
    """Copies blobs of a container into the input container, inside storage: no byte comes through here.

    Each gets a name of its own there; what it is called, and the folder that its name tells of, become metadata.
    Nothing changes in the container. `progress` is called with those done, and all. When some can't be copied the
    others are; then an error says how many failed and why the first of them did. Raises InvalidInput on an account
    to look at only.
    """
    account.require_writable()
    ensure_containers(account)
    failed: list[DashboardError] = []
    with ThreadPoolExecutor(AT_ONCE, "copy") as copiers:
        running = [copiers.submit(_copy, account, container, blob) for blob in blobs]
        for done, one in enumerate(as_completed(running), start=1):
            error = one.exception()
            if isinstance(error, DashboardError):
                failed.append(error)
            elif error:
                raise error
            if progress:
                progress(done, len(blobs))
    if failed:
        first = failed[0]
        told = f"{len(failed):,} of {len(blobs):,} files could not be copied: {first.user_message}"
        raise type(first)(told, first.hint, request_id=first.request_id, code=first.code)


def _copy(account: Account, container: str, blob: str) -> None:
    folder, _, name = blob.rpartition("/")
    name = visible(name).strip() or "file"
    metadata = {"name": encode_name(name)}
    if shown := folder_of(folder) if folder else "":
        metadata["folder"] = encode_name(shown)
    copied = account.blobs.get_blob_client(INPUTS, f"{uuid4().hex}/{safe_name(name)}")
    source = read_url(account, container, blob, hours=COPY_HOURS)
    with translated(f"copy {name}"):
        copied.start_copy_from_url(source, metadata=metadata)
        see_through(copied, name, time.monotonic() + COPY_HOURS * 3600)


def see_through(copied: BlobClient, name: str, deadline: float) -> None:
    """Waits for a copy's end, until a time of the monotonic clock; what is left of one that fails is taken away.

    Raises ServiceFailure for that.
    """
    wait = 0.1
    while (state := copied.get_blob_properties().copy).status == "pending" and time.monotonic() < deadline:
        time.sleep(wait)
        wait = min(wait * 2, 5.0)
    if state.status == "success":
        return
    if state.status == "pending":
        copied.abort_copy(state.id or "")
    copied.delete_blob()
    raise ServiceFailure(f"Storage did not finish copying {name}.", "Choose it again.")
