"""Under which key feedback is stored, so that the same thing sent again is the same row."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.identifiers import fingerprint, new_id
from shared.ingest.feedback.new_feedback import FeedbackSender, NewFeedback
from shared.store.models import Feedback


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


def repeat_since(now: datetime, minutes: int) -> datetime:
    return now - timedelta(minutes=minutes)
