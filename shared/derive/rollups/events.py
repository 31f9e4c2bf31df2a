"""Counts events: plain counts, views with clicks, and visitors of a day.

A view and a visitor-day count once; both are attributed to the hour in which they were first seen, so
that a rate over any hours never has more hits than cases.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.derive.rollups.counting import Tally, hour_of
from shared.event_catalogue import CLICK, CONVERSION, ENGAGEMENT, EXPOSURE, PAGE_VIEW, SEQUENCE_STEP
from shared.store.dialect import insert_if_new
from shared.store.models import PageView, VisitorDay

EventRow = Mapping[str, Any]  # column name -> value of an `Event`


async def count_events(session: AsyncSession, site: str, rows: Sequence[EventRow]) -> None:
    """Counts newly stored events of one site, in their order."""
    tally = Tally(site)
    count_plain(tally, rows)
    await count_views(session, tally, rows)
    await count_visitor_days(session, tally, rows)
    await tally.store(session)


def count_plain(tally: Tally, rows: Iterable[EventRow]) -> None:
    """Everything that is a plain sum over events."""
    for row in rows:
        hour, day, name = hour_of(row["occurred_at"]), row["local_day"], row["name"]
        tally.add("event", hour, day, name)
        if name == PAGE_VIEW:
            tally.add("page_view", hour, day)
            tally.add("page", hour, day, row["page"] or "/")
            if row["referrer"]:
                tally.add("source", hour, day, row["referrer"])
        elif name == ENGAGEMENT:
            tally.add("engaged_ms", hour, day, total=row["engaged_ms"] or 0)
        elif name == CONVERSION:
            tally.add("conversion", hour, day, row["goal"] or "", total=row["value_cents"] or 0)
        elif name == EXPOSURE:
            tally.add("exposure", hour, day, f"{row['experiment']}:{row['variant']}")
        elif name == SEQUENCE_STEP:
            _count_step(tally, row, hour, day)


def _count_step(tally: Tally, row: EventRow, hour: datetime, day: date) -> None:
    sequence, step = row["sequence"], row["step"]
    if row["done"]:
        tally.add("sequence_step_done", hour, day, f"{sequence}#{step}")
        if row["steps"] is not None and step == row["steps"]:
            tally.add("sequence_done", hour, day, sequence)
        return
    tally.add("sequence_step", hour, day, f"{sequence}#{step}")
    if step == 1:
        tally.add("sequence_started", hour, day, sequence)


async def count_views(session: AsyncSession, tally: Tally, rows: Iterable[EventRow]) -> None:
    """Views of pages that have a marked element, and those in which one was clicked."""
    for row in rows:
        if row["view"] is None or row["name"] not in (PAGE_VIEW, CLICK) or not row["marked"]:
            continue
        view = await _ensure_view(session, tally, row)
        if row["name"] == CLICK and not view.clicked:
            await _note_once(session, view, "clicked")
            tally.add("clicked_view", view.hour, view.local_day)


async def _ensure_view(session: AsyncSession, tally: Tally, row: EventRow) -> PageView:
    """The view of a marked page; a click that overtakes its page view makes it too."""
    site, view = tally.site, row["view"]
    fresh = PageView(
        site=site,
        view=view,
        local_day=row["local_day"],
        hour=hour_of(row["occurred_at"]),
        person_id=row["person_id"],
        has_marked=True,
    )
    if await insert_if_new(session, fresh):
        tally.add("marked_view", fresh.hour, fresh.local_day)
        return fresh
    query = select(PageView).where(PageView.site == site, PageView.view == view).with_for_update()
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one()


async def _note_once(session: AsyncSession, view: PageView, column: str) -> None:
    await session.execute(
        update(PageView).where(col(PageView.site) == view.site, col(PageView.view) == view.view).values({column: True})
    )


async def count_visitor_days(session: AsyncSession, tally: Tally, rows: Iterable[EventRow]) -> None:
    """Visitors of a day, and those who reached a goal on it."""
    days: dict[tuple[date, str], list[EventRow]] = defaultdict(list)
    for row in rows:
        if row["visitor"] is not None:
            days[row["local_day"], row["visitor"]].append(row)
    for (day, visitor), events in sorted(days.items()):
        await _count_visitor_day(session, tally, day, visitor, events)


async def _count_visitor_day(
    session: AsyncSession, tally: Tally, day: date, visitor: str, events: Sequence[EventRow]
) -> None:
    first = VisitorDay(
        site=tally.site,
        local_day=day,
        visitor=visitor,
        person_id=events[0]["person_id"],
        hour=hour_of(events[0]["occurred_at"]),
    )
    same = (
        col(VisitorDay.site) == tally.site,
        col(VisitorDay.local_day) == day,
        col(VisitorDay.visitor) == visitor,
    )
    hour = first.hour
    if await insert_if_new(session, first):
        tally.add("visitor_day", hour, day)
    else:
        hour = (await session.execute(select(VisitorDay.hour).where(*same).with_for_update())).scalar_one()
    await session.execute(
        update(VisitorDay)
        .where(*same)
        .values(
            views=VisitorDay.views + sum(event["name"] == PAGE_VIEW for event in events),
            engaged_ms=VisitorDay.engaged_ms + sum(event["engaged_ms"] or 0 for event in events),
        )
        .execution_options(synchronize_session=False)
    )
    if any(event["name"] == CONVERSION for event in events):
        reached: CursorResult[object] = await session.execute(  # type: ignore[assignment]
            update(VisitorDay)
            .where(*same, col(VisitorDay.converted).is_(False))
            .values(converted=True)
            .execution_options(synchronize_session=False)
        )
        if reached.rowcount == 1:
            tally.add("converted_day", hour, day)
