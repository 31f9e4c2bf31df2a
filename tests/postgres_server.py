"""A real PostgreSQL server for tests; works as root and as a normal user.

`start_postgres(folder)` starts the server of that folder, or joins it when another process of the same run (an xdist
worker) has started it already. The last process to leave stops it, and a watcher does when all have died without a
word, so nothing is left behind after a kill. The data is thrown away at the stop.
"""

import asyncio
import atexit
import fcntl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Literal

import asyncpg
from alembic.script import ScriptDirectory

from shared.store.migrate import alembic_config
from tests.postgres_programs import (
    HOST,
    SUPERUSER,
    PostgresUnavailable,
    find_free_port,
    init_data,
    is_last_user,
    locked,
    make_home,
    program,
    read_port,
    remove_server,
    run_program,
    start_server,
    start_watcher,
    stop_server,
)

__all__ = ["PostgresServer", "PostgresUnavailable", "StopMode", "start_postgres"]

StopMode = Literal["smart", "fast", "immediate"]

EMPTY_DATABASE = """
SET lock_timeout = '5s';
SET session_replication_role = replica;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$
DECLARE item record;
BEGIN
  FOR item IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('DELETE FROM %I', item.tablename);
  END LOOP;
  FOR item IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', item.sequencename);
  END LOOP;
END $$
"""
TEMPLATE_LOCK = 7_201_113  # the number of the advisory lock; any will do


def newest_revision() -> str | None:
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def start_postgres(data_dir: Path) -> "PostgresServer":
    """Start the server kept in `data_dir`, or join it when it runs already. The folder is made when missing."""
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    server = PostgresServer(data_dir)
    try:
        server.join()
    except BaseException:
        server.stop()
        raise
    return server


class PostgresServer:
    """One process's hold on the server of a folder."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = 0
        # A link: as root the real folder is elsewhere, since pytest's folders admit nobody but their owner.
        self._home = data_dir / "home"
        self._users: IO[str] | None = None

    def dsn(self, database: str) -> str:
        """The address as the app's configuration takes it."""
        return f"postgresql+asyncpg://{SUPERUSER}@{HOST}:{self.port}/{database}"

    def asyncpg_dsn(self, database: str = "postgres") -> str:
        """The same address as asyncpg itself takes it."""
        return f"postgresql://{SUPERUSER}@{HOST}:{self.port}/{database}"

    async def create_database(self, name: str, template: str | None = None) -> None:
        """Make a database, as a copy of `template` when given; nobody may be connected to the template."""
        copied_from = f' TEMPLATE "{template}"' if template is not None else ""
        await self._run_sql(f'CREATE DATABASE "{name}"{copied_from}')

    async def drop_database(self, name: str) -> None:
        """Remove a database and throw out whoever is still connected; a missing one is fine."""
        await self._run_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def dump(self, database: str) -> str:
        """The database as SQL, the way the documentation tells owners to copy it. Blocks: see `asyncio.to_thread`."""
        options = ["--no-unlogged-table-data", "--no-owner", "-h", HOST, "-p", str(self.port), "-U", SUPERUSER]
        return run_program([program("pg_dump"), *options, database], self._home)

    async def restore(self, database: str, dumped: str) -> None:
        """Makes the database anew from such a dump."""
        await self.drop_database(database)
        await self.create_database(database)
        script = self._home / f"{database}.sql"
        script.write_text(dumped, "utf-8")
        script.chmod(0o644)
        options = ["-q", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", str(self.port), "-U", SUPERUSER, "-d", database]
        await asyncio.to_thread(run_program, [program("psql"), *options, "-f", script.name], self._home)
        script.unlink()

    async def has_database(self, name: str) -> bool:
        connection = await asyncpg.connect(self.asyncpg_dsn())
        try:
            return bool(await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name))
        finally:
            await connection.close()

    async def empty_database(self, name: str) -> None:
        """Throw everybody out, delete all rows but the schema's version, and restart all numbers."""
        connection = await asyncpg.connect(self.asyncpg_dsn(name))
        try:
            await connection.execute(EMPTY_DATABASE)
            versions = await connection.fetch("SELECT version_num FROM alembic_version")
            if [row["version_num"] for row in versions] != [newest_revision()]:
                raise asyncpg.DataError("the schema's version was changed")
        finally:
            await connection.close()

    async def ensure_template(self, name: str, fill: Callable[[str], Awaitable[None]]) -> None:
        """Make the template database once per server: the first caller fills it, the others wait for it.

        `fill` gets the `postgresql+asyncpg://` address and must close its connections.
        """
        connection = await asyncpg.connect(self.asyncpg_dsn())
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", TEMPLATE_LOCK)
            if await connection.fetchval("SELECT datistemplate FROM pg_database WHERE datname = $1", name):
                return
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{name}"')
            await fill(self.dsn(name))
            await connection.execute(f'ALTER DATABASE "{name}" WITH IS_TEMPLATE true')
        finally:
            await connection.close()

    def restart(self, mode: StopMode = "immediate") -> None:
        """Stop and start on the same port; "immediate" is a crash with recovery. Blocks: see `asyncio.to_thread`."""
        self.halt(mode)
        self.resume()

    def halt(self, mode: StopMode = "immediate") -> None:
        """Stop the server and keep its data, as an outage for everybody who shares it."""
        stop_server(self._home, mode)

    def resume(self) -> None:
        """Start the server again after `halt`."""
        start_server(self._home, self.port)

    def join(self) -> None:
        """Start the server or find the running one, and be counted among its users."""
        with locked(self.data_dir / "lock"):
            self._users = (self.data_dir / "users").open("w")
            atexit.register(self.stop)
            if is_last_user(self._users):
                remove_server(self._home)  # left over by a run that was killed together with its watcher
                self._home.symlink_to(make_home())
                start_watcher(self.data_dir)
                init_data(self._home)
                start_server(self._home, find_free_port())
            fcntl.flock(self._users, fcntl.LOCK_SH)
            self.port = read_port(self._home)

    def stop(self) -> None:
        """Leave; the last one out stops the server and removes its data. Twice is fine."""
        if self._users is None:
            return
        users, self._users = self._users, None
        atexit.unregister(self.stop)
        with locked(self.data_dir / "lock"), users:
            if is_last_user(users):
                remove_server(self._home)

    async def _run_sql(self, statement: str) -> None:
        connection = await asyncpg.connect(self.asyncpg_dsn())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
