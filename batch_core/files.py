"""The videos in the input container: upload targets, the list, what is in each, deletion."""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties

from batch_core import contents
from batch_core import probe as probing
from batch_core.account import Account
from batch_core.errors import DashboardError, NotFound, translated
from batch_core.probe import Probe
from batch_core.storage import INPUTS, container_sas, delete_blobs, expiry, inputs_url, read_url
from batch_core.texts import decoded, encode_name, kept_folder, placed, visible

_OURS = re.compile(r"([0-9a-f]{32})/([A-Za-z0-9._-]{1,80})")
_METADATA_BYTES = 6000  # of the 8 KiB that a blob's metadata may have in all
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class UploadTarget:
    """Where a browser puts blobs until `expires`.

    The SAS makes and writes blobs and can neither read, list nor delete. Blocks need the write permission
    (create alone covers only whole Put Blob), so the browser sends `If-None-Match: *` when it commits, and
    a name is 32 random hex digits: nothing is ever overwritten.
    """

    container_url: str
    sas: str = field(repr=False)
    expires: datetime


@dataclass(frozen=True)
class VideoFile:
    """A blob of the input container; `name` is what its owner calls it, `folder` where it lay there, `size` is in bytes.

    `content` is its fingerprint (`contents`), made when it is looked into; nothing for what can't be converted.
    """

    id: str
    blob: str
    name: str
    size: int
    uploaded: datetime
    probe: Probe | None = None
    content: str = ""
    folder: str = ""

    @property
    def path(self) -> str:
        """Its name with its folder."""
        return placed(self.folder, self.name)


def upload_target(account: Account) -> UploadTarget:
    """A target for uploads, good for about two hours. Raises InvalidInput on an account to look at only."""
    account.require_writable()
    until = expiry(2)
    return UploadTarget(
        container_url=inputs_url(account),
        sas=container_sas(account, INPUTS, "cw", until),
        expires=until,
    )


def safe_name(name: str) -> str:
    """An ASCII form of a file's name for use in a blob's name: at most 80 characters, extension kept."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem, dot, extension = plain.rpartition(".")
    if not dot or not re.fullmatch(r"[A-Za-z0-9]{1,8}", extension):
        stem, extension = plain, ""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_") or "file"
    if extension:
        return f"{stem[: 79 - len(extension)]}.{extension.lower()}"
    return stem[:80]


def distinct_names(files: Iterable[VideoFile]) -> dict[str, str]:
    """A name, with its folder, for each file by its id, for choosing among them: of several with one the oldest keeps it."""
    oldest_first = sorted(files, key=lambda file: file.uploaded)
    taken = {file.path for file in oldest_first}
    given: dict[str, str] = {}
    count: dict[str, int] = {}
    for file in oldest_first:
        path = file.path
        while file.path in count and path in taken:
            count[file.path] += 1
            stem, _, extension = file.name.rpartition(".")
            number = f" ({count[file.path]})"
            path = placed(file.folder, f"{stem}{number}.{extension}" if stem else f"{file.name}{number}")
        count.setdefault(file.path, 1)
        taken.add(path)
        given[file.id] = path
    return given


def is_ours(blob: str) -> bool:
    """Whether a blob of the input container has a name as this app gives."""
    return _OURS.fullmatch(blob) is not None


def list_files(account: Account) -> list[VideoFile]:
    """All files of the input container, newest first; also those that another program put there.

    Those that storage still copies are left out.
    """
    with translated("list the files"):
        container = account.blobs.get_container_client(INPUTS)
        try:
            blobs = container.list_blobs(include=["metadata", "copy"])
            files = _told_apart(_file(blob) for blob in blobs if blob.copy.status != "pending")
        except ResourceNotFoundError:
            return []
    return sorted(files, key=lambda file: (file.uploaded, file.blob), reverse=True)


def find_file(account: Account, blob: str) -> VideoFile:
    """One file by its blob. Raises NotFound when it is gone."""
    with translated("look at the file"):
        return _file(account.blobs.get_blob_client(INPUTS, blob).get_blob_properties())


def probe_file(account: Account, file: VideoFile) -> VideoFile:
    """Looks into the file and keeps the answer in the blob's metadata, so that every session sees it.

    Raises NotFound when the file is gone and Unreachable when storage does not hand it over.
    """
    found = probing.probe(read_url(account, INPUTS, file.blob, hours=1), file.size)
    looked = replace(
        file, probe=found, content=contents.of_input(account, file.blob, file.size) if found.ok else ""
    )
    if not account.look_only:
        _keep(account, looked)
    return looked


def with_content(account: Account, file: VideoFile) -> VideoFile:
    """The file with its fingerprint, which is made and kept for one that was looked into without.

    Raises NotFound when the file is gone.
    """
    if file.content or file.probe is None or not file.probe.ok:
        return file
    made = replace(file, content=contents.of_input(account, file.blob, file.size))
    if not account.look_only:
        _keep(account, made)
    return made


def probe_new(account: Account, files: Iterable[VideoFile], workers: int = 2) -> Iterator[VideoFile]:
    """Looks into those not looked into yet, `workers` at once, and hands each out when it is done.

    Those deleted meanwhile are left out. Another error is raised when the rest is done.
    """
    failed: DashboardError | None = None
    new = [file for file in files if file.probe is None]
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="probe") as pool:
        running = [pool.submit(probe_file, account, file) for file in new]
        try:
            for done in as_completed(running):
                try:
                    yield done.result()
                except NotFound:
                    continue
                except DashboardError as error:
                    failed = error
        finally:
            for waiting in running:
                waiting.cancel()
    if failed:
        raise failed


def delete_files(account: Account, files: Iterable[VideoFile], progress: Progress | None = None) -> None:
    """Deletes the blobs; one that is gone already is fine. `progress` is called with those gone, and all of them."""
    account.require_writable()
    with translated("delete the files"):
        delete_blobs(account, INPUTS, [file.blob for file in files], progress)


def metadata_of(file: VideoFile) -> dict[str, str]:
    """The metadata that a blob of ours carries: its true name, and what is in it once that is known."""
    found = {"name": encode_name(file.name)}
    if file.folder:
        found["folder"] = encode_name(file.folder)
    if file.probe is not None:
        found["probe"] = _encode_probe(file.probe)
    if file.content:
        found["content"] = file.content
    return found


def _encode_probe(found: Probe) -> str:
    text = base64.urlsafe_b64encode(found.to_json().encode()).decode()
    if len(text) > _METADATA_BYTES:
        return _encode_probe(replace(found, streams=found.streams[: len(found.streams) // 2]))
    return text


def _keep(account: Account, file: VideoFile) -> None:
    """Writes what was found beside the other metadata, unless someone changed the blob meanwhile."""
    with translated(f"note what is in {file.name}"):
        blob = account.blobs.get_blob_client(INPUTS, file.blob)
        properties = blob.get_blob_properties()
        found = metadata_of(file)
        del found["name"]  # another program's blob keeps what it says
        metadata = dict(properties.metadata or {}) | found
        try:
            blob.set_blob_metadata(
                metadata, etag=properties.etag, match_condition=MatchConditions.IfNotModified
            )
        except ResourceModifiedError:
            return  # another session was quicker: the answer is the same


def _told_apart(files: Iterable[VideoFile]) -> list[VideoFile]:
    """The files, each with an id of its own, also where another program has used one for two blobs."""
    by_id: dict[str, VideoFile] = {}
    for file in files:
        if file.id in by_id:
            file = replace(file, id=_id_of(file.blob))
        by_id[file.id] = file
    return list(by_id.values())


def _id_of(blob: str) -> str:
    return hashlib.sha256(blob.encode()).hexdigest()[:32]


def _file(blob: BlobProperties) -> VideoFile:
    metadata = {key.lower(): value for key, value in (blob.metadata or {}).items()}
    ours = _OURS.fullmatch(blob.name)
    return VideoFile(
        id=ours[1] if ours else _id_of(blob.name),
        blob=blob.name,
        name=_true_name(metadata.get("name"), blob.name.rsplit("/", 1)[-1] if ours else blob.name),
        size=blob.size or 0,
        uploaded=_uploaded(blob),
        probe=_kept_probe(metadata.get("probe")),
        folder=kept_folder(metadata.get("folder") or ""),
        content=contents.known(metadata.get("content")),
    )


def _uploaded(blob: Any) -> datetime:
    """Its creation: writing metadata changes the time of the last modification."""
    return blob.creation_time or blob.last_modified or datetime.fromtimestamp(0, UTC)


def _true_name(encoded: str | None, otherwise: str) -> str:
    try:
        name = decoded(encoded or "")
    except ValueError:
        name = ""
    return visible(name).strip()[:255] or visible(otherwise).strip()[:255] or "file"


def _kept_probe(encoded: str | None) -> Probe | None:
    if not encoded:
        return None
    try:
        return Probe.from_json(decoded(encoded))
    except (ValueError, TypeError, KeyError):
        return None
