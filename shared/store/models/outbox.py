"""What must leave the process: written with its cause, claimed with a lease, sent, marked."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from shared.store.models.base import Erasure, json_field, key_field, utc_field


class OutboxState(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    SENT = "sent"
    UNCERTAIN = "uncertain"  # on doubt and not to be repeated
    DEAD = "dead"  # given up; visible to the team
    SKIPPED = "skipped"  # too late or no longer wanted


class OutboxMessage(SQLModel, table=True):
    """One message to one destination. `payload` is the typed message of `shared.messages`."""

    __tablename__ = "outbox_message"
    __table_args__ = (
        Index("ix_outbox_message_state_next", "state", "next_try_at"),
        {"sqlite_autoincrement": True},  # an id is never used twice: the nonce of a message is made from it
    )
    erasure: ClassVar = Erasure.DELETE

    id: int | None = key_field()
    kind: str
    destination: str  # war_room, discord_dm, discord_channel, x_reply, x_dm
    lane: str = Field(index=True)  # messages of one lane keep their order and its pace
    dedupe_key: str = Field(unique=True)
    site: str
    person_id: str | None = Field(default=None, index=True)
    payload: dict[str, Any] = json_field(dict)
    state: str = OutboxState.PENDING.value
    created_at: datetime = utc_field()
    next_try_at: datetime = utc_field()
    claimed_until: datetime | None = utc_field(nullable=True)
    claim_epoch: int | None = None
    attempts: int = 0
    nonce: str | None = None
    sent_at: datetime | None = utc_field(nullable=True)
    sent_through: str | None = None  # discord, console, x
    channel_id: str | None = None
    message_id: str | None = None
    last_error: str | None = None
    edited_at: datetime | None = utc_field(nullable=True)
