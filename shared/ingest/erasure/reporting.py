"""What is stored about how many people: per table its rows, their age and how long they stay. No data of anybody."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from shared.config import Settings
from shared.guard.data_map import DATA_MAP
from shared.guard.privacy import VisitorHasher
from shared.guard.retention import LAST_PURGE, PURGES
from shared.store import models
from shared.store.dialect import is_marked
from shared.store.models import AppliedErasure, Event, Identity, Person, StateValue, Suppression, VisitorDay

AGES = {purge.name: purge.age for purge in PURGES}
OTHER_AGES = ("created_at", "changed_at", "window_start", "imported_at", "posted_at", "last_finished_at")
TABLES: dict[str, type[SQLModel]] = {
    str(table.__tablename__): table
    for name in models.__all__
    if isinstance(table := getattr(models, name), type) and issubclass(table, SQLModel)
}


@dataclass(frozen=True)
class TableReport:
    """One table. `kept` is a number of days, "for ever", or a sentence."""

    table: str
    holds: str
    erasing: str
    rows: int
    oldest: str | None
    newest: str | None
    kept: str


async def report_table(session: AsyncSession, settings: Settings, name: str, site: str | None = None) -> TableReport:
    """How many rows, from when to when; of one site when asked for."""
    table = TABLES[name]
    columns = table.__table__.columns  # type: ignore[attr-defined]
    age = AGES.get(name) or next((other for other in OTHER_AGES if other in columns), None)
    wanted: list[Any] = [func.count()] + ([func.min(columns[age]), func.max(columns[age])] if age else [])
    query = select(*wanted).select_from(table)
    if site is not None:
        query = query.where(columns["site"] == site)
    count, *ages = (await session.execute(query)).one()
    oldest, newest = (_day(moment) for moment in ages or (None, None))
    rule = DATA_MAP[name]
    erasing = str(table.erasure.value)  # type: ignore[attr-defined]
    return TableReport(name, rule.holds, erasing, count, oldest, newest, how_long(settings, rule.kept_for))


def how_long(settings: Settings, kept_for: str) -> str:
    """The days of a retention setting in words, or the sentence that stands in its place."""
    days = getattr(settings.retention, kept_for, None) if kept_for.endswith("_days") else None
    if days is None:
        return kept_for
    return f"{days} days" if days else "for ever"


async def report(session: AsyncSession, settings: Settings, site: str | None = None) -> dict[str, Any]:
    """All tables, or those that know sites; people, erasures and the last purge."""
    names = [name for name, table in TABLES.items() if site is None or "site" in table.model_fields]
    tables = [asdict(await report_table(session, settings, name, site)) for name in names]
    erased = (await session.execute(select(func.count(), func.max(col(AppliedErasure.at))))).one()
    purge = (
        await session.execute(select(col(StateValue.value)).where(col(StateValue.key) == LAST_PURGE))
    ).scalar_one_or_none()
    return {
        "people": await _count_people(session, site),
        "erasures": {"count": erased[0], "last": _moment(erased[1])},
        "suppressed": (await session.execute(select(func.count()).select_from(Suppression))).scalar_one(),
        "last_purge": purge or {"at": None, "removed": {}},
        "tables": tables,
    }


async def _count_people(session: AsyncSession, site: str | None) -> dict[str, Any]:
    """How many are known, by platform, how many said no, how many visitor-days of nobody known there are, and users."""

    def of_site(query: Any, table: type[SQLModel]) -> Any:
        return query if site is None else query.where(table.site == site)  # type: ignore[attr-defined]

    async def count(query: Any) -> int:
        return int((await session.execute(query)).scalar_one())

    by_platform = of_site(select(col(Identity.platform), func.count()), Identity).group_by(Identity.platform)
    users = select(func.count(col(Event.visitor).distinct())).where(is_marked("visitor"))
    if site is not None:  # said so that SQLite does not take the index of a site's days, which holds everybody
        users = users.where(func.coalesce(col(Event.site), "") == site)
    unknown = select(func.count()).select_from(VisitorDay).where(col(VisitorDay.person_id).is_(None))
    refused = select(func.count()).select_from(Person).where(col(Person.opted_out_at).is_not(None))
    return {
        "known": await count(of_site(select(func.count()).select_from(Person), Person)),
        "identities": {platform: found for platform, found in (await session.execute(by_platform)).all()},
        "refused_questions": await count(of_site(refused, Person)),
        "anonymous_visitor_days": await count(of_site(unknown, VisitorDay)),
        "users_of_servers": await count(users),
    }


async def salt_ages(hasher: VisitorHasher, now: datetime) -> dict[str, Any]:
    """The days whose salts still exist; the oldest in days."""
    days = await hasher.days_with_salts()
    return {
        "days": sorted({day.isoformat() for day in days}),
        "oldest_days": (now.date() - min(days)).days if days else None,
    }


def _day(moment: date | datetime | None) -> str | None:
    return moment.isoformat()[:10] if moment else None


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def describe_report(told: Mapping[str, Any]) -> str:
    """The report as lines of plain text."""
    people, erasures, purge, salts = told["people"], told["erasures"], told["last_purge"], told["salts"]
    platforms = ", ".join(f"{name} {count}" for name, count in sorted(people["identities"].items())) or "none"
    removed = ", ".join(f"{name} {count}" for name, count in purge["removed"].items()) or "nothing"
    lines = [
        f"People known: {people['known']} (identities: {platforms}); {people['refused_questions']} want no questions",
        f"Anonymous visitor-days: {people['anonymous_visitor_days']}",
        f"Users whom servers name: {people['users_of_servers']}",
        f"Erased: {erasures['count']}, last {erasures['last'] or 'never'}; never asked again: {told['suppressed']}",
        f"Last purge: {purge['at'] or 'never'}, removed {removed}",
        f"Salts of {len(salts['days'])} days exist, the oldest {salts['oldest_days'] or 0} days old",
        "",
        f"{'table':<18}{'rows':>12}  {'oldest':<12}{'newest':<12}{'erasing':<9}kept",
    ]
    lines += [
        f"{row['table']:<18}{row['rows']:>12}  {row['oldest'] or '-':<12}{row['newest'] or '-':<12}"
        f"{row['erasing']:<9}{row['kept']}"
        for row in told["tables"]
    ]
    return "\n".join(lines)
