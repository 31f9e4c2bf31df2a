"""Senders that never give up, the journal of what they were told, and the comparison with what is stored.

Every id is in the journal before it is sent. What was acknowledged must be stored once; what was refused or cut off is
sent again with the same id, as real senders do.
"""

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from sqlalchemy import text
from sqlmodel import func, select

from shared.store.models import Event, Feedback, Rollup
from tests.scenarios.warroom_process import BROWSER, WarroomProcess

GOOD = (200, 201, 202)
PAUSE_SECONDS = 0.02
PERSON = "person-of-the-load-0123456789"
WITHOUT_LIMITS = {
    "track_per_minute": 10_000_000,
    "feedback_per_visitor_hour": 1_000_000,
    "feedback_per_address_hour": 1_000_000,
    "feedback_overall_minute": 1_000_000,
}


@dataclass
class Journal:
    """What was sent and what was heard: `event`s of nobody, `known` ones of one person, or `feedback`."""

    kind: str = "event"
    sent: int = 0
    acknowledged: set[str] = field(default_factory=set)
    in_doubt: list[str] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    cut_off: int = 0
    without_retry_after: int = 0
    seconds: list[float] = field(default_factory=list)  # of each answer

    @property
    def longest_seconds(self) -> float:
        return max(self.seconds, default=0.0)

    def percentile(self, share: float) -> float:
        return percentile(self.seconds, share)


def percentile(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[int(share * (len(seconds) - 1))]


async def send(warroom: WarroomProcess, journal: Journal, sent_id: str) -> bool:
    """One try; whether it was acknowledged. The id goes back among the doubtful when it was not."""
    journal.sent += 1
    started = time.monotonic()
    try:
        path, body = _request(journal.kind, sent_id)
        async with warroom.http.post(path, data=body, headers=HEADERS) as answer:
            await answer.read()
    except (aiohttp.ClientError, OSError, TimeoutError):
        journal.cut_off += 1
        journal.in_doubt.append(sent_id)
        return False
    journal.seconds.append(time.monotonic() - started)
    journal.answers[answer.status] += 1
    if answer.status in GOOD:
        journal.acknowledged.add(sent_id)
        return True
    if answer.status in (429, 503) and "Retry-After" not in answer.headers:
        journal.without_retry_after += 1
    journal.in_doubt.append(sent_id)
    return False


HEADERS = {"User-Agent": BROWSER, "Content-Type": "application/json"}


def _request(kind: str, sent_id: str) -> tuple[str, str]:
    if kind != "feedback":
        event = f'{{"id":"{sent_id}","name":"page_view","page":"/load","view":"{sent_id}"}}'
        person = f'"person":"{PERSON}",' if kind == "known" else ""
        return "/track", f'{{"site":"docs",{person}"events":[{event}]}}'
    return "/feedback", f'{{"site":"docs","id":"{sent_id}","text":"The answer is {sent_id}"}}'


async def send_until(stop: asyncio.Event, warroom: WarroomProcess, journal: Journal) -> None:
    while not stop.is_set():
        sent_id = journal.in_doubt.pop() if journal.in_doubt else secrets.token_hex(12)
        if not await send(warroom, journal, sent_id):
            await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def under_load(warroom: WarroomProcess, *loads: tuple[Journal, int]) -> AsyncIterator[None]:
    """So many senders of each journal while the context is open; their last requests are waited for."""
    stop = asyncio.Event()
    senders = [
        asyncio.create_task(send_until(stop, warroom, journal)) for journal, count in loads for _ in range(count)
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*senders)


async def settle(warroom: WarroomProcess, *journals: Journal) -> None:
    """Sends everything again that is still in doubt; a healthy process takes it at once."""
    for journal in journals:
        waiting, journal.in_doubt = journal.in_doubt, []
        for sent_id in waiting:
            assert await send(warroom, journal, sent_id), f"{journal.kind} {sent_id} is refused"


def together(*journals: Journal) -> Journal:
    """What was heard by all of them, for a comparison."""
    heard = {sent_id for journal in journals for sent_id in journal.acknowledged}
    return Journal(acknowledged=heard, in_doubt=[sent_id for journal in journals for sent_id in journal.in_doubt])


async def check_against_store(warroom: WarroomProcess, events: Journal, feedback: Journal | None = None) -> None:
    """Everything acknowledged is stored once, nothing else is, the counters agree with the rows, the file is sound."""
    async with warroom.read() as session:
        stored = list((await session.execute(select(Event.event_id))).scalars())
        said = list((await session.execute(select(Feedback.text))).scalars())
        measures = await session.execute(select(Rollup.measure, func.sum(Rollup.count)).group_by(Rollup.measure))
        counted = {measure: int(count) for measure, count in measures.all()}
    assert compare(events, stored) == (0, 0)
    assert counted.get("page_view", 0) == len(stored)
    if feedback is not None:
        assert compare(feedback, [words.rsplit(" ", 1)[1] for words in said if words]) == (0, 0)
        assert counted.get("feedback", 0) == len(said)
    if warroom.settings.uses_sqlite:
        await check_file(warroom)


async def check_file(warroom: WarroomProcess) -> None:
    """What SQLite itself says of the file and of the keys that point from row to row."""
    async with warroom.read() as session:
        assert (await session.execute(text("PRAGMA integrity_check"))).scalars().all() == ["ok"]
        assert (await session.execute(text("PRAGMA foreign_key_check"))).all() == []


def compare(journal: Journal, stored: Sequence[str]) -> tuple[int, int]:
    """How many acknowledged ids are lost, and how many rows are too many."""
    known = set(stored)
    unknown = known - journal.acknowledged - set(journal.in_doubt)
    return len(journal.acknowledged - known), len(stored) - len(known) + len(unknown)


@dataclass
class HealthJournal:
    """How `/healthz` did all the while."""

    good: int = 0
    bad: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        return percentile(self.seconds, share)


@asynccontextmanager
async def watching_health(warroom: WarroomProcess, pause_seconds: float = 0.05) -> AsyncIterator[HealthJournal]:
    """Asks `/healthz` over a connection of its own, again and again."""
    journal = HealthJournal()

    async def watch() -> None:
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(warroom.base_url, timeout=timeout) as http:
            while True:
                started = time.monotonic()
                try:
                    async with http.get("/healthz") as answer:
                        await answer.read()
                        found = str(answer.status)
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    found = type(error).__name__
                journal.seconds.append(time.monotonic() - started)
                if found == "200":
                    journal.good += 1
                else:
                    journal.bad.append(found)
                await asyncio.sleep(pause_seconds)

    task = asyncio.create_task(watch())
    try:
        yield journal
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
