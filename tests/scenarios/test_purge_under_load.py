"""Old rows go in short units: whoever sends meanwhile hardly waits.

Some layers of rows grow old one after the other. Before each purge and during it the same senders are timed, so that
what else the machine does falls on both.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import func, select

from shared.guard.retention import LAST_PURGE
from shared.store.database import DATABASE_FILE
from shared.store.models import Event, StateValue
from tests.scenarios.load import WITHOUT_LIMITS, Journal, check_file, under_load
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

LAYER_DAYS = (25, 20, 15)  # how old rows are at first
RETENTION_DAYS = 30
ROWS = int(os.environ.get("WARROOM_PURGED_ROWS", "6000"))  # of all layers; a release takes 60,000 and a quiet machine
IS_LONG = "WARROOM_PURGED_ROWS" in os.environ
SENDERS = 8
LONGEST_SECONDS = 3.0  # fifteen times what one unit may take: two tests share the machine
PROMISED_RATIO, SLOWER = 2.0, 5.0
SHORT_SECONDS = 0.2  # what one unit may take: a p99 below it is no wait, whatever it is a multiple of
KEPT = dict.fromkeys(("event_days", "page_view_days", "visitor_day_days"), RETENTION_DAYS)
CONFIG = {"limits": WITHOUT_LIMITS, "retention": KEPT}


def lay_old_rows(data_dir: Path) -> None:
    """Copies the one event of the database until there are many, of each age the same number."""
    database = sqlite3.connect(data_dir / DATABASE_FILE)
    columns = [row[1] for row in database.execute("PRAGMA table_info(event)") if row[1] != "id"]
    numbers = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?)"
    for days in LAYER_DAYS:
        fresh = {"event_id": "hex(randomblob(12))", "local_day": f"local_day - {days}"}
        chosen = ", ".join(fresh.get(name, name) for name in columns)
        copy = f"{numbers} INSERT INTO event ({', '.join(columns)}) SELECT {chosen} FROM n, first"
        database.execute(
            copy.replace(" INSERT", ", first AS (SELECT * FROM event WHERE id = 1) INSERT"), (rows_each(),)
        )
    database.commit()
    database.close()


def rows_each() -> int:
    return ROWS // len(LAYER_DAYS)


async def count(warroom: WarroomProcess) -> int:
    async with warroom.read() as session:
        return int((await session.execute(select(func.count()).select_from(Event))).scalar_one())


@asynccontextmanager
async def with_old_rows(folder: Path) -> AsyncIterator[WarroomProcess]:
    async with running_warroom(folder, "", CONFIG) as warroom:
        assert await warroom.track({"id": "the-first-event", "name": "page_view", "page": "/"}) == 202
        assert await warroom.stop() == 0
        await asyncio.to_thread(lay_old_rows, warroom.settings.store.data_dir)
        before = await last_purge(warroom)
        await warroom.start()
        await warroom.until(lambda: purged_since(warroom, before))  # the one that each start begins with
        yield warroom


async def last_purge(warroom: WarroomProcess) -> Any:
    async with warroom.read() as session:
        return (
            await session.execute(select(StateValue.value).where(StateValue.key == LAST_PURGE))
        ).scalar_one_or_none()


async def purged_since(warroom: WarroomProcess, before: Any) -> bool:
    return bool(await last_purge(warroom) != before)


async def purge_a_layer(warroom: WarroomProcess, days: int, quiet: Journal, busy: Journal) -> dict[str, Any]:
    """The clock moves on until these rows are too old; then as many events without the purge as with it."""
    warroom.shift_clock(days=days)
    async with under_load(warroom, (quiet, SENDERS)):
        await warroom.until(lambda before=len(quiet.seconds): len(quiet.seconds) >= before + 100)
    async with under_load(warroom, (busy, SENDERS)):
        done: dict[str, Any] = await warroom.operator("run-job", name="purge-old-rows")
    async with under_load(warroom, (quiet, SENDERS)):
        await warroom.until(lambda: len(quiet.seconds) >= len(busy.seconds), 120)
    return done


@pytest.mark.slow
@pytest.mark.timeout(900 if IS_LONG else 240)
async def test_who_sends_meanwhile_hardly_waits(tmp_path: Path) -> None:
    quiet, busy = Journal(), Journal()
    async with with_old_rows(tmp_path) as warroom:
        ages = [RETENTION_DAYS + 2 - days for days in LAYER_DAYS]
        for age, before in zip(ages, [0, *ages], strict=False):
            done = await purge_a_layer(warroom, age - before, quiet, busy)
            assert done["done"] >= rows_each()
        assert await count(warroom) == 1 + len(busy.acknowledged) + len(quiet.acknowledged)
        await check_file(warroom)
    p99, p99_else = busy.percentile(0.99), quiet.percentile(0.99)
    for journal, name in ((busy, "while rows went"), (quiet, "else")):
        known = f"p99 {journal.percentile(0.99) * 1000:.1f} ms, longest {journal.longest_seconds * 1000:.0f} ms"
        print(f"{known} of {len(journal.seconds)} {name}")
    assert set(busy.answers) == {202}
    assert busy.longest_seconds <= LONGEST_SECONDS
    assert p99 <= max(PROMISED_RATIO * (1 if IS_LONG else SLOWER) * p99_else, 0 if IS_LONG else SHORT_SECONDS)
