"""State of the running system: leases, jobs, due reports, small values, platform bookkeeping."""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from shared.store.models.base import Erasure, json_field, key_field, utc_field


class Lease(SQLModel, table=True):
    """Who may do what only one may do; the epoch grows with every change of holder."""

    __tablename__ = "lease"
    erasure: ClassVar = Erasure.KEEP

    name: str = Field(primary_key=True)
    holder: str
    epoch: int
    expires_at: datetime = utc_field()


class JobRun(SQLModel, table=True):
    __tablename__ = "job_run"
    erasure: ClassVar = Erasure.KEEP

    name: str = Field(primary_key=True)
    last_started_at: datetime | None = utc_field(nullable=True)
    last_finished_at: datetime | None = utc_field(nullable=True)
    last_error: str | None = None
    done: int = 0
    failures: int = 0


class DueReport(SQLModel, table=True):
    """One summary of one period of one site; a period is reported once."""

    __tablename__ = "due_report"
    __table_args__ = (UniqueConstraint("site", "kind", "period_start"),)
    erasure: ClassVar = Erasure.KEEP

    id: int | None = key_field()
    site: str
    kind: str  # daily, weekly
    period_start: date
    period_end: date  # inclusive
    due_at: datetime = utc_field(index=True)
    state: str = "due"  # due, posted, missed
    done_at: datetime | None = utc_field(nullable=True)


class StateValue(SQLModel, table=True):
    """A small named value, such as the hash of the synced command tree."""

    __tablename__ = "state_value"
    erasure: ClassVar = Erasure.KEEP

    key: str = Field(primary_key=True)
    value: dict[str, Any] = json_field(dict)
    changed_at: datetime = utc_field()


class StandingMessage(SQLModel, table=True):
    """The message with the opt-in button in a community's feedback channel."""

    __tablename__ = "standing_message"
    erasure: ClassVar = Erasure.KEEP

    guild_id: str = Field(primary_key=True)
    channel_id: str
    message_id: str
    text_hash: str
    posted_at: datetime = utc_field()


class ReadMark(SQLModel, table=True):
    """The last message read in a watched place, so that an outage is caught up. A direct conversation is a person's."""

    __tablename__ = "read_mark"
    erasure: ClassVar = Erasure.DELETE

    place: str = Field(primary_key=True)  # discord:<channel id>, x:mentions, x:messages
    last_id: str
    changed_at: datetime = utc_field()


class Spend(SQLModel, table=True):
    """Millionths of a US dollar spent on one kind of X call on one UTC day."""

    __tablename__ = "spend"
    erasure: ClassVar = Erasure.KEEP

    day: date = Field(primary_key=True)
    item: str = Field(primary_key=True)
    calls: int = 0
    micro_usd: int = 0
