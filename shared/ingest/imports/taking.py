"""Stores imported rows: checked and cleaned as events that come by the wire, each once, however often they are sent.

What happened long ago keeps its time. An imported visitor lasts one day, as any visitor without consent does, and is
a hash with a salt that only the run of the import knows: after it nobody can find somebody's rows by their id.
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
from shared.ingest.custom_room import CustomRoom, with_clean_name
from shared.ingest.event_fields import AHEAD, Received, TrackEvent, check_event, make_row
from shared.ingest.event_groups import store_alone
from shared.ingest.intake_meter import IntakeMeter, Receipt
from shared.store.database import Store
from shared.store.dialect import insert_if_new
from shared.store.models import Event, ImportedDay, Rollup

OLDER = "older than retention.event_days"
AHEAD_OF_US = "ahead of the clock"
TOO_MANY_NAMES = "too many names that the catalogue of events does not know"
DAY_IMPORTED = "the counters of this day were imported"
OWN_DATA = "this day has events of its own"
MEASURES = frozenset({"visitor_day", "page_view", "event", "page", "source", "engaged_ms"})
KEY_CHARACTERS = 1000


@dataclass
class Taken:
    """What became of the rows of one call: counts, and why rows (by their place in the call) were left out."""

    stored: int = 0
    repeated: int = 0
    dropped: list[tuple[int, str]] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        return {"stored": self.stored, "repeated": self.repeated, "dropped": [list(one) for one in self.dropped]}


class ImportIntake:
    """The way in for rows of an import; with `dry` nothing is changed and the answer says what would be."""

    def __init__(
        self, settings: Settings, clock: Clock, store: Store, meter: IntakeMeter, custom: CustomRoom, key: bytes
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._meter = meter
        self._custom = custom
        self._key = key

    async def take_events(
        self, site: SiteSettings, sent: Sequence[Mapping[str, Any]], salt: bytes, *, dry: bool
    ) -> Taken:
        """Events as `/track` names their fields, with `at`, and `user` for the visitor."""
        taken = Taken()
        good = self._check(site, sent, taken, dry=dry)
        rows = {index: self._make_row(site, event, sent[index].get("user"), salt) for index, event in good.items()}
        if dry:
            await self._look(site, rows, taken)
            return taken

        async def unit(session: AsyncSession) -> int:
            imported = await _imported_days(session, site.key, {row["local_day"] for row in rows.values()})
            kept = _without_days(rows, imported, taken)
            return await store_alone(session, site.key, list(kept.values())) if kept else 0

        with Receipt(self._meter, site.key, len(sent)) as receipt:
            before = list(taken.dropped)
            taken.stored = await self._store.writer.run(_restoring(taken, before, unit))
            taken.repeated = len(sent) - len(taken.dropped) - taken.stored
            receipt.store(taken.stored, taken.repeated)
            receipt.drop("import", len(taken.dropped))
        return taken

    def _check(
        self, site: SiteSettings, sent: Sequence[Mapping[str, Any]], taken: Taken, *, dry: bool
    ) -> dict[int, TrackEvent]:
        good: dict[int, TrackEvent] = {}
        undeclared: dict[int, TrackEvent] = {}
        for index, raw in enumerate(sent):
            found = self._check_one(site, raw)
            if isinstance(found, str):
                taken.dropped.append((index, found))
                continue
            if self._settings.event_catalogue.judge(found) is UNDECLARED:
                found = undeclared[index] = with_clean_name(found, self._settings.event_catalogue)
            good[index] = found
        if undeclared and not dry:
            refused = {id(event) for event in self._custom.refuse_too_many(site, list(undeclared.values()))}
            for index, event in undeclared.items():
                if id(event) in refused:
                    del good[index]
                    taken.dropped.append((index, TOO_MANY_NAMES))
        return good

    def _check_one(self, site: SiteSettings, raw: Mapping[str, Any]) -> TrackEvent | str:
        """The event, or why it is left out."""
        checked = check_event({key: value for key, value in raw.items() if key != "user"}, self._settings.limits)
        if isinstance(checked, FieldProblem):
            return f"{checked.field}: {checked.reason}"
        judgement = self._settings.event_catalogue.judge(checked)
        if judgement is not DECLARED and judgement is not UNDECLARED:
            return f"{judgement.field}: {judgement.problem}"
        now = self._clock.now()
        occurred = _moment_of(checked)
        if occurred is None or occurred > now + AHEAD:
            return AHEAD_OF_US if occurred is not None else "at: is missing"
        if local_day(occurred, site.zone) < self._oldest_day(site, now):
            return OLDER
        return checked

    def _oldest_day(self, site: SiteSettings, now: datetime) -> date:
        """What is older would be removed at once, and then be counted again by the next import of the same file."""
        days = self._settings.retention.event_days
        return local_day(now, site.zone) - timedelta(days=days - 1) if days else date.min

    def _make_row(self, site: SiteSettings, event: TrackEvent, user: Any, salt: bytes) -> dict[str, Any]:
        """As of any event, but with the time it has; ids are hashed with our key, as they may be made of the row."""
        occurred = _moment_of(event) or self._clock.now()

        def visitor_on(day: date) -> str | None:
            return keyed_hash(salt, "imported", site.key, day.isoformat(), user) if isinstance(user, str) else None

        received = Received(site, occurred, occurred.date(), occurred, occurred, None, visitor_on, with_key=True)
        row = make_row(msgspec.structs.replace(event, at=None), received, self._settings)
        return {**row, "event_id": keyed_hash(self._key, "imported event", event.id), "received_at": self._clock.now()}

    async def _look(self, site: SiteSettings, rows: Mapping[int, dict[str, Any]], taken: Taken) -> None:
        """What a real run would do with these rows."""
        async with self._store.read() as session:
            imported = await _imported_days(session, site.key, {row["local_day"] for row in rows.values()})
            kept = _without_days(rows, imported, taken)
            ids = {row["event_id"] for row in kept.values()}
            known = select(func.count()).select_from(Event).where(Event.site == site.key, col(Event.event_id).in_(ids))
            stored_before = int((await session.execute(known)).scalar_one()) if ids else 0
        taken.stored = len(ids) - stored_before
        taken.repeated = len(kept) - taken.stored

    async def take_days(
        self, site: SiteSettings, source: str, sent: Sequence[Mapping[str, Any]], *, dry: bool
    ) -> Taken:
        """Counters of whole days, each `{"part", "day", "cells": [[measure, key, count, total], …]}`."""
        if dry:
            async with self._store.read() as session:
                return await self._take_days(session, site, source, sent, dry=True)
        return await self._store.writer.run(lambda session: self._take_days(session, site, source, sent, dry=False))

    async def _take_days(
        self, session: AsyncSession, site: SiteSettings, source: str, sent: Sequence[Mapping[str, Any]], *, dry: bool
    ) -> Taken:
        taken, tally = Taken(), Tally(site.key)
        first = await _first_own_day(session, site.key)
        today, now = local_day(self._clock.now(), site.zone), self._clock.now()
        for index, counts in enumerate(sent):
            day = date.fromisoformat(str(counts["day"]))
            mark = ImportedDay(site=site.key, local_day=day, source=source, part=str(counts["part"]), imported_at=now)
            if day >= min(first or today, today):
                taken.dropped.append((index, OWN_DATA if day < today else AHEAD_OF_US))
            elif not await _is_new(session, mark, dry=dry):
                taken.repeated += 1
            else:
                taken.stored += 1
                _add_cells(tally, day, site.zone, counts["cells"])
        if not dry:
            await tally.store(session, KnownKeys())
        return taken


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


async def _imported_days(session: AsyncSession, site: str, days: set[date]) -> set[date]:
    query = select(col(ImportedDay.local_day)).where(ImportedDay.site == site, col(ImportedDay.local_day).in_(days))
    return set((await session.execute(query.distinct())).scalars())


def _without_days(rows: Mapping[int, dict[str, Any]], imported: set[date], taken: Taken) -> dict[int, dict[str, Any]]:
    taken.dropped += [(index, DAY_IMPORTED) for index, row in rows.items() if row["local_day"] in imported]
    return {index: row for index, row in rows.items() if row["local_day"] not in imported}


async def _first_own_day(session: AsyncSession, site: str) -> date | None:
    """The first day with events that were counted here, not imported as counters."""
    imported = select(col(ImportedDay.local_day)).where(ImportedDay.site == site)
    own = select(func.min(Rollup.local_day)).where(
        Rollup.site == site, Rollup.measure == "event", col(Rollup.local_day).not_in(imported)
    )
    return (await session.execute(own)).scalar_one_or_none()


async def _is_new(session: AsyncSession, mark: ImportedDay, *, dry: bool) -> bool:
    """Whether this part of the day was not imported before; marks it unless `dry`."""
    if not dry:
        return await insert_if_new(session, mark)
    same = select(ImportedDay.site).where(
        ImportedDay.site == mark.site,
        ImportedDay.local_day == mark.local_day,
        ImportedDay.source == mark.source,
        ImportedDay.part == mark.part,
    )
    return (await session.execute(same)).first() is None


def _add_cells(tally: Tally, day: date, zone: str, cells: Sequence[Sequence[Any]]) -> None:
    hour = hour_of(day_start(day, zone))
    for measure, key, count, total in cells:
        if measure in MEASURES:
            tally.add(measure, hour, day, str(key)[:KEY_CHARACTERS], int(count), float(total))
