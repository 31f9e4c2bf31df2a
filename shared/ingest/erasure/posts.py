"""Takes a person's words out of our posts: out of the stored payload at once, out of the channel by an edit.

A note that was not sent yet is dropped; a post that is being sent right now is edited after it.
"""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.derive.words import words_of
from shared.ingest.erasure.rows import Subject, messages_to
from shared.messages import Message, NegativeFeedback, PostRemoval, QuotedFeedback, Summary, parse_message
from shared.store.models import Feedback, OutboxMessage, OutboxState, Quote
from shared.store.outbox import enqueue

CONSOLE = "console"
NEVER_POSTED = (OutboxState.PENDING.value, OutboxState.DEAD.value, OutboxState.SKIPPED.value)


async def remove_from_posts(session: AsyncSession, subject: Subject, now: datetime) -> int:
    """Blanks every message that quotes the person; how many posts have to be edited."""
    quoting = select(Quote.outbox_id).where(col(Quote.feedback_id).in_(subject.feedback_ids))
    rows = (await session.execute(select(OutboxMessage).where(col(OutboxMessage.id).in_(quoting)))).scalars().all()
    said = await _words_said(session, subject)
    edits = 0
    for row in rows:
        message = parse_message(row.payload)
        if isinstance(message, NegativeFeedback) and _was_never_posted(row):
            await session.execute(delete(OutboxMessage).where(col(OutboxMessage.id) == row.id))
            continue
        values: dict[str, Any] = {
            "payload": without_words(message, set(subject.feedback_ids), said).model_dump(mode="json")
        }
        if isinstance(message, NegativeFeedback):
            values["dedupe_key"] = f"erased:{row.id}"  # it was made from the id of the feedback
        await session.execute(
            update(OutboxMessage)
            .where(col(OutboxMessage.id) == row.id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        edits += await _enqueue_edit(session, row, now)
    return edits


async def remove_mentions(session: AsyncSession, subject: Subject, now: datetime) -> int:
    """The buttons that named the person in a feedback channel."""
    query = select(OutboxMessage).where(OutboxMessage.kind == "prompt_fallback", messages_to(subject))
    rows = (await session.execute(query)).scalars().all()
    return sum([await _enqueue_edit(session, row, now) for row in rows])


def _was_never_posted(row: OutboxMessage) -> bool:
    """What waits after a failed try may stand in the channel: it is sent again without the words, then edited."""
    return row.state in NEVER_POSTED and not (row.state == OutboxState.PENDING.value and row.attempts)


async def _enqueue_edit(session: AsyncSession, row: OutboxMessage, now: datetime) -> bool:
    """In the lane of the post, so that it comes after a sending that is under way."""
    if _was_never_posted(row) or row.sent_through == CONSOLE or row.id is None:
        return False
    removal = PostRemoval(outbox_id=row.id, channel_id=row.channel_id or "", message_id=row.message_id or "")
    key = f"removal:{row.id}:{now.isoformat()}"
    return (
        await enqueue(session, removal, destination=row.destination, dedupe_key=key, now=now, lane=row.lane) is not None
    )


async def _words_said(session: AsyncSession, subject: Subject) -> Counter[str]:
    texts = await session.execute(select(Feedback.text).where(col(Feedback.id).in_(subject.feedback_ids)))
    return Counter(word.casefold() for text in texts.scalars() if text for word in words_of(text))


def without_words(message: Message, feedback_ids: set[str], said: Counter[str]) -> Message:
    """The message as if these people had said nothing; numbers that were true when it was posted stay."""
    if isinstance(message, NegativeFeedback):
        return message.model_copy(update={"quote": _blank(message.quote), "words": [], "can_reply": False})
    if isinstance(message, Summary):
        quotes = [_blank(quote) if quote.feedback_id in feedback_ids else quote for quote in message.quotes]
        words = [(word, count - said[word.casefold()]) for word, count in message.words]
        return message.model_copy(update={"quotes": quotes, "words": [pair for pair in words if pair[1] > 0]})
    return message


def _blank(quote: QuotedFeedback) -> QuotedFeedback:
    return quote.model_copy(update={"feedback_id": "", "text": "", "page": None, "removed": True})
