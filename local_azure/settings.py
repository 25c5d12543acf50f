"""Names, keys and ports of the local account: made on first start, kept in DIR/endpoints.json ever after.

They are kept because clients store URLs with the port and a signature by the key in them.
"""

import base64
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local_azure.atomic import read_json, write_json
from local_azure.failures import StartFailure
from local_azure.ports import HOST, free_port

BATCH_ACCOUNT = "localbatch"
STORAGE_ACCOUNT = "localstorage"
_KEY_BYTES = 64  # as Azure's keys


@dataclass(frozen=True)
class Endpoint:
    """One service of the account: its name, its key in base64, its port on loopback."""

    account: str
    port: int
    key: str = field(repr=False)


@dataclass(frozen=True)
class Endpoints:
    """Both services, and whether this is their first start."""

    batch: Endpoint
    storage: Endpoint

    @property
    def batch_url(self) -> str:
        """The Batch account's URL, `http://127.0.0.1:PORT`."""
        return f"http://{HOST}:{self.batch.port}"

    @property
    def storage_url(self) -> str:
        """The Blob service's URL, `http://127.0.0.1:PORT/ACCOUNT`."""
        return f"http://{HOST}:{self.storage.port}/{self.storage.account}"

    def to_json(self) -> dict[str, Any]:
        """Return the ready line's object. It holds the keys."""
        return {
            "batch": {"account": self.batch.account, "key": self.batch.key, "url": self.batch_url},
            "storage": {"account": self.storage.account, "key": self.storage.key, "url": self.storage_url},
        }

    def with_storage_port(self, port: int) -> "Endpoints":
        """Return the same endpoints with another port for storage."""
        return replace(self, storage=replace(self.storage, port=port))


def path(data: Path) -> Path:
    """Where the endpoints of a data folder are kept."""
    return data / "endpoints.json"


def load(data: Path) -> Endpoints | None:
    """Return the kept endpoints, None before the first start. StartFailure when the file is damaged."""
    file = path(data)
    if not file.exists():
        return None
    try:
        value = read_json(file)
        return Endpoints(_endpoint(value["batch"]), _endpoint(value["storage"]))
    except (TypeError, KeyError, ValueError) as damage:
        raise StartFailure(
            f"{file} can't be read. It holds the keys and ports of the local account; "
            "delete it to have new ones made."
        ) from damage


def save(data: Path, endpoints: Endpoints) -> None:
    """Keep the endpoints, readable by their owner only. OSError when they can't be written."""
    write_json(path(data), endpoints.to_json())


def make(kept: Endpoints | None, batch_port: int | None, storage_port: int | None) -> Endpoints:
    """Return the endpoints of this start: asked-for ports before kept ones, kept ones before free ones."""
    if kept is None:
        kept = Endpoints(Endpoint(BATCH_ACCOUNT, 0, _new_key()), Endpoint(STORAGE_ACCOUNT, 0, _new_key()))
    batch = batch_port or kept.batch.port or free_port()
    storage = storage_port or kept.storage.port or free_port()
    if batch == storage:
        raise StartFailure(f"Batch and storage can't both use port {batch}. Choose two different ports.")
    return Endpoints(replace(kept.batch, port=batch), replace(kept.storage, port=storage))


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _endpoint(value: dict[str, str]) -> Endpoint:
    base64.b64decode(value["key"], validate=True)
    port = urlsplit(value["url"]).port
    if not port:
        raise ValueError("no port")
    return Endpoint(value["account"], port, value["key"])
