"""Stores imported rows: checked and cleaned as events that come by the wire, each once, however often they are sent.

What happened long ago keeps its time. An imported visitor lasts one day, as any visitor without consent does, and is
a hash with a salt that is destroyed when the import ends: after it nobody can find somebody's rows by their id.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.clock import Clock, day_start, local_day
from shared.config import Settings, SiteSettings
from shared.derive.rollups import KnownKeys, Tally, hour_of
from shared.errors import FieldProblem
from shared.event_catalogue import DECLARED, UNDECLARED
from shared.identifiers import keyed_hash
from shared.ingest.custom_room import with_clean_name
from shared.ingest.event_fields import AHEAD, Received, TrackEvent, check_event, make_row
from shared.ingest.event_groups import store_alone
from shared.ingest.imports.imported_days import (
    days_of_counters,
    days_with_events,
    first_own_day,
    is_new,
    mark_event_days,
)
from shared.ingest.imports.imported_names import ImportedNames
from shared.ingest.intake_meter import IntakeMeter, Receipt
from shared.store.database import Store
from shared.store.models import Event, ImportedDay

OLDER = "older than retention.event_days"
AHEAD_OF_US = "ahead of the clock"
TOO_MANY_NAMES = "more names of one day that nobody declared than limits.custom_names"
LATER = "later than the last day of this import"
DAY_IMPORTED = "the counters of this day were imported"
OWN_DATA = "this day has events of its own"
NOT_OVER = "this day is not over yet"
MEASURES = frozenset({"visitor_day", "page_view", "event", "page", "source", "engaged_ms"})
KEY_CHARACTERS = 1000
ONE_DAY = timedelta(days=1)


@dataclass
class Taken:
    """What became of the rows of one call: counts, and why rows (by their place in the call) were left out."""

    stored: int = 0
    repeated: int = 0
    dropped: list[tuple[int, str]] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        return {"stored": self.stored, "repeated": self.repeated, "dropped": [list(one) for one in self.dropped]}


@dataclass(frozen=True)
class Span:
    """Up to which day an import goes without counting twice, and the first day that was counted here."""

    until: date
    first_own_day: date | None


@dataclass(frozen=True)
class Import:
    """What a call belongs to: the product that the rows came from, the last day to take, and the salt of visitors."""

    site: SiteSettings
    source: str
    until: date
    dry: bool
    salt: bytes = b""


class ImportIntake:
    """The way in for rows of an import; with `dry` nothing is changed and the answer says what would be."""

    def __init__(self, settings: Settings, clock: Clock, store: Store, meter: IntakeMeter, key: bytes) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._meter = meter
        self._key = key

    async def find_span(self, site: SiteSettings) -> Span:
        """Days that are over and come before the first one with events of its own."""
        today = local_day(self._clock.now(), site.zone)
        async with self._store.read() as session:
            first = await first_own_day(session, site.key)
        return Span(min(first or today, today) - ONE_DAY, first)

    async def take_events(self, of: Import, sent: Sequence[Mapping[str, Any]]) -> Taken:
        """Events as `/track` names their fields, with `at`, and `user` for the visitor."""
        taken = Taken()
        good = self._check(of, sent, taken)
        rows = {index: self._make_row(of, event, sent[index].get("user")) for index, event in good.items()}
        if of.dry:
            await self._look(of, rows, taken)
            return taken

        async def unit(session: AsyncSession) -> int:
            kept = await self._sift(session, of, rows, taken)
            return await store_alone(session, of.site.key, kept) if kept else 0

        with Receipt(self._meter, of.site.key, len(sent)) as receipt:
            before = list(taken.dropped)
            taken.stored = await self._store.writer.run(_restoring(taken, before, unit))
            taken.repeated = len(sent) - len(taken.dropped) - taken.stored
            receipt.store(taken.stored, taken.repeated)
            receipt.drop("import", len(taken.dropped))
        return taken

    def _check(self, of: Import, sent: Sequence[Mapping[str, Any]], taken: Taken) -> dict[int, TrackEvent]:
        good: dict[int, TrackEvent] = {}
        for index, raw in enumerate(sent):
            found = self._check_one(of, raw)
            if isinstance(found, str):
                taken.dropped.append((index, found))
            else:
                good[index] = found
        return good

    def _check_one(self, of: Import, raw: Mapping[str, Any]) -> TrackEvent | str:
        """The event, or why it is left out."""
        checked = check_event({key: value for key, value in raw.items() if key != "user"}, self._settings.limits)
        if isinstance(checked, FieldProblem):
            return f"{checked.field}: {checked.reason}"
        judgement = self._settings.event_catalogue.judge(checked)
        if judgement is not DECLARED and judgement is not UNDECLARED:
            return f"{judgement.field}: {judgement.problem}"
        occurred = _moment_of(checked)
        if occurred is None:
            return "at: is missing"
        if problem := self._day_problem(of, occurred):
            return problem
        return checked if judgement is DECLARED else with_clean_name(checked, self._settings.event_catalogue)

    def _day_problem(self, of: Import, occurred: datetime) -> str | None:
        now = self._clock.now()
        if occurred > now + AHEAD:
            return AHEAD_OF_US
        day = local_day(occurred, of.site.zone)
        if day > of.until:
            return LATER
        return OLDER if day < self._oldest_day(of.site, now) else None

    def _oldest_day(self, site: SiteSettings, now: datetime) -> date:
        """What is older would be removed at once, and then be counted again by the next import of the same file."""
        days = self._settings.retention.event_days
        return local_day(now, site.zone) - timedelta(days=days - 1) if days else date.min

    def _make_row(self, of: Import, event: TrackEvent, user: Any) -> dict[str, Any]:
        """As of any event, but with the time it has; ids are hashed with our key, as they may be made of the row."""
        occurred = _moment_of(event) or self._clock.now()

        def visitor_on(day: date) -> str | None:
            if not isinstance(user, str):
                return None
            return keyed_hash(of.salt, "imported", of.site.key, day.isoformat(), user)

        received = Received(of.site, occurred, occurred.date(), occurred, occurred, None, visitor_on, with_key=True)
        row = make_row(msgspec.structs.replace(event, at=None), received, self._settings)
        return {**row, "event_id": keyed_hash(self._key, "imported event", event.id), "received_at": self._clock.now()}

    async def _sift(
        self, session: AsyncSession, of: Import, rows: Mapping[int, dict[str, Any]], taken: Taken
    ) -> list[dict[str, Any]]:
        """Those of the rows that may be stored. Unless it is dry their days and names are noted in the unit."""
        site, limits = of.site, self._settings.limits
        days = {row["local_day"] for row in rows.values()}
        counters = await days_of_counters(session, site.key, days)
        names = ImportedNames(site.key, self._settings.event_catalogue, limits.custom_names, limits.properties)
        await names.load(session, days)
        kept = []
        for index, row in rows.items():
            if row["local_day"] in counters:
                taken.dropped.append((index, DAY_IMPORTED))
            elif not names.has_room(row):
                taken.dropped.append((index, TOO_MANY_NAMES))
            else:
                kept.append(row)
        if not of.dry:
            now = self._clock.now()
            over = {row["local_day"] for row in kept if row["local_day"] < local_day(now, site.zone)}
            await mark_event_days(session, site.key, of.source, over, now)
            await names.count(session, kept)
        return kept

    async def _look(self, of: Import, rows: Mapping[int, dict[str, Any]], taken: Taken) -> None:
        """What a real run would do with these rows."""
        async with self._store.read() as session:
            kept = await self._sift(session, of, rows, taken)
            ids = {row["event_id"] for row in kept}
            known = select(func.count()).select_from(Event).where(Event.site == of.site.key)
            stored_before = await session.execute(known.where(col(Event.event_id).in_(ids)))
        taken.stored = len(ids) - int(stored_before.scalar_one())
        taken.repeated = len(kept) - taken.stored

    async def take_days(self, of: Import, sent: Sequence[Mapping[str, Any]]) -> Taken:
        """Counters of whole days, each `{"part", "day", "cells": [[measure, key, count, total], …]}`."""
        if of.dry:
            async with self._store.read() as session:
                return await self._take_days(session, of, sent)
        return await self._store.writer.run(lambda session: self._take_days(session, of, sent))

    async def _take_days(self, session: AsyncSession, of: Import, sent: Sequence[Mapping[str, Any]]) -> Taken:
        site, now = of.site, self._clock.now()
        taken, tally = Taken(), Tally(site.key)
        days = [date.fromisoformat(str(counts["day"])) for counts in sent]
        own = await days_with_events(session, site.key, set(days))
        for index, (day, counts) in enumerate(zip(days, sent, strict=True)):
            mark = ImportedDay(
                site=site.key, local_day=day, source=of.source, part=str(counts["part"]), imported_at=now
            )
            if problem := _problem_of_day(day, local_day(now, site.zone), of.until, own):
                taken.dropped.append((index, problem))
            elif not await is_new(session, mark, dry=of.dry):
                taken.repeated += 1
            else:
                taken.stored += 1
                _add_cells(tally, day, site.zone, counts["cells"])
        if not of.dry:
            await tally.store(session, KnownKeys())
        return taken


def _problem_of_day(day: date, today: date, until: date, own: set[date]) -> str | None:
    """Why the counters of a day are not taken."""
    if day > today:
        return AHEAD_OF_US
    if day == today:
        return NOT_OVER
    if day > until:
        return LATER
    return OWN_DATA if day in own else None


def _moment_of(event: TrackEvent) -> datetime | None:
    try:
        return datetime.fromtimestamp(event.at / 1000, UTC) if event.at is not None else None
    except (OverflowError, ValueError, OSError):
        return None


def _restoring(
    taken: Taken, before: list[tuple[int, str]], unit: Callable[[AsyncSession], Any]
) -> Callable[[AsyncSession], Any]:
    """The unit may be tried again: what it dropped must not be counted twice."""

    async def run(session: AsyncSession) -> int:
        taken.dropped = list(before)
        return int(await unit(session))

    return run


def _add_cells(tally: Tally, day: date, zone: str, cells: Sequence[Sequence[Any]]) -> None:
    hour = hour_of(day_start(day, zone))
    for measure, key, count, total in cells:
        if measure in MEASURES:
            tally.add(measure, hour, day, str(key)[:KEY_CHARACTERS], int(count), float(total))
