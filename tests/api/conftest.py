"""The HTTP edge of a real runtime, listening on loopback."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from api.server import serve
from shared.clock import ManualClock
from shared.runtime import Runtime, build_runtime
from tests.api.running_api import RunningApi
from tests.conftest import make_settings
from tests.ports import free_port


@pytest.fixture
def server_settings() -> dict[str, object]:
    """Settings of `[server]` that a test file may replace."""
    return {}


@pytest.fixture
def limit_settings() -> dict[str, object]:
    """Settings of `[limits]` that a test file may replace."""
    return {}


@pytest.fixture
async def runtime(
    tmp_path: Path,
    database_url: str,
    clock: ManualClock,
    server_settings: dict[str, object],
    limit_settings: dict[str, object],
) -> AsyncIterator[Runtime]:
    """A runtime over the tested database."""
    server = {"port": free_port(), **server_settings}
    settings = make_settings(tmp_path / "data", database_url, server=server, limits=limit_settings)
    async with build_runtime(settings, clock) as built:
        yield built


@pytest.fixture
async def api(runtime: Runtime) -> AsyncIterator[RunningApi]:
    """The API of that runtime, asked over its socket."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serve(runtime))
        yield await stack.enter_async_context(RunningApi(runtime))
