"""The small pictures of a run's files before and after: JPEGs in a folder of their own beside the runs.

They are made when a result is checked, and are part of the run's proof: they stay when the input is deleted, and go
with the results. The verdict says which there are: lists of a run's results, which are asked for every second, do
not get longer by them.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, get_args

from azure.storage.blob import ContentSettings

from batch_core.account import Account
from batch_core.errors import NotFound, translated
from batch_core.storage import RESULTS

Side = Literal["before", "after"]
SIDES: tuple[Side, ...] = get_args(Side)
MOST_BYTES = 40_000  # what is larger was not made here
AT_ONCE = 8
FOLDER = "pictures/"
_JPEG = b"\xff\xd8\xff"


def path(run_id: str, task_id: str, side: Side) -> str:
    """Where such a picture lies in the results container."""
    return f"{of_run(run_id)}{task_id}/{side}.jpg"


def of_run(run_id: str) -> str:
    """The folder of a run's pictures."""
    return f"{FOLDER}{run_id}/"


def is_one(data: bytes) -> bool:
    """Whether it may be shown: the process that made it has read a stranger's file, and is not believed."""
    return data.startswith(_JPEG) and len(data) <= MOST_BYTES


def keep(account: Account, run_id: str, task_id: str, made: Mapping[Side, bytes]) -> None:
    """Stores the pictures of one task; earlier ones are replaced."""
    with translated("store the small pictures"):
        for side, data in made.items():
            account.blobs.get_blob_client(RESULTS, path(run_id, task_id, side)).upload_blob(
                data, overwrite=True, content_settings=ContentSettings(content_type="image/jpeg")
            )


def read(account: Account, names: Iterable[str], most: int) -> dict[str, bytes]:
    """These pictures by name, up to `most` bytes in all; without those that are gone."""
    found: dict[str, bytes] = {}
    total = 0
    with ThreadPoolExecutor(AT_ONCE, "pictures") as readers:
        for name, data in readers.map(lambda name: (name, _read(account, name)), names):
            if data and total + len(data) <= most:
                found[name] = data
                total += len(data)
    return found


def _read(account: Account, name: str) -> bytes:
    client = account.blobs.get_blob_client(RESULTS, name)
    try:
        with translated("read a small picture"):
            data = client.download_blob(offset=0, length=MOST_BYTES + 1).readall()
    except NotFound:
        return b""
    return data if is_one(data) else b""
