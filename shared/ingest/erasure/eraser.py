"""Erases people: first into the log on disk, then out of the database in short units, then "done".

The log outlives a copy of the database that is put back: `apply_log` finds the entries which this database has not
seen, or only half of, and erases again. Until it has, the process is not ready (`is_settled`).
"""

import asyncio
import logging
import secrets
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.clock import Clock
from shared.config import Settings
from shared.derive.rollups import events_in_shared_views
from shared.errors import CannotStore, NotFound
from shared.guard.erase_log import EraseLog, LogEntry, open_log
from shared.ingest.erasure import units
from shared.store.database import Store
from shared.store.models import AppliedErasure, Event, Identity
from shared.store.people import find_identity, identity_hash

logger = logging.getLogger(__name__)

LOG_ACTOR = "erase log"  # on record for an erasure that was applied again
RETENTION_ACTOR = "system"
ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Erased:
    """How many rows went, by table, and how many of our posts are edited."""

    rows: dict[str, int]
    posts: int


class Eraser:
    """The one way to erase somebody. Of one process one erasure runs at a time; intake goes on meanwhile."""

    def __init__(self, settings: Settings, clock: Clock, store: Store, key: bytes) -> None:
        self.log: EraseLog = open_log(settings)
        self._events_at_once = settings.retention.batch_rows
        self._clock = clock
        self._store = store
        self._key = key
        self._one = asyncio.Lock()

    async def erase_identity(self, platform: str, external_id: str, actor: str) -> Erased | None:
        """Everything about the person behind an identity; None when nothing was stored: nobody asks them either."""
        async with self._store.read() as session:
            found = await find_identity(session, platform, external_id)
        if found is not None:
            return await self.erase_person(found[1].id, actor)
        await self._erase([identity_hash(self._key, platform, external_id)], [], actor)
        return None

    async def erase_person(self, person_id: str, actor: str) -> Erased:
        """Raises `NotFound` for an unknown person, `CannotStore` when the log or the database cannot take it."""
        async with self._store.read() as session:
            known = (await session.execute(select(Identity).where(Identity.person_id == person_id))).scalars().all()
        if not known:
            raise NotFound("Nothing is stored about this person.")
        subjects = [identity_hash(self._key, one.platform, one.external_id) for one in known]
        return await self._erase(subjects, [person_id], actor)

    async def forget_person(self, person_id: str, *, keep_silent: bool) -> None:
        """Removes a person whose time is over. Who wanted no questions gets none when they come back either."""
        async with self._store.read() as session:
            known = (await session.execute(select(Identity).where(Identity.person_id == person_id))).scalars().all()
        if keep_silent:
            subjects = [identity_hash(self._key, one.platform, one.external_id) for one in known]
            now = self._clock.now()
            await self._store.writer.run(lambda session: units.suppress(session, subjects, now))
        async with self._one:
            await self._remove(person_id, RETENTION_ACTOR)

    async def apply_log(self) -> int:
        """Erases again what this database has not seen, most often because a copy was put back; how many entries.

        Then what the database has seen and the file lacks is added to it: the file was lost, or belongs to another
        replica. When it cannot be written, that is on record and waits for the next time: nobody is left to erase.
        """
        contents = await self._read_log()
        async with self._store.read() as session:
            rows = (await session.execute(select(AppliedErasure))).scalars().all()
        seen, written = {row.id for row in rows}, {entry.id for entry in contents}
        unknown = [entry for entry in contents if entry.id not in seen]
        people = await self._people_of({subject for entry in unknown for subject in entry.subjects})
        for entry in unknown:
            async with self._one:
                await self._apply(
                    entry, sorted({one for hashed in entry.subjects for one in people[hashed]}), LOG_ACTOR
                )
        lacking = [LogEntry(row.id, row.at, tuple(row.subjects)) for row in rows if row.id not in written]
        if lacking:
            with suppress(CannotStore):
                await self._append(lacking)
        return len(unknown)

    async def _erase(self, subjects: Sequence[str], person_ids: Sequence[str], actor: str) -> Erased:
        entry = LogEntry(secrets.token_hex(16), self._clock.now(), tuple(subjects))
        await self._append([entry])
        async with self._one:
            return await self._apply(entry, person_ids, actor)

    async def _apply(self, entry: LogEntry, person_ids: Sequence[str], actor: str) -> Erased:
        rows: Counter[str] = Counter()
        posts = 0
        for person_id in person_ids:
            done = await self._remove(person_id, actor)
            rows.update(done.rows)
            posts += done.posts
        await self._store.writer.run(lambda session: units.note_applied(session, entry.id, entry.at, entry.subjects))
        return Erased(dict(rows), posts)

    async def _remove(self, person_id: str, actor: str) -> Erased:
        removed: Counter[str] = Counter()
        posts = 0
        try:
            silenced, posts = await self._silence(person_id)
            removed.update(silenced)
            finished = None
            while finished is None:
                removed["event"] += await self._remove_events(person_id)
                finished = await self._finish(person_id, actor, removed)
            removed = finished
        except NotFound:
            pass  # another process was faster, or it was done before the log was marked
        return Erased({name: count for name, count in removed.items() if count}, posts)

    async def _silence(self, person_id: str) -> tuple[Counter[str], int]:
        now = self._clock.now()
        return await self._store.writer.run(lambda session: units.silence(session, self._key, person_id, now))

    async def _finish(self, person_id: str, actor: str, removed: Counter[str]) -> Counter[str] | None:
        """All that went, or None when events arrived meanwhile."""
        now = self._clock.now()
        return await self._store.writer.run(
            lambda session: units.remove_person(session, self._key, person_id, actor, removed, now)
        )

    async def _remove_events(self, person_id: str) -> int:
        """Day after day; the events of others in the same views are looked up outside the units."""
        removed = 0
        async with self._store.read() as session:
            days = await _days_of(session, person_id)
        for (site, day), views in sorted(days.items()):
            async with self._store.read() as session:
                shared = await events_in_shared_views(session, site, day, person_id, views)
            removed += await self._remove_day(person_id, site, day, shared)
        return removed

    async def _remove_day(self, person_id: str, site: str, day: date, shared: Sequence[dict[str, Any]]) -> int:
        removed, more_left = 0, True
        while more_left:
            count, more_left = await self._store.writer.run(
                lambda session: units.remove_events(session, person_id, site, day, self._events_at_once, shared)
            )
            removed += count
        return removed

    async def _people_of(self, subjects: set[str]) -> dict[str, set[str]]:
        """The people whose identities have these hashes. Hashes cannot be turned back, so every identity is tried."""
        found: dict[str, set[str]] = defaultdict(set)
        if not subjects:
            return found
        columns = (col(Identity.id), col(Identity.platform), col(Identity.external_id), col(Identity.person_id))
        last = ""
        while True:
            async with self._store.read() as session:
                query = select(*columns).where(col(Identity.id) > last).order_by(col(Identity.id))
                rows = (await session.execute(query.limit(ROWS_AT_ONCE))).all()
            if not rows:
                return found
            for last, platform, external_id, person_id in rows:  # noqa: B007  # the last one is where the next page begins
                hashed = identity_hash(self._key, platform, external_id)
                if hashed in subjects:
                    found[hashed].add(person_id)

    async def _append(self, entries: Sequence[LogEntry]) -> None:
        try:
            await asyncio.to_thread(self.log.append, entries)
        except OSError as error:
            logger.error("the erase log %s cannot be written: %s", self.log.path, type(error).__name__)
            raise CannotStore("The erase log cannot be written, so nothing was erased. Please try again.") from error

    async def _read_log(self) -> tuple[LogEntry, ...]:
        try:
            contents = await asyncio.to_thread(self.log.read)
        except OSError as error:
            raise CannotStore(f"The erase log cannot be read ({type(error).__name__}).") from error
        if contents.unreadable:
            logger.warning("%d lines of the erase log cannot be read", contents.unreadable)
        return contents.entries


async def _days_of(session: AsyncSession, person_id: str) -> dict[tuple[str, date], set[str]]:
    """The days with events of a person, and the views of each."""
    query = select(col(Event.site), col(Event.local_day), col(Event.view)).where(Event.person_id == person_id)
    days: dict[tuple[str, date], set[str]] = defaultdict(set)
    for site, day, view in (await session.execute(query.distinct())).all():
        days[site, day].update([view] if view else [])
    return days
