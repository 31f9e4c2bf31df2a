"""Raw events, the views they belong to, and the rollups that move with them."""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from shared.store.column_types import Utc
from shared.store.models.base import Erasure, json_field, key_field, utc_field


class Event(SQLModel, table=True):
    """Something a visitor or server did. The hot path writes rows as tuples in this order of columns."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("site", "event_id"),
        Index("ix_event_site_day_name", "site", "local_day", "name"),
    )
    erasure: ClassVar = Erasure.DELETE

    id: int | None = key_field()
    site: str
    event_id: str
    name: str
    received_at: datetime = utc_field()
    occurred_at: datetime = utc_field()
    local_day: date
    visitor: str | None = None  # keyed hash of one day, or of the consented id
    person_id: str | None = Field(default=None, index=True)
    view: str | None = None
    page: str | None = None
    title: str | None = None
    referrer: str | None = None  # host only
    marked: bool = False
    target: str | None = None
    engaged_ms: int | None = None
    scroll_percent: int | None = None
    sequence: str | None = None
    step: int | None = None
    steps: int | None = None
    done: bool = False
    experiment: str | None = None
    variant: str | None = None
    goal: str | None = None
    value_cents: int | None = Field(default=None, sa_type=BigInteger)
    currency: str | None = None
    props: dict[str, Any] = json_field(dict)


class PageView(SQLModel, table=True):
    """One view of a page: whether it had a marked element, and whether one was clicked."""

    __tablename__ = "page_view"
    erasure: ClassVar = Erasure.CLEAR

    site: str = Field(primary_key=True)
    view: str = Field(primary_key=True)
    local_day: date = Field(index=True)
    hour: datetime = utc_field()  # start of the hour in which it began
    person_id: str | None = Field(default=None, index=True)
    has_marked: bool = False
    clicked: bool = False


class VisitorDay(SQLModel, table=True):
    """One visitor on one local day: the unit of visitors and of the conversion rate."""

    __tablename__ = "visitor_day"
    erasure: ClassVar = Erasure.CLEAR

    site: str = Field(primary_key=True)
    local_day: date = Field(primary_key=True)
    visitor: str = Field(primary_key=True)
    person_id: str | None = Field(default=None, index=True)
    hour: datetime = utc_field()  # start of the hour in which the visitor was first seen that day
    views: int = 0
    engaged_ms: int = Field(default=0, sa_type=BigInteger)
    converted: bool = False


class Rollup(SQLModel, table=True):
    """A count and a sum of one measure per site, hour and key; moved in the transaction of its cause.

    Hours start on the full UTC hour; `local_day` is the site's day that the hour belongs to.
    """

    __tablename__ = "rollup"
    __table_args__ = (Index("ix_rollup_site_measure_hour", "site", "measure", "hour"),)
    erasure: ClassVar = Erasure.KEEP

    site: str = Field(primary_key=True)
    measure: str = Field(primary_key=True)
    hour: datetime = Field(primary_key=True, sa_type=Utc)
    local_day: date = Field(primary_key=True)
    key: str = Field(primary_key=True, default="")
    count: int = Field(default=0, sa_type=BigInteger)
    total: float = 0.0
