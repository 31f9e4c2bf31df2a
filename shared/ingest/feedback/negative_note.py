"""The instant note to the team about very negative feedback."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from shared.messages import WAR_ROOM, NegativeFeedback, QuotedFeedback
from shared.store.models import Feedback
from shared.store.outbox import enqueue


def is_very_negative(row: Feedback, compound_limit: float) -> bool:
    """A very negative text, or the lowest score of its scale. A "no" to "was this helpful?" alone is no alarm."""
    if row.compound is not None and row.compound <= compound_limit:
        return True
    if row.score is None or row.scale_min is None or row.scale_max is None:
        return False
    return row.score <= row.scale_min and row.scale_max - row.scale_min > 1


async def tell_if_very_negative(
    session: AsyncSession, row: Feedback, compound_limit: float, now: datetime, *, words_came_later: bool = False
) -> None:
    """Once per feedback, and once more when its words came after its score."""
    if is_very_negative(row, compound_limit):
        key = f"negative-words:{row.id}" if words_came_later else note_key(row)
        await enqueue(session, make_note(row), destination=WAR_ROOM, dedupe_key=key, now=now)


def note_key(row: Feedback) -> str:
    """Under which key the note about a feedback is told once."""
    return f"negative:{row.id}"


def make_note(row: Feedback) -> NegativeFeedback:
    """What the team reads."""
    quote = QuotedFeedback(
        feedback_id=row.id,
        text=row.text or "",
        why="reported",
        compound=row.compound,
        score=row.score,
        scale_max=row.scale_max,
        source=row.source,
        page=row.page,
    )
    return NegativeFeedback(
        site=row.site,
        quote=quote,
        category=row.category,
        received_at=row.received_at,
        words=[(str(word), float(value)) for word, value in row.sentiment_words if value < 0],
        can_reply=bool(row.reply_to),
    )
