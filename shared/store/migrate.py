"""Brings the schema up to date: copy first, migrate, and refuse a schema newer than this program."""

import os
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.config import Settings
from shared.errors import StartRefused
from shared.store.database import DATABASE_FILE
from shared.store.dialect import lock_for_migration

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
COPIES_KEPT = 5
DRAFT = "unfinished.sqlite"


def alembic_config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


async def migrate(settings: Settings, engine: AsyncEngine, now: datetime) -> bool:
    """Whether anything had to change. Raises `StartRefused` on a newer schema."""
    known = [path.name.partition("_")[0] for path in sorted((MIGRATIONS / "versions").glob("[0-9]*_*.py"))]
    head = known[-1]
    async with engine.begin() as connection:
        await lock_for_migration(connection)
        current = await connection.run_sync(_current_revision)
        if current == head:
            return False
        if current is not None and current not in known:
            raise StartRefused(
                f"The database was written by a newer Warroom (schema {current}, this program knows {head}); "
                "install that version again or restore an older copy."
            )
        if settings.uses_sqlite and current is not None:
            copy_database(settings.store.data_dir, current, now)
        await connection.run_sync(_upgrade)
    return True


def copy_database(data_dir: Path, revision: str, now: datetime) -> Path:
    """A copy by SQLite's backup API beside the database; the newest few are kept.

    It gets its name when it is whole and on the disk: nobody puts back half a copy that a crash left.
    """
    folder = data_dir / "copies"
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.glob(f"{DRAFT}*"):
        left.unlink()
    draft = folder / DRAFT
    _copy(data_dir / DATABASE_FILE, draft)
    draft.chmod(0o600)
    target = folder / f"before-migration-{revision}-{now:%Y%m%dT%H%M%S%f}.sqlite"
    _sync(draft)
    draft.rename(target)
    _sync(folder)
    for old in sorted(folder.glob("before-migration-*.sqlite"), key=lambda path: path.stat().st_mtime)[:-COPIES_KEPT]:
        old.unlink()
    return target


def _copy(database: Path, target: Path) -> None:
    source = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _current_revision(connection: Connection) -> str | None:
    """As Alembic keeps it; asked without Alembic, which is loaded only when there is something to do."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if revision is None else str(revision)


def _upgrade(connection: Connection) -> None:
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
