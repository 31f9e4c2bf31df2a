"""A real tweepy client that reaches the stand-in; for the tests of the stand-in itself."""

from datetime import UTC, datetime
from typing import Any

import aiohttp
from tweepy.asynchronous import AsyncClient
from yarl import URL

from tests.x_server import XServer


class LoopbackSession:
    """Stands where tweepy expects an aiohttp session, and sends its requests to the stand-in."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self._session = session
        self._origin = URL(origin)

    def request(self, method: str, url: str | URL, **options: Any) -> Any:
        address = URL(url)
        assert str(address.origin()) == "https://api.twitter.com"
        moved = address.with_scheme("http").with_host("127.0.0.1").with_port(self._origin.port)
        return self._session.request(method, moved, **options)

    async def close(self) -> None:
        await self._session.close()


class MovableClock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 2, 9, 30, 0, 123_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def make_client(server: XServer, **changed: str) -> AsyncClient:
    keys = server.credentials
    options = {
        "bearer_token": keys.bearer_token,
        "consumer_key": keys.consumer_key,
        "consumer_secret": keys.consumer_secret,
        "access_token": keys.access_token,
        "access_token_secret": keys.access_token_secret,
    }
    return AsyncClient(**(options | changed))


async def read_mentions(client: AsyncClient, server: XServer, **options: Any) -> Any:
    return await client.get_users_mentions(server.bot.id, user_auth=True, **options)
