"""On which days somebody has events: which they are, and in which views."""

from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import cast

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.store.models import Event
from shared.store.people import Owner

ROWS_AT_ONCE = 1000


@dataclass
class Day:
    """The events of somebody on a day of a site, and their views."""

    ids: "array[int]" = field(default_factory=lambda: array("q"))
    views: set[str] = field(default_factory=set)


async def days_of(session: AsyncSession, owner: Owner) -> dict[tuple[str, date], Day]:
    """All days with events of somebody, by one walk through the index of owners.

    A query for one day would take the index of days on SQLite, and so read what everybody did on it.
    """
    query = select(col(Event.id), col(Event.site), col(Event.local_day), col(Event.view)).where(owner.owns(Event))
    days: dict[tuple[str, date], Day] = defaultdict(Day)
    async for number, site, day, view in await session.stream(query.execution_options(yield_per=ROWS_AT_ONCE)):
        days[site, day].ids.append(cast(int, number))
        days[site, day].views.update([view] if view else [])
    return days
