"""Points discord.py, in this process, at the stand-in, and starts and stops a client cleanly."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.discord_server.driver import DiscordServer

ClientT = TypeVar("ClientT", bound=discord.Client)


@contextmanager
def library_points_at(server: DiscordServer) -> Iterator[None]:
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE = server.api_base
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


@asynccontextmanager
async def running(client: ClientT, server: DiscordServer) -> AsyncIterator[ClientT]:
    """The client, ready; closed again at the end, its task awaited."""
    task = asyncio.create_task(client.start(server.token))
    ready = asyncio.create_task(_wait_until_ready(client))
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        if task.done():
            await task
        await ready
        yield client
    finally:
        ready.cancel()
        await asyncio.gather(ready, return_exceptions=True)
        await client.close()
        await asyncio.gather(task, return_exceptions=True)


async def _wait_until_ready(client: discord.Client) -> None:
    """`wait_until_ready` raises before the login began."""
    while client._ready is discord.utils.MISSING:
        await asyncio.sleep(0)
    await client.wait_until_ready()
