"""Counts events: plain counts, views with clicks, and visitors of a day.

A view and a visitor-day count once; both are attributed to the hour in which they were first seen, so
that a rate over any hours never has more hits than cases. Of two units at the same moment, which only PostgreSQL
has, either may be the first: a rebuild, which goes by the ids of the rows, may then find another hour.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.derive.currencies import NO_CURRENCY
from shared.derive.rollups.counting import KnownKeys, Tally, hour_of
from shared.event_catalogue import CLICK, CONVERSION, ENGAGEMENT, EXPOSURE, PAGE_VIEW, SEQUENCE_STEP
from shared.store.column_types import MARK
from shared.store.event_tables import EventTables, PostgresTables, Statement, Steps, run_in_session, tables_of

EventRow = Mapping[str, Any]  # column name -> value of an `Event`; rare columns may be absent


async def count_events(
    session: AsyncSession, site: str, rows: Sequence[EventRow], known: KnownKeys | None = None
) -> None:
    """Counts newly stored events of one site, in their order."""
    await run_in_session(session, counting_steps(tables_of(session), site, rows, known))


def storing_steps(
    tables: EventTables, site: str, rows: Sequence[EventRow], known: KnownKeys, *, alone: bool = False
) -> Steps[list[EventRow]]:
    """Stores the events whose id is new and counts them; gives them back. Ids within `rows` differ.

    `alone`: nothing else is in the unit, so that PostgreSQL may do all of it in one statement.
    """
    if alone and isinstance(tables, PostgresTables):
        statement = _all_at_once(tables, site, rows, known)
        if statement is not None and (yield statement):
            return list(rows)
    fresh = yield from tables.insert_events(site, rows)
    if fresh:
        yield from counting_steps(tables, site, fresh, known)
    return fresh


def _all_at_once(tables: PostgresTables, site: str, rows: Sequence[EventRow], known: KnownKeys) -> Statement | None:
    """One statement for events of which none needs a look at what is there: no click, conversion or unknown key."""
    if any([row["name"] in (CLICK, CONVERSION) for row in rows]):
        return None
    tally = Tally(site)
    count_plain(tally, rows)
    rollups = tally.rows_at_once(known)
    if rollups is None:
        return None
    views, _ = _marked_views(site, rows)
    return tables.store_at_once(site, rows, views, _visitor_days(site, rows), rollups)


def counting_steps(
    tables: EventTables, site: str, rows: Sequence[EventRow], known: KnownKeys | None = None
) -> Steps[None]:
    """As `count_events`."""
    tally = Tally(site)
    count_plain(tally, rows)
    yield from count_views(tables, tally, rows)
    yield from count_visitor_days(tables, tally, rows, known)
    yield from tally.move(tables, known)


def count_plain(tally: Tally, rows: Iterable[EventRow]) -> None:
    """Everything that is a plain sum over events."""
    counted: dict[tuple[str, datetime, date], list[int]] = {}  # events and engaged time
    for row in rows:
        hour, day, name = hour_of(row["occurred_at"]), row["local_day"], row["name"]
        sums = counted.get((name, hour, day))
        if sums is None:
            sums = counted[name, hour, day] = [0, 0]
        sums[0] += 1
        if name == PAGE_VIEW:
            tally.add("page", hour, day, row["page"] or "/")
            if row["referrer"]:
                tally.add("source", hour, day, row["referrer"])
        elif name == ENGAGEMENT:
            sums[1] += row["engaged_ms"] or 0
        elif name == CONVERSION:
            tally.add("conversion", hour, day, row.get("goal") or "")
            if row.get("value_cents") is not None:
                tally.add("conversion_value", hour, day, row["currency"] or NO_CURRENCY, total=row["value_cents"])
        elif name == EXPOSURE:
            tally.add("exposure", hour, day, f"{row['experiment']}:{row['variant']}")
        elif name == SEQUENCE_STEP:
            _count_step(tally, row, hour, day)
    for (name, hour, day), (count, engaged_ms) in counted.items():
        tally.add("event", hour, day, name, count)
        if name == PAGE_VIEW:
            tally.add("page_view", hour, day, count=count)
        elif name == ENGAGEMENT:
            tally.add("engaged_ms", hour, day, count=count, total=engaged_ms)


def _count_step(tally: Tally, row: EventRow, hour: datetime, day: date) -> None:
    sequence, step, steps = row["sequence"], row["step"], row["steps"]
    if row["done"]:
        tally.add("sequence_step_done", hour, day, f"{sequence}#{step}")
        if steps is not None and step == steps:
            tally.add("sequence_done", hour, day, sequence)
        return
    tally.add("sequence_step", hour, day, f"{sequence}#{step}")
    if step == 1:
        tally.add("sequence_started", hour, day, sequence)


def count_views(tables: EventTables, tally: Tally, rows: Iterable[EventRow]) -> Steps[None]:
    """Views of pages that have a marked element, and those in which one was clicked.

    A click that overtakes its page view makes the view too.
    """
    views, clicked = _marked_views(tally.site, rows)
    for made in (yield from tables.insert_views(tally.site, views)):
        tally.add("marked_view", made["hour"], made["local_day"])
    if clicked:
        for hour, day in (yield from tables.note_clicked(tally.site, sorted(clicked))):
            tally.add("clicked_view", hour, day)


def _marked_views(site: str, rows: Iterable[EventRow]) -> tuple[list[dict[str, Any]], set[str]]:
    """The views that have a marked element, and those of them in which it was clicked."""
    first: dict[str, EventRow] = {}
    clicked: set[str] = set()
    for row in rows:
        if row["marked"] and row["view"] is not None and row["name"] in (PAGE_VIEW, CLICK):
            first.setdefault(row["view"], row)
            if row["name"] == CLICK:
                clicked.add(row["view"])
    return [_make_view(site, view, first[view]) for view in sorted(first)], clicked


def _make_view(site: str, view: str, row: EventRow) -> dict[str, Any]:
    return {
        "site": site,
        "view": view,
        "local_day": row["local_day"],
        "hour": hour_of(row["occurred_at"]),
        "person_id": row.get("person_id"),
        "has_marked": True,
        "clicked": False,
    }


def count_visitor_days(
    tables: EventTables, tally: Tally, rows: Iterable[EventRow], known: KnownKeys | None = None
) -> Steps[None]:
    """Visitors of a day, and those who reached a goal on it; a first conversion counts at the hour in which the day
    began.

    A user whom servers name is none: what a server does for somebody is no visit of the site.
    """
    days = _visitor_days(tally.site, rows)
    if known is not None:
        days = known.without_old(tally.site, days)
    made, converted = yield from tables.add_days(tally.site, days)
    for day in made:
        tally.add("visitor_day", day["hour"], day["local_day"])
        if day["converted"]:
            tally.add("converted_day", day["hour"], day["local_day"])
    for hour, local_day in converted:
        tally.add("converted_day", hour, local_day)


def _visitor_days(site: str, rows: Iterable[EventRow]) -> list[dict[str, Any]]:
    found: dict[tuple[date, str], list[EventRow]] = {}
    for row in rows:
        if row["visitor"] is not None and row["visitor"][0] != MARK:
            found.setdefault((row["local_day"], row["visitor"]), []).append(row)
    return [_make_day(site, *place, events) for place, events in sorted(found.items())]


def _make_day(site: str, day: date, visitor: str, events: Sequence[EventRow]) -> dict[str, Any]:
    return {
        "site": site,
        "local_day": day,
        "visitor": visitor,
        "person_id": events[0].get("person_id"),
        "hour": hour_of(events[0]["occurred_at"]),
        "converted": any([event["name"] == CONVERSION for event in events]),
    }
