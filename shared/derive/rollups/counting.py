"""Adds counts up in memory, then moves the rollup rows in one statement."""

from collections import defaultdict
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.store.dialect import add_up
from shared.store.models import Rollup

OTHER_KEY = "(other)"
KEYS_PER_DAY = 1000  # of one open-ended measure; further keys of that day share one row
OPEN_MEASURES = frozenset({"event", "page", "source", "conversion", "exposure", "sequence_step"})


def hour_of(moment: datetime) -> datetime:
    """The start of the UTC hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


class Tally:
    """What one unit of work adds to the rollups of one site."""

    def __init__(self, site: str) -> None:
        self.site = site
        self._counts: dict[tuple[str, datetime, date, str], list[float]] = defaultdict(lambda: [0, 0.0])

    def add(self, measure: str, hour: datetime, day: date, key: str = "", count: int = 1, total: float = 0.0) -> None:
        cell = self._counts[measure, hour, day, key]
        cell[0] += count
        cell[1] += total

    async def store(self, session: AsyncSession) -> None:
        """Moves the rows; keys beyond the daily bound of an open measure are counted together."""
        bounded: dict[tuple[str, datetime, date, str], list[float]] = defaultdict(lambda: [0, 0.0])
        taken = await self._keys_taken(session)
        for (measure, hour, day, key), (count, total) in self._counts.items():
            kept = self._bound(taken, measure, day, key)
            cell = bounded[measure, hour, day, kept]
            cell[0] += count
            cell[1] += total
        rows = [
            {
                "site": self.site,
                "measure": measure,
                "hour": hour,
                "local_day": day,
                "key": key,
                "count": int(count),
                "total": total,
            }
            for (measure, hour, day, key), (count, total) in bounded.items()
            if count or total
        ]
        await add_up(session, Rollup, rows, ["count", "total"])

    @staticmethod
    def _bound(taken: dict[tuple[str, date], set[str]], measure: str, day: date, key: str) -> str:
        if measure not in OPEN_MEASURES:
            return key
        keys = taken[measure, day]
        if key in keys or len(keys) < KEYS_PER_DAY:
            keys.add(key)
            return key
        return OTHER_KEY

    async def _keys_taken(self, session: AsyncSession) -> dict[tuple[str, date], set[str]]:
        found: dict[tuple[str, date], set[str]] = defaultdict(set)
        asked = {(measure, day) for measure, _, day, _ in self._counts if measure in OPEN_MEASURES}
        if not asked:
            return found
        query = select(col(Rollup.measure), col(Rollup.local_day), col(Rollup.key)).distinct()
        query = query.where(
            Rollup.site == self.site,
            col(Rollup.measure).in_({measure for measure, _ in asked}),
            col(Rollup.local_day).in_({day for _, day in asked}),
        )
        for measure, day, key in (await session.execute(query)).all():
            found[measure, day].add(key)
        return found
