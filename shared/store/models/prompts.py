"""Questions: one asking of one person through one survey, due at a time, sent at most once."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from shared.store.models.base import Erasure, utc_field


class PromptState(StrEnum):
    WAITING = "waiting"  # due at `due_at`, or held back by a rule until it lapses
    CLAIMED = "claimed"  # being sent; after a crash this becomes uncertain
    ASKED = "asked"
    UNCERTAIN = "uncertain"  # may or may not have reached the person; never sent again
    ANSWERED = "answered"
    DISMISSED = "dismissed"
    LAPSED = "lapsed"
    SKIPPED_LATE = "skipped_late"
    CANCELLED = "cancelled"  # opted out or erased meanwhile


class Prompt(SQLModel, table=True):
    __tablename__ = "prompt"
    __table_args__ = (UniqueConstraint("survey", "person_id"), Index("ix_prompt_state_due", "state", "due_at"))
    erasure: ClassVar = Erasure.DELETE

    id: str = Field(primary_key=True)
    site: str
    survey: str
    person_id: str = Field(foreign_key="person.id", ondelete="CASCADE")
    identity_id: str | None = None  # where to ask; none: wherever the person shows up
    reason: str  # usage, opt_in, api
    state: str = PromptState.WAITING.value
    created_at: datetime = utc_field()
    due_at: datetime = utc_field()
    asked_at: datetime | None = utc_field(nullable=True)
    asked_on: str | None = None  # web, discord_dm, discord_ephemeral, discord_channel, x_dm
    answered_at: datetime | None = utc_field(nullable=True)
    ended_at: datetime | None = utc_field(nullable=True)
    outbox_id: int | None = None
    channel_id: str | None = None
    message_id: str | None = None
    last_error: str | None = None
