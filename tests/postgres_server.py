"""A real PostgreSQL server for tests; works as root and as a normal user.

`start_postgres(folder)` starts the server of that folder, or joins it when another process of the same run (an xdist
worker) has started it already. The last process to leave stops it, and a watcher does when all have died without a
word, so nothing is left behind after a kill. The data is thrown away at the stop.
"""

import atexit
import fcntl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Literal

import asyncpg

from tests.postgres_programs import (
    HOST,
    SUPERUSER,
    PostgresUnavailable,
    find_free_port,
    init_data,
    is_last_user,
    locked,
    make_home,
    read_port,
    remove_server,
    start_server,
    start_watcher,
    stop_server,
)

__all__ = ["PostgresServer", "PostgresUnavailable", "StopMode", "start_postgres"]

StopMode = Literal["smart", "fast", "immediate"]

TEMPLATE_LOCK = 7_201_113  # the number of the advisory lock; any will do


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
