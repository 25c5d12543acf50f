"""Blobs on their way through the app, for browsers that cannot reach the blob endpoint themselves.

What is sent again because its answer was lost is received once: the blob that is there then is the same.
"""

import binascii
import hashlib
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass

from azure.core import MatchConditions
from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

from batch_core.account import Account
from batch_core.errors import Conflict, InvalidInput, NotFound, translated
from batch_core.storage import INPUTS, ensure_containers
from batch_core.texts import encode_name, kept_folder

BLOCK_LIMIT = 32 * 1024 * 1024  # bytes of one block that are held in memory; 50,000 of them make a blob
BLOCKS_LIMIT = 50_000  # of one blob: learn.microsoft.com/rest/api/storageservices/put-block-list
_INPUT = re.compile(r"[0-9a-f]{32}/[A-Za-z0-9._-]{1,80}")
_META = re.compile(r"[A-Za-z0-9_-]{1,1024}")


@dataclass(frozen=True)
class BlobFacts:
    """What the storage account says of a blob; size in bytes."""

    size: int
    content_type: str
    etag: str


def facts(account: Account, container: str, blob: str) -> BlobFacts:
    """Size, content type and ETag of a blob. Raises NotFound."""
    with translated("look at the file"):
        found = account.blobs.get_blob_client(container, blob).get_blob_properties()
    return BlobFacts(found.size, found.content_settings.content_type or "", found.etag)


def reaches(account: Account) -> None:
    """Whether storage answers at all: raises Unreachable or Throttled when not, within seconds."""
    with translated("reach storage"):
        account.blobs.get_account_information(connection_timeout=4, read_timeout=6, retry_total=0)


def receive_block(account: Account, blob: str, block_id: str, data: bytes) -> None:
    """Put Block: one block of an input; `block_id` is base64 as on the wire."""
    client, number = _input(account, blob), _decoded(block_id)

    def send() -> None:
        with translated("store a block of the upload"):
            client.stage_block(number, data, length=len(data))

    _with_container(account, send)


def receive_list(
    account: Account, blob: str, block_list: bytes, name: str, content_type: str, folder: str = ""
) -> None:
    """Put Block List: the input becomes a blob; Conflict when there is another of that name already."""
    client = _input(account, blob)
    ids = re.findall(rb"<Latest>([A-Za-z0-9+/=]{1,88})</Latest>", block_list)
    if not 0 < len(ids) <= BLOCKS_LIMIT:
        raise InvalidInput("The upload's list of blocks is empty or too long.")
    numbers, metadata = [_decoded(number.decode()) for number in ids], _metadata(name, folder)
    try:
        with translated("finish the upload"):
            client.commit_block_list(
                [BlobBlock(number) for number in numbers],
                content_settings=ContentSettings(content_type=content_type),
                metadata=metadata,
                match_condition=MatchConditions.IfMissing,
            )
    except Conflict:
        with translated("look at the file"):
            there = [block.id for block in client.get_block_list("committed")[0]]
            if there != numbers or client.get_blob_properties().metadata != metadata:
                raise


def receive_blob(
    account: Account, blob: str, data: bytes, name: str, content_type: str, folder: str = ""
) -> None:
    """Put Blob: a small input at once; Conflict when there is another of that name already."""
    client, metadata = _input(account, blob), _metadata(name, folder)
    digest = hashlib.md5(data, usedforsecurity=False).digest()

    def send() -> None:
        with translated("store the upload"):
            client.upload_blob(
                data,
                length=len(data),
                overwrite=False,
                content_settings=ContentSettings(content_type=content_type, content_md5=bytearray(digest)),
                metadata=metadata,
            )

    try:
        _with_container(account, send)
    except Conflict:
        with translated("look at the file"):
            there = client.get_blob_properties()
        if bytes(there.content_settings.content_md5 or b"") != digest or there.metadata != metadata:
            raise


def _with_container(account: Account, send: Callable[[], None]) -> None:
    """Sends, and once more into a new container when that for inputs has been deleted."""
    try:
        send()
    except NotFound as error:
        if error.code != "ContainerNotFound":
            raise
        ensure_containers(account)
        send()


def _input(account: Account, blob: str) -> BlobClient:
    account.require_writable()
    if not _INPUT.fullmatch(blob):
        raise InvalidInput("This is not the name of an upload.")
    return account.blobs.get_blob_client(INPUTS, blob)


def _decoded(block_id: str) -> str:
    """The SDK encodes block ids itself, so it gets them decoded."""
    try:
        return b64decode(block_id, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidInput("This is not the id of a block.") from None


def _metadata(name: str, folder: str) -> dict[str, str]:
    """Both are base64url as the browser sends them; a folder that leads elsewhere than down is left out."""
    if not _META.fullmatch(name):
        raise InvalidInput("The upload's name is missing or not encoded.")
    kept = kept_folder(folder)
    return {"name": name} | ({"folder": encode_name(kept)} if kept else {})
