"""The units of work in which a person goes: first silence, then one day after the other, then the rest.

Each is short, may be repeated, and leaves the person findable by their identities until the last one, so that an
erasure that was cut off is simply done again. Counters stay true: what is removed is taken out of them in the same
unit. Numbers of days whose events are gone already stay; they point to nobody.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import CursorResult, Delete, Update, delete, update
from sqlalchemy import select as select_columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col, select

from shared.derive.rollups import count_feedback, events_in_shared_views, uncount_events, uncount_visits
from shared.guard import audit
from shared.identifiers import new_id
from shared.ingest.erasure.days import ROWS_AT_ONCE, days_of
from shared.ingest.erasure.posts import remove_from_posts, remove_mentions
from shared.ingest.erasure.rows import ROWS_OF_A_PERSON, ROWS_OF_A_USER, Subject, load_subject
from shared.ingest.feedback import TOPIC
from shared.store.dialect import insert_if_new
from shared.store.models import (
    AppliedErasure,
    AuditEntry,
    Event,
    Feedback,
    Identity,
    OutboxMessage,
    PageView,
    Person,
    Prompt,
    Quote,
    RateWindow,
    ReadMark,
    Suppression,
    UsageDay,
    VisitorDay,
)
from shared.store.people import Owner, identity_hash, is_user_hash
from shared.store.writer import ERASED, note_topic

GONE = "erased"
WORDS_AND_MESSAGES: tuple[type[SQLModel], ...] = (RateWindow, Quote, OutboxMessage, Prompt)
THE_PERSON: tuple[type[SQLModel], ...] = (ReadMark, UsageDay, Identity, Person)
Removed = Counter[str]  # rows by table


async def lock_person(session: AsyncSession, person_id: str) -> None:
    """Of two processes that erase one person each waits for the other's unit; SQLite has one writer anyway."""
    await session.execute(select(Person.id).where(Person.id == person_id).with_for_update())


async def silence(session: AsyncSession, key: bytes, person_id: str, now: datetime) -> tuple[Removed, int]:
    """What they said and what waits for them goes; nobody asks them from here on. Also how many posts are edited."""
    await lock_person(session, person_id)
    subject = await load_subject(session, key, person_id)
    posts = await remove_from_posts(session, subject, now) + await remove_mentions(session, subject, now)
    removed: Removed = Counter({"feedback": await _remove_feedback(session, subject)})
    for table in WORDS_AND_MESSAGES:
        removed[str(table.__tablename__)] += await _delete(session, table, subject)
    await _clear_audit(session, key, subject)
    values = {"opted_out_at": now, "opted_out_source": GONE, "opted_in_at": None, "opted_in_source": None}
    await _execute(session, update(Person).where(col(Person.id) == person_id).values(**values))
    note_topic(session, TOPIC)
    return removed, posts


async def remove_events(session: AsyncSession, *, owner: Owner, site: str, ids: Sequence[int]) -> int:
    """Some events of somebody with their counts: how many there still were."""
    if owner.person_id is not None:
        await lock_person(session, owner.person_id)
    columns = list(Event.__table__.columns)  # type: ignore[attr-defined]
    gone = delete(Event).where(col(Event.id).in_(ids)).returning(*columns)
    rows = [dict(row) for row in (await session.execute(_plain(gone))).mappings()]
    await uncount_events(session, site, rows)
    return len(rows)


async def remove_last_events(
    session: AsyncSession, *, owner: Owner, site: str, day: date, ids: Sequence[int], shared: Sequence[dict[str, Any]]
) -> int:
    """The same, and the visits of that day with them."""
    removed = await remove_events(session, owner=owner, site=site, ids=ids)
    await uncount_visits(session, site, day, owner, shared)
    return removed


async def _remove_late_events(session: AsyncSession, owner: Owner) -> Removed:
    """What arrived while the rest went: of somebody whose page never stops, some is left after every other unit."""
    removed = 0
    for (site, day), found in sorted((await days_of(session, owner)).items()):
        shared = await events_in_shared_views(session, site, day, owner, found.views)
        for at in range(0, len(found.ids), ROWS_AT_ONCE):
            ids = found.ids[at : at + ROWS_AT_ONCE]
            removed += await remove_events(session, owner=owner, site=site, ids=ids)
        await uncount_visits(session, site, day, owner, shared)
    return Counter({"event": removed})


async def remove_person(
    session: AsyncSession,
    key: bytes,
    person_id: str,
    actor: str,
    removed: Removed,
    now: datetime,
    *,
    at_any_rate: bool = False,
) -> Removed | None:
    """The rest, with the person themself: all that went.

    When events arrived meanwhile: None, for they must go first, in short units; or they go here, `at_any_rate`.
    """
    await lock_person(session, person_id)
    owner = Owner(person_id=person_id)
    if not at_any_rate and await _has_events(session, owner):
        return None
    late = await _remove_late_events(session, owner)
    more, _ = await silence(session, key, person_id, now)
    subject = await load_subject(session, key, person_id)
    await _execute(session, update(PageView).where(col(PageView.person_id) == person_id).values(person_id=None))
    await _unlink_visits(session, owner, now)
    for table in THE_PERSON:
        more[str(table.__tablename__)] += await _delete(session, table, subject)
    all_removed = removed + late + more  # the unit may be tried again, so what came in stays as it is
    await _note_erased(session, actor, all_removed, now)
    return all_removed


async def remove_user(
    session: AsyncSession, visitor: str, actor: str, removed: Removed, now: datetime, *, at_any_rate: bool = False
) -> Removed | None:
    """What is left of a user of a server, as of a person: all that went, or None."""
    owner = Owner(user=visitor)
    if not at_any_rate and await _has_events(session, owner):
        return None
    all_removed = removed + await _remove_late_events(session, owner)
    told = ROWS_OF_A_USER[AuditEntry](owner)
    await _execute(session, update(AuditEntry).where(told).values(target="", details={}))
    await _note_erased(session, actor, all_removed, now)
    return all_removed


async def _note_erased(session: AsyncSession, actor: str, removed: Removed, now: datetime) -> None:
    await audit.record(session, actor, "person.erase", "", now, {"rows": dict(sorted((+removed).items()))})
    note_topic(session, ERASED)


async def _has_events(session: AsyncSession, owner: Owner) -> bool:
    return (await session.execute(select(col(Event.id)).where(owner.owns(Event)).limit(1))).first() is not None


async def suppress(session: AsyncSession, subjects: Sequence[str], now: datetime) -> None:
    """The one trace that stays, so that nobody is asked again; also of who asked for it without being known."""
    for hashed in subjects:
        await insert_if_new(session, Suppression(identity_hash=hashed, created_at=now))


async def note_applied(session: AsyncSession, erasure_id: str, at: datetime, subjects: Sequence[str]) -> None:
    """This database has seen the entry of the log. Users of servers are asked nothing, so of them no more stays."""
    await suppress(session, [hashed for hashed in subjects if not is_user_hash(hashed)], at)
    await insert_if_new(session, AppliedErasure(id=erasure_id, at=at, subjects=list(subjects)))


async def forget_applied(session: AsyncSession, before: datetime) -> None:
    """Entries of the log that no copy needs any more."""
    await _execute(session, delete(AppliedErasure).where(col(AppliedErasure.at) < before))


async def _remove_feedback(session: AsyncSession, subject: Subject) -> int:
    gone = delete(Feedback).where(ROWS_OF_A_PERSON[Feedback](subject)).returning(Feedback)
    rows = (await session.execute(_plain(gone))).scalars().all()
    for row in rows:
        await count_feedback(session, row, -1)
    return len(rows)


async def _unlink_visits(session: AsyncSession, owner: Owner, now: datetime) -> None:
    """Visits without raw events stay as numbers; the visitor that stands for somebody becomes a random one."""
    columns = (col(VisitorDay.site), col(VisitorDay.local_day), col(VisitorDay.visitor))
    visits = await session.execute(select_columns(*columns).where(owner.owns(VisitorDay)))
    for site, day, visitor in visits.all():
        this_one = (
            col(VisitorDay.site) == site,
            col(VisitorDay.local_day) == day,
            col(VisitorDay.visitor) == visitor,
        )
        await _execute(session, update(VisitorDay).where(*this_one).values(person_id=None, visitor=new_id(now)))


async def _clear_audit(session: AsyncSession, key: bytes, subject: Subject) -> None:
    """What was done stays on record; to whom, and by which member of the public, goes."""
    belongs = ROWS_OF_A_PERSON[AuditEntry](subject)
    await _execute(session, update(AuditEntry).where(belongs).values(target="", details={}))
    hashes = [identity_hash(key, identity.platform, identity.external_id) for identity in subject.identities]
    actors = [f"{identity.platform}:{known}" for identity, known in zip(subject.identities, hashes, strict=True)]
    await _execute(session, update(AuditEntry).where(col(AuditEntry.actor).in_(actors)).values(actor=GONE))


async def _delete(session: AsyncSession, table: type[SQLModel], subject: Subject) -> int:
    return await _execute(session, delete(table).where(ROWS_OF_A_PERSON[table](subject)))


async def _execute(session: AsyncSession, statement: Delete | Update) -> int:
    done: CursorResult[Any] = await session.execute(_plain(statement))  # type: ignore[assignment]
    return done.rowcount


def _plain(statement: Any) -> Any:
    return statement.execution_options(synchronize_session=False)
