"""Adds counts up in memory, then moves the rollup rows in one statement."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.store.dialect import add_up
from shared.store.models import Rollup

OTHER_KEY = "(other)"
KEYS_PER_DAY = 1000  # of one open-ended measure; further keys of that day share one row
KEY_BYTES = 1000  # a longer key is cut: PostgreSQL indexes at most 2704 bytes of a row
OPEN_MEASURES = frozenset(
    {
        "event",
        "page",
        "conversion",
        "exposure",
        "sequence_step",
        "sequence_step_done",
        "sequence_started",
        "sequence_done",
    }
)
DAYS_REMEMBERED = 100

Cell = tuple[str, datetime, date, str]  # measure, hour, local day, key


def hour_of(moment: datetime) -> datetime:
    """The start of the UTC hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


class KnownKeys:
    """The keys that open measures have on some days, so that a key seen before needs no query."""

    def __init__(self) -> None:
        self._days: OrderedDict[tuple[str, str, date], set[str]] = OrderedDict()

    def of(self, site: str, measure: str, day: date) -> set[str]:
        place = (site, measure, day)
        keys = self._days.setdefault(place, set())
        self._days.move_to_end(place)
        if len(self._days) > DAYS_REMEMBERED:
            self._days.popitem(last=False)
        return keys


class Tally:
    """What one unit of work adds to the rollups of one site."""

    def __init__(self, site: str) -> None:
        self.site = site
        self._counts: dict[Cell, list[float]] = defaultdict(lambda: [0, 0.0])

    def add(self, measure: str, hour: datetime, day: date, key: str = "", count: int = 1, total: float = 0.0) -> None:
        cell = self._counts[measure, hour, day, _short(key)]
        cell[0] += count
        cell[1] += total

    async def store(self, session: AsyncSession, known: KnownKeys | None = None) -> None:
        """Moves the rows; keys beyond the daily bound of an open measure are counted together."""
        taken = await self._keys_taken(session, known or KnownKeys())
        bounded: dict[Cell, list[float]] = defaultdict(lambda: [0, 0.0])
        for (measure, hour, day, key), (count, total) in self._counts.items():
            cell = bounded[measure, hour, day, _bound(taken.get((measure, day)), key)]
            cell[0] += count
            cell[1] += total
        await add_up(session, Rollup, self._rows(bounded), ["count", "total"])

    async def take_back(self, session: AsyncSession) -> None:
        """Takes out what was added here; a key that has no row of its own was counted with the others.

        A counter that nobody is left in goes, and its key with it.
        """
        own: dict[tuple[str, date], set[str]] = {}
        taken_back: dict[Cell, list[float]] = defaultdict(lambda: [0, 0.0])
        for (measure, hour, day, key), (count, total) in self._counts.items():
            if measure in OPEN_MEASURES:
                if (measure, day) not in own:
                    own[measure, day] = set(await stored_keys(session, self.site, measure, day))
                if key not in own[measure, day]:
                    key = OTHER_KEY
            cell = taken_back[measure, hour, day, key]
            cell[0] -= count
            cell[1] -= total
        await add_up(session, Rollup, self._rows(taken_back), ["count", "total"])
        await _remove_empty(session, self.site, taken_back)

    def _rows(self, cells: Mapping[Cell, Sequence[float]]) -> list[dict[str, Any]]:
        return [
            {
                "site": self.site,
                "measure": measure,
                "hour": hour,
                "local_day": day,
                "key": key,
                "count": int(count),
                "total": total,
            }
            for (measure, hour, day, key), (count, total) in cells.items()
            if count or total
        ]

    async def _keys_taken(self, session: AsyncSession, known: KnownKeys) -> dict[tuple[str, date], set[str]]:
        """The known keys of each open measure and day; looked up only when one of ours is not among them."""
        asked: dict[tuple[str, date], set[str]] = defaultdict(set)
        for measure, _, day, key in self._counts:
            if measure in OPEN_MEASURES:
                asked[measure, day].add(key)
        taken = {}
        for (measure, day), keys in asked.items():
            have = taken[measure, day] = known.of(self.site, measure, day)
            if len(have) < KEYS_PER_DAY and not keys <= have:
                have.update(await stored_keys(session, self.site, measure, day))
        return taken


async def _remove_empty(session: AsyncSession, site: str, cells: Iterable[Cell]) -> None:
    measures, hours = {cell[0] for cell in cells}, {cell[1] for cell in cells}
    await session.execute(
        delete(Rollup)
        .where(
            col(Rollup.site) == site,
            col(Rollup.measure).in_(sorted(measures)),
            col(Rollup.hour).in_(sorted(hours)),
            col(Rollup.count) <= 0,
        )
        .execution_options(synchronize_session=False)
    )


async def stored_keys(session: AsyncSession, site: str, measure: str, day: date) -> Iterable[str]:
    """The keys that a measure has on a local day. The bounds on the hour let the index find them."""
    midnight = datetime.combine(day, time(), UTC)
    query = select(col(Rollup.key)).where(
        Rollup.site == site,
        Rollup.measure == measure,
        col(Rollup.hour) >= midnight - timedelta(days=1),
        col(Rollup.hour) < midnight + timedelta(days=2),
        Rollup.local_day == day,
        Rollup.key != OTHER_KEY,
    )
    return (await session.execute(query.distinct())).scalars()


def _bound(taken: set[str] | None, key: str) -> str:
    if taken is None or key in taken:
        return key
    if len(taken) >= KEYS_PER_DAY:
        return OTHER_KEY
    taken.add(key)
    return key


def _short(key: str) -> str:
    if len(key) * 4 <= KEY_BYTES:
        return key
    return key.encode("utf-8")[:KEY_BYTES].decode("utf-8", "ignore")
