"""What became of the events of a site, and which of them nobody declared: from rollups, for the Health page."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.derive.kpis import sums_by_key
from shared.derive.rollups.intake import (
    DROP,
    IGNORED_FIELD,
    RECEIVED,
    REPEATED,
    STORED,
    UNDECLARED,
    UNDECLARED_PROPERTY,
)
from shared.event_catalogue import declare
from shared.messages import Point
from shared.store.models import Rollup

MOST_KEYS = 5000
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Account:
    """Both sides of the equation: received = stored + repeated + dropped."""

    received: int
    stored: int
    repeated: int
    drops: Mapping[str, int]  # by reason, the most frequent first
    ignored: int = 0  # values of events that are stored: of unknown fields, beyond a limit, cut

    @property
    def dropped(self) -> int:
        return sum(self.drops.values())

    @property
    def adds_up(self) -> bool:
        return self.received == self.stored + self.repeated + self.dropped


@dataclass(frozen=True)
class UndeclaredEvent:
    """A name that came in and is not in the catalogue, with the lines of configuration that would declare it."""

    name: str
    count: int
    declaration: str


async def load_account(session: AsyncSession, site: str, start: date, end: date) -> Account:
    """Over the site's local days; for the installation itself (no site) over UTC days."""

    async def total(measure: str) -> int:
        return sum(row.count for row in await sums_by_key(session, measure, site, start, end))

    drops = await sums_by_key(session, DROP, site, start, end)
    return Account(
        received=await total(RECEIVED),
        stored=await total(STORED),
        repeated=await total(REPEATED),
        drops={row.key: row.count for row in drops},
        ignored=await total(IGNORED_FIELD),
    )


async def load_received(session: AsyncSession, site: str, start: date, end: date) -> list[Point]:
    """Events that came in on each day, also those that were left out."""
    statement = (
        select(col(Rollup.local_day), func.sum(col(Rollup.count)))
        .where(Rollup.site == site, Rollup.measure == RECEIVED)
        .where(col(Rollup.local_day) >= start, col(Rollup.local_day) <= end)
        .group_by(col(Rollup.local_day))
    )
    counts = {day: int(count) for day, count in await session.execute(statement)}
    days = [start + DAY * number for number in range((end - start).days + 1)]
    return [Point(at=day, value=counts.get(day, 0)) for day in days]


async def load_undeclared(
    session: AsyncSession, site: str, start: date, end: date, known: Mapping[str, object], limit: int = 50
) -> list[UndeclaredEvent]:
    """The most frequent first, without those that were declared since (`known`)."""
    seen: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in await sums_by_key(session, UNDECLARED_PROPERTY, site, start, end, MOST_KEYS):
        try:
            name, prop, kind = json.loads(row.key)
        except ValueError:  # cut because it was too long
            continue
        seen[name][prop].add(kind)
    names = await sums_by_key(session, UNDECLARED, site, start, end, MOST_KEYS)
    fresh = [row for row in names if row.key not in known][:limit]
    return [UndeclaredEvent(row.key, row.count, declare(row.key, seen[row.key])) for row in fresh]
