"""Members of the team, their sessions and links, keys of servers, and the record of what was done."""

from datetime import datetime
from typing import Any, ClassVar

from sqlmodel import Field, SQLModel

from shared.store.column_types import Utc
from shared.store.models.base import Erasure, json_field, key_field, utc_field


class Member(SQLModel, table=True):
    __tablename__ = "member"
    erasure: ClassVar = Erasure.KEEP

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    role: str
    created_at: datetime = utc_field()
    disabled_at: datetime | None = utc_field(nullable=True)
    discord_id: str | None = Field(default=None, unique=True)


class Session(SQLModel, table=True):
    """A signed-in browser; the token itself is only in its cookie."""

    __tablename__ = "session"
    erasure: ClassVar = Erasure.KEEP

    token_digest: str = Field(primary_key=True)
    id: str = Field(unique=True)
    member_id: str = Field(foreign_key="member.id", index=True, ondelete="CASCADE")
    role: str
    csrf_token: str
    created_at: datetime = utc_field()
    last_seen_at: datetime = utc_field()
    expires_at: datetime = utc_field()
    how: str  # link, discord


class SignInLink(SQLModel, table=True):
    __tablename__ = "sign_in_link"
    erasure: ClassVar = Erasure.KEEP

    token_digest: str = Field(primary_key=True)
    member_id: str = Field(foreign_key="member.id", index=True, ondelete="CASCADE")
    created_at: datetime = utc_field()
    expires_at: datetime = utc_field()
    used_at: datetime | None = utc_field(nullable=True)


class ApiKey(SQLModel, table=True):
    """A server's key: shown once, stored as a digest, limited to a site and to scopes."""

    __tablename__ = "api_key"
    erasure: ClassVar = Erasure.KEEP

    id: str = Field(primary_key=True)
    name: str
    site: str
    prefix: str
    key_digest: str = Field(unique=True)
    scopes: list[str] = json_field(list)
    created_at: datetime = utc_field()
    created_by: str
    revoked_at: datetime | None = utc_field(nullable=True)
    last_used_at: datetime | None = utc_field(nullable=True)


class AuditEntry(SQLModel, table=True):
    """Who did what, when; never changed afterwards."""

    __tablename__ = "audit_entry"
    erasure: ClassVar = Erasure.CLEAR

    id: int | None = key_field()
    at: datetime = utc_field()
    actor: str  # member:<id>, key:<id>, discord:<hash>, cli, system
    action: str
    target: str = ""
    details: dict[str, Any] = json_field(dict)


class RateWindow(SQLModel, table=True):
    """How often one keyed bucket was used in one fixed window; two windows make a sliding limit."""

    __tablename__ = "rate_window"
    erasure: ClassVar = Erasure.DELETE

    bucket: str = Field(primary_key=True)
    window_start: datetime = Field(primary_key=True, sa_type=Utc)
    count: int = 0
