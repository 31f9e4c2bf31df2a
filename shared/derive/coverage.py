"""The result of `warroom coverage`: how many elements of a docs site yield a declared event, and which do not.

A run replaces the one before it on the same local day; the newest is the metric `coverage`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.clock import local_day
from shared.config import SiteSettings
from shared.derive.rollups import Tally, hour_of
from shared.derive.rollups.intake import COVERAGE, COVERAGE_MISS
from shared.store.models import Rollup

ELEMENT, COVERED, OWN = "element", "covered", "own"
MOST_NAMED = 100


@dataclass(frozen=True)
class CoverageRun:
    """What the last run found; `missed` names at most 100 elements, `own` counts those with more than a click."""

    day: date
    elements: int
    covered: int
    missed: Sequence[str]
    own: int = 0


async def store_run(
    session: AsyncSession,
    site: SiteSettings,
    elements: int,
    covered: int,
    missed: Sequence[str],
    now: datetime,
    own: int = 0,
) -> None:
    """Keeps the result of a run. `missed` names elements without the event that they should yield; 100 are kept.

    `own`: how many of the covered ones yield more than a click and its place.
    """
    day = local_day(now, site.zone)
    same_day = (col(Rollup.site) == site.key, col(Rollup.local_day) == day)
    await session.execute(delete(Rollup).where(*same_day, col(Rollup.measure).in_((COVERAGE, COVERAGE_MISS))))
    tally = Tally(site.key)
    tally.add(COVERAGE, hour_of(now), day, ELEMENT, elements)
    tally.add(COVERAGE, hour_of(now), day, COVERED, covered)
    if own:
        tally.add(COVERAGE, hour_of(now), day, OWN, own)
    for name in missed[:MOST_NAMED]:
        tally.add(COVERAGE_MISS, hour_of(now), day, name)
    await tally.store(session)


async def load_last_run(session: AsyncSession, site: str) -> CoverageRun | None:
    runs = select(Rollup).where(col(Rollup.site) == site, col(Rollup.measure).in_((COVERAGE, COVERAGE_MISS)))
    newest = (await session.execute(runs.order_by(col(Rollup.hour).desc()).limit(1))).scalars().first()
    if newest is None:
        return None
    rows = list((await session.execute(runs.where(col(Rollup.local_day) == newest.local_day))).scalars())
    counts = {row.key: row.count for row in rows if row.measure == COVERAGE}
    missed = sorted(row.key for row in rows if row.measure == COVERAGE_MISS)
    return CoverageRun(newest.local_day, counts.get(ELEMENT, 0), counts.get(COVERED, 0), missed, counts.get(OWN, 0))
