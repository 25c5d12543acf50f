"""Resource files: blobs and other URLs brought into a task's working directory before it starts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import requests
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from requests.exceptions import ChunkedEncodingError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_when_event_set

from local_azure.batch.failure import Failure
from local_azure.batch.runner import WorkFailedError
from local_azure.batch.runner.directories import inside
from local_azure.batch.runner.transfer import ATTEMPTS, Connections, Stop, pause, wished

_CHUNK = 64 * 1024  # stays in the processor's cache: larger pieces cost twice the time, all of it copying
_DEFAULT_MODE = "0770"
_TIMEOUT = (10, 60)  # seconds to connect, and without a byte
_PASSING_STATUS = (408, 429, 500, 502, 503, 504)

ResourceFile = dict[str, Any]


def download(connections: Connections, files: tuple[ResourceFile, ...], directory: Path, stop: Stop) -> None:
    """Bring all files into `directory`; WorkFailedError at the first that can't be had."""
    for file in files:
        mode = str(file.get("fileMode") or _DEFAULT_MODE)
        for url, relative in _sources(connections, file, stop):
            try:
                target = inside(directory, relative)
                target.parent.mkdir(parents=True, exist_ok=True)
            except ValueError as error:
                raise _failed("ResourceFileCreateFailed", str(error), relative) from error
            except OSError as error:
                raise _failed("ResourceDirectoryCreateFailed", _reason(error), relative) from error
            _fetch(connections.session(url), url, target, relative, stop)
            _set_mode(target, mode, relative)


def _sources(connections: Connections, file: ResourceFile, stop: Stop) -> Iterator[tuple[str, str]]:
    """(URL, path below the working directory) of every blob or file meant by one resource file."""
    if url := file.get("httpUrl"):
        yield url, str(file.get("filePath") or "")
        return
    folder = str(file.get("filePath") or "").strip("/")
    container_url = file.get("storageContainerUrl")
    if container_url is None:
        reason = "This account has no storage account linked to it for autoStorageContainerName"
        raise _failed("ResourceContainerNotFound", reason, folder)
    try:
        container = connections.container(container_url, stop)
        for name in container.list_blob_names(name_starts_with=file.get("blobPrefix") or None):
            if not name.endswith("/"):
                yield container.get_blob_client(name).url, f"{folder}/{name}" if folder else name
    except ResourceNotFoundError as error:
        raise _failed(
            "ResourceContainerNotFound", "The specified container does not exist", folder
        ) from error
    except (AzureError, ValueError) as error:
        denied = isinstance(error, ClientAuthenticationError) or _status(error) in (401, 403)
        code = "ResourceContainerAccessDenied" if denied else "ResourceContainerListMiscError"
        raise _failed(code, "The blobs of the specified container can't be listed", folder) from error


def _fetch(session: requests.Session, url: str, target: Path, relative: str, stop: Stop) -> None:
    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS) | stop_when_event_set(stop),
        wait=_pause,
        retry=retry_if_exception(_may_pass),
        sleep=sleep_using_event(stop),
        reraise=True,
    )
    try:
        retrying(partial(_fetch_once, session, url, target, stop))
    except requests.HTTPError as error:
        raise _refused(_answered(error), relative) from None
    except requests.Timeout:
        raise _failed("BlobDownloadTimedOut", "The download took too long", relative) from None
    except (requests.RequestException, UnicodeError) as error:
        reason = f"The download failed ({type(error).__name__})"
        raise _failed("BlobDownloadMiscError", reason, relative) from None
    except OSError as error:
        raise _failed("ResourceFileWriteFailed", _reason(error), relative) from error


def _fetch_once(session: requests.Session, url: str, target: Path, stop: Stop) -> None:
    headers = {"Accept-Encoding": "identity"}
    with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        stop.watch(answer)
        answer.raise_for_status()
        with target.open("wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                stop.check()
                file.write(chunk)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    answer = error.response if isinstance(error, requests.HTTPError) else None
    return pause(state.attempt_number, wished(answer.headers) if answer is not None else 0.0)


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, requests.HTTPError):
        return _answered(error) in _PASSING_STATUS
    return isinstance(error, requests.ConnectionError | requests.Timeout | ChunkedEncodingError)


def _answered(error: requests.HTTPError) -> int:
    """The status that `raise_for_status` has made an error of."""
    return error.response.status_code if error.response is not None else 0


def _refused(status: int, relative: str) -> WorkFailedError:
    if status == 404:
        return _failed("BlobNotFound", "The specified blob does not exist", relative)
    if status in (401, 403):
        return _failed("BlobAccessDenied", "Access to the specified blob is denied", relative)
    return _failed("BlobDownloadMiscError", f"The storage service answered {status}", relative)


def _set_mode(target: Path, mode: str, relative: str) -> None:
    if sys.platform == "win32":
        return
    try:
        target.chmod(int(mode, 8))
    except (ValueError, OSError) as error:
        raise _failed("ResourceFileCreateFailed", f"The file mode {mode} can't be set", relative) from error


def _failed(code: str, message: str, relative: str) -> WorkFailedError:
    return WorkFailedError(Failure(code, message, (("FilePath", relative),)))


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _status(error: Exception) -> int | None:
    return error.status_code if isinstance(error, HttpResponseError) else None
