"""The manifest of a run: what becomes what, kept as a blob beside the results.

It is written before the job, so a job of ours always has one, and a launch that was cut off anywhere can be
finished from it alone.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

import orjson
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContentSettings

from batch_core.account import Account
from batch_core.conversions import Conversion, Options, options_from, stored
from batch_core.errors import InvalidInput, NotFound, ServiceFailure, translated
from batch_core.files import VideoFile
from batch_core.images import ImageRef
from batch_core.pools import PoolSpec
from batch_core.storage import RESULTS
from batch_core.texts import placed


@dataclass(frozen=True)
class ManifestFile:
    """One file's way: input blob, task, command, and the name of its result. Size in bytes, duration in s.

    `content` is the input's fingerprint; runs of earlier versions have none.
    """

    task_id: str
    file_id: str
    blob: str
    name: str
    size: int
    duration: float | None
    result_name: str
    extension: str
    command: str
    content: str = ""
    folder: str = ""

    @property
    def path(self) -> str:
        """The file's name with its folder."""
        return placed(self.folder, self.name)


@dataclass(frozen=True)
class Manifest:
    """All that a run's tasks are made from; without any key or SAS.

    `pool_id` names the pool that it was given, `spec` what its own pool was made by; the other is None.
    """

    run_id: str
    name: str
    conversion: str
    options: Options
    created: datetime
    wall_clock: timedelta
    parent: str | None
    attempt: int
    files: tuple[ManifestFile, ...]
    pool_id: str | None = None
    spec: PoolSpec | None = None
    left_out: tuple[
        tuple[str, str], ...
    ] = ()  # name and reason of files that were left out before the run began
    sample: bool = False  # it only tried what a part of the files becomes


def run_name(files: Sequence[VideoFile] | Sequence[ManifestFile], wanted: Conversion) -> str:
    """What a run is called: after its file, or how many there are."""
    if len(files) == 1:
        return f"{PurePath(files[0].name).stem} to {wanted.label}"
    return f"{len(files):,} files to {wanted.label}"


def blob_name(run_id: str) -> str:
    """Where a run's manifest lies in the results container."""
    return f"{run_id}/manifest.json"


def keep(account: Account, manifest: Manifest) -> Manifest:
    """Stores a manifest, or returns the one that is stored under this run's id already."""
    blob = account.blobs.get_blob_client(RESULTS, blob_name(manifest.run_id))
    with translated("store the run's manifest"):
        try:
            blob.upload_blob(
                _to_json(manifest),
                overwrite=False,
                content_settings=ContentSettings(content_type="application/json"),
            )
            return manifest
        except ResourceExistsError:
            return read(account, manifest.run_id)


def read(account: Account, run_id: str) -> Manifest:
    """A run's manifest. Raises NotFound, and ServiceFailure when the blob is no manifest."""
    blob = account.blobs.get_blob_client(RESULTS, blob_name(run_id))
    try:
        with translated("read the run's manifest"):
            data = blob.download_blob().readall()
    except NotFound as error:
        what = "container for results" if error.code == "ContainerNotFound" else "run's manifest"
        raise NotFound(
            f"The {what} was deleted, so nothing is known any more of what this run was to make.",
            "Convert the files again: what is needed is made anew.",
            request_id=error.request_id,
            code=error.code,
        ) from None
    try:
        return _from_json(orjson.loads(data))
    except (KeyError, TypeError, ValueError, InvalidInput) as error:
        raise ServiceFailure("The run's manifest in storage can't be read.", "Start a new run.") from error


def run_ids(account: Account) -> set[str]:
    """The runs of which anything is stored: each has a folder of its own."""
    try:
        with translated("list the earlier runs"):
            container = account.blobs.get_container_client(RESULTS)
            folders = [entry.name for entry in container.walk_blobs(name_starts_with="run-")]
    except NotFound:  # nothing was ever converted
        return set()
    return {name.removesuffix("/") for name in folders if name.endswith("/")}


def forget(account: Account, run_id: str) -> None:
    """Deletes a run's manifest: for a launch whose job was refused."""
    try:
        with translated("delete the run's manifest"):
            account.blobs.get_blob_client(RESULTS, blob_name(run_id)).delete_blob()
    except NotFound:
        return


def _to_json(manifest: Manifest) -> bytes:
    return orjson.dumps(
        {
            **asdict(manifest),
            "options": stored(manifest.options),
            "wall_clock": manifest.wall_clock.total_seconds(),
        },
        option=orjson.OPT_INDENT_2,
    )


def _from_json(doc: dict[str, Any]) -> Manifest:
    return Manifest(
        **{
            **doc,
            "options": options_from(doc["options"]),
            "created": datetime.fromisoformat(doc["created"]),
            "wall_clock": timedelta(seconds=doc["wall_clock"]),
            "files": tuple(ManifestFile(**file) for file in doc["files"]),
            "spec": _spec(doc.get("spec")),
            "left_out": tuple((name, reason) for name, reason in doc.get("left_out", ())),
        }
    )


def _spec(doc: dict[str, Any] | None) -> PoolSpec | None:
    return PoolSpec(**{**doc, "image": ImageRef(**doc["image"])}) if doc else None
