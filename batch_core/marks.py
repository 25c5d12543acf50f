"""What the check of a result found, kept beside the logs of its task, so that nobody checks it again."""

import base64
import binascii
from typing import Any

import orjson
from azure.storage.blob import BlobProperties

from batch_core.account import Account
from batch_core.causes import read as read_cause
from batch_core.errors import translated
from batch_core.pictures import SIDES
from batch_core.storage import RESULTS


def path(run_id: str, task_id: str) -> str:
    """The empty blob whose metadata keep a check's verdict. Metadata of the result itself would do, but to
    write them changes its ETag, and whoever is downloading it then would be cut off."""
    return f"{run_id}/{task_id}/logs/verdict"


def keep(account: Account, run_id: str, task_id: str, verdict: dict[str, Any]) -> None:
    """Stores a verdict: "good", "seconds", "reason", "cause", "damage", the small "pictures" made, and what it is
    "of" (`version`)."""
    text = base64.urlsafe_b64encode(orjson.dumps(verdict)).decode()
    note = account.blobs.get_blob_client(RESULTS, path(run_id, task_id))
    with translated("note that a result was checked"):
        note.upload_blob(b"", overwrite=True, metadata={"verdict": text})


def read(note: BlobProperties | None, made_of: list[BlobProperties]) -> dict[str, Any]:
    """What an earlier check found; empty when there was none, or when the result has been made anew since."""
    metadata = {key.lower(): value for key, value in (note.metadata or {}).items()} if note else {}
    try:
        found = orjson.loads(base64.urlsafe_b64decode(metadata["verdict"]))
        if found["of"] != version(made_of):
            return {}
        return {
            "good": bool(found["good"]),
            "seconds": float(found["seconds"]),
            "reason": str(found["reason"])[:300],
            "cause": read_cause(found["cause"]) if found.get("cause") else None,
            "damage": str(found.get("damage", ""))[:300],
            "pictures": frozenset(found.get("pictures", ())) & frozenset(SIDES),
        }
    except (binascii.Error, ValueError, TypeError, KeyError):
        return {}


def version(made_of: list[BlobProperties]) -> str:
    """What changes when a result is made anew; of several pictures, the first and the last tell."""
    return "".join(dict.fromkeys(_plain(blob.etag) for blob in (made_of[0], made_of[-1])))


def _plain(etag: str | None) -> str:
    """An ETag without its quotes, which lists leave out."""
    return (etag or "").strip('"')
