"""What other systems tell: alerts of a monitoring system beside ours; and which past days came from another product."""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from shared.store.column_types import Day
from shared.store.models.base import Erasure, json_field, key_field, utc_field


class ExternalEvent(SQLModel, table=True):
    """An alert of another system; the same one is told again and again until it has ended."""

    __tablename__ = "external_event"
    __table_args__ = (
        UniqueConstraint("site", "source", "fingerprint", "starts_at", name="uq_external_event_beginning"),
        Index("ix_external_event_site_starts_at", "site", "starts_at"),
        Index("ix_external_event_status_ends_at", "status", "ends_at"),
    )
    erasure: ClassVar = Erasure.KEEP

    id: int | None = key_field()
    site: str
    source: str  # webhook, api
    fingerprint: str  # of its labels, as Prometheus computes it
    name: str
    status: str  # firing, resolved
    severity: str | None = None
    starts_at: datetime = utc_field()
    ends_at: datetime | None = utc_field(nullable=True)
    link: str | None = None  # where it was made, without query
    labels: dict[str, Any] = json_field(dict)
    annotations: dict[str, Any] = json_field(dict)  # redacted
    received_at: datetime = utc_field()
    updated_at: datetime = utc_field()
    times_told: int = 1


EVENT_ROWS = "events"  # as `part`: the day came as rows of events, which are here and can be counted again


class ImportedDay(SQLModel, table=True):
    """A day that came, in part or whole, from another product; only as `EVENT_ROWS` it has raw rows here."""

    __tablename__ = "imported_day"
    erasure: ClassVar = Erasure.KEEP

    site: str = Field(primary_key=True)
    local_day: date = Field(primary_key=True, sa_type=Day)
    source: str = Field(primary_key=True)  # plausible, umami, csv
    part: str = Field(primary_key=True)  # imported_visitors, imported_pages …, or `EVENT_ROWS`
    imported_at: datetime = utc_field()
