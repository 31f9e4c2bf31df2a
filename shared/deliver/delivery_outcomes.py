"""What one try of sending means for the message and for its cause, stored in one unit.

Comes in: a claimed row and its outcome. Goes out: sent, waiting for the next try, uncertain, skipped or dead.
Being sent, refused or doubted moves a prompt as well; a dead letter is told in the War Room.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from shared.config import DeliverySettings, Settings
from shared.decide import prompts
from shared.deliver.channel import DM_TOO_FAST, NOT_WANTED, PermanentFailure, RetryLater, Sent
from shared.messages import DOUBT, LATE_AFTER_MINUTES, WAR_ROOM, Doubt, Notice
from shared.store.models import OutboxMessage, OutboxState
from shared.store.outbox import enqueue, mark

PROMPT_KINDS = ("prompt_direct", "prompt_fallback")
ERROR_CHARACTERS = 300
LONGEST_WAIT = timedelta(days=1)


@dataclass(frozen=True)
class Doubted:
    """The request left and no clear answer came back."""

    reason: str


@dataclass(frozen=True)
class TooLate:
    """Nobody wants it any more."""


Outcome = Sent | RetryLater | PermanentFailure | Doubted | TooLate


async def settle(
    session: AsyncSession, settings: Settings, row: OutboxMessage, outcome: Outcome, now: datetime
) -> OutboxState:
    """Stores the outcome with all that follows from it; the state the message has now."""
    match outcome:
        case Sent():
            return await _note_sent(session, row, outcome, now)
        case PermanentFailure():
            return await _note_refused(session, settings, row, outcome, now)
        case Doubted() if DOUBT[row.kind] is Doubt.NEVER_RESEND:
            return await note_uncertain(session, row, outcome.reason, now)
        case TooLate():
            return await _move(session, row, OutboxState.SKIPPED, now, last_error="too late to be of use")
        case RetryLater() | Doubted():
            return await _wait_or_bury(session, settings.delivery, row, outcome, now)


def is_too_late(row: OutboxMessage, now: datetime) -> bool:
    """Whether a kind that goes stale has waited too long."""
    minutes = LATE_AFTER_MINUTES.get(row.kind)
    return minutes is not None and now - row.created_at > timedelta(minutes=minutes)


def pause_after(delivery: DeliverySettings, attempts: int) -> timedelta:
    """Doubles with each try, up to the longest pause."""
    doublings = min(max(attempts - 1, 0), 30)
    return timedelta(seconds=min(delivery.retry_seconds * 2**doublings, delivery.retry_max_seconds))


async def note_uncertain(session: AsyncSession, row: OutboxMessage, reason: str, now: datetime) -> OutboxState:
    """It may have arrived and is never sent again."""
    if prompt_id := _prompt_of(row):
        await prompts.mark_uncertain(session, prompt_id, reason, now)
    if row.state == OutboxState.CLAIMED.value:
        await _move(session, row, OutboxState.UNCERTAIN, now, last_error=reason[:ERROR_CHARACTERS])
    return OutboxState.UNCERTAIN


async def _note_sent(session: AsyncSession, row: OutboxMessage, sent: Sent, now: datetime) -> OutboxState:
    if prompt_id := _prompt_of(row):
        await prompts.mark_asked(session, prompt_id, row.destination, sent.channel_id, sent.message_id, now)
    if row.kind == "post_removal":
        edited = update(OutboxMessage).where(col(OutboxMessage.id) == row.payload["outbox_id"])
        await session.execute(edited.values(edited_at=now).execution_options(synchronize_session=False))
    where = {"sent_through": sent.through, "channel_id": sent.channel_id, "message_id": sent.message_id}
    return await _move(session, row, OutboxState.SENT, now, last_error=None, **where)


async def _note_refused(
    session: AsyncSession, settings: Settings, row: OutboxMessage, failure: PermanentFailure, now: datetime
) -> OutboxState:
    prompt_id = _prompt_of(row)
    if failure.code == NOT_WANTED:
        if prompt_id is not None:
            await prompts.withdraw(session, prompt_id, failure.reason, now)
        return await _move(session, row, OutboxState.SKIPPED, now, last_error=failure.reason[:ERROR_CHARACTERS])
    if prompt_id is None:
        return await _bury(session, row, failure.reason, now)
    if row.kind == "prompt_fallback":
        await prompts.mark_uncertain(session, prompt_id, failure.reason, now)
        return await _bury(session, row, failure.reason, now)
    if failure.code == DM_TOO_FAST:  # takes this question back itself, with all others that would open a conversation
        await prompts.pause_dm_opening(session, settings, now, failure.reason, prompt_id)
        return OutboxState.SKIPPED
    await _move(session, row, OutboxState.SKIPPED, now, last_error=failure.reason[:ERROR_CHARACTERS])
    await prompts.fall_back_from_dm(session, settings, prompt_id, failure.reason, now)
    return OutboxState.SKIPPED


async def _wait_or_bury(
    session: AsyncSession, delivery: DeliverySettings, row: OutboxMessage, outcome: RetryLater | Doubted, now: datetime
) -> OutboxState:
    if row.attempts >= delivery.attempts and now - row.created_at >= timedelta(hours=delivery.give_up_hours):
        return await _bury(session, row, outcome.reason, now)
    pause = pause_after(delivery, row.attempts)
    if isinstance(outcome, RetryLater) and outcome.after_seconds is not None:
        pause = min(timedelta(seconds=max(0.0, outcome.after_seconds)), LONGEST_WAIT)
    reason = outcome.reason[:ERROR_CHARACTERS]
    return await _move(session, row, OutboxState.PENDING, now, next_try_at=now + pause, last_error=reason)


async def _bury(session: AsyncSession, row: OutboxMessage, reason: str, now: datetime) -> OutboxState:
    state = await _move(session, row, OutboxState.DEAD, now, last_error=reason[:ERROR_CHARACTERS])
    if row.destination != WAR_ROOM:
        what = row.kind.replace("_", " ")
        notice = Notice(
            site=row.site,
            title="A message could not be delivered",
            text=f"The {what} for {row.destination.replace('_', ' ')} was given up after "
            f"{row.attempts} {'try' if row.attempts == 1 else 'tries'}: {reason[:ERROR_CHARACTERS]}",
            severity="bad",
        )
        await enqueue(session, notice, destination=WAR_ROOM, dedupe_key=f"dead:{row.id}", now=now)
    return state


async def _move(
    session: AsyncSession, row: OutboxMessage, state: OutboxState, now: datetime, **values: object
) -> OutboxState:
    await mark(session, row, row.claim_epoch or 0, state, now, **values)
    return state


def _prompt_of(row: OutboxMessage) -> str | None:
    prompt_id = row.payload.get("prompt_id") if row.kind in PROMPT_KINDS else None
    return prompt_id if isinstance(prompt_id, str) else None
