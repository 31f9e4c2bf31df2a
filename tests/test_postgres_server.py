"""The PostgreSQL server of the tests: separate databases, copies of a template, a crash, nothing left at the end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests import postgres_programs
from tests.postgres_server import PostgresServer, PostgresUnavailable, start_postgres

pytestmark = pytest.mark.postgres

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = start_postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()


async def ask(server: PostgresServer, database: str, statement: str) -> object:
    connection = await asyncpg.connect(server.asyncpg_dsn(database))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_two_databases_know_nothing_of_each_other(server: PostgresServer) -> None:
    await server.create_database("one")
    await server.create_database("two")
    await ask(server, "one", "CREATE TABLE only_here (id int)")
    assert await ask(server, "one", "SELECT to_regclass('only_here')::text") == "only_here"
    assert await ask(server, "two", "SELECT to_regclass('only_here')::text") is None


async def test_the_address_is_for_sqlalchemy(server: PostgresServer) -> None:
    assert server.dsn("one") == f"postgresql+asyncpg://postgres@127.0.0.1:{server.port}/one"


async def test_a_committed_row_survives_an_immediate_restart(server: PostgresServer) -> None:
    await server.create_database("crashed")
    await ask(server, "crashed", "CREATE TABLE kept (id int)")
    await ask(server, "crashed", "INSERT INTO kept VALUES (7)")
    port = server.port
    server.restart("immediate")
    assert server.port == port
    assert await ask(server, "crashed", "SELECT id FROM kept") == 7


async def test_a_template_is_filled_once_and_copied(server: PostgresServer) -> None:
    filled: list[str] = []

    async def fill(dsn: str) -> None:
        filled.append(dsn)
        await ask(server, "warroom_template", "CREATE TABLE migrated (id int)")

    await server.ensure_template("warroom_template", fill)
    await server.ensure_template("warroom_template", fill)
    await server.create_database("copy", template="warroom_template")
    assert filled == [server.dsn("warroom_template")]
    assert await ask(server, "copy", "SELECT to_regclass('migrated')::text") == "migrated"


async def test_a_template_whose_filling_failed_is_filled_again(server: PostgresServer) -> None:
    async def fail(dsn: str) -> None:
        raise ValueError("a migration is wrong")

    async def succeed(dsn: str) -> None:
        return None

    with pytest.raises(ValueError, match="a migration is wrong"):
        await server.ensure_template("second_template", fail)
    await server.ensure_template("second_template", succeed)
    await server.create_database("of_second", template="second_template")


async def test_dropping_throws_out_who_is_connected(server: PostgresServer) -> None:
    await server.create_database("dropped")
    connection = await asyncpg.connect(server.asyncpg_dsn("dropped"))
    await server.drop_database("dropped")
    await server.drop_database("dropped")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.fetchval("SELECT 1")
    connection.terminate()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await ask(server, "dropped", "SELECT 1")


async def test_during_an_outage_nobody_gets_in(server: PostgresServer) -> None:
    server.halt("fast")
    assert not is_listening(server.port)
    server.resume()
    assert await ask(server, "postgres", "SELECT 1") == 1


def test_the_last_one_out_stops_the_server(tmp_path: Path) -> None:
    first = start_postgres(tmp_path)
    second = start_postgres(tmp_path)  # as another worker would
    home = (tmp_path / "home").resolve()
    first.stop()
    assert second.port == first.port
    assert is_listening(second.port)
    second.stop()
    second.stop()
    assert not is_listening(second.port)
    assert not home.exists()


def test_a_killed_run_leaves_no_server(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from tests.postgres_server import start_postgres;"
        "print(start_postgres(pathlib.Path(sys.argv[1])).port, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stdout is not None
        port = int(run.stdout.readline())
        home = (tmp_path / "home").resolve()
        assert is_listening(port)
        os.kill(run.pid, signal.SIGKILL)
    deadline = time.monotonic() + 45
    while home.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not home.exists()
    assert not is_listening(port)


def test_a_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgres_programs.SETTINGS, "shared_buffers", "much")
    with pytest.raises(PostgresUnavailable, match="shared_buffers"):
        start_postgres(tmp_path)
    assert not (tmp_path / "home").is_symlink()
