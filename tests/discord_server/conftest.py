"""The stand-in with its small world, and the small bot connected to it."""

from collections.abc import AsyncIterator

import pytest

from tests.discord_server import DiscordServer
from tests.discord_server.library import library_points_at, running
from tests.discord_server.sample_bot import Bot, Scene


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with DiscordServer() as server:
        with library_points_at(server):
            yield Scene(server)


@pytest.fixture
async def bot(scene: Scene) -> AsyncIterator[Bot]:
    async with running(Bot(), scene.server) as client:
        yield client
    assert scene.server.journal.unknown_routes == []
