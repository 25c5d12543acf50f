"""An account: the clients of one Batch and one Storage account, made from names, keys and URLs."""

import base64
import binascii
import hashlib
import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import urlsplit

from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient

from batch_core.errors import InvalidInput
from batch_core.transport import BatchRetry, StorageRetry, refuse_throttled, transport

Service = Literal["batch", "storage"]
MIB = 1024 * 1024

_NAME = re.compile(r"[a-z0-9]{3,24}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
TITLE = {"batch": "Batch", "storage": "Storage"}
_CLOUD_HOST = {"batch": ".batch.azure.", "storage": ".blob.core."}
SHAPE = {
    "batch": "It looks like https://NAME.REGION.batch.azure.com and stands on the account's Keys page.",
    "storage": "It looks like https://NAME.blob.core.windows.net.",
}


class AccountKind(StrEnum):
    """Alters words and defaults only, never the way."""

    LOCAL = "local"
    AZURE = "azure"


@dataclass(frozen=True)
class Endpoint:
    """Name, key (base64) and URL of a Batch or Storage account; made by `endpoint()`."""

    account: str
    key: str = field(repr=False)
    url: str


@dataclass(frozen=True, eq=False)
class Account:
    """The SDK clients of one Batch and one Storage account; made by `connect()`."""

    kind: AccountKind
    batch: BatchClient = field(repr=False)
    blobs: BlobServiceClient = field(repr=False)
    batch_endpoint: Endpoint
    storage_endpoint: Endpoint
    look_only: bool = False

    @property
    def name(self) -> str:
        """What people call it."""
        return "This computer" if self.kind is AccountKind.LOCAL else self.batch_endpoint.account

    @property
    def fingerprint(self) -> str:
        """16 hex digits that tell accounts (and keys) apart and that no key can be computed from."""
        digest = hashlib.sha256()
        for end in (self.batch_endpoint, self.storage_endpoint):
            for part in (end.url, end.account, end.key):
                digest.update(f"{len(part)}:{part}".encode())
        return digest.hexdigest()[:16]

    @property
    def handle(self) -> str:
        """The fingerprint, marked when the account may only be looked at: what links and page addresses carry,
        so that none of them comes back with more rights than it was made with."""
        return f"{self.fingerprint}-look" if self.look_only else self.fingerprint

    def require_writable(self) -> None:
        """Raises InvalidInput when the account was connected to look only."""
        if self.look_only:
            raise InvalidInput(
                "This account is connected to look only.",
                "Switch off “look only” on the Connect page to change anything.",
            )


def endpoint(service: Service, account: str, key: str, url: str) -> Endpoint:
    """Name, key and URL as people type or paste them, checked and in their usual form.

    https only, except on loopback. An empty Storage URL means the public cloud's. Raises InvalidInput.
    """
    title = TITLE[service]
    account = account.strip().lower()
    if not _NAME.fullmatch(account):
        raise InvalidInput(
            f"The name of the {title} account is missing or has other characters than it can have.",
            "A name is 3 to 24 lower-case letters and digits.",
        )
    key = "".join(key.split())
    try:
        decoded = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) < 16:
        raise InvalidInput(
            f"The key of the {title} account is missing or cut off.",
            "Copy it whole: letters, digits, + and /, most often with == at the end.",
        )
    if service == "storage" and not url.strip():
        url = f"https://{account}.blob.core.windows.net"
    return Endpoint(account, key, _checked_url(service, account, url.strip()))


def _checked_url(service: Service, account: str, url: str) -> str:
    title, shape = TITLE[service], SHAPE[service]
    if not url:
        raise InvalidInput(f"The URL of the {title} account is missing.", shape)
    if "://" not in url:
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    path = parts.path.rstrip("/")
    bare = not (parts.username or parts.password or parts.query or parts.fragment)
    allowed_path = not path or (service == "storage" and path == f"/{account}")
    if not (bare and allowed_path and (_HOST.fullmatch(host) or host == "::1")):
        raise InvalidInput(f"This is not the URL of a {title} account.", shape)
    if parts.scheme not in ("http", "https") or (parts.scheme == "http" and not is_loopback(host)):
        raise InvalidInput(
            f"The URL of the {title} account must start with https.",
            "Plain http is for this computer only: a key's signatures would be readable on the way.",
        )
    named = host.split(".")[0]
    if _CLOUD_HOST[service] in host and named != account:
        raise InvalidInput(
            f"The URL is that of account “{named}”, the name is “{account}”.", "Make them the same."
        )
    if service == "storage" and is_loopback(host):
        path = f"/{account}"  # an emulator on one host tells accounts apart by the path
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{path}"


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this computer, without asking DNS."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def connect(
    batch: Endpoint,
    storage: Endpoint,
    *,
    kind: AccountKind = AccountKind.AZURE,
    look_only: bool = False,
) -> Account:
    """The account's clients; nothing is sent yet."""
    return Account(
        kind=kind,
        batch=_batch_client(batch),
        blobs=_blob_client(storage),
        batch_endpoint=batch,
        storage_endpoint=storage,
        look_only=look_only,
    )


def _is_local(end: Endpoint) -> bool:
    return is_loopback(urlsplit(end.url).hostname or "")


def _batch_client(end: Endpoint, **options: Any) -> BatchClient:
    local = _is_local(end)
    return BatchClient(
        end.url,
        AzureNamedKeyCredential(end.account, end.key),
        transport=transport(local=local),
        retry_policy=BatchRetry(local=local),
        **options,
    )


def _blob_client(end: Endpoint) -> BlobServiceClient:
    local = _is_local(end)
    return BlobServiceClient(
        end.url,
        credential=AzureNamedKeyCredential(end.account, end.key),
        transport=transport(local=local),
        retry_policy=StorageRetry(local=local),
        raw_response_hook=refuse_throttled,
        # One Put Blob is faster on loopback and safe anywhere: 64 MiB is also the SDK's own limit for it.
        max_single_put_size=256 * MIB if local else 64 * MIB,
        max_block_size=8 * MIB,
        max_chunk_get_size=4 * MIB,
        max_single_get_size=4 * MIB,
    )
