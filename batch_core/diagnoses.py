"""Why each of a run's files failed, found in its log once and kept beside it, for everybody who looks later.

Like a check's verdict it is the metadata of an empty blob, so that one list of the run's blobs tells all of them.
"""

import base64
import binascii

import orjson
from azure.storage.blob import BlobProperties

from batch_core.account import Account
from batch_core.causes import Cause, cause, read
from batch_core.conversions import conversion
from batch_core.errors import NotFound, translated
from batch_core.failures import failure
from batch_core.storage import RESULTS


def path(run_id: str, task_id: str) -> str:
    """The blob whose metadata keep the diagnosis of a task, in the container for results."""
    return f"{run_id}/{task_id}/logs/cause"


def diagnose(account: Account, run_id: str, task_id: str, conversion_id: str = "") -> Cause:
    """Reads the end of a failed task's log and keeps what it tells, unless the account is for looking only. The
    words name the conversion, where it is told.

    Raises DashboardError when task or log can't be read.
    """
    failed = failure(account, run_id, task_id)
    found = cause(failed.end_of_log, failed.exit_code, _label(conversion_id))
    if not account.look_only:
        text = base64.urlsafe_b64encode(orjson.dumps(found)).decode()
        note = account.blobs.get_blob_client(RESULTS, path(run_id, task_id))
        with translated("note why a file failed"):
            note.upload_blob(b"", overwrite=True, metadata={"cause": text})
    return found


def _label(conversion_id: str) -> str:
    try:
        return conversion(conversion_id).label
    except NotFound:
        return "the conversion"


def kept(note: BlobProperties | None) -> Cause | None:
    """What was found before; None when nobody has looked, or what is there can't be read."""
    metadata = {key.lower(): value for key, value in (note.metadata or {}).items()} if note else {}
    try:
        return read(orjson.loads(base64.urlsafe_b64decode(metadata["cause"])))
    except (binascii.Error, ValueError, TypeError, KeyError):
        return None
