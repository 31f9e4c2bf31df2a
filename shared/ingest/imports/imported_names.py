"""Room for imported events that nobody declared: so many names on each day of the past, beside the room of today.

What was seen stands in the counters of its own day, where the Health page reads it, and moves in the unit of the rows.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.derive.rollups import Tally, hour_of
from shared.derive.rollups.intake import UNDECLARED, UNDECLARED_PROPERTY
from shared.event_catalogue import Catalogue, type_of
from shared.ingest.custom_room import TYPES
from shared.store.models import Event, Rollup

Row = Mapping[str, Any]
Seen = dict[tuple[date, str], set[str]]  # keys of a measure on a day


class ImportedNames:
    """The room of some days, as it is in the store; `days` are those of the rows that will be taken."""

    def __init__(self, site: str, catalogue: Catalogue, names: int, properties: int) -> None:
        self._site = site
        self._catalogue = catalogue
        self._most_names = names
        self._most_properties = names * properties * TYPES
        self._seen: Seen = {}

    async def load(self, session: AsyncSession, days: Collection[date]) -> None:
        """Reads what these days have already."""
        self._seen = defaultdict(set)
        query = select(col(Rollup.local_day), col(Rollup.measure), col(Rollup.key)).where(
            col(Rollup.site) == self._site,
            col(Rollup.measure).in_((UNDECLARED, UNDECLARED_PROPERTY)),
            col(Rollup.local_day).in_(days),
        )
        for day, measure, key in await session.execute(query):
            self._seen[day, measure].add(key)

    def has_room(self, row: Row) -> bool:
        """Whether the row may be taken; its name is known from here on."""
        name = row["name"]
        if name in self._catalogue.definitions:
            return True
        names = self._seen[row["local_day"], UNDECLARED]
        if name not in names and len(names) >= self._most_names:
            return False
        names.add(name)
        return True

    async def count(self, session: AsyncSession, rows: Collection[Row]) -> None:
        """Counts the names and properties of rows that are about to be stored, of each id once."""
        undeclared = {row["event_id"]: row for row in rows if row["name"] not in self._catalogue.definitions}
        if not undeclared:
            return
        known = select(col(Event.event_id)).where(Event.site == self._site, col(Event.event_id).in_(undeclared))
        for event_id in (await session.execute(known)).scalars():
            del undeclared[event_id]
        tally = Tally(self._site)
        for row in undeclared.values():
            tally.add(UNDECLARED, hour_of(row["occurred_at"]), row["local_day"], row["name"])
            self._count_properties(tally, row)
        await tally.store(session)

    def _count_properties(self, tally: Tally, row: Row) -> None:
        seen = self._seen[row["local_day"], UNDECLARED_PROPERTY]
        for name, value in row["props"].items():
            key = json.dumps([row["name"], name, type_of(value)], ensure_ascii=False)
            if key not in seen and len(seen) < self._most_properties:
                seen.add(key)
                tally.add(UNDECLARED_PROPERTY, hour_of(row["occurred_at"]), row["local_day"], key)
