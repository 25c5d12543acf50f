"""The Batch service on its port: engine, application and HTTP server put together."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from local_azure.batch.engine import Engine
from local_azure.batch.pace import Pace
from local_azure.batch.quota import Quota
from local_azure.batch.service import create_app
from local_azure.failures import StartFailure
from local_azure.settings import Endpoints

_KEEP_ALIVE = 75  # seconds; longer than clients keep idle connections
_LAST_ANSWERS_WITHIN = 2  # seconds
_ENDED = "The Batch service ended by itself."


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the supervisor's."""
        yield


class BatchServer:
    """Starts and stops the Batch service; `engine.busy()` tells whether a task runs."""

    def __init__(self, data: Path, tools: Path, endpoints: Endpoints):
        account = endpoints.batch
        self.engine = Engine(
            data_dir=data / "batch",
            account_name=account.account,
            account_url=endpoints.batch_url,
            tool_dir=tools,
            pace=Pace(data / "pace.json"),
            quota=Quota(data / "quota.json"),
        )
        app = create_app(self.engine, account=account.account, key=account.key, url=endpoints.batch_url)
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,  # the service writes its own
                http="h11",
                ws="none",
                lifespan="off",
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_LAST_ANSWERS_WITHIN,
            )
        )
        self._serving: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self, listener: socket.socket, failed: Callable[[StartFailure], None]) -> None:
        """Recover what an earlier service left, then answer requests; `failed` is called when that ends by itself."""
        await self.engine.start()
        gc.collect()
        gc.freeze()  # what is there now stays: looking it through again and again would hold up answers by 50 ms
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        self._serving.add_done_callback(lambda _: None if self._stopping else failed(StartFailure(_ENDED)))
        while not self._server.started:
            if self._serving.done():
                await self._serving
                raise StartFailure(_ENDED)
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Answer what has been asked, then end every task."""
        self._stopping = True
        if self._serving is not None:
            self._server.should_exit = True
            await self._serving
        await self.engine.stop()
