"""Fixtures around a running Batch service. Test modules name this one in `pytest_plugins`."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest
from azure.batch import BatchClient
from azure.batch.models import BatchNodeState, BatchPoolCreateOptions

from tests.local_azure.service_running import POOL, RunningService, ServiceThread
from tests.waiting import until


@pytest.fixture(scope="session")
def service_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ffmpeg in it, as the supervisor makes one."""
    folder = tmp_path_factory.mktemp("bin")
    name = "ffmpeg.exe" if os.name == "nt" else "ffmpeg"
    shutil.copy2(imageio_ffmpeg.get_ffmpeg_exe(), folder / name)
    return folder


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, service_tools: Path) -> Iterator[RunningService]:
    """A service of the module's own, empty at first."""
    with ServiceThread(tmp_path_factory.mktemp("service"), service_tools) as running:
        yield running


@pytest.fixture(scope="module")
def service_client(service: RunningService) -> Iterator[BatchClient]:
    """The SDK's client on the module's service."""
    with service.client() as client:
        yield client


@pytest.fixture(scope="module")
def service_pool(service_client: BatchClient) -> str:
    """A pool with two idle nodes of two slots; its id."""
    body = {"id": "pool", **POOL, "targetDedicatedNodes": 2, "taskSlotsPerNode": 2}
    service_client.create_pool(BatchPoolCreateOptions(body))

    def idle() -> bool:
        states = [node.state for node in service_client.list_nodes("pool")]
        return states == [BatchNodeState.IDLE] * 2

    until(idle, what="two idle nodes")
    return "pool"
