"""kill -9 at 20 random moments under load: nothing acknowledged is lost, nothing is stored twice."""

import asyncio
import contextlib
import random
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from sqlmodel import func, select

from shared.store.models import Event, Feedback, Rollup
from tests.scenarios.warroom_process import BROWSER, WarroomProcess, running_warroom

KILLS = 20
SENDERS = 8
LIMITS = {
    "track_per_minute": 1_000_000,
    "feedback_per_visitor_hour": 1_000_000,
    "feedback_per_address_hour": 1_000_000,
    "feedback_overall_minute": 1_000_000,
}


@dataclass
class Journal:
    """What was sent and what was acknowledged; a refused or cut-off id is sent again later."""

    acknowledged: set[str] = field(default_factory=set)
    in_doubt: list[str] = field(default_factory=list)


async def send_until(stop: asyncio.Event, warroom: WarroomProcess, journal: Journal, kind: str) -> None:
    while not stop.is_set():
        sent_id = journal.in_doubt.pop() if journal.in_doubt else secrets.token_hex(12)
        try:
            status = await send(warroom, kind, sent_id)
        except (aiohttp.ClientError, OSError, TimeoutError):
            journal.in_doubt.append(sent_id)
            await asyncio.sleep(0.02)
            continue
        if status in (200, 201, 202):
            journal.acknowledged.add(sent_id)
        else:
            assert status == 503, status
            journal.in_doubt.append(sent_id)


async def send(warroom: WarroomProcess, kind: str, sent_id: str) -> int:
    if kind == "event":
        return await warroom.track({"id": sent_id, "name": "page_view", "page": "/load", "view": sent_id})
    body = {"site": "docs", "id": sent_id, "text": f"The answer is {sent_id}"}
    async with warroom.http.post("/feedback", json=body, headers={"User-Agent": BROWSER}) as answer:
        return answer.status


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path, database_url: str) -> None:
    chance = random.Random(11)
    events, feedback = Journal(), Journal()
    async with running_warroom(tmp_path, database_url, {"limits": LIMITS}) as warroom:
        for _ in range(KILLS):
            stop = asyncio.Event()
            senders = [asyncio.create_task(send_until(stop, warroom, events, "event")) for _ in range(SENDERS)]
            senders += [asyncio.create_task(send_until(stop, warroom, feedback, "feedback")) for _ in range(2)]
            acknowledged = len(events.acknowledged)
            await warroom.until(lambda before=acknowledged: len(events.acknowledged) > before)
            await asyncio.sleep(chance.uniform(0.02, 0.5))
            warroom.kill()
            stop.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*senders)
            await warroom.start()
        for journal, kind in ((events, "event"), (feedback, "feedback")):
            for sent_id in journal.in_doubt:
                assert await send(warroom, kind, sent_id) in (200, 201, 202)
                journal.acknowledged.add(sent_id)
        await check(warroom, events, feedback)


async def check(warroom: WarroomProcess, events: Journal, feedback: Journal) -> None:
    async with warroom.read() as session:
        stored = list((await session.execute(select(Event.event_id))).scalars())
        said = list((await session.execute(select(Feedback.text))).scalars())
        counted = await session.execute(select(func.sum(Rollup.count)).where(Rollup.measure == "page_view"))
        counted_feedback = await session.execute(select(func.sum(Rollup.count)).where(Rollup.measure == "feedback"))
    assert sorted(stored) == sorted(events.acknowledged)
    assert sorted(text.rsplit(" ", 1)[1] for text in said if text) == sorted(feedback.acknowledged)
    assert counted.scalar_one() == len(stored)
    assert counted_feedback.scalar_one() == len(said)
