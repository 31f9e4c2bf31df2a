"""Where each alert rule stands, and the alerts that fired."""

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field, SQLModel

from shared.store.models.base import Erasure, utc_field


class AlertState(SQLModel, table=True):
    """One rule on one site. Times are null while they do not apply."""

    __tablename__ = "alert_state"
    erasure: ClassVar = Erasure.KEEP

    site: str = Field(primary_key=True)
    rule: str = Field(primary_key=True)
    breached_since: datetime | None = utc_field(nullable=True)
    clear_since: datetime | None = utc_field(nullable=True)
    alert_id: str | None = None  # the open alert
    quiet_until: datetime | None = utc_field(nullable=True)
    last_value: float | None = None
    last_checked_at: datetime | None = utc_field(nullable=True)


class Alert(SQLModel, table=True):
    """One firing, from the first post to the last."""

    __tablename__ = "alert"
    erasure: ClassVar = Erasure.KEEP

    id: str = Field(primary_key=True)
    site: str = Field(index=True)
    rule: str
    kpi: str
    severity: str
    fired_at: datetime = utc_field(index=True)
    resolved_at: datetime | None = utc_field(nullable=True)
    value_at_fire: float
    worst_value: float
    last_value: float
    expected: float | None = None  # the value of the same weekday, for drop and rise
    threshold: float
    outbox_id: int | None = None
    updated_post_at: datetime | None = utc_field(nullable=True)
