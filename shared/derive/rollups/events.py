"""Counts events: plain counts, views with clicks, and visitors of a day.

A view and a visitor-day count once; both are attributed to the hour in which they were first seen, so
that a rate over any hours never has more hits than cases.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.derive.rollups.counting import KnownKeys, Tally, hour_of
from shared.event_catalogue import CLICK, CONVERSION, ENGAGEMENT, EXPOSURE, PAGE_VIEW, SEQUENCE_STEP
from shared.store.dialect import insert_new
from shared.store.models import PageView, VisitorDay

VIEWS = PageView.__table__  # type: ignore[attr-defined]
DAYS = VisitorDay.__table__  # type: ignore[attr-defined]
EventRow = Mapping[str, Any]  # column name -> value of an `Event`


async def count_events(
    session: AsyncSession, site: str, rows: Sequence[EventRow], known: KnownKeys | None = None
) -> None:
    """Counts newly stored events of one site, in their order."""
    tally = Tally(site)
    count_plain(tally, rows)
    await count_views(session, tally, rows)
    await count_visitor_days(session, tally, rows)
    await tally.store(session, known)


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
    """Views of pages that have a marked element, and those in which one was clicked.

    A click that overtakes its page view makes the view too.
    """
    first: dict[str, EventRow] = {}
    clicked: set[str] = set()
    for row in rows:
        if row["view"] is not None and row["marked"] and row["name"] in (PAGE_VIEW, CLICK):
            first.setdefault(row["view"], row)
            if row["name"] == CLICK:
                clicked.add(row["view"])
    fresh = [_make_view(tally.site, view, first[view]) for view in sorted(first)]
    for made in await insert_new(session, PageView, fresh, ["site", "view"]):
        tally.add("marked_view", made["hour"], made["local_day"])
    if clicked:
        for hour, day in await _note_clicked(session, tally.site, sorted(clicked)):
            tally.add("clicked_view", hour, day)


def _make_view(site: str, view: str, row: EventRow) -> dict[str, Any]:
    return {
        "site": site,
        "view": view,
        "local_day": row["local_day"],
        "hour": hour_of(row["occurred_at"]),
        "person_id": row["person_id"],
        "has_marked": True,
        "clicked": False,
    }


async def _note_clicked(session: AsyncSession, site: str, views: list[str]) -> list[tuple[datetime, date]]:
    """Hour and day of those views in which nothing had been clicked so far."""
    statement = update(VIEWS).where(VIEWS.c.site == site, VIEWS.c.view.in_(views), VIEWS.c.clicked.is_(False))
    changed = await session.execute(statement.values(clicked=True).returning(VIEWS.c.hour, VIEWS.c.local_day))
    return [(hour, day) for hour, day in changed]


async def count_visitor_days(session: AsyncSession, tally: Tally, rows: Iterable[EventRow]) -> None:
    """Visitors of a day, and those who reached a goal on it."""
    found: dict[tuple[date, str], list[EventRow]] = defaultdict(list)
    for row in rows:
        if row["visitor"] is not None:
            found[row["local_day"], row["visitor"]].append(row)
    days = {place: _make_day(tally.site, *place, events) for place, events in sorted(found.items())}
    made = await insert_new(session, VisitorDay, list(days.values()), ["site", "local_day", "visitor"])
    for day in made:
        tally.add("visitor_day", day["hour"], day["local_day"])
        if day["converted"]:
            tally.add("converted_day", day["hour"], day["local_day"])
        del days[day["local_day"], day["visitor"]]
    await _add_to_days(session, tally, list(days.values()))


def _make_day(site: str, day: date, visitor: str, events: Sequence[EventRow]) -> dict[str, Any]:
    return {
        "site": site,
        "local_day": day,
        "visitor": visitor,
        "person_id": events[0]["person_id"],
        "hour": hour_of(events[0]["occurred_at"]),
        "views": sum(event["name"] == PAGE_VIEW for event in events),
        "engaged_ms": sum(event["engaged_ms"] or 0 for event in events),
        "converted": any(event["name"] == CONVERSION for event in events),
    }


async def _add_to_days(session: AsyncSession, tally: Tally, days: Sequence[Mapping[str, Any]]) -> None:
    """Adds to visitor-days that exist; a first conversion counts at the hour in which the day began."""
    same = (
        DAYS.c.site == tally.site,
        DAYS.c.local_day == bindparam("same_day"),
        DAYS.c.visitor == bindparam("same_visitor"),
    )
    moved = [
        {
            "same_day": day["local_day"],
            "same_visitor": day["visitor"],
            "more_views": day["views"],
            "more_ms": day["engaged_ms"],
        }
        for day in days
        if day["views"] or day["engaged_ms"]
    ]
    if moved:
        more = {"views": DAYS.c.views + bindparam("more_views"), "engaged_ms": DAYS.c.engaged_ms + bindparam("more_ms")}
        await session.execute(update(DAYS).where(*same).values(**more), moved)
    reach = update(DAYS).where(*same, DAYS.c.converted.is_(False)).values(converted=True).returning(DAYS.c.hour)
    for day in days:
        if day["converted"]:
            place = {"same_day": day["local_day"], "same_visitor": day["visitor"]}
            for hour in (await session.execute(reach, place)).scalars():
                tally.add("converted_day", hour, day["local_day"])
