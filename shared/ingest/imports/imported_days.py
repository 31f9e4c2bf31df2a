"""Which days of a site were counted here and which came from another product, so that no day counts twice."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.store.dialect import insert_if_new
from shared.store.models import EVENT_ROWS, ImportedDay, Rollup

EVENTS = "event"  # the measure that every stored event moves


async def first_own_day(session: AsyncSession, site: str) -> date | None:
    """The first day with events that were not imported."""
    imported = select(col(ImportedDay.local_day)).where(ImportedDay.site == site)
    own = select(func.min(Rollup.local_day)).where(
        Rollup.site == site, Rollup.measure == EVENTS, col(Rollup.local_day).not_in(imported)
    )
    return (await session.execute(own)).scalar_one_or_none()


async def days_with_events(session: AsyncSession, site: str, days: Collection[date]) -> set[date]:
    """Those of the days that have events, be they imported or not."""
    if not days:
        return set()
    midnight = {day: datetime.combine(day, time(), UTC) for day in (min(days), max(days))}
    found = select(col(Rollup.local_day)).where(
        Rollup.site == site,
        Rollup.measure == EVENTS,
        col(Rollup.hour) >= midnight[min(days)] - timedelta(days=1),  # in whatever zone
        col(Rollup.hour) < midnight[max(days)] + timedelta(days=2),
        col(Rollup.local_day).in_(days),
    )
    counted = await days_of_counters(session, site, days)
    return set((await session.execute(found.distinct())).scalars()) - counted


async def days_of_counters(session: AsyncSession, site: str, days: Collection[date]) -> set[date]:
    """Those of the days whose counters were imported, so that they have no rows."""
    query = select(col(ImportedDay.local_day)).where(
        ImportedDay.site == site, ImportedDay.part != EVENT_ROWS, col(ImportedDay.local_day).in_(days)
    )
    return set((await session.execute(query.distinct())).scalars())


async def mark_event_days(session: AsyncSession, site: str, source: str, days: Collection[date], now: datetime) -> None:
    """Marks days of which no event is stored yet: what is about to be stored on them is imported, and nothing else."""
    for day in sorted(set(days) - await days_with_events(session, site, days)):
        mark = ImportedDay(site=site, local_day=day, source=source, part=EVENT_ROWS, imported_at=now)
        await insert_if_new(session, mark)


async def is_new(session: AsyncSession, mark: ImportedDay, *, dry: bool) -> bool:
    """Whether this part of the day was not imported before; marks it unless `dry`."""
    if not dry:
        return await insert_if_new(session, mark)
    same = select(ImportedDay.site).where(
        ImportedDay.site == mark.site,
        ImportedDay.local_day == mark.local_day,
        ImportedDay.source == mark.source,
        ImportedDay.part == mark.part,
    )
    return (await session.execute(same)).first() is None
