"""The Batch service on a free port of this process, with its real engine, and the unmodified SDK's client on it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import uvicorn
from azure.batch import BatchClient
from azure.batch.models import BatchTaskState
from azure.core.credentials import AzureNamedKeyCredential

from local_azure.batch.engine import Engine
from local_azure.batch.pace import Pace
from local_azure.batch.service import create_app
from local_azure.ports import listen
from tests.waiting import until

ACCOUNT = "localbatch"
KEY = base64.b64encode(b"the key of the service's tests").decode()
VERSION = "api-version=2025-06-01"
POOL = {
    "vmSize": "standard_d2s_v5",
    "virtualMachineConfiguration": {
        "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
        "nodeAgentSKUId": "batch.node.ubuntu 24.04",
    },
}

_HTTP = httpx.Client(verify=False, trust_env=False, timeout=20)  # made once: that takes longer than a request


@dataclass(frozen=True)
class RunningService:
    """A service that answers at `url`, with its engine living on the loop of another thread."""

    url: str
    engine: Engine

    def client(self, key: str = KEY) -> BatchClient:
        """The SDK's client on it."""
        return BatchClient(self.url, AzureNamedKeyCredential(ACCOUNT, key), retry_total=0)

    def send(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        key: str = KEY,
        base: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        """A raw request, signed by this module's own few lines; `target` is path and query, `_` in names is `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("ocp-date", format_datetime(datetime.now(UTC), usegmt=True))
        if body is not None:
            sent.setdefault("content-type", "application/json; odata=minimalmetadata")
            sent["content-length"] = str(len(body))
        if "authorization" not in sent:
            sent["authorization"] = signed(method, target, sent, key)
        return _HTTP.request(method, (base or self.url) + target, headers=sent, content=body)


def signed(method: str, target: str, headers: dict[str, str], key: str) -> str:
    """The Authorization header for a request to `target`."""
    path, _, query = target.partition("?")
    names = "content-encoding content-language content-length content-md5 content-type date if-modified-since"
    names += " if-match if-none-match if-unmodified-since range"
    text = "\n".join([method, *(headers.get(name, "") for name in names.split())]) + "\n"
    text += "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("ocp-"))
    text += f"/{ACCOUNT}{path}" + "".join(f"\n{name}:{value}" for name, value in sorted(parse_qsl(query)))
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"


class ServiceThread:
    """`with ServiceThread(data, tools) as service:` starts one and ends it with everything it started."""

    def __init__(self, data: Path, tools: Path, pace: Pace | None = None) -> None:
        self.data, self.tools, self.pace = data, tools, pace or Pace()
        self.listener = listen(0)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="service")
        self.ready = threading.Event()
        self.server: uvicorn.Server | None = None
        self.engine: Engine | None = None

    async def _serve(self) -> None:
        self.engine = Engine(self.data, ACCOUNT, self.url, self.tools, self.pace)
        app = create_app(self.engine, account=ACCOUNT, key=KEY, url=self.url)
        config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off")
        self.server = uvicorn.Server(config)
        await self.engine.start()
        self.ready.set()
        try:
            await self.server.serve(sockets=[self.listener])
        finally:
            await self.engine.stop()

    def __enter__(self) -> RunningService:
        self.thread.start()
        assert self.ready.wait(20), "the service did not start"
        assert self.engine is not None
        assert self.server is not None
        until(lambda: self.server.started, what="the service's first answer")  # type: ignore[union-attr]
        return RunningService(self.url, self.engine)

    def __exit__(self, *_: object) -> None:
        assert self.server is not None
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive(), "the service did not end"


def completed(client: BatchClient, job_id: str, task_id: str) -> None:
    """Wait until a task is completed."""
    until(
        lambda: client.get_task(job_id, task_id).state == BatchTaskState.COMPLETED,
        what=f"the end of {job_id}/{task_id}",
    )
