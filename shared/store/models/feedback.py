"""What people told us, and which of our posts quote it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from shared.store.models.base import Erasure, json_field, key_field, utc_field


class FeedbackStatus(StrEnum):
    NEW = "new"
    SEEN = "seen"
    ANSWERED = "answered"
    CLOSED = "closed"


class Feedback(SQLModel, table=True):
    """A score, a text, or both, with where it came from and how it sounded."""

    __tablename__ = "feedback"
    __table_args__ = (
        UniqueConstraint("site", "external_key"),
        Index("ix_feedback_site_received", "site", "received_at"),
    )
    erasure: ClassVar = Erasure.DELETE

    id: str = Field(primary_key=True)
    site: str
    external_key: str  # id given by the sender, message id of a platform, or fingerprint of a form
    source: str  # web, form, api, discord, x
    received_at: datetime = utc_field()
    local_day: date
    person_id: str | None = Field(default=None, index=True)
    visitor: str | None = None
    prompt_id: str | None = Field(default=None, index=True)
    survey: str | None = None
    score: float | None = None
    scale_min: int | None = None
    scale_max: int | None = None
    text: str | None = None  # after redaction
    redactions: dict[str, int] = json_field(dict)
    category: str = "unsorted"
    reason: str | None = None  # why a page helped or not: findability, clarity, accuracy, out_of_date, other
    page: str | None = None
    element: str | None = None  # part of the page, such as a code block
    plan: str | None = None
    segment: str | None = None
    contact: str | None = None  # only if given
    language: str | None = None
    sentiment: str | None = Field(default=None, index=True)  # positive, neutral, negative; none: not scored
    compound: float | None = None
    sentiment_words: list[Any] = json_field(list)
    not_scored_reason: str | None = None
    status: str = Field(default=FeedbackStatus.NEW.value, index=True)
    status_by: str | None = None
    status_at: datetime | None = utc_field(nullable=True)
    reply_to: dict[str, Any] = json_field(dict)  # platform address of the conversation, if it can be answered there


class Quote(SQLModel, table=True):
    """An outbox message that quotes feedback, so that erasing can edit the post."""

    __tablename__ = "quote"
    __table_args__ = (UniqueConstraint("outbox_id", "feedback_id"),)
    erasure: ClassVar = Erasure.DELETE

    id: int | None = key_field()
    outbox_id: int = Field(index=True)
    feedback_id: str = Field(index=True)
