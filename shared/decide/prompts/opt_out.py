"""Ends all asking of one person: waiting prompts and queued questions are cancelled at once."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from shared.store.models import OutboxMessage, OutboxState, Platform, Prompt, PromptState

QUESTIONS = ("prompt_direct", "prompt_fallback")


async def cancel_prompts(session: AsyncSession, person_id: str, platform: str, now: datetime) -> None:
    """On X a STOP also ends every other message that waits for the person."""
    queued = [col(OutboxMessage.person_id) == person_id, col(OutboxMessage.state) == OutboxState.PENDING.value]
    if platform != Platform.X.value:
        queued.append(col(OutboxMessage.kind).in_(QUESTIONS))
    stopped = (
        update(OutboxMessage)
        .where(*queued)
        .values(state=OutboxState.SKIPPED.value, last_error="the person opted out")
        .returning(col(OutboxMessage.id))
        .execution_options(synchronize_session=False)
    )
    outbox_ids = list((await session.execute(stopped)).scalars())
    is_unsent = (col(Prompt.state) == PromptState.WAITING.value) | (
        (col(Prompt.state) == PromptState.CLAIMED.value) & col(Prompt.outbox_id).in_(outbox_ids)
    )
    await session.execute(
        update(Prompt)
        .where(col(Prompt.person_id) == person_id, is_unsent)
        .values(state=PromptState.CANCELLED.value, ended_at=now)
        .execution_options(synchronize_session=False)
    )
