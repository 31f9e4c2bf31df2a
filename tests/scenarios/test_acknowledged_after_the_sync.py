"""A sender hears "taken" after the rows are on the disk, never before: each of a thousand, by the order of events.

Each sync of the process takes 20 ms more than it would, so that a word that came too early would come far too early.
"""

import asyncio
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.config import PROJECT_DIR
from shared.store.database import Store
from tests.scenarios.disturbed_process import PROGRAM, disturbed, fault, safe_since
from tests.scenarios.load import WITHOUT_LIMITS, Journal, send
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

EVENTS, FEEDBACK = 1000, 60
SENDERS = 16
LONGER_SECONDS = 0.02

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def send_all(warroom: WarroomProcess, journal: Journal, waiting: list[str], heard: dict[str, float]) -> None:
    """One after the other; when each word came."""
    while waiting:
        sent_id = waiting.pop()
        assert await send(warroom, journal, sent_id)
        heard[sent_id] = time.monotonic()


async def test_the_sync_comes_before_the_word(tmp_path: Path) -> None:
    numbers = [f"safe-{number:05}" for number in range(EVENTS + FEEDBACK)]
    events, feedback = numbers[:EVENTS], numbers[EVENTS:]
    heard: dict[str, float] = {}
    async with running_warroom(
        tmp_path, "", {"limits": WITHOUT_LIMITS}, disturbed(tmp_path), program=PROGRAM
    ) as warroom:
        with fault(warroom, sync=(0, LONGER_SECONDS)):
            journals = [(Journal(), events)] * SENDERS + [(Journal("feedback"), feedback)] * 2
            await asyncio.gather(*(send_all(warroom, journal, waiting, heard) for journal, waiting in journals))
        safe = safe_since(warroom)
    assert len(heard) == EVENTS + FEEDBACK
    too_early = {sent_id for sent_id, moment in heard.items() if not safe.get(sent_id, moment) < moment}
    assert too_early == set()


async def test_every_commit_waits_for_the_disk(store: Store) -> None:
    """What PostgreSQL promises with this setting, its own tests show."""

    async def ask(session: AsyncSession) -> object:
        question = "SHOW synchronous_commit" if store.is_postgresql else "PRAGMA synchronous"
        return (await session.execute(text(question))).scalar_one()

    assert await store.writer.run(ask) == ("on" if store.is_postgresql else 2)


CARELESS = """
import sqlite3, sys
from pathlib import Path
from tests.scenarios.disturbed_process import Disturber
from tests.scenarios.watched_disk import watch_disk

folder = Path(sys.argv[1])
watch_disk().watcher = Disturber(folder / "faults.json")
database = sqlite3.connect(folder / "careless.sqlite", isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
for synchronous, sent_id in (("FULL", "safe-00001"), ("NORMAL", "safe-00002")):
    database.execute(f"PRAGMA synchronous={synchronous}")
    database.execute("CREATE TABLE IF NOT EXISTS sent (id)")
    database.execute("INSERT INTO sent VALUES (?)", (sent_id,))
    print(sent_id, (folder / "safe.txt").read_text().count(sent_id))
"""


def test_the_ledger_knows_a_database_that_does_not_sync(tmp_path: Path) -> None:
    """Without this, a ledger that notes everything would prove nothing."""
    program = [sys.executable, "-c", CARELESS, str(tmp_path)]
    ran = subprocess.run(program, cwd=PROJECT_DIR, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.splitlines() == ["safe-00001 1", "safe-00002 0"]
    database = sqlite3.connect(tmp_path / "careless.sqlite")
    assert database.execute("SELECT count(*) FROM sent").fetchone() == (2,)
    database.close()
