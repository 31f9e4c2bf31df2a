"""The bot's tests share one stage: the stand-in, a real runtime, the real client."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from shared.clock import ManualClock
from tests.bot.discord_stage import Stage, open_stage


@pytest.fixture(autouse=True)
def _library_addresses() -> Iterator[None]:
    """The client points the library at the stand-in; the next test must find it as it was."""
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    yield
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, yarl.URL(str(gateway))


@pytest.fixture
async def stage(tmp_path: Path, database_url: str, clock: ManualClock) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path / "data", database_url, clock) as opened:
        yield opened
        assert not opened.server.journal.unknown_routes
