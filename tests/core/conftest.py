"""What the core's tests share: the ffmpegs that conversions must run on."""

import pytest

from tests.core.media import FFMPEGS, program


@pytest.fixture(params=FFMPEGS)
def tool(request: pytest.FixtureRequest) -> str:
    """Each ffmpeg in turn: the one of this computer's nodes, and the packaged one that Azure's nodes get."""
    return program(request.param)
