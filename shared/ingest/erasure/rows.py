"""Which rows of which table belong to a person, or to a user of a server: the map that exporting and erasing share."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, false, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col, select

from shared.errors import NotFound
from shared.ingest.erasure.subjects import Who
from shared.ingest.feedback import passer_on_bucket, person_bucket
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
    UsageDay,
    VisitorDay,
)
from shared.store.people import Owner


@dataclass(frozen=True)
class Subject:
    """One person and the ids by which other rows speak of them."""

    person_id: str
    identities: list[Identity]
    feedback_ids: list[str]
    prompt_ids: list[str]
    buckets: list[str]  # of limits

    @property
    def identity_ids(self) -> list[str]:
        return [identity.id for identity in self.identities]

    @property
    def conversations(self) -> list[str]:
        """The places under which their direct conversations are watched."""
        known = [identity for identity in self.identities if identity.dm_channel_id is not None]
        return [f"{identity.platform}:{identity.dm_channel_id}" for identity in known]

    @property
    def all_ids(self) -> list[str]:
        return [self.person_id, *self.identity_ids, *self.feedback_ids, *self.prompt_ids]


async def load_subject(session: AsyncSession, key: bytes, person_id: str) -> Subject:
    """Raises `NotFound` when nothing is stored about this person."""
    if (await session.execute(select(Person.id).where(Person.id == person_id))).first() is None:
        raise NotFound("Nothing is stored about this person.")
    found = await session.execute(select(Identity).where(Identity.person_id == person_id))
    identities = list(found.scalars())
    feedback = (
        await session.execute(select(Feedback.id, Feedback.visitor).where(Feedback.person_id == person_id))
    ).all()
    prompts = await session.execute(select(Prompt.id).where(Prompt.person_id == person_id))
    visitors = sorted({visitor for _, visitor in feedback if visitor})
    buckets = _buckets(key, person_id, identities, visitors)
    return Subject(person_id, identities, [row_id for row_id, _ in feedback], list(prompts.scalars()), buckets)


def _buckets(key: bytes, person_id: str, identities: list[Identity], visitors: list[str]) -> list[str]:
    """The limits that counted the person."""
    accounts = [f"{identity.platform}:{identity.external_id}" for identity in identities]
    names = [person_bucket(person_id), *(f"visitor:{visitor}" for visitor in visitors)]
    names += [passer_on_bucket(key, account) for account in accounts]
    return [f"feedback:{name}" for name in names]


def _by_person(table: type[SQLModel]) -> Callable[[Subject], ColumnElement[bool]]:
    return lambda subject: col(table.person_id) == subject.person_id  # type: ignore[attr-defined]


def messages_to(subject: Subject) -> ColumnElement[bool]:
    """Messages addressed to the person, or answering something they said."""
    payload = col(OutboxMessage.payload)
    return or_(
        col(OutboxMessage.person_id) == subject.person_id,
        payload["identity_id"].as_string().in_(subject.identity_ids),
        payload["prompt_id"].as_string().in_(subject.prompt_ids),
        payload["feedback_id"].as_string().in_(subject.feedback_ids),
    )


def _audit_of(subject: Subject) -> ColumnElement[bool]:
    return col(AuditEntry.target).in_(subject.all_ids) if subject.all_ids else false()


ROWS_OF_A_PERSON: dict[type[SQLModel], Callable[[Subject], ColumnElement[bool]]] = {
    Person: lambda subject: col(Person.id) == subject.person_id,
    Identity: _by_person(Identity),
    UsageDay: _by_person(UsageDay),
    Prompt: _by_person(Prompt),
    Feedback: _by_person(Feedback),
    Quote: lambda subject: col(Quote.feedback_id).in_(subject.feedback_ids),
    Event: _by_person(Event),
    PageView: _by_person(PageView),
    VisitorDay: _by_person(VisitorDay),
    OutboxMessage: messages_to,
    AuditEntry: _audit_of,
    ReadMark: lambda subject: col(ReadMark.place).in_(subject.conversations),
    RateWindow: lambda subject: col(RateWindow.bucket).in_(subject.buckets),
}

ROWS_OF_A_USER: dict[type[SQLModel], Callable[[Owner], ColumnElement[bool]]] = {
    Event: lambda owner: owner.owns(Event),
    AuditEntry: lambda owner: col(AuditEntry.target) == Who(user=owner.user).target,
}
