"""While PostgreSQL takes no connections, senders hear "try again", and everything works again by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.store.dialect import async_url
from tests.api.running_api import RunningApi, make_event
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.postgres


@pytest.fixture
async def database_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    name = "store_away"
    await postgres_server.create_database(name)
    yield postgres_server.dsn(name)
    await postgres_server.drop_database(name)


@asynccontextmanager
async def away(server: PostgresServer, name: str) -> AsyncIterator[None]:
    """Ends all connections of a database and lets no new ones in."""
    engine = create_async_engine(async_url(server.dsn("postgres")), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        ended = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        await connection.execute(ended, {"name": name})
        try:
            yield
        finally:
            await connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    await engine.dispose()


async def test_senders_are_told_to_try_again_until_it_is_back(api: RunningApi, postgres_server: PostgresServer) -> None:
    key = await api.make_key("events:write")
    assert (await api.track(make_event(), headers=key)).status == 202
    async with away(postgres_server, "store_away"):
        answers = [await api.track(make_event(), headers=headers) for headers in ({}, {}, key, key)]
        answers.append(await api.ask("POST", "/feedback", {"site": "docs", "text": "The search is slow"}))
        assert [answer.status for answer in answers] == [503] * 5
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
        assert (await api.ask("GET", "/readyz")).status == 503
        assert (await api.ask("GET", "/healthz")).status == 200
    assert (await api.track(make_event(), headers=key)).status == 202
    assert (await api.ask("GET", "/readyz")).status == 200
