"""The only place where SQLite and PostgreSQL differ in words."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Dialect, TextClause, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlmodel import SQLModel

MIGRATION_LOCK = 7_231_001
BUSY_MS = 2000  # waited for a lock of another program; then its senders hear "try again"
WAL_PAGES = 8000  # some 32 MB, then they move into the file: a pause of some milliseconds for a batch, so not too often


def insert_for(session: AsyncSession, table: type[SQLModel]) -> Any:
    """An INSERT that knows ON CONFLICT, for the session's database."""
    return insert_on(session.get_bind().dialect, table)


def insert_on(dialect: Dialect, table: type[SQLModel]) -> Any:
    """The same for a database."""
    return postgresql.insert(table) if is_postgresql(dialect) else sqlite.insert(table)


async def insert_if_new(session: AsyncSession, row: SQLModel) -> bool:
    """Inserts the row unless a unique key is taken already; whether it was inserted."""
    result = await session.execute(insert_for(session, type(row)).values(**_values(row)).on_conflict_do_nothing())
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]


def _values(row: SQLModel) -> dict[str, Any]:
    columns = type(row).__table__.columns  # type: ignore[attr-defined]
    values = {column.key: getattr(row, column.key) for column in columns}
    return {key: value for key, value in values.items() if value is not None or not columns[key].primary_key}


async def add_up(
    session: AsyncSession, table: type[SQLModel], rows: Sequence[Mapping[str, Any]], add: Sequence[str]
) -> None:
    """Inserts counters or adds to those that stand; sorted by key, so that two replicas never deadlock."""
    if not rows:
        return
    keys = [column.key for column in table.__table__.primary_key.columns]  # type: ignore[attr-defined]
    ordered = sorted(rows, key=lambda row: tuple(str(row[key]) for key in keys))
    await session.execute(adding_insert(session.get_bind().dialect, table, add), [dict(row) for row in ordered])


def adding_insert(dialect: Dialect, table: type[SQLModel], add: Sequence[str]) -> Any:
    """An INSERT of counters that adds to those that stand."""
    columns = table.__table__  # type: ignore[attr-defined]
    statement = insert_on(dialect, table)
    return statement.on_conflict_do_update(
        index_elements=[column.key for column in columns.primary_key.columns],
        set_={name: columns.c[name] + statement.excluded[name] for name in add},
    )


def kept_by_key() -> dict[str, Any]:
    """An argument of a table: SQLite keeps the rows in the index of their primary key, and nothing beside it."""
    return {"sqlite_with_rowid": False}


def where_set(column: str) -> dict[str, Any]:
    """Arguments of an index that holds only the rows in which a column is not NULL."""
    condition = text(f"{column} IS NOT NULL")
    return {"sqlite_where": condition, "postgresql_where": condition}


def where_marked(column: str) -> dict[str, Any]:
    """Arguments of an index that holds only the rows whose `ShortHex` has a mark; see `is_marked`."""
    return {"sqlite_where": is_marked(column), "postgresql_where": is_marked(column)}


def is_marked(column: str) -> TextClause:
    """Whether a `ShortHex` has a mark: 33 characters, which SQLite keeps in 17 bytes.

    A query finds its index only if it says this in the same words.
    """
    return text(f"length({column}) IN (17, 33)")


def prepare_sqlite(engine: AsyncEngine, *, writes: bool) -> None:
    """FULL durability in WAL; one connection writes and checkpoints, the others may only read."""
    pragmas = ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"]
    pragmas += [f"busy_timeout={BUSY_MS}"]
    if writes:
        pragmas += ["secure_delete=ON", f"wal_autocheckpoint={WAL_PAGES}"]
    else:
        pragmas += ["wal_autocheckpoint=0", "query_only=ON"]

    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin or commit by itself
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


async def lock_for_migration(connection: AsyncConnection) -> None:
    """Two replicas that start together migrate once; SQLite has one owner anyway."""
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")


def begin_at_once(connection: sqlite3.Connection) -> bool:
    """Begins a transaction unless another program is writing, for which it does not wait."""
    connection.execute("PRAGMA busy_timeout=0")
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False  # the thread finds out whether it is more than that
    finally:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    return True


def truncate_wal(connection: sqlite3.Connection) -> bool:
    """Moves SQLite's WAL into the file and empties it, so that erased rows are in neither; False while readers use it.

    On the writing connection, outside of a transaction.
    """
    connection.execute("PRAGMA busy_timeout=0")  # intake must not wait for a long reader
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
    finally:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    return not busy


def first_problem(connection: sqlite3.Connection) -> str | None:
    """What SQLite finds wrong first with the whole file, its indexes last: they take some times as long."""
    connection.text_factory = lambda text: text.decode("ascii", "replace")  # names may be damaged as well
    for check in ("quick_check", "integrity_check"):
        found = str(connection.execute(f"PRAGMA {check}(1)").fetchone()[0])
        if found != "ok":
            return found.splitlines()[-1]
    return None


# The first letters of what PostgreSQL says when it is away: connection lost, no resources, stopping or starting,
# takes no connections.
AWAY = ("08", "53", "57", "55000")
CLOSED_UNDER_US = ("InterfaceError", "InternalClientError")  # the driver's own, without letters: the connection ended


def is_unavailable(error: BaseException) -> bool:
    """Whether the database cannot be reached now, as the driver says it; while connecting it is not wrapped."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout | OSError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if type(error).__module__.startswith("asyncpg.") and type(error).__name__ in CLOSED_UNDER_US:
        return True
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "").startswith(AWAY)


# What PostgreSQL says to a wrong user or password, and to the name of a database that is not there.
REFUSED = ("28", "3D")


def cannot_open(error: BaseException) -> bool:
    """Whether the database does not let this process in, or a SQLite file is not one."""
    if is_unavailable(error) or type(error) is DatabaseError:
        return True
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "").startswith(REFUSED)


async def database_bytes(session: AsyncSession) -> int:
    """How large the database is, in bytes."""
    if session.get_bind().dialect.name == "postgresql":
        return int((await session.execute(text("SELECT pg_database_size(current_database())"))).scalar_one())
    pages = (await session.execute(text("PRAGMA page_count"))).scalar_one()
    return int(pages) * int((await session.execute(text("PRAGMA page_size"))).scalar_one())


def is_postgresql(dialect: Dialect) -> bool:
    return dialect.name == "postgresql"


def async_url(url: str) -> str:
    """The asyncpg form of a PostgreSQL address as platforms give it."""
    for prefix in ("postgres://", "postgresql://", "postgresql+asyncpg://"):
        if url.startswith(prefix):
            return "postgresql+asyncpg://" + url.removeprefix(prefix)
    raise ValueError("the database address must begin with postgresql://")


def create_salt_table(connection: Connection) -> None:
    """Salts of visitor hashes on PostgreSQL: UNLOGGED, so neither in the WAL nor in a base backup."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "CREATE UNLOGGED TABLE visitor_salt"
            " (site text NOT NULL, local_day date NOT NULL, salt bytea NOT NULL, PRIMARY KEY (site, local_day))"
        )


def drop_salt_table(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DROP TABLE visitor_salt")


async def keep_salt(session: AsyncSession, site: str, day: date, fresh: bytes) -> bytes:
    """The stored salt of that day, or `fresh` once it is stored; replicas agree on the first one."""
    await session.execute(
        text("INSERT INTO visitor_salt (site, local_day, salt) VALUES (:site, :day, :salt) ON CONFLICT DO NOTHING"),
        {"site": site, "day": day, "salt": fresh},
    )
    stored = await session.execute(
        text("SELECT salt FROM visitor_salt WHERE site = :site AND local_day = :day"), {"site": site, "day": day}
    )
    return bytes(stored.scalar_one())


async def days_with_salts(session: AsyncSession, site: str | None = None) -> set[date]:
    """The days of the salts that are left, of one site or of all."""
    query, values = "SELECT DISTINCT local_day FROM visitor_salt", {"site": site}
    if site is not None:
        return set((await session.execute(text(f"{query} WHERE site = :site"), values)).scalars())
    return set((await session.execute(text(query))).scalars())


async def remove_salts_before(session: AsyncSession, oldest: date, site: str | None = None) -> int:
    """Of one site, or of all."""
    statement, values = "DELETE FROM visitor_salt WHERE local_day < :oldest", {"oldest": oldest, "site": site}
    if site is not None:
        statement += " AND site = :site"
    else:
        del values["site"]
    removed = await session.execute(text(statement), values)
    return int(removed.rowcount)  # type: ignore[attr-defined]


async def rewrite_salts(session: AsyncSession) -> None:
    """Puts what is left into a new file: a deleted row stays in the old one until it happens to be overwritten."""
    await session.execute(text("LOCK TABLE visitor_salt IN ACCESS EXCLUSIVE MODE"))
    left = (await session.execute(text("SELECT site, local_day, salt FROM visitor_salt"))).mappings().all()
    await session.execute(text("TRUNCATE visitor_salt"))
    if left:
        insert = text("INSERT INTO visitor_salt (site, local_day, salt) VALUES (:site, :local_day, :salt)")
        await session.execute(insert, [dict(row) for row in left])
