"""Erases people: first into the log on disk, then out of the database in short units, then "done".

The log outlives a copy of the database that is put back: `apply_log` finds the entries which this database has not
seen, or only half of, and erases again. Until it has, the process is not ready (`is_settled`).
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlmodel import select

from shared.clock import Clock
from shared.config import Settings
from shared.derive.rollups import events_in_shared_views
from shared.errors import CannotStore, LimitReached, NotFound
from shared.guard.erase_log import EraseLog, LogEntry, open_log
from shared.guard.rate_limits import hit
from shared.guard.retention import first_needed
from shared.ingest.erasure import units
from shared.ingest.erasure.days import days_of
from shared.ingest.erasure.subjects import Found, Who, check_identity, find_who, hash_of, hashes_of, match_hashes
from shared.store.database import Store
from shared.store.models import AppliedErasure
from shared.store.people import Owner

logger = logging.getLogger(__name__)

LOG_ACTOR = "erase log"  # on record for an erasure that was applied again
RETENTION_ACTOR = "system"
UNKNOWN = "erase:unknown"  # the bucket of a limit
HOUR_SECONDS = 3600
TIMES_AN_HOUR = 5  # that one unknown identity is taken
ROUNDS = 3  # through the days of somebody; what arrives even then goes in the last unit


@dataclass(frozen=True)
class Erased:
    """How many rows went, by table, and how many of our posts are edited."""

    rows: dict[str, int]
    posts: int


class Eraser:
    """The one way to erase somebody. Of one process one erasure runs at a time; intake goes on meanwhile."""

    def __init__(self, settings: Settings, clock: Clock, store: Store, key: bytes) -> None:
        self.log: EraseLog = open_log(settings)
        self._retention = settings.retention
        self._events_at_once = settings.retention.batch_rows
        self._unknown_an_hour = settings.privacy.unknown_erasures_per_hour
        self._clock = clock
        self._store = store
        self._key = key
        self._one = asyncio.Lock()

    async def erase(self, platform: str, external_id: str, actor: str, *, is_anonymous: bool = False) -> Erased | None:
        """Everything about who stands behind an identity; None when nothing was stored: nobody asks them either.

        Also an unknown identity is logged: a newer copy may hold it and be put back. So that the log stays bounded,
        one such identity is taken some times an hour, and of those that anybody can make up (`is_anonymous`, nobody
        has proved who asks) only some an hour altogether; then `LimitReached` is raised.
        """
        platform, external_id = check_identity(platform, external_id)
        async with self._store.read() as session:
            who = await find_who(session, self._key, platform, external_id)
        if who is not None:
            return await self.erase_whom(who, actor)
        hashed = hash_of(self._key, platform, external_id)
        await self._limit_unknown(hashed, is_anonymous=is_anonymous)
        await self._erase([hashed], None, actor)
        return None

    async def erase_whom(self, who: Who, actor: str) -> Erased:
        """Raises `NotFound` for an unknown person, `CannotStore` when the log or the database cannot take it."""
        async with self._store.read() as session:
            hashes = await hashes_of(session, self._key, who)
        if not hashes:
            raise NotFound("Nothing is stored about this person.")
        return await self._erase(hashes, who, actor)

    async def forget_person(self, person_id: str, *, keep_silent: bool) -> None:
        """Removes a person whose time is over. Who wanted no questions gets none when they come back either."""
        if keep_silent:
            async with self._store.read() as session:
                hashes = await hashes_of(session, self._key, Who(person_id))
            now = self._clock.now()
            await self._store.writer.run(lambda session: units.suppress(session, hashes, now))
        async with self._one:
            await self._remove_person(person_id, RETENTION_ACTOR)

    async def apply_log(self) -> int:
        """Erases again what this database has not seen, most often because a copy was put back; how many entries.

        Then what the database has seen and the file lacks is added to it: the file was lost, or belongs to another
        replica. When it cannot be written, that is on record and waits for the next time: nobody is left to erase.
        Entries whose time is over count for nothing and go, out of both.
        """
        needed_from = first_needed(self._retention, self._clock.now())
        contents = [entry for entry in await self._read_log() if entry.at >= needed_from]
        async with self._store.read() as session:
            rows = (await session.execute(select(AppliedErasure))).scalars().all()
        seen, written = {row.id for row in rows}, {entry.id for entry in contents}
        unknown = [entry for entry in contents if entry.id not in seen]
        found = await match_hashes(self._store, self._key, {hashed for entry in unknown for hashed in entry.subjects})
        for entry in unknown:
            async with self._one:
                await self._apply(entry, [found[hashed] for hashed in entry.subjects], LOG_ACTOR)
        kept = [LogEntry(row.id, row.at, tuple(row.subjects)) for row in rows if row.at >= needed_from]
        with suppress(CannotStore):
            await self._append([entry for entry in kept if entry.id not in written])
            await self._drop_before(needed_from)
        if len(kept) < len(rows):
            await self._store.writer.run(lambda session: units.forget_applied(session, needed_from))
        return len(unknown)

    async def _limit_unknown(self, hashed: str, *, is_anonymous: bool) -> None:
        most, bucket = (self._unknown_an_hour, UNKNOWN) if is_anonymous else (TIMES_AN_HOUR, f"{UNKNOWN}:{hashed}")
        now = self._clock.now()
        wait = await self._store.writer.run(lambda session: hit(session, bucket, most, HOUR_SECONDS, now))
        if wait:
            raise LimitReached("Many unknown ids were asked to be erased; please try again later.", wait)

    async def _erase(self, hashes: Sequence[str], who: Who | None, actor: str) -> Erased:
        entry = LogEntry(secrets.token_hex(16), self._clock.now(), tuple(hashes))
        await self._append([entry])
        async with self._one:
            return await self._apply(entry, [] if who is None else [Found.of(who)], actor)

    async def _apply(self, entry: LogEntry, found: Sequence[Found], actor: str) -> Erased:
        removed: list[Erased] = []
        for person_id in sorted({person_id for one in found for person_id in one.people}):
            removed.append(await self._remove_person(person_id, actor))
        for visitor in sorted({visitor for one in found for visitor in one.users}):
            removed.append(await self._remove_user(visitor, actor))
        await self._store.writer.run(lambda session: units.note_applied(session, entry.id, entry.at, entry.subjects))
        rows = sum((Counter(one.rows) for one in removed), Counter[str]())
        return Erased(dict(rows), sum(one.posts for one in removed))

    async def _remove_person(self, person_id: str, actor: str) -> Erased:
        removed: Counter[str] = Counter()
        posts = 0
        try:
            silenced, posts = await self._silence(person_id)
            removed.update(silenced)
            for is_last in (*(False,) * (ROUNDS - 1), True):
                removed["event"] += await self._remove_events(Owner(person_id=person_id))
                finished = await self._finish(person_id, actor, removed, at_any_rate=is_last)
                if finished is not None:
                    removed = finished
                    break
        except NotFound:
            pass  # another process was faster, or it was done before the log was marked
        return Erased({name: count for name, count in removed.items() if count}, posts)

    async def _remove_user(self, visitor: str, actor: str) -> Erased:
        removed: Counter[str] = Counter()
        for is_last in (*(False,) * (ROUNDS - 1), True):
            removed["event"] += await self._remove_events(Owner(user=visitor))
            finished = await self._finish_user(visitor, actor, removed, at_any_rate=is_last)
            if finished is not None:
                removed = finished
                break
        return Erased({name: count for name, count in removed.items() if count}, 0)

    async def _finish_user(
        self, visitor: str, actor: str, removed: Counter[str], *, at_any_rate: bool
    ) -> Counter[str] | None:
        now = self._clock.now()
        return await self._store.writer.run(
            lambda session: units.remove_user(session, visitor, actor, removed, now, at_any_rate=at_any_rate)
        )

    async def _silence(self, person_id: str) -> tuple[Counter[str], int]:
        now = self._clock.now()
        return await self._store.writer.run(lambda session: units.silence(session, self._key, person_id, now))

    async def _finish(
        self, person_id: str, actor: str, removed: Counter[str], *, at_any_rate: bool
    ) -> Counter[str] | None:
        """All that went, or None when events arrived meanwhile, which go as well `at_any_rate`."""
        now = self._clock.now()
        return await self._store.writer.run(
            lambda session: units.remove_person(
                session, self._key, person_id, actor, removed, now, at_any_rate=at_any_rate
            )
        )

    async def _remove_events(self, owner: Owner) -> int:
        """Day after day; which events, and those of others in the same views, are looked up outside the units."""
        removed = 0
        async with self._store.read() as session:
            days = await days_of(session, owner)
        for (site, day), found in sorted(days.items()):
            async with self._store.read() as session:
                shared = await events_in_shared_views(session, site, day, owner, found.views)
            removed += await self._remove_day(owner, site, day, found.ids, shared)
        return removed

    async def _remove_day(
        self, owner: Owner, site: str, day: date, ids: Sequence[int], shared: Sequence[dict[str, Any]]
    ) -> int:
        """The visits go in the unit of the last events, so that no cut leaves them behind."""
        removed, parts = 0, [ids[at : at + self._events_at_once] for at in range(0, len(ids), self._events_at_once)]
        for part in parts[:-1]:
            removed += await self._store.writer.run(partial(units.remove_events, owner=owner, site=site, ids=part))
        last = partial(units.remove_last_events, owner=owner, site=site, day=day, ids=parts[-1], shared=shared)
        return removed + await self._store.writer.run(last)

    async def _append(self, entries: Sequence[LogEntry]) -> None:
        if not entries:
            return
        try:
            await asyncio.to_thread(self.log.append, entries)
        except OSError as error:
            logger.error("the erase log %s cannot be written: %s", self.log.path, type(error).__name__)
            raise CannotStore("The erase log cannot be written, so nothing was erased. Please try again.") from error

    async def _drop_before(self, moment: datetime) -> None:
        try:
            dropped = await asyncio.to_thread(self.log.drop_before, moment)
        except OSError as error:
            logger.warning("old entries stay in the erase log: %s", type(error).__name__)
            return
        if dropped:
            logger.info("%d entries of the erase log were no longer needed and are gone", dropped)

    async def _read_log(self) -> tuple[LogEntry, ...]:
        try:
            contents = await asyncio.to_thread(self.log.read)
        except OSError as error:
            raise CannotStore(f"The erase log cannot be read ({type(error).__name__}).") from error
        if contents.unreadable:
            logger.warning("%d lines of the erase log cannot be read", contents.unreadable)
        return contents.entries
