"""What stories of stored data share."""

import pytest

from tests.postgres_server import PostgresServer


@pytest.fixture
def server(request: pytest.FixtureRequest, database_url: str) -> PostgresServer | None:
    """The PostgreSQL of the test; None on SQLite."""
    if not database_url:
        return None
    started: PostgresServer = request.getfixturevalue("postgres_server")
    return started
