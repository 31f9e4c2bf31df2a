"""Removes a person: rows, counters, queued messages, the words in our posts. Leaves one keyed hash per identity.

Counters stay true: feedback is taken back one by one, days with events are recomputed from what is left.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import CursorResult, Delete, Update, delete, update
from sqlalchemy import select as select_columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col, select

from shared.config import Settings
from shared.derive.rollups import count_feedback, rebuild
from shared.guard import audit
from shared.identifiers import new_id
from shared.ingest.erasure.posts import remove_from_posts, remove_mentions
from shared.ingest.erasure.rows import ROWS_OF_A_PERSON, Subject, load_subject
from shared.ingest.feedback import TOPIC, passer_on_bucket, person_bucket
from shared.store.dialect import insert_if_new
from shared.store.models import (
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
from shared.store.people import find_identity, identity_hash
from shared.store.writer import ERASED, note_topic

GONE = "erased"
MESSAGES_AND_USAGE: tuple[type[SQLModel], ...] = (Quote, OutboxMessage, Prompt, UsageDay, ReadMark)
THE_PERSON: tuple[type[SQLModel], ...] = (Identity, Person)


@dataclass(frozen=True)
class Erased:
    """How many rows went, by table, and how many of our posts are edited."""

    rows: dict[str, int]
    posts: int


async def erase_identity(
    session: AsyncSession,
    settings: Settings,
    key: bytes,
    platform: str,
    external_id: str,
    actor: str,
    now: datetime,
) -> Erased | None:
    """Everything about the person behind an identity; None when nothing was stored, and still nobody will be asked."""
    found = await find_identity(session, platform, external_id)
    if found is None:
        await _suppress_identity(session, key, platform, external_id, now)
        return None
    return await erase_person(session, settings, key, found[1].id, actor, now)


async def erase_person(
    session: AsyncSession, settings: Settings, key: bytes, person_id: str, actor: str, now: datetime
) -> Erased:
    """Everything in one unit of work: all of it happens or none. Raises `NotFound` for an unknown person."""
    subject = await load_subject(session, person_id)
    posts = await remove_from_posts(session, subject, now) + await remove_mentions(session, subject, now)
    await _forget_limits(session, key, subject)
    removed = await _remove_feedback(session, subject)
    removed["event"] = await _remove_events(session, subject)
    await _unlink_visits(session, subject, now)
    for table in MESSAGES_AND_USAGE:
        removed[str(table.__tablename__)] = await _delete(session, table, subject)
    await _clear_audit(session, key, subject)
    await _suppress(session, key, subject, now)
    for table in THE_PERSON:
        removed[str(table.__tablename__)] = await _delete(session, table, subject)
    counts = {name: count for name, count in removed.items() if count}
    await audit.record(session, actor, "person.erase", "", now, {"rows": counts})
    note_topic(session, TOPIC)
    note_topic(session, ERASED)
    return Erased(counts, posts)


async def _remove_feedback(session: AsyncSession, subject: Subject) -> dict[str, int]:
    rows = (await session.execute(select(Feedback).where(col(Feedback.id).in_(subject.feedback_ids)))).scalars().all()
    for row in rows:
        await count_feedback(session, row, -1)
    return {"feedback": await _delete(session, Feedback, subject)}


async def _remove_events(session: AsyncSession, subject: Subject) -> int:
    """Days of which raw events are left are recomputed; older counters cannot point to anybody."""
    touched = select_columns(col(Event.site), col(Event.local_day)).distinct()
    touched = touched.where(col(Event.person_id) == subject.person_id)
    days: list[tuple[str, date]] = [(site, day) for site, day in (await session.execute(touched)).all()]
    count = await _delete(session, Event, subject)
    for site, day in sorted(days):
        await rebuild(session, site, day)
    return count


async def _unlink_visits(session: AsyncSession, subject: Subject, now: datetime) -> None:
    """Visits without raw events stay as numbers; the visitor that stands for the person becomes a random one."""
    person_id = subject.person_id
    await _execute(session, update(PageView).where(col(PageView.person_id) == person_id).values(person_id=None))
    visits = await session.execute(
        select_columns(col(VisitorDay.site), col(VisitorDay.local_day), col(VisitorDay.visitor)).where(
            col(VisitorDay.person_id) == person_id
        )
    )
    for site, day, visitor in visits.all():
        this_one = (
            col(VisitorDay.site) == site,
            col(VisitorDay.local_day) == day,
            col(VisitorDay.visitor) == visitor,
        )
        await _execute(session, update(VisitorDay).where(*this_one).values(person_id=None, visitor=new_id(now)))


async def _forget_limits(session: AsyncSession, key: bytes, subject: Subject) -> None:
    visitors = await session.execute(select(Feedback.visitor).where(col(Feedback.id).in_(subject.feedback_ids)))
    buckets = [f"feedback:{person_bucket(subject.person_id)}"]
    buckets += [f"feedback:visitor:{visitor}" for visitor in visitors.scalars() if visitor]
    accounts = [f"{identity.platform}:{identity.external_id}" for identity in subject.identities]
    buckets += [f"feedback:{passer_on_bucket(key, account)}" for account in accounts]
    await _execute(session, delete(RateWindow).where(col(RateWindow.bucket).in_(buckets)))


async def _clear_audit(session: AsyncSession, key: bytes, subject: Subject) -> None:
    """What was done stays on record; to whom, and by which member of the public, goes."""
    belongs = ROWS_OF_A_PERSON[AuditEntry](subject)
    await _execute(session, update(AuditEntry).where(belongs).values(target="", details={}))
    hashes = [identity_hash(key, identity.platform, identity.external_id) for identity in subject.identities]
    actors = [f"{identity.platform}:{known}" for identity, known in zip(subject.identities, hashes, strict=True)]
    await _execute(session, update(AuditEntry).where(col(AuditEntry.actor).in_(actors)).values(actor=GONE))


async def _suppress(session: AsyncSession, key: bytes, subject: Subject, now: datetime) -> None:
    for identity in subject.identities:
        await _suppress_identity(session, key, identity.platform, identity.external_id, now)


async def _suppress_identity(session: AsyncSession, key: bytes, platform: str, external_id: str, now: datetime) -> None:
    """The one trace that stays, so that nobody is asked again; also of who asked for it without being known."""
    hashed = identity_hash(key, platform, external_id)
    await insert_if_new(session, Suppression(identity_hash=hashed, created_at=now))


async def _delete(session: AsyncSession, table: type[SQLModel], subject: Subject) -> int:
    return await _execute(session, delete(table).where(ROWS_OF_A_PERSON[table](subject)))


async def _execute(session: AsyncSession, statement: Delete | Update) -> int:
    done: CursorResult[Any] = await session.execute(  # type: ignore[assignment]
        statement.execution_options(synchronize_session=False)
    )
    return done.rowcount
