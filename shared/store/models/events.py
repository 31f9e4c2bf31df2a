"""Raw events, the views they belong to, and the rollups that move with them."""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from shared.store.column_types import Day, Moment, Properties, ShortHex, ShortUuid
from shared.store.dialect import kept_by_key, where_marked, where_set
from shared.store.models.base import Erasure, key_field


class Event(SQLModel, table=True):
    """Something a visitor or server did. The hot path writes rows as tuples in this order of columns."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("site", "event_id"),
        Index("ix_event_site_day", "site", "local_day"),
        Index("ix_event_person_id", "person_id", **where_set("person_id")),
        # Only of users whom servers name, some 28 bytes each: an index of all visitors would cost every event as much,
        # and a walk through the days on which a user was seen would read what everybody did on them.
        Index("ix_event_user", "visitor", **where_marked("visitor")),
    )
    erasure: ClassVar = Erasure.DELETE

    id: int | None = key_field()
    site: str
    event_id: str = Field(sa_type=ShortUuid)
    name: str
    received_at: datetime = Field(sa_type=Moment)
    occurred_at: datetime = Field(sa_type=Moment)
    local_day: date = Field(sa_type=Day)
    # A keyed hash of one day, of the consented id, or, with a mark, of a server's own id of its user.
    visitor: str | None = Field(default=None, sa_type=ShortHex)
    person_id: str | None = None
    view: str | None = Field(default=None, sa_type=ShortUuid)
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
    props: dict[str, Any] = Field(default_factory=dict, sa_type=Properties, nullable=True)


class PageView(SQLModel, table=True):
    """One view of a page: whether it had a marked element, and whether one was clicked."""

    __tablename__ = "page_view"
    # Not kept by its key: an index of days would then hold views in no order, and touch a page for each of them.
    __table_args__ = (Index("ix_page_view_person_id", "person_id", **where_set("person_id")),)
    erasure: ClassVar = Erasure.CLEAR

    site: str = Field(primary_key=True)
    view: str = Field(primary_key=True, sa_type=ShortUuid)
    local_day: date = Field(index=True, sa_type=Day)
    hour: datetime = Field(sa_type=Moment)  # start of the hour in which it began
    person_id: str | None = None
    has_marked: bool = False
    clicked: bool = False


class VisitorDay(SQLModel, table=True):
    """One visitor on one local day: the unit of visitors and of the conversion rate."""

    __tablename__ = "visitor_day"
    __table_args__ = (
        Index("ix_visitor_day_person_id", "person_id", **where_set("person_id")),
        kept_by_key(),
    )
    erasure: ClassVar = Erasure.CLEAR

    site: str = Field(primary_key=True)
    local_day: date = Field(primary_key=True, sa_type=Day)
    visitor: str = Field(primary_key=True, sa_type=ShortHex)
    person_id: str | None = None
    hour: datetime = Field(sa_type=Moment)  # start of the hour in which the visitor was first seen that day
    converted: bool = False


UNDECLARED = "undeclared"  # measure: key = name of an event that nobody declared
UNDECLARED_PROPERTY = "undeclared_property"  # measure: key = JSON list: name, property, type; once a day and process


class Rollup(SQLModel, table=True):
    """A count and a sum of one measure per site, hour and key; moved in the transaction of its cause.

    Hours start on the full UTC hour; `local_day` is the site's day that the hour belongs to.
    """

    __tablename__ = "rollup"
    __table_args__ = (kept_by_key(),)
    erasure: ClassVar = Erasure.KEEP

    site: str = Field(primary_key=True)
    measure: str = Field(primary_key=True)
    hour: datetime = Field(primary_key=True, sa_type=Moment)
    local_day: date = Field(primary_key=True, sa_type=Day)
    key: str = Field(primary_key=True, default="")
    count: int = Field(default=0, sa_type=BigInteger)
    total: float = 0.0
