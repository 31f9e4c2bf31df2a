"""Under which key feedback is stored, so that the same thing sent again is the same row."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.identifiers import fingerprint, new_id
from shared.ingest.feedback.new_feedback import FeedbackSender, NewFeedback
from shared.store.models import Feedback

MESSAGES = "messages"  # in `reply_to`: the platform messages that one answer was made of


def stable_key(new: NewFeedback, sender: FeedbackSender, prompt_id: str | None) -> str | None:
    """The key that a repeat carries again; a prompt has one answer, whatever it is sent with."""
    if prompt_id is not None:
        return f"prompt:{prompt_id}"
    if sender.message_key is not None:
        return f"{sender.source}:{sender.message_key}"
    return f"id:{new.id}" if new.id is not None else None


def form_keys(new: NewFeedback, visitor: str | None, text: str | None, now: datetime, minutes: int) -> list[str]:
    """Keys of a form without an id, in this window of time and the one before."""
    if visitor is None:
        return [f"once:{new_id(now)}"]
    same = fingerprint(visitor, new.page or "", new.survey or "", text or "")
    window = int(now.timestamp() // (minutes * 60))
    return [f"form:{same}:{window}", f"form:{same}:{window - 1}"]


async def find_earlier(
    session: AsyncSession, site: str, keys: list[str], since: datetime | None = None
) -> Feedback | None:
    """The feedback that is stored under one of the keys already."""
    query = select(Feedback).where(Feedback.site == site, col(Feedback.external_key).in_(keys))
    if since is not None:
        query = query.where(Feedback.received_at > since)
    return (await session.execute(query.limit(1))).scalar_one_or_none()


async def heard_before(session: AsyncSession, person_id: str | None, message_key: str | None) -> str | None:
    """The answer to a question that this platform message already went into."""
    if person_id is None or message_key is None:
        return None
    query = select(Feedback).where(Feedback.person_id == person_id, col(Feedback.prompt_id).is_not(None))
    answers = (await session.execute(query)).scalars().all()
    return next((answer.id for answer in answers if message_key in answer.reply_to.get(MESSAGES, [])), None)


def remember_message(reply_to: Mapping[str, Any], message_key: str | None) -> dict[str, Any]:
    """The reply address with the messages that made up an answer."""
    if message_key is None:
        return dict(reply_to)
    known = [key for key in reply_to.get(MESSAGES, []) if key != message_key]
    return {**reply_to, MESSAGES: [*known, message_key]}


def repeat_since(now: datetime, minutes: int) -> datetime:
    return now - timedelta(minutes=minutes)
