"""Somebody with many events is erased while others send and their own tab is still open: it ends, and soon.

The own tab sends until the erasure is answered, so that events arrive between its units. What the tab sent is then
erased as well; from then on no trace of the person is left on the disk.
"""

import asyncio
import os
import time
from pathlib import Path

import aiohttp
import pytest

from tests.postgres_server import PostgresServer
from tests.scenarios.load import PERSON, WITHOUT_LIMITS, Journal, check_against_store, settle, under_load
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

EVENTS = int(os.environ.get("WARROOM_ERASED_EVENTS", "3000"))  # a release takes 100,000
SENDERS = 8
PROMISED_SECONDS = 60.0
PATIENCE = aiohttp.ClientTimeout(total=4 * PROMISED_SECONDS)
AT_ONCE = 100
CONFIG = {"limits": WITHOUT_LIMITS}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + EVENTS // 100)]


async def lying(warroom: WarroomProcess, server: PostgresServer | None, database_url: str) -> bytes:
    """Everything as it lies on the disk."""
    if server is not None:
        return (await asyncio.to_thread(server.dump, database_url.rpartition("/")[2])).encode()
    data = warroom.settings.store.data_dir
    return b"".join(path.read_bytes() for path in data.iterdir() if path.is_file())


async def live(warroom: WarroomProcess) -> None:
    for start in range(0, EVENTS, AT_ONCE):
        told = [
            {"id": f"lived-{number:06}", "name": "page_view", "page": "/start", "view": f"lived-{number:06}"}
            for number in range(start, min(EVENTS, start + AT_ONCE))
        ]
        assert await warroom.track(*told, person=PERSON) == 202
    assert (await warroom.send_feedback(text="I was here", person=PERSON))[0] == 201


async def erase(warroom: WarroomProcess) -> int:
    """How many events went."""
    body = {"site": "docs", "person": PERSON}
    async with warroom.http.post("/api/v1/privacy/erase", json=body, timeout=PATIENCE) as answer:
        told = await answer.json()
        assert answer.status in (200, 404), told
        return int(told["rows"].get("event", 0)) if answer.status == 200 else 0


async def test_an_erasure_under_load_ends_in_time(
    tmp_path: Path, database_url: str, server: PostgresServer | None
) -> None:
    others, own_tab = Journal(), Journal("known")

    async def is_gone() -> bool:
        return PERSON.encode() not in await lying(warroom, server, database_url)

    async with running_warroom(tmp_path, database_url, CONFIG) as warroom:
        await live(warroom)
        assert not await is_gone()
        async with under_load(warroom, (others, SENDERS)):
            async with under_load(warroom, (own_tab, 1)):
                await warroom.until(lambda: own_tab.acknowledged and len(others.acknowledged) >= SENDERS)
                started, known = time.monotonic(), len(own_tab.acknowledged)
                gone = await erase(warroom)
                answered = time.monotonic() - started
            gone += await erase(warroom)
            await warroom.until(is_gone, PROMISED_SECONDS)
            seconds = time.monotonic() - started
        await settle(warroom, others)
        await check_against_store(warroom, others)
    print(
        f"{gone} events: answered after {answered:.1f} s, no trace after {seconds:.1f} s, {len(others.seconds)} others"
    )
    assert gone == EVENTS + len(own_tab.acknowledged) >= EVENTS + known
    assert seconds <= PROMISED_SECONDS
