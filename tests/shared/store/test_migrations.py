"""Migrations: the models' schema on both databases, a copy first, and no start on a newer schema."""

import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from shared.clock import ManualClock
from shared.config import Settings
from shared.errors import StartRefused
from shared.store.database import DATABASE_FILE, Store, own_data_dir
from shared.store.migrate import copy_database, migrate


async def test_migrations_make_the_schema_of_the_models(store: Store) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [
            difference
            for difference in compare_metadata(context, SQLModel.metadata)
            if "visitor_salt" not in str(difference)  # PostgreSQL only, see dialect.py
        ]

    async with store.writing_engine.begin() as connection:
        assert await connection.run_sync(differences) == []


async def test_migrating_twice_changes_nothing(store: Store, settings: Settings, clock: ManualClock) -> None:
    assert await migrate(settings, store.writing_engine, clock.now()) is False


async def test_a_newer_schema_is_refused_in_one_line(store: Store, settings: Settings, clock: ManualClock) -> None:
    async with store.writing_engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StartRefused) as refusal:
        await migrate(settings, store.writing_engine, clock.now())
    assert "9999" in str(refusal.value)
    assert "\n" not in str(refusal.value)


async def test_an_older_schema_is_copied_before_it_changes(
    store: Store, settings: Settings, clock: ManualClock
) -> None:
    if store.is_postgresql:
        return
    async with store.writing_engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        await connection.execute(text("INSERT INTO suppression VALUES ('kept', '2026-01-01 00:00:00')"))
    assert await migrate(settings, store.writing_engine, clock.now()) is True
    [copy] = (settings.store.data_dir / "copies").iterdir()
    assert copy.stat().st_mode & 0o077 == 0
    database = sqlite3.connect(copy)
    try:
        assert database.execute("SELECT identity_hash FROM suppression").fetchall() == [("kept",)]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        database.close()


async def test_only_the_newest_copies_are_kept(store: Store, settings: Settings, clock: ManualClock) -> None:
    if store.is_postgresql:
        return
    assert (settings.store.data_dir / DATABASE_FILE).exists()
    for _ in range(7):
        clock.advance(minutes=1)
        copy_database(settings.store.data_dir, "0001", clock.now())
    assert len(list((settings.store.data_dir / "copies").iterdir())) == 5


async def test_a_second_owner_of_the_file_is_refused(store: Store, settings: Settings) -> None:
    if store.is_postgresql:
        return
    with pytest.raises(StartRefused, match="already uses"):
        own_data_dir(settings.store.data_dir)
