"""Fixtures of all tests: a real database in a temporary folder, SQLite and PostgreSQL alike."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared.clock import ManualClock
from shared.config import Settings, load_settings
from shared.store.database import Store, open_store, own_data_dir
from shared.store.migrate import migrate

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)  # a Wednesday
DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[PostgresServer]":
    from tests.postgres_server import start_postgres

    server = start_postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()


SITES = [
    {"key": "docs", "name": "Example Docs", "hosts": ["docs.example"], "zone": "Europe/Berlin", "language": "en"},
    {"key": "blog", "name": "Example Blog", "hosts": ["blog.example"], "zone": "UTC", "language": "en"},
]


def make_settings(data_dir: Path, database_url: str = "", **sections: object) -> Settings:
    """Settings of a test: two sites, loopback, everything else as shipped."""
    environment = {"WARROOM_DATA_DIR": str(data_dir), "WARROOM_SECRET_KEY": "0" * 64}
    if database_url:
        environment["DATABASE_URL"] = database_url
    return load_settings(environment, None, **{"sites": SITES, **sections})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Empty for SQLite, the address of an empty database for PostgreSQL."""
    if request.param == "sqlite":
        yield ""
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"test_{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**9}"
    yield server.make_database(name)
    server.remove_database(name)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return make_settings(tmp_path / "data", database_url)


@pytest.fixture
async def store(settings: Settings, clock: ManualClock) -> AsyncIterator[Store]:
    """An open, migrated store of the tested database."""
    lock = own_data_dir(settings.store.data_dir) if settings.uses_sqlite else None
    opened = open_store(settings, lock)
    await migrate(settings, opened.writing_engine, clock.now())
    yield opened
    await opened.close()
