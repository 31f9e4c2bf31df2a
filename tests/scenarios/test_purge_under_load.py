"""Old rows go in short units: whoever sends meanwhile hardly waits."""

import sqlite3
from pathlib import Path

import pytest
from sqlmodel import func, select

from shared.store.database import DATABASE_FILE
from shared.store.models import Event
from tests.scenarios.load import WITHOUT_LIMITS, Journal, check_file, under_load
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

DOUBLINGS = 15  # of one row: some 33,000
SENDERS = 8
LONGEST_SECONDS = 3.0  # fifteen times what one unit may take: two tests share the machine
CONFIG = {"limits": WITHOUT_LIMITS, "retention": {"event_days": 30, "page_view_days": 30, "visitor_day_days": 30}}


def grow_old(data_dir: Path) -> None:
    """Copies the one event of the database until there are many, of days whose time is over."""
    database = sqlite3.connect(data_dir / DATABASE_FILE)
    columns = [row[1] for row in database.execute("PRAGMA table_info(event)") if row[1] != "id"]
    fresh = {"event_id": "hex(randomblob(12))", "local_day": "local_day - 60"}
    chosen = ", ".join(fresh.get(name, name) for name in columns)
    for _ in range(DOUBLINGS):
        database.execute(f"INSERT INTO event ({', '.join(columns)}) SELECT {chosen} FROM event")
    database.commit()
    database.close()


async def count(warroom: WarroomProcess) -> int:
    async with warroom.read() as session:
        return int((await session.execute(select(func.count()).select_from(Event))).scalar_one())


@pytest.mark.slow
async def test_who_sends_meanwhile_hardly_waits(tmp_path: Path) -> None:
    async with running_warroom(tmp_path, "", CONFIG) as warroom:
        assert await warroom.track({"id": "the-first-event", "name": "page_view", "page": "/"}) == 202
        assert await warroom.stop() == 0
        grow_old(warroom.settings.store.data_dir)
        quiet, busy = Journal(), Journal()
        await warroom.start()
        async with under_load(warroom, (busy, SENDERS)):
            await warroom.operator("run-job", name="purge-old-rows")  # beside the one that each start begins with
            await warroom.until(lambda: len(busy.acknowledged) >= 100)
        async with under_load(warroom, (quiet, SENDERS)):
            await warroom.until(lambda: len(quiet.acknowledged) >= len(busy.acknowledged))
        assert await count(warroom) == 1 + len(busy.acknowledged) + len(quiet.acknowledged)
        await check_file(warroom)
    print(
        f"longest wait {busy.longest_seconds * 1000:.0f} ms while rows went, {quiet.longest_seconds * 1000:.0f} ms else"
    )
    assert set(busy.answers) == {202}
    assert busy.longest_seconds <= LONGEST_SECONDS
