"""People known on a platform, their identities, usage days and the list of those who must never be asked."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from shared.store.models.base import Erasure, json_field, utc_field


class Platform(StrEnum):
    WEB = "web"  # a consented browser id
    DISCORD = "discord"
    X = "x"


class Person(SQLModel, table=True):
    """Somebody who may be asked once; links their identities."""

    __tablename__ = "person"
    erasure: ClassVar = Erasure.DELETE

    id: str = Field(primary_key=True)
    site: str = Field(index=True)  # the site of the first contact
    created_at: datetime = utc_field()
    first_usage_day: date | None = None
    last_usage_day: date | None = None
    usage_days: int = 0
    last_seen_at: datetime | None = utc_field(nullable=True)
    zone: str | None = None  # IANA name
    language: str | None = None
    plan: str | None = None
    segment: str | None = None
    opted_in_at: datetime | None = utc_field(nullable=True)
    opted_in_source: str | None = None
    opted_out_at: datetime | None = utc_field(nullable=True)
    opted_out_source: str | None = None
    dismissals: int = 0
    snoozed_until: datetime | None = utc_field(nullable=True)
    last_prompted_at: datetime | None = utc_field(nullable=True, index=True)


class Identity(SQLModel, table=True):
    """A person on one platform. `external_id` of a web identity is `<site>/<consented id>`."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("platform", "external_id"),)
    erasure: ClassVar = Erasure.DELETE

    id: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True, ondelete="CASCADE")
    platform: str
    external_id: str
    site: str
    created_at: datetime = utc_field()
    language: str | None = None
    guild_id: str | None = None  # Discord: the community in which the person was last seen
    dm_channel_id: str | None = None  # Discord: opened once per user ever; X: the conversation the user opened
    dm_unreachable_at: datetime | None = utc_field(nullable=True)
    dm_unreachable_reason: str | None = None
    privacy_link_sent_at: datetime | None = utc_field(nullable=True)
    offered_at: datetime | None = utc_field(nullable=True)  # the one ephemeral question without opt-in


class UsageDay(SQLModel, table=True):
    """A day on which a person was seen."""

    __tablename__ = "usage_day"
    erasure: ClassVar = Erasure.DELETE

    person_id: str = Field(primary_key=True, foreign_key="person.id", ondelete="CASCADE")
    site: str = Field(primary_key=True)
    day: date = Field(primary_key=True)


class Suppression(SQLModel, table=True):
    """One keyed hash of an erased identity, so that nobody is asked again."""

    __tablename__ = "suppression"
    erasure: ClassVar = Erasure.KEEP

    identity_hash: str = Field(primary_key=True)
    created_at: datetime = utc_field()


class AppliedErasure(SQLModel, table=True):
    """An entry of the erase log that this database has seen; an older copy lacks it, and is told again."""

    __tablename__ = "applied_erasure"
    erasure: ClassVar = Erasure.KEEP

    id: str = Field(primary_key=True)  # random, the same as in the log
    at: datetime = utc_field()
    subjects: list[str] = json_field(list)  # keyed hashes of the erased identities
