"""Recomputes one day of a site from its raw rows with the functions that counted it in the first place."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.derive.rollups.counting import Tally
from shared.derive.rollups.events import count_plain, count_views, count_visitor_days
from shared.derive.rollups.feedback import tally_feedback
from shared.derive.rollups.intake import INTAKE_MEASURES
from shared.errors import Conflict
from shared.event_catalogue import CLICK, PAGE_VIEW
from shared.guard.retention import refuse_purged_day
from shared.store.event_tables import run_in_session, tables_of
from shared.store.models import EVENT_ROWS, Event, Feedback, ImportedDay, PageView, Rollup, VisitorDay

CHUNK = 1000


async def rebuild(session: AsyncSession, site: str, day: date) -> None:
    """Recomputes views, visitor-days and all counters of a local day; intake measures stay.

    Raises `Conflict` for a day whose rows were removed for their age, or whose counters were imported.
    """
    await refuse_purged_day(session, day)
    await _refuse_imported_day(session, site, day)
    views = select(PageView.view).where(PageView.site == site, PageView.local_day == day)
    known_views = list((await session.execute(views)).scalars())
    await _clear(session, site, day)
    tally, tables = Tally(site), tables_of(session)
    same_site, that_day = col(Event.site) == site, col(Event.local_day) == day
    async for rows in _events(session, same_site, that_day):
        count_plain(tally, rows)
        await run_in_session(session, count_visitor_days(tables, tally, rows))
        await run_in_session(session, count_views(tables, tally, rows))
    for start in range(0, len(known_views), CHUNK):
        views_of_day = col(Event.view).in_(known_views[start : start + CHUNK])
        clicks = (col(Event.name).in_((PAGE_VIEW, CLICK)), col(Event.local_day) != day)
        async for rows in _events(session, same_site, views_of_day, *clicks):
            await run_in_session(session, count_views(tables, tally, rows))
    said = await session.execute(select(Feedback).where(Feedback.site == site, Feedback.local_day == day))
    for feedback in said.scalars():
        tally_feedback(tally, feedback)
    await tally.store(session)


async def _refuse_imported_day(session: AsyncSession, site: str, day: date) -> None:
    imported = select(ImportedDay.source).where(
        ImportedDay.site == site, ImportedDay.local_day == day, ImportedDay.part != EVENT_ROWS
    )
    source = (await session.execute(imported.limit(1))).scalar_one_or_none()
    if source is not None:
        raise Conflict(f"The counters of {day} were imported from {source}; there are no rows to count them from.")


async def _clear(session: AsyncSession, site: str, day: date) -> None:
    for table in (PageView, VisitorDay):
        await session.execute(delete(table).where(col(table.site) == site, col(table.local_day) == day))
    await session.execute(
        delete(Rollup).where(
            col(Rollup.site) == site,
            col(Rollup.local_day) == day,
            col(Rollup.measure).not_in(INTAKE_MEASURES),
        )
    )


async def _events(session: AsyncSession, *conditions: Any) -> AsyncIterator[list[dict[str, Any]]]:
    """Raw rows in the order in which they were stored, some at a time."""
    columns = list(Event.__table__.columns)  # type: ignore[attr-defined]
    last = 0
    while True:
        query = select(*columns).where(*conditions, col(Event.id) > last).order_by(col(Event.id)).limit(CHUNK)
        rows = [dict(row) for row in (await session.execute(query)).mappings()]
        if not rows:
            return
        yield rows
        last = rows[-1]["id"]
