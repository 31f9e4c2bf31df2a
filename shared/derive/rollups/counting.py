"""Adds counts up in memory, then moves the rollup rows in one statement."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from shared.store.event_tables import EventTables, Steps, run_in_session, tables_of
from shared.store.models import Rollup

OTHER_KEY = "(other)"
KEYS_PER_DAY = 1000  # of one open-ended measure; further keys of that day share one row
KEY_BYTES = 1000  # a longer key is cut: PostgreSQL indexes at most 2704 bytes of a row
OPEN_MEASURES = frozenset(
    {
        "event",
        "page",
        "source",
        "conversion",
        "conversion_value",
        "exposure",
        "sequence_step",
        "sequence_step_done",
        "sequence_started",
        "sequence_done",
    }
)
DAYS_REMEMBERED = 100
VISITOR_DAYS_REMEMBERED = 50_000

HOUR = timedelta(hours=1)
_last_hour = (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 1, tzinfo=UTC))

Cell = tuple[str, datetime, date, str]  # measure, hour, local day, key


def hour_of(moment: datetime) -> datetime:
    """The start of the UTC hour."""
    global _last_hour
    start, end = _last_hour
    if moment.tzinfo is UTC and start <= moment < end:
        return start  # of one hour almost always, and the same object is quick to look up
    start = moment.replace(minute=0, second=0, microsecond=0)
    if moment.tzinfo is UTC:
        _last_hour = start, start + HOUR
    return start


class KnownKeys:
    """What was seen before, so that it needs no query: the keys that open measures have on some days, and visitor-days.

    A key that is thought to be there but is not does no harm. A visitor-day would, so `hold_days` is told how long
    such knowledge holds.
    """

    def __init__(self) -> None:
        self._days: OrderedDict[tuple[str, str, date], set[str]] = OrderedDict()
        self._visitor_days: set[tuple[str, date, str]] = set()
        self._holds_for: int | None = None

    def hold_days(self, number: int | None) -> None:
        """Visitor-days are known as long as the number stays the same; with None they never are."""
        if number != self._holds_for or len(self._visitor_days) > VISITOR_DAYS_REMEMBERED:
            self._visitor_days.clear()
            self._holds_for = number

    def without_old(self, site: str, days: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The visitor-days that are not known yet or have something to say; from here on they are known."""
        if self._holds_for is None:
            return days
        new = []
        for day in days:
            place = (site, day["local_day"], day["visitor"])
            if day["converted"] or place not in self._visitor_days:
                new.append(day)
                self._visitor_days.add(place)
        return new

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
        cell = self._counts[measure, hour, day, key if len(key) * 4 <= KEY_BYTES else _short(key)]
        cell[0] += count
        cell[1] += total

    async def store(self, session: AsyncSession, known: KnownKeys | None = None) -> None:
        """Moves the rows in the unit of a session."""
        await run_in_session(session, self.move(tables_of(session), known))

    def move(self, tables: EventTables, known: KnownKeys | None = None) -> Steps[None]:
        """Moves the rows; keys beyond the daily bound of an open measure are counted together."""
        taken = yield from self._keys_taken(tables, known or KnownKeys())
        yield from tables.add_rollups(self._bounded(taken))

    def rows_at_once(self, known: KnownKeys) -> list[dict[str, Any]] | None:
        """The rows that `move` would add, or None when the keys that are there have to be looked up first."""
        taken = {}
        for place, keys in self._open_keys().items():
            have = taken[place] = known.of(self.site, *place)
            if len(have) < KEYS_PER_DAY and not keys <= have:
                return None
        return self._bounded(taken)

    def _bounded(self, taken: Mapping[tuple[str, date], set[str]]) -> list[dict[str, Any]]:
        bounded: dict[Cell, list[float]] = {}
        for (measure, hour, day, key), (count, total) in self._counts.items():
            cell = bounded.setdefault((measure, hour, day, _bound(taken.get((measure, day)), key)), [0, 0.0])
            cell[0] += count
            cell[1] += total
        return self._rows(bounded)

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
        await run_in_session(session, tables_of(session).add_rollups(self._rows(taken_back)))
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

    def _keys_taken(self, tables: EventTables, known: KnownKeys) -> Steps[dict[tuple[str, date], set[str]]]:
        """The known keys of each open measure and day; looked up only when one of ours is not among them."""
        taken = {}
        for (measure, day), keys in self._open_keys().items():
            have = taken[measure, day] = known.of(self.site, measure, day)
            if len(have) < KEYS_PER_DAY and not keys <= have:
                have.update((yield from tables.keys(self.site, measure, day, _hours_around(day), OTHER_KEY)))
        return taken

    def _open_keys(self) -> dict[tuple[str, date], set[str]]:
        """The keys of each open measure and day."""
        asked: dict[tuple[str, date], set[str]] = {}
        for measure, _, day, key in self._counts:
            if measure in OPEN_MEASURES:
                asked.setdefault((measure, day), set()).add(key)
        return asked


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


async def stored_keys(session: AsyncSession, site: str, measure: str, day: date) -> set[str]:
    """The keys that a measure has on a local day."""
    return await run_in_session(session, tables_of(session).keys(site, measure, day, _hours_around(day), OTHER_KEY))


def _hours_around(day: date) -> tuple[datetime, datetime]:
    """Hours that hold a local day in every zone."""
    midnight = datetime.combine(day, time(), UTC)
    return midnight - timedelta(days=1), midnight + timedelta(days=2)


def _bound(taken: set[str] | None, key: str) -> str:
    if taken is None or key in taken:
        return key
    if len(taken) >= KEYS_PER_DAY:
        return OTHER_KEY
    taken.add(key)
    return key


def _short(key: str) -> str:
    return key.encode("utf-8")[:KEY_BYTES].decode("utf-8", "ignore")
