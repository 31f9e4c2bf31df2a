"""People whom tests of erasing make: they use the docs, are asked, answer, and are quoted."""

import json
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from shared.derive.rollups import count_events
from shared.ingest import identities
from shared.ingest.erasure import Erased, Eraser, Who
from shared.ingest.erasure import export_person as export_rows
from shared.messages import QuotedFeedback, Summary
from shared.store import models
from shared.store.models import Event, Feedback, OutboxMessage
from shared.store.outbox import enqueue
from tests.shared.decide.people import KEY
from tests.shared.ingest.intake import Desk

AWFUL = "This is terrible. I hate it, the xylophone docs are awful and useless."
ADA = "0123456789ada"
BEA = "0123456789bea"
TABLES: list[type[SQLModel]] = [
    table for name in models.__all__ if isinstance(table := getattr(models, name), type) and issubclass(table, SQLModel)
]


async def track(desk: Desk, consented_id: str, view: str) -> None:
    """A page view with a click on something marked, and a goal."""

    async def unit(session: AsyncSession) -> None:
        now = desk.clock.now()
        person_id, visitor = await identities.note_web_usage(session, desk.settings, KEY, desk.site, consented_id, now)
        common: dict[str, Any] = {
            "site": "docs",
            "received_at": now,
            "occurred_at": now,
            "local_day": now.date(),
            "visitor": visitor,
            "person_id": person_id,
            "view": view,
            "page": "/tutorial",
        }
        events = [
            Event(**common, event_id=f"{view}-1", name="page_view", marked=True),
            Event(**common, event_id=f"{view}-2", name="click", marked=True),
            Event(**common, event_id=f"{view}-3", name="conversion", goal="sign-up", value_cents=100),
        ]
        session.add_all(events)
        await session.flush()
        await count_events(session, "docs", [event.model_dump() for event in events])

    await desk.store.writer.run(unit)


async def live(desk: Desk) -> str:
    """Ada and Bea use the docs for a week, are asked and answer; the team read Ada's words. Ada's person id."""
    for consented_id in (ADA, BEA):
        await track(desk, consented_id, f"{consented_id}-a")
    desk.later(days=7)
    for consented_id in (ADA, BEA):
        await track(desk, consented_id, f"{consented_id}-b")
        prompt = await desk.ask_on_page(consented_id)
        assert prompt is not None
        await desk.send(AWFUL if consented_id == ADA else "I love it", prompt=prompt.id, person=consented_id, score=1)
    found = await desk.run(identities.find_identity, "web", f"docs/{ADA}")
    assert found is not None
    return str(found[1].id)


async def feedback_of(desk: Desk, person_id: str) -> Feedback:
    return next(row for row in await desk.rows(Feedback) if row.person_id == person_id)


async def post_summary(desk: Desk, *quoted: Feedback) -> None:
    """A summary that quotes these, waiting in the outbox."""
    quotes = [QuotedFeedback(feedback_id=row.id, text=row.text or "", why="newest", page=row.page) for row in quoted]
    now = desk.clock.now()
    summary = Summary(
        site="docs",
        site_name="Docs",
        period="daily",
        start=now.date(),
        end=now.date(),
        zone="UTC",
        figures=[],
        categories={},
        words=[("xylophone", 1), ("docs", 3)],
        quotes=quotes,
        asked={},
        open_alerts=[],
    )
    await desk.run(enqueue, summary, destination="war_room", dedupe_key=f"summary:{now}", now=now)


async def mark_all(desk: Desk, **values: Any) -> None:
    for row in await desk.rows(OutboxMessage):
        await desk.change(row, **values)


async def erase(desk: Desk, person_id: str) -> Erased:
    return await eraser_of(desk).erase_whom(Who(person_id), "member:m1")


def eraser_of(desk: Desk) -> Eraser:
    return Eraser(desk.settings, desk.clock, desk.store, KEY)


async def export_person(desk: Desk, person_id: str) -> dict[str, Any]:
    async with desk.store.read() as session:
        return await export_rows(session, KEY, Who(person_id))


async def dump(desk: Desk) -> str:
    """Every column of every row of every table."""
    return json.dumps([row.model_dump() for table in TABLES for row in await desk.rows(table)], default=str)


async def add_events(desk: Desk, count: int, **fields: Any) -> None:
    """So many counted events; `fields` are columns of all of them."""

    async def unit(session: AsyncSession) -> None:
        now = desk.clock.now()
        values = {"site": "docs", "received_at": now, "occurred_at": now, "local_day": now.date(), **fields}
        events = [Event(**{"event_id": f"{number}", "name": "page_view", **values}) for number in range(count)]
        session.add_all(events)
        await session.flush()
        await count_events(session, "docs", [event.model_dump() for event in events])

    await desk.store.writer.run(unit)
