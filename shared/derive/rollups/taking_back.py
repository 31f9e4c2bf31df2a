"""Takes events out of the counters again, exactly as they went in, without looking at anybody else's.

Recomputing a day would read everybody's events of that day while nobody can write. This touches only what the
removed rows had added; a rebuild of the day afterwards finds no difference.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.derive.rollups.counting import Tally, stored_keys
from shared.derive.rollups.events import EventRow, count_plain, count_views
from shared.event_catalogue import CATALOGUE, CLICK, PAGE_VIEW
from shared.store.event_tables import run_in_session, tables_of
from shared.store.models import UNDECLARED, UNDECLARED_PROPERTY, Event, PageView, Rollup, VisitorDay
from shared.store.people import Owner

VIEWS_AT_ONCE = 500


async def uncount_events(session: AsyncSession, site: str, rows: Sequence[EventRow]) -> None:
    """Takes back the plain sums of removed events."""
    tally = Tally(site)
    count_plain(tally, rows)
    await tally.take_back(session)
    await _forget_names(session, site, rows)


async def _forget_names(session: AsyncSession, site: str, rows: Sequence[EventRow]) -> None:
    """A name that nobody declared goes with the last event of its day, as the name may be only theirs.

    It was counted when it was received. What slips through, sent days later for example, goes by its age.
    """
    names: dict[date, set[str]] = {}
    for row in rows:
        if row["name"] not in CATALOGUE:
            for day in {row["local_day"], row["received_at"].date()}:
                names.setdefault(day, set()).add(row["name"])
    for day, mentioned in sorted(names.items()):
        for name in sorted(mentioned - await stored_keys(session, site, "event", day)):
            await _forget_name(session, site, day, name)


async def _forget_name(session: AsyncSession, site: str, day: date, name: str) -> None:
    properties = json.dumps([name], ensure_ascii=False)[:-1] + ", "  # how the keys of its properties begin
    of_name = or_(col(Rollup.key) == name, col(Rollup.key).startswith(properties, autoescape=True))
    counted = (col(Rollup.site) == site, col(Rollup.measure).in_((UNDECLARED, UNDECLARED_PROPERTY)))
    await session.execute(
        delete(Rollup)
        .where(*counted, col(Rollup.local_day) == day, of_name)
        .execution_options(synchronize_session=False)
    )


async def uncount_visits(session: AsyncSession, site: str, day: date, owner: Owner, shared: Sequence[EventRow]) -> None:
    """Removes somebody's visitor-days and views of a day with their counts.

    `shared` are the events of others in their views, from `events_in_shared_views`: those views are counted anew
    from them.
    """
    tally = Tally(site)
    if owner.person_id is not None:  # users whom servers name are no visitors
        await _remove_visitor_days(session, tally, day, owner)
    await _remove_views(session, tally, day, owner, {row["view"] for row in shared})
    await tally.take_back(session)
    if shared:
        again = Tally(site)
        await run_in_session(session, count_views(tables_of(session), again, shared))
        await again.store(session)


async def _remove_visitor_days(session: AsyncSession, tally: Tally, day: date, owner: Owner) -> None:
    same = (col(VisitorDay.site) == tally.site, col(VisitorDay.local_day) == day)
    removed = await session.execute(
        delete(VisitorDay)
        .where(*same, owner.owns(VisitorDay))
        .returning(col(VisitorDay.hour), col(VisitorDay.converted))
        .execution_options(synchronize_session=False)
    )
    for hour, converted in removed.all():
        tally.add("visitor_day", hour, day)
        if converted:
            tally.add("converted_day", hour, day)


async def _remove_views(session: AsyncSession, tally: Tally, day: date, owner: Owner, shared: set[str]) -> None:
    """One statement for each kind, so that each finds its index: with both in one, SQLite looks at all of a site's.

    A user whom servers name has none of their own: what their libraries send belongs to no view.
    """
    kinds: list[ColumnElement[bool]] = []
    if shared:
        kinds.append(col(PageView.view).in_(sorted(shared)))
    if owner.person_id is not None:
        kinds.append(and_(col(PageView.person_id) == owner.person_id, col(PageView.local_day) == day))
    for theirs in kinds:
        removed = await session.execute(
            delete(PageView)
            .where(col(PageView.site) == tally.site, theirs)
            .returning(col(PageView.hour), col(PageView.local_day), col(PageView.clicked))
            .execution_options(synchronize_session=False)
        )
        for hour, its_day, clicked in removed.all():
            tally.add("marked_view", hour, its_day)
            if clicked:
                tally.add("clicked_view", hour, its_day)


async def events_in_shared_views(
    session: AsyncSession, site: str, day: date, owner: Owner, views: Iterable[str]
) -> list[dict[str, Any]]:
    """What others did in these views, in its order: a browser that agreed in the middle of a view, most often.

    Reads the views and clicks of three days, so it belongs outside a unit of work.
    """
    wanted = sorted(views)
    found: list[dict[str, Any]] = []
    columns = list(Event.__table__.columns)  # type: ignore[attr-defined]
    days = [day + timedelta(days=offset) for offset in (-1, 0, 1)]
    for start in range(0, len(wanted), VIEWS_AT_ONCE):
        query = select(*columns).where(
            Event.site == site,
            col(Event.local_day).in_(days),
            col(Event.name).in_((PAGE_VIEW, CLICK)),
            col(Event.view).in_(wanted[start : start + VIEWS_AT_ONCE]),
            owner.owns_not(Event),
        )
        found += [dict(row) for row in (await session.execute(query)).mappings()]
    return sorted(found, key=lambda row: int(row["id"]))
