"""Output files: what a task leaves behind, sent to blob containers after it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient, ContentSettings

from local_azure.batch.failure import Failure
from local_azure.batch.runner import WORKING, Work, WorkFailedError
from local_azure.batch.runner.patterns import Match, find
from local_azure.batch.runner.transfer import Connections, Stop

_METADATA = "x-ms-meta-"
_CONTENT = {
    "content-type": "content_type",
    "x-ms-blob-content-type": "content_type",
    "x-ms-blob-content-encoding": "content_encoding",
    "x-ms-blob-content-language": "content_language",
    "x-ms-blob-content-disposition": "content_disposition",
    "x-ms-blob-cache-control": "cache_control",
}
_NOT_OURS = ("x-ms-blob-type", "x-ms-version", "x-ms-date", "content-length")


def due(work: Work, exit_code: int) -> list[dict[str, Any]]:
    """The work's output files whose condition holds after this exit code."""
    wanted = {"taskcompletion", "tasksuccess" if exit_code == 0 else "taskfailure"}
    return [file for file in work.output_files if _condition(file) in wanted]


def _condition(file: dict[str, Any]) -> str:
    return str((file.get("uploadOptions") or {}).get("uploadCondition") or "taskcompletion").lower()


def upload(connections: Connections, work: Work, exit_code: int, stop: Stop) -> None:
    """Upload all that is due, and write fileuploadout.txt and fileuploaderr.txt beside the task's own output.

    What can be uploaded is, also after a failure; WorkFailedError tells of the first failure.
    """
    files = due(work, exit_code)
    if not files:
        return
    log = _Log(work.directory)
    failure: Failure | None = None
    for file in files:
        stop.check()
        try:
            _upload_file(connections, work, file, log, stop)
        except WorkFailedError as error:
            failure = failure or error.failure
            log.error(f"{file['filePattern']}: {error.failure.code}: {error.failure.message}")
    if failure is not None:
        raise WorkFailedError(failure)


class _Log:
    def __init__(self, directory: Path) -> None:
        self._out, self._err = directory / "fileuploadout.txt", directory / "fileuploaderr.txt"
        for path in (self._out, self._err):
            path.write_bytes(b"")

    def info(self, line: str) -> None:
        self._write(self._out, line)

    def error(self, line: str) -> None:
        self._write(self._err, line)

    @staticmethod
    def _write(path: Path, line: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ} {line}\n")


def _upload_file(connections: Connections, work: Work, file: dict[str, Any], log: _Log, stop: Stop) -> None:
    pattern, target = file["filePattern"], file["destination"]["container"]
    matches = find(pattern, work.directory / WORKING, work.environment)
    log.info(f"{pattern}: {len(matches)} {'file' if len(matches) == 1 else 'files'}")
    if not matches:
        return
    settings = _settings(target.get("uploadHeaders") or ())
    try:
        container = connections.container(target["containerUrl"], stop)
        for match in matches:
            stop.check()
            name = _blob_name(match, str(target.get("path") or ""))
            _send(container, match.path, name, settings)
            log.info(f"{match.path.name} -> {container.container_name}/{name}")
    except ResourceNotFoundError as error:
        raise _failed(
            "FileUploadContainerNotFound", "The specified container does not exist", pattern
        ) from error
    except (AzureError, ValueError) as error:
        status = error.status_code if isinstance(error, HttpResponseError) else None
        if status in (401, 403):
            raise _failed("FileUploadAccessDenied", "Access to the container is denied", pattern) from error
        reason = f"The upload failed ({status or type(error).__name__})"
        raise _failed("FileUploadMiscError", reason, pattern) from error
    except OSError as error:
        reason = f"The file can't be read ({error.strerror or type(error).__name__})"
        raise _failed("FileUploadMiscError", reason, pattern) from error


def _send(container: ContainerClient, path: Path, name: str, settings: dict[str, Any]) -> None:
    with path.open("rb") as file:
        size = path.stat().st_size
        container.upload_blob(name, file, length=size, overwrite=True, **settings)


def _blob_name(match: Match, path: str) -> str:
    if not match.wild:
        return path or match.name
    folder = path.rstrip("/")
    return f"{folder}/{match.name}" if folder else match.name


def _settings(headers: Any) -> dict[str, Any]:
    """The SDK's arguments for upload headers; WorkFailedError for one that Put Blob doesn't know."""
    metadata: dict[str, str] = {}
    content: dict[str, Any] = {}
    more: dict[str, Any] = {}
    for header in headers:
        name, value = header["name"].lower(), str(header.get("value") or "")
        if name.startswith(_METADATA):
            metadata[header["name"][len(_METADATA) :]] = value
        elif name in _CONTENT:
            content[_CONTENT[name]] = value
        elif name == "x-ms-access-tier":
            more["standard_blob_tier"] = value
        elif name not in _NOT_OURS:
            raise _failed("FileUploadMiscError", f"The upload header {header['name']} is not supported", "")
    if content:
        more["content_settings"] = ContentSettings(**content)
    return more | ({"metadata": metadata} if metadata else {})


def _failed(code: str, message: str, pattern: str) -> WorkFailedError:
    return WorkFailedError(Failure(code, message, (("FilePattern", pattern),) if pattern else ()))
