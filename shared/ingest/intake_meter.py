"""How our own intake does: answers, drops by reason, and the time from receipt to commit.

Counted in memory, because an answer that says "cannot store" has no transaction to count in; flushed
every few seconds. A killed process loses at most those seconds of counts, never a stored row.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock, local_day
from shared.derive.rollups import Tally, hour_of
from shared.derive.rollups.intake import ANSWER, DROP, LAG
from shared.store.database import Store

LAG_BUCKETS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000)
OPEN_BUCKET = "inf"
LIMIT = 5000  # distinct counters between two flushes
INSTALLATION = ""  # the site of what belongs to none
Cell = tuple[str, datetime, str, str]  # site, hour, measure, key


class IntakeMeter:
    """Counts until they are flushed into the rollups."""

    def __init__(self, clock: Clock, zones: Mapping[str, str] | None = None) -> None:
        self._clock = clock
        self._zones = zones or {}  # by site; what belongs to no site counts in UTC
        self._counts: Counter[Cell] = Counter()
        self.totals: Counter[tuple[str, str]] = Counter()  # (measure, key) since the start, for /metrics

    def answer(self, route: str, status: int) -> None:
        """One answer of an intake route."""
        self._count(INSTALLATION, ANSWER, f"{route}:{status // 100}xx")

    def drop(self, site: str, reason: str, count: int = 1) -> None:
        """Something that was left out by a rule."""
        if count:
            self._count(site, DROP, reason, count)

    def lag(self, seconds: float) -> None:
        """The time from receipt to commit of one intake request."""
        milliseconds = max(0.0, seconds * 1000)
        bucket = bisect_left(LAG_BUCKETS_MS, milliseconds)
        self._count(INSTALLATION, LAG, str(LAG_BUCKETS_MS[bucket]) if bucket < len(LAG_BUCKETS_MS) else OPEN_BUCKET)

    def _count(self, site: str, measure: str, key: str, count: int = 1) -> None:
        cell = (site, hour_of(self._clock.now()), measure, key)
        if cell in self._counts or len(self._counts) < LIMIT:
            self._counts[cell] += count
            self.totals[measure, key] += count

    async def flush(self, store: Store) -> int:
        """Moves what was counted into the rollups; how many counters moved. Kept when the store is down."""
        waiting, self._counts = self._counts, Counter()
        if not waiting:
            return 0
        try:
            await store.writer.run(lambda session: _store_counts(session, waiting, self._zones))
        except Exception:  # a cancelled caller's unit may still be committed: counts are rather lost than doubled
            self._counts.update(waiting)
            raise
        return len(waiting)


async def _store_counts(session: AsyncSession, counts: Counter[Cell], zones: Mapping[str, str]) -> None:
    for site in sorted({cell[0] for cell in counts}):
        tally = Tally(site)
        for (owner, hour, measure, key), count in counts.items():
            if owner == site:
                tally.add(measure, hour, local_day(hour, zones.get(site, "UTC")), key, count)
        await tally.store(session)
