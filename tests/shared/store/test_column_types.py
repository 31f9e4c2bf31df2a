"""Columns that are short on SQLite give back exactly what was put in, on both databases."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import day_start
from shared.store.database import Store
from shared.store.models import Event, VisitorDay

MOMENT = datetime(2026, 3, 29, 1, 59, 59, 123000, tzinfo=UTC)
IDS = [
    "0b6f6e0e-8c1b-4a8e-9f5e-2d9c0a5b7c11",
    "0B6F6E0E-8c1b-4a8e-9f5e-2d9c0a5b7c11",
    "0b6f6e0e8c1b4a8e9f5e2d9c0a5b7c11",
    "0b6f6e0e-8c1b4a8e-9f5e-2d9c-0a5b7c11",
    "0.4fz8k3abcd12",
    "x" * 64,
]
VISITORS = [
    "0b6f6e0e8c1b4a8e9f5e2d9c0a5b7c11",
    "0B6F6E0E8C1B4A8E9F5E2D9C0A5B7C11",
    "ada",
    "0b6f6e0e 8c1b4a8e9f5e2d9c0a5b7c1",
]


@pytest.mark.parametrize("event_id", IDS)
async def test_an_event_comes_back_as_it_was(store: Store, event_id: str) -> None:
    props = {"a": 1, "b": "ä", "c": None, "d": True}

    async def unit(session: AsyncSession) -> None:
        for number, given in enumerate((props, {})):
            session.add(
                Event(
                    site=f"s{number}",
                    event_id=event_id,
                    name="own",
                    received_at=MOMENT,
                    occurred_at=MOMENT,
                    local_day=MOMENT.date(),
                    view=event_id,
                    props=given,
                )
            )

    await store.writer.run(unit)
    async with store.read() as session:
        found = select(Event).where(Event.event_id == event_id, Event.occurred_at == MOMENT).order_by(Event.site)
        one, other = (await session.execute(found)).scalars()
    assert (one.event_id, one.view, one.occurred_at, one.local_day) == (event_id, event_id, MOMENT, MOMENT.date())
    assert (one.props, other.props) == (props, {})


@pytest.mark.parametrize("visitor", VISITORS)
async def test_a_visitor_comes_back_as_it_was(store: Store, visitor: str) -> None:
    day = VisitorDay(site="docs", local_day=MOMENT.date(), visitor=visitor, hour=day_start(MOMENT.date(), "UTC"))

    async def unit(session: AsyncSession) -> None:
        session.add(day)

    await store.writer.run(unit)
    async with store.read() as session:
        query = select(VisitorDay.visitor, VisitorDay.hour).where(VisitorDay.visitor == visitor)
        assert tuple((await session.execute(query)).one()) == (visitor, datetime(2026, 3, 29, tzinfo=UTC))
