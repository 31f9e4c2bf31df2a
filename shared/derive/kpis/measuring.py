"""Metrics from rollups: one value over days or hours, a series of them, a figure against the period before.

Undefined is a result: `Measured.value` is None and `reason` says why.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from shared.clock import day_start, local_day
from shared.derive.kpis.catalogue import KPIS, Kpi, Part
from shared.errors import InvalidInput
from shared.messages import Figure, Point
from shared.store.models import Rollup

BEGAN = "counting began"  # in the notes of a session
INSTALLATION = ""  # the site of counters about Warroom itself
DAY = timedelta(days=1)
MAX_DAYS = 800

# Statements are built once: building one takes Python longer than the database takes to answer it.
_HOURS = and_(col(Rollup.hour) >= bindparam("from_hour"), col(Rollup.hour) < bindparam("to_hour"))
_DAYS = and_(col(Rollup.local_day) >= bindparam("first_day"), col(Rollup.local_day) <= bindparam("last_day"), _HOURS)
_CONDITIONS = {"days": _DAYS, "days until": and_(_DAYS, col(Rollup.hour) < bindparam("until")), "hours": _HOURS}
_FIRST_DAY = (
    select(col(Rollup.local_day))
    .where(col(Rollup.site) == bindparam("site"), col(Rollup.measure) == bindparam("measure"))
    .order_by(col(Rollup.hour), col(Rollup.local_day))
    .limit(1)
)


@cache
def _sums_statement(kind: str, group: str | None = None) -> Select[*tuple[Any, ...]]:
    """Counters added up by measure and key, and by hour or local day if wanted, which is then the last column."""
    columns = [col(Rollup.measure), col(Rollup.key)]
    groups = [getattr(Rollup, group)] if group else []
    return (
        select(*columns, func.sum(col(Rollup.count)), func.sum(col(Rollup.total)), *groups)
        .where(
            col(Rollup.site) == bindparam("site"),
            col(Rollup.measure).in_(bindparam("measures", expanding=True)),
            _CONDITIONS[kind],
        )
        .group_by(*groups, *columns)
    )


@dataclass(frozen=True)
class Measured:
    """A value with the whole numbers it rests on; `count` is the number of cases."""

    value: float | None
    numerator: int | None
    denominator: int | None
    count: int
    reason: str | None = None


@dataclass(frozen=True)
class Sum:
    """Counters of one measure and key, added up."""

    measure: str
    key: str
    count: int
    total: float


@dataclass(frozen=True)
class _Period:
    """Which rows count: one of the conditions below, and its values."""

    kind: Literal["days", "days until", "hours"]
    values: dict[str, Any]


@dataclass(frozen=True)
class ScaleScore:
    """The scores given on one scale."""

    scale_min: int
    scale_max: int
    count: int
    mean: float


def find_kpi(name: str) -> Kpi:
    """The catalogue entry; raises `InvalidInput` naming the known ones."""
    if name not in KPIS:
        raise InvalidInput(f"There is no metric {name!r}. Known are: {', '.join(sorted(KPIS))}.")
    return KPIS[name]


async def measure(session: AsyncSession, kpi: str, site: str, start: date, end: date) -> Measured:
    """The metric over the site's local days `start` to `end`, both included."""
    found = find_kpi(kpi)
    days = _within_days(start, end)
    return compute(found, await _load(session, found, days, site, newest=col(Rollup.local_day) <= end))


async def measure_between(session: AsyncSession, kpi: str, site: str, since: datetime, until: datetime) -> Measured:
    """The metric over the hours that begin at or after `since` and before `until`."""
    found = find_kpi(kpi)
    hours = _within_hours(since, until)
    return compute(found, await _load(session, found, hours, site, newest=col(Rollup.hour) < until))


async def series(
    session: AsyncSession, kpi: str, site: str, start: date, end: date, until: datetime | None = None
) -> list[Point]:
    """One point per local day; for a single day one per hour, up to `until` if given."""
    found = find_kpi(kpi)
    if start == end:
        grouped = await _load_by(session, found, _within_days(start, end), site, "hour")
        return _hourly_points(found, grouped, until)
    grouped = await _load_by(session, found, _within_days(start, end), site, "local_day")
    days = [start + DAY * number for number in range((end - start).days + 1)]
    return [Point(at=day, value=_value(found, grouped.get(day, []))) for day in days]


async def series_between(session: AsyncSession, kpi: str, site: str, since: datetime, until: datetime) -> list[Point]:
    """One point per hour that begins at or after `since` and before `until`."""
    found = find_kpi(kpi)
    grouped = await _load_by(session, found, _within_hours(since, until), site, "hour")
    first = since.replace(minute=0, second=0, microsecond=0)
    first += timedelta(hours=1) if first < since else timedelta()
    count = max(0, -(-(until - first) // timedelta(hours=1)))
    hours = [first + timedelta(hours=number) for number in range(count)]
    return [Point(at=hour, value=_value(found, grouped.get(hour, []))) for hour in hours]


async def figure(
    session: AsyncSession,
    kpi: str,
    site: str,
    start: date,
    end: date,
    compare: bool = True,
    against: tuple[date, date] | None = None,
) -> Figure:
    """The metric beside the same number of days before, or beside the days of `against`.

    There is nothing beside days on which the site was not counted yet: a change from them would tell of the start.
    """
    now = await measure(session, kpi, site, start, end)
    first, last = against or period_before(start, end)
    compare = compare and await was_counted_on(session, site, first, find_kpi(kpi).measures)
    before = await measure(session, kpi, site, first, last) if compare else None
    return make_figure(find_kpi(kpi), now, before)


async def figure_of_today(
    session: AsyncSession, kpi: str, site: str, zone: str, now: datetime, against: date | None = None
) -> Figure:
    """The metric of the day that runs, beside the day before, or `against`, up to the same hour."""
    found, today = find_kpi(kpi), local_day(now, zone)
    other = against or today - DAY
    measured, before = await measure(session, kpi, site, today, today), None
    if await was_counted_on(session, site, other, found.measures):
        same_hour = day_start(other, zone) + (now - day_start(today, zone))
        hours = _Period("days until", {**_within_days(other, other).values, "until": same_hour})
        before = compute(found, await _load(session, found, hours, site, newest=col(Rollup.hour) < same_hour))
    return make_figure(found, measured, before)


async def was_counted_on(session: AsyncSession, site: str, day: date, measures: Iterable[str] = ()) -> bool:
    """Whether anything of the site was counted on that day or before."""
    began = await counting_began(session, site, measures)
    return began is not None and began <= day


async def counting_began(session: AsyncSession, site: str, measures: Iterable[str] = ()) -> date | None:
    """The local day of the site's first event or feedback, or of the first of these measures."""
    known: dict[tuple[str, str], date | None] = session.info.setdefault(BEGAN, {})  # a page asks for every tile
    names = {"event", "feedback", *measures}
    for name in sorted(names):
        if (site, name) not in known:
            found = await session.execute(_FIRST_DAY, {"site": site, "measure": name})
            known[site, name] = found.scalars().first()
    return min((day for name in names if (day := known[site, name]) is not None), default=None)


def make_figure(kpi: Kpi, now: Measured, before: Measured | None = None) -> Figure:
    """Two measurements of one metric as the figure of a message or tile."""
    return Figure(
        kpi=kpi.name,
        title=kpi.title,
        unit=kpi.unit,
        direction=kpi.direction,
        value=now.value,
        count=now.count,
        numerator=now.numerator,
        denominator=now.denominator,
        previous=before.value if before else None,
        previous_count=before.count if before else None,
        reason=now.reason,
    )


async def scores_by_scale(session: AsyncSession, site: str, start: date, end: date) -> list[ScaleScore]:
    """The mean score of each scale that was used, the most used first; scales are never mixed."""
    sums = await _load_sums(session, ["score"], _within_days(start, end), site)
    found = []
    for row in sums:
        lowest, _, highest = row.key.rpartition("-")
        if row.count:
            found.append(ScaleScore(int(lowest), int(highest), row.count, row.total / row.count))
    return sorted(found, key=lambda score: -score.count)


async def sums_by_key(
    session: AsyncSession, measure_name: str, site: str, start: date, end: date, limit: int = 50
) -> list[Sum]:
    """The keys of a measure over local days, the largest first (pages, categories, sources …)."""
    sums = await _load_sums(session, [measure_name], _within_days(start, end), site)
    return sorted((row for row in sums if row.count), key=lambda row: (-row.count, row.key))[:limit]


def period_before(start: date, end: date) -> tuple[date, date]:
    """The same number of days directly before."""
    days = end - start + DAY
    return start - days, end - days


def compute(kpi: Kpi, sums: Iterable[Sum]) -> Measured:
    """The metric of loaded sums."""
    rows = list(sums)
    if kpi.quantile is not None:
        return _quantile(kpi, [row for row in rows if kpi.upper.holds(row.measure, row.key)], kpi.quantile)
    upper = _add(kpi.upper, rows)
    if kpi.lower is None:
        return Measured(upper, int(upper), None, int(upper))
    lower = int(_add(kpi.lower, rows))
    if lower <= 0:
        return Measured(None, None, 0, 0, kpi.nothing)
    return Measured(upper / lower, round(upper) if kpi.unit == "share" else None, lower, lower)


def _quantile(kpi: Kpi, rows: Sequence[Sum], share: float) -> Measured:
    """The upper bound of the bucket that holds the rank, so that the share surely stays below it."""
    buckets = sorted((float(row.key), row.count) for row in rows if row.count > 0)
    cases = sum(count for _, count in buckets)
    if not cases:
        return Measured(None, None, 0, 0, kpi.nothing)
    below = 0
    for bound, count in buckets:
        below += count
        if below >= share * cases:
            return Measured(bound, None, cases, cases)
    return Measured(buckets[-1][0], None, cases, cases)


def _add(part: Part, rows: Iterable[Sum]) -> float:
    chosen = [row for row in rows if part.holds(row.measure, row.key)]
    return float(sum(row.count if part.field == "count" else row.total for row in chosen))


def _value(kpi: Kpi, sums: Iterable[Sum]) -> float | None:
    return compute(kpi, sums).value


def _hourly_points(kpi: Kpi, grouped: dict[Any, list[Sum]], until: datetime | None) -> list[Point]:
    """Every hour from the first to the last that has rows, or to `until`."""
    if not grouped:
        return []
    last = until - timedelta(microseconds=1) if until else max(grouped)
    hour, points = min(grouped), []
    while hour <= last:
        points.append(Point(at=hour, value=_value(kpi, grouped.get(hour, []))))
        hour += timedelta(hours=1)
    return points


def _within_days(start: date, end: date) -> _Period:
    """By local day; the bounds on the hour let the index work (a zone is at most 14 hours off)."""
    if end < start:
        raise InvalidInput("The period ends before it begins.")
    if (end - start).days >= MAX_DAYS:
        raise InvalidInput(f"A period may have at most {MAX_DAYS} days.")
    from_hour, to_hour = _midnight(start) - DAY, _midnight(end) + 2 * DAY
    return _Period("days", {"first_day": start, "last_day": end, "from_hour": from_hour, "to_hour": to_hour})


def _within_hours(since: datetime, until: datetime) -> _Period:
    return _Period("hours", {"from_hour": since, "to_hour": until})


def _midnight(day: date) -> datetime:
    return datetime.fromisoformat(f"{day.isoformat()}T00:00:00+00:00")


async def _load(session: AsyncSession, kpi: Kpi, period: _Period, site: str, newest: ColumnElement[bool]) -> list[Sum]:
    if kpi.latest:
        day = await _newest_day(session, kpi, site, newest)
        if day is None:
            return []
        period = _within_days(day, day)
    return await _load_sums(session, sorted(kpi.measures), period, _site_of(kpi, site))


async def _newest_day(session: AsyncSession, kpi: Kpi, site: str, until: ColumnElement[bool]) -> date | None:
    """The last local day that has the metric."""
    measured = select(col(Rollup.local_day)).where(
        col(Rollup.site) == _site_of(kpi, site), col(Rollup.measure).in_(sorted(kpi.measures)), until
    )
    newest = measured.order_by(col(Rollup.hour).desc(), col(Rollup.local_day).desc()).limit(1)
    return (await session.execute(newest)).scalars().first()


async def _load_sums(session: AsyncSession, measures: Sequence[str], period: _Period, site: str) -> list[Sum]:
    values = {**period.values, "site": site, "measures": measures}
    found = await session.execute(_sums_statement(period.kind), values)
    return [Sum(name, key, int(count), float(total)) for name, key, count, total in found]


async def _load_by(
    session: AsyncSession, kpi: Kpi, period: _Period, site: str, group: Literal["hour", "local_day"]
) -> dict[Any, list[Sum]]:
    values = {**period.values, "site": _site_of(kpi, site), "measures": sorted(kpi.measures)}
    grouped: dict[Any, list[Sum]] = {}
    for name, key, count, total, when in await session.execute(_sums_statement(period.kind, group), values):
        grouped.setdefault(when, []).append(Sum(name, key, int(count), float(total)))
    return grouped


def _site_of(kpi: Kpi, site: str) -> str:
    return INSTALLATION if kpi.whole_installation else site
