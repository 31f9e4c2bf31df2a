"""The daily money budget of X: every call is paid for before it is made, and at the budget nothing more is called.

Amounts are millionths of a US dollar in Spend rows, one per UTC day and kind of call. A reading is reserved at its
worst price and settled afterwards: X charges each resource once a UTC day. What a crash leaves unsettled stays
counted, so the sum is never too low.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.clock import Clock
from shared.config import XSettings
from shared.messages import WAR_ROOM, Notice
from shared.store.database import Store
from shared.store.dialect import add_up
from shared.store.models import Spend
from shared.store.outbox import enqueue

PREFIX = "x:"
OWNED_READ, USER_READ, DM_EVENT_READ = "owned_read", "user_read", "dm_event_read"
SUMMONED_REPLY, DM_SEND = "summoned_reply", "dm_send"
MICRO = 1_000_000


class BudgetSpent(Exception):
    """Nothing more today; `until` is the next UTC midnight."""

    def __init__(self, until: datetime) -> None:
        super().__init__("the money budget of X for today is spent")
        self.until = until


@dataclass(frozen=True)
class Reserved:
    """Calls or resources that are paid for, by kind."""

    day: date
    counts: Mapping[str, int]


class XBudget:
    """One per running reader, shared with the channel."""

    def __init__(self, settings: XSettings, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._limit = to_micro(settings.daily_budget_usd)
        self._prices = {name: to_micro(price) for name, price in settings.prices.model_dump().items()}
        self._one_at_a_time = asyncio.Lock()  # on PostgreSQL two units could both see the same sum
        self._read_today: tuple[date, set[tuple[str, str]]] = (date.min, set())

    async def reserve(self, kind: str) -> Reserved:
        """Pays for one call; raises `BudgetSpent`."""
        return await self._take([kind], most=1, least=1)

    async def reserve_reading(self, kinds: Collection[str], most: int, least: int = 1) -> tuple[Reserved, int]:
        """Pays for a page of as many entries as the budget allows, each with all kinds; raises `BudgetSpent`."""
        reserved = await self._take(kinds, most, least)
        return reserved, max(reserved.counts.values())

    async def settle(self, reserved: Reserved, read: Mapping[str, Collection[str]]) -> None:
        """Gives back what was not used; `read` names the resources by kind."""
        fresh = {kind: self._count_fresh(reserved.day, kind, ids) for kind, ids in read.items()}
        rest = {kind: count - fresh.get(kind, 0) for kind, count in reserved.counts.items()}
        await self._store.writer.run(lambda session: self._book(session, reserved.day, rest, sign=-1))

    async def give_back(self, reserved: Reserved) -> None:
        """The call was certainly not made."""
        await self.settle(reserved, {})

    def next_day(self) -> datetime:
        tomorrow = self._clock.now().astimezone(UTC).date() + timedelta(days=1)
        return datetime.combine(tomorrow, time(), UTC)

    async def _take(self, kinds: Collection[str], most: int, least: int) -> Reserved:
        now = self._clock.now()
        day, price = now.astimezone(UTC).date(), sum(self._prices[kind] for kind in kinds)

        async def unit(session: AsyncSession) -> int:
            left = self._limit - await spent_on(session, day)
            size = min(most, left // price) if price else most
            if size < least or left < 0:
                await self._tell(session, day, now)
                return 0
            await self._book(session, day, dict.fromkeys(kinds, size))
            return size

        async with self._one_at_a_time:
            size = await self._store.writer.run(unit)
        if not size:
            raise BudgetSpent(self.next_day())
        return Reserved(day, dict.fromkeys(kinds, size))

    async def _book(self, session: AsyncSession, day: date, counts: Mapping[str, int], sign: int = 1) -> None:
        rows = [
            {"day": day, "item": PREFIX + kind, "calls": sign * count, "micro_usd": sign * count * self._prices[kind]}
            for kind, count in counts.items()
            if count
        ]
        await add_up(session, Spend, rows, ["calls", "micro_usd"])

    async def _tell(self, session: AsyncSession, day: date, now: datetime) -> None:
        notice = Notice(
            title="X has used its budget for today",
            text=f"Reading and answering on X stop at {self._limit / MICRO:.2f} US dollars a day (x.daily_budget_usd) "
            "and go on at 00:00 UTC. What arrives meanwhile is read then.",
            severity="warning",
        )
        await enqueue(session, notice, destination=WAR_ROOM, dedupe_key=f"x-budget:{day.isoformat()}", now=now)

    def _count_fresh(self, day: date, kind: str, ids: Collection[str]) -> int:
        """How many of the resources are charged: those not read before on this day."""
        if self._read_today[0] != day:
            self._read_today = (day, set())
        known = self._read_today[1]
        fresh = {(kind, resource) for resource in ids} - known
        known |= fresh
        return len(fresh)


async def spent_on(session: AsyncSession, day: date) -> int:
    """Millionths of a dollar spent or reserved on X on a UTC day."""
    query = select(func.coalesce(func.sum(Spend.micro_usd), 0))
    query = query.where(Spend.day == day, col(Spend.item).startswith(PREFIX))
    return int((await session.execute(query)).scalar_one())


def to_micro(dollars: float) -> int:
    return round(dollars * MICRO)
