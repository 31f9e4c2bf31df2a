"""The salts of visitor hashes: in no copy of the database, whichever way it is made, and gone from the disk in time."""

import asyncio
import json
import shutil
import sqlite3
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.guard.privacy import SALT_FILE
from shared.store.database import DATABASE_FILE
from tests.postgres_server import PostgresServer
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def visit(warroom: WarroomProcess, number: int) -> None:
    assert await warroom.track({"id": f"salted-{number:012}", "name": "page_view", "page": "/start"}) == 202


async def salts_of(warroom: WarroomProcess) -> dict[str, bytes]:
    """The salt of each day of the site."""
    if warroom.settings.uses_sqlite:
        kept = json.loads((warroom.settings.store.data_dir / SALT_FILE).read_text())
        return {day: bytes.fromhex(salt) for day, salt in kept["docs"].items()}
    async with warroom.read() as session:
        rows = (await session.execute(text("SELECT local_day, salt FROM visitor_salt"))).all()
    return {day.isoformat(): bytes(salt) for day, salt in rows}


def holds(copy: bytes, salt: bytes) -> bool:
    return salt in copy or salt.hex().encode() in copy.lower()


def copies_of(warroom: WarroomProcess, folder: Path) -> list[bytes]:
    """Copies of the running SQLite database by its API, by `VACUUM INTO`, and by hand as nobody should."""
    source = warroom.settings.store.data_dir / DATABASE_FILE
    connection = sqlite3.connect(source)
    by_api = sqlite3.connect(folder / "api.sqlite")
    connection.backup(by_api)
    by_api.close()
    connection.execute("VACUUM INTO ?", (str(folder / "vacuum.sqlite"),))
    connection.close()
    for path in source.parent.glob(f"{DATABASE_FILE}*"):
        shutil.copyfile(path, folder / path.name)
    return [path.read_bytes() for path in folder.iterdir()]


async def test_no_copy_holds_a_salt(tmp_path: Path, database_url: str, request: pytest.FixtureRequest) -> None:
    async with running_warroom(tmp_path / "run", database_url) as warroom:
        await visit(warroom, 1)
        salts = await salts_of(warroom)
        assert len(salts) >= 1
        if database_url:
            server: PostgresServer = request.getfixturevalue("postgres_server")
            dumped = await asyncio.to_thread(server.dump, database_url.rpartition("/")[2])
            assert "visitor_salt" in dumped  # the table is there, its rows are not
            copies = [dumped.encode()]
        else:
            folder = tmp_path / "copies"
            folder.mkdir()
            copies = copies_of(warroom, folder)
        assert all(b"page_view" in copy for copy in copies if len(copy) > 100_000)
        assert [day for day, salt in salts.items() for copy in copies if holds(copy, salt)] == []


async def test_salts_are_gone_from_the_disk_two_days_later(tmp_path: Path, database_url: str) -> None:
    async with running_warroom(tmp_path, database_url) as warroom:
        await visit(warroom, 1)
        before = await salts_of(warroom)
        newest = max(map(date.fromisoformat, before))
        file = await file_of_salts(warroom) if database_url else ""
        warroom.shift_clock(days=2)
        await visit(warroom, 2)
        await warroom.operator("run-job", name="purge")
        after = await salts_of(warroom)
        assert after
        assert all((date.fromisoformat(day) - newest).days >= 1 for day in after)
        if database_url:
            assert await file_of_salts(warroom) != file  # deleted rows would stay in the old one
        else:
            await warroom.stop()
            lying = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
            assert [day for day, salt in before.items() if holds(lying, salt)] == []


async def file_of_salts(warroom: WarroomProcess) -> str:
    """The file in which PostgreSQL keeps the table; another one after it was written anew."""
    async with warroom.read() as session:
        return str((await session.execute(text("SELECT pg_relation_filepath('visitor_salt')"))).scalar_one())
