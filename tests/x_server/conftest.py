"""A fresh stand-in with a client and one person, Ada, for each test."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from tweepy.asynchronous import AsyncClient

from tests.x_server import User, XServer
from tests.x_server.loopback_client import LoopbackSession, MovableClock, make_client


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def server(clock: MovableClock) -> AsyncIterator[XServer]:
    async with XServer(clock=clock) as server:
        yield server


@pytest.fixture
async def client(server: XServer) -> AsyncIterator[AsyncClient]:
    client = make_client(server)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        client.session = LoopbackSession(session, server.url)
        yield client


@pytest.fixture
def ada(server: XServer) -> User:
    return server.add_user("ada", "Ada")
